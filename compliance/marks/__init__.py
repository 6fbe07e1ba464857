"""How marks are made: certificates, what a manifest says, and the C2PA library behind both."""
