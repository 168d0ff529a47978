"""Failures: the groups of rows in which a model is wrong, why, and what helps."""
