"""Scores: the models that are tried, how they are fitted and measured, and what the numbers are worth."""
