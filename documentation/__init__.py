"""Builds the documentation site: generated reference pages, tutorials from scripts, the check of links."""
