"""Values: set in frames and Arrow tables, and written as code."""
