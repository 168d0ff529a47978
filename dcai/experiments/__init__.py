"""Prove that correcting the data helps, and by how much, on rows that no model was trained on.

Reading order: `splits`, `holdouts` and `overlaps` (which rows are held out), `applying` and `readers` (corrections on their
way to labels), `materials` (what is trained and tested on), `models` and `search` (which models are tried), `measures`
(fitting and scoring), `intervals` and `estimates` (what the numbers are worth), `confirmations` (loops), `outcomes` and
`gatherings` (the values), `comparison` (the verb); `growth` and `efforts` (scores against rows and reviews), `curves` (the
value), `learning` (the verb); `sheets`, `charts`, `curve_charts` and `cards` (how it is shown and kept); `planting`.
"""
