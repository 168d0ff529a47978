"""Prospects: what more rows, better labels and more reviews are worth."""
