"""Decisions: the lines of a log, which of them stand, which rows they speak of, what they hide, and who made them."""
