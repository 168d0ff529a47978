"""Fix: decisions about findings, kept as an append-only text file in git, and applied to data."""
