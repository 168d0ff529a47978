"""Promotion: what a notebook must pass, what it was seen to use, and what is written when it becomes a pipeline."""
