"""The user's own rules: conditions read from text, and schemas."""
