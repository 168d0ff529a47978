"""Find: a table goes in, an `Audit` comes out: what looks wrong, what was checked, and what was not."""
