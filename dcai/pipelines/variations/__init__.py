"""Variations: one pipeline with many sets of parameters, and what their runs say together."""
