"""Processes: kernels, what starts, watches, measures and ends them, and the signals to the process that runs them."""
