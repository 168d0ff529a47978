"""Definitions: what a pipeline's folder declares, and the code and the environment that go with it."""
