"""The formats of other tools, in which decisions travel."""
