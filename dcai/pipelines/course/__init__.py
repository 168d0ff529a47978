"""The course of a run: planned, taken up again, carried out, tried again, told."""
