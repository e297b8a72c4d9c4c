"""What is done before a version is published; see `release/check.py`."""
