"""Prove that correcting the data helps, and by how much, on rows that no model was trained on.

Reading order, from the ground up: `planting` (known errors), `dictionaries` (`profile`); `samples` (rows held out and
trained on, with their corrections), `scores` (models, measures, intervals), `results` (the values and how they are shown),
`comparison` (the verb), `saving` (a model with its card); `batches` and `shifts` (`drift`); `failures` (`slices`);
`prospects` (`curve`); `scorecards`.
"""
