"""Loaded networks behind one small interface; the family does not know which one runs."""
