"""Measurements with a correctness gate: `python -m benchmarks` lists and runs them."""
