"""Conditions: when the clock, a table or a gate says yes or no."""
