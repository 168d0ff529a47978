"""Learning from what a person has reviewed: what to ask next, and what the answers mean for all other cells and rows."""
