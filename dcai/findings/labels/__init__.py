"""Labels: read, predicted out of sample, and judged; one row, a number, a set of classes, or a tag for each token."""
