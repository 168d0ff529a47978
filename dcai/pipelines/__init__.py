"""Promote: from a notebook to a pipeline in git, and from there to runs that tell the truth."""
