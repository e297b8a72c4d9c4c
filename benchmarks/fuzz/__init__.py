"""Damaged inputs through every reader of the package: what is not refused in one line is counted."""
