"""What all tests share."""

from __future__ import annotations

import os

# One thread for each numerical library: the tests run side by side.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

from tests.corrections.conftest import pets  # noqa: E402, F401 (a fixture that several stages use; after the threads are set)
