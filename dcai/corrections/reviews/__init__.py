"""Reviews: what they work under, what is asked of them, and how a decision becomes a line of the log."""
