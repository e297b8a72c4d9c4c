"""Soft-tissue sarcoma (TCIA "Soft-tissue-Sarcoma"): networks from scratch, scored on other patients."""
