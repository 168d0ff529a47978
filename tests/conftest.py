"""What all tests share."""

from __future__ import annotations

import os

import hypothesis

# One thread for each numerical library: the tests run side by side.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

from tests.corrections.conftest import pets  # noqa: E402, F401 (a fixture that several stages use; after the threads are set)

# The same examples in every run, so that what passed here passes elsewhere; DCAI_NEW_EXAMPLES=1 searches for others.
hypothesis.settings.register_profile("fixed", derandomize=True)
if not os.environ.get("DCAI_NEW_EXAMPLES"):
    hypothesis.settings.load_profile("fixed")
