"""What the rest of a review is worth: the errors that may be left, how many the next findings hold, the pace."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection, Iterable
from typing import Any

import numpy as np
import pandas as pd

from dcai.base.records import Correction, Outlook
from dcai.corrections.session import Review

NEXT = 50
# A detector's own doubt weighs as much as this many of a reviewer's verdicts about its findings.
PRIOR = 8.0
_TIMED = 20
# A longer pause is no part of the pace, in seconds.
_PAUSE = 120.0
_CHANGES = ("relabel", "edit", "exclude")
_OPEN, _RIGHT, _WRONG, _TRIAL = 0, 1, 2, 3


class Forecast:
    """Counts what a reviewer finds, and says what the rest of the queue may hold.

    The doubt of a finding is taken for the probability that it needs a change, and is corrected, detector by detector,
    by how many of those that were decided did. `labels` tells how many labels were wrong before the review, with a range.
    Planted `trials`, named by their positions, say nothing of the data.
    """

    def __init__(
        self, queue: pd.DataFrame, label: str | None, labels: tuple[float, float, float] | None,
        clock: Callable[[], float] = time.monotonic, trials: Collection[int] = (),
    ) -> None:  # fmt: skip
        self._doubt = queue["doubt"].to_numpy(dtype=np.float64)
        self._detector, names = pd.factorize(queue["detector"])
        self._kinds = len(names)
        self._rows = queue["row"].to_numpy()
        self._about_label = (queue["column"] == label).to_numpy(dtype=bool) if label is not None else None
        self._labels = labels
        self._state = np.zeros(len(queue), dtype=np.int8)
        self._state[list(trials)] = _TRIAL
        self._moments: deque[float] = deque(maxlen=_TIMED)
        self._clock = clock
        self._before = 0

    def note(self, places: Iterable[int], lines: Iterable[Correction | None]) -> None:
        """Know what stands about some findings."""
        for place, line in zip(places, lines, strict=True):
            if self._state[place] != _TRIAL:
                self._state[place] = _OPEN if line is None else _WRONG if line.verdict in _CHANGES else _RIGHT

    def restart(self) -> Forecast:
        """Count wrong labels from here on: the estimate knows of those that were found before."""
        self._before = self._count_wrong_labels()
        return self

    def tick(self) -> None:
        """Count a decision that was made now."""
        self._moments.append(self._clock())

    def look(self) -> Outlook:
        """Say what is known at this moment."""
        places = np.flatnonzero(self._state == _OPEN)[:NEXT]
        worth = float(np.minimum(self._doubt[places] * self._scale()[self._detector[places]], 1.0).sum())
        left = (
            None
            if self._labels is None
            else [max(0.0, n + self._before - self._count_wrong_labels()) for n in self._labels]
        )
        errors, low, high = (None, None, None) if left is None else left
        return Outlook(self._pace(), errors, low, high, len(places), round(worth, 2) if len(places) else None)

    def _scale(self) -> Any:
        """Return for each detector how many of its doubted findings were wrong, for one that it expected."""
        done = (self._state == _RIGHT) | (self._state == _WRONG)
        size = self._kinds
        expected = np.bincount(self._detector[done], self._doubt[done], minlength=size)
        wrong = np.bincount(self._detector[self._state == _WRONG], minlength=size)
        return (wrong + PRIOR) / (expected + PRIOR)

    def _count_wrong_labels(self) -> int:
        if self._about_label is None:
            return 0
        return len(np.unique(self._rows[self._about_label & (self._state == _WRONG)]))

    def _pace(self) -> float | None:
        moments = np.array(self._moments)
        steps = np.diff(moments)
        steps = steps[steps < _PAUSE]
        return None if len(steps) < 3 or not steps.sum() else round(float(60 * len(steps) / steps.sum()), 1)  # noqa: PLR2004 (fewer say little)


def make_forecast(review: Review, queue: pd.DataFrame) -> Forecast:
    """Make the forecast of a review, which knows what is decided already."""
    expected = getattr(review.audit, "expected_errors", None)  # an audit that was read from elsewhere may have none
    labels = None if expected is None else (expected.estimate, expected.low, expected.high)
    forecast = Forecast(queue, review.table.label, labels, trials=review.planted)
    known = review.verdicts()
    forecast.note(known, known.values())
    # An audit that has learnt from the log has left out of its estimate what was corrected before.
    return forecast.restart() if getattr(review.audit, "reviewed", None) else forecast
