"""May this happen, and can we prove it: guidelines, consent, admission, audit."""
