"""Slices and volumes in, tumour probabilities out."""
