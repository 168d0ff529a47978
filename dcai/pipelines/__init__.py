"""Promote: from a notebook to a pipeline in git, and from there to runs that tell the truth.

Reading order, from the ground up: `names` and `masking` (places and secrets, for all); `notebooks` (what a notebook says
without being run); `processes` (kernels); `archive` (what runs leave behind), `origins` and `lineage` (the way back from a
file to its labels); `definitions` (what a pipeline declares), `conditions` (its gates); `runtime` and `engine` (a notebook
executed); `course` (a run from its plan to its record), `triggers` (what makes it due), `runs` (the verbs); `promotion` and
`pipeline` (a notebook becomes one); `reproduction` and `variations` (runs again, and many at once).
"""
