"""Two batches of data: how far apart they are, what changed between them, and how that is drawn."""
