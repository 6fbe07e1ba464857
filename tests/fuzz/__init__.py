"""Hostile input: the whole OpenAPI document, damaged pictures, strangers' ids.

`make fuzz` runs the long forms and writes `benchmarks/results/hostile.md`; `tests/whole` runs short
forms of the same code.
"""
