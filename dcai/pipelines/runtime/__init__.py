"""The runtime: a notebook executed cell by cell, what it may call meanwhile, how it ends, and the record beside it."""
