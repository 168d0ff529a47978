"""Results: the values that a comparison returns, and how numbers are shown and kept."""
