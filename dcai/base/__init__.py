"""What every stage stands on; it knows nothing of data-centric AI."""
