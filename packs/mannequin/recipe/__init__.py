"""The recipe of the mannequin pack: render people, train on a CPU, export in the diffusers layout."""
