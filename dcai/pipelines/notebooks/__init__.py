"""Notebooks as text: cells, magics, names and parameters, found without running anything; values put into them."""
