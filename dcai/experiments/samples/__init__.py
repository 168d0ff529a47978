"""Samples: which rows are held out, which are trained on, and the corrections on their way to them."""
