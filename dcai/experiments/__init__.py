"""Prove that correcting the data helps, and by how much, on rows that no model was trained on.

Reading order: `splits` (which rows are held out), `materials` (what is trained and tested on), `measures`
(fitting and scoring, with `models`), `intervals` and `estimates` (what the numbers are worth), `comparison` (the value
and its verb), `charts`.
"""
