"""Routes by resource: each parses, calls one function, presents. No policy is decided here."""
