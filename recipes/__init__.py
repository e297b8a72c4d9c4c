"""Whole experiments that a command reproduces: data in, a row of a table out."""
