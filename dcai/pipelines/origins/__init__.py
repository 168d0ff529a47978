"""Origins: which run made what another one read, which corrections it read, and how that is shown."""
