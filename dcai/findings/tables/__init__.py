"""Whole columns, groups of rows, orders of rows, and two frames beside each other."""
