"""Scores of predicted masks: HD95, the published protocol, tables of both."""
