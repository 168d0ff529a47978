"""What all tests share."""

from __future__ import annotations

import os
import signal

# A shell that starts the tests in the background has Ctrl-C ignored, and so would every process that they start.
for _signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    if signal.getsignal(_signum) is signal.SIG_IGN:
        signal.signal(_signum, signal.default_int_handler if _signum == signal.SIGINT else signal.SIG_DFL)

# One thread for each numerical library: the tests run side by side.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

# Nobody's own settings of git: their hooks, signatures and templates are not what is tested.
os.environ["GIT_CONFIG_NOSYSTEM"] = "1"
os.environ["GIT_CONFIG_GLOBAL"] = os.devnull

from hypothesis import settings  # noqa: E402 (after the threads are set)

# No test is judged by the clock: the machine may be busy.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

from tests.corrections.conftest import pets  # noqa: E402, F401 (a fixture that several stages use; after the threads are set)
