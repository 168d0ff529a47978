"""Cells: how values are written, and what the other rows say about them."""
