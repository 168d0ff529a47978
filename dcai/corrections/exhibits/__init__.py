"""Exhibits: what a reviewer is shown of findings; one by one, in groups, in a queue, and as trials."""
