"""The recipe of the mannequin pack: render people, train on a CPU, export for diffusers."""
