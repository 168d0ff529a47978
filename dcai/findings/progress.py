"""Progress, told to whoever wants to know."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from dcai.base.errors import InputError

Progress = Callable[[str, int, int], None]


@contextmanager
def tell_progress(asked: bool | Progress | None) -> Iterator[Progress]:  # noqa: FBT001 (True, False, None or a function, as users know it from other tools)
    """Make the function that detectors' work is reported to.

    None draws a bar on a terminal or in a notebook, True always, False never; a function is called with the stage,
    the steps done and the steps in all.
    """
    if asked is False or (asked is None and not _is_watched()):
        yield tell_nobody
    elif callable(asked):
        yield asked
    elif asked is None or asked is True:
        from tqdm.auto import tqdm

        with tqdm(total=0, file=sys.stderr, leave=False, unit="step") as bar:
            yield lambda stage, done, total: _draw(bar, stage, done, total)
    else:
        raise InputError.wrong_value(
            "progress", "audit", "True, False, None or a function of (stage, done, total)", asked
        )


def tell_nobody(stage: str, done: int, total: int) -> None:
    """Tell nobody."""


def _draw(bar: Any, stage: str, done: int, total: int) -> None:
    bar.set_description(stage, refresh=False)
    bar.total, bar.n = total, done
    bar.refresh()


def _is_watched() -> bool:
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return sys.stderr.isatty() or hasattr(shell, "kernel")
