"""How long work will take: by what its stages cost beside each other, and by how fast those that have ended were."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

Clock = Callable[[], float]

FIRST_SECONDS = 2.0  # before so many have passed, and
FIRST_SHARE = 0.03  # so much of the work is done, nobody knows how fast it goes
TRUST = 0.05  # of the work is taken to go as fast as where costs were measured, so that no short stage rules
OVERRUN = 0.25  # of the time that a stage took already it may take still, however long it was to take
_FEWEST_STEPS = 0.02  # of a stage are to be done, before they tell how fast it goes
_NOTHING = 1e-6  # seconds
_MINUTE, _HOUR = 60, 3600


class Outlook:
    """How far work is, and how long the rest may take.

    Parameters
    ----------
    clock : callable
        Gives seconds.

    Examples
    --------
    >>> now = 0.0
    >>> outlook = Outlook(lambda: now)
    >>> outlook.expect({"reading": 2.0, "judging": 4.0})
    >>> outlook.tell("reading", 0, 1)
    >>> now = 8.0
    >>> outlook.tell("judging", 0, 1)
    >>> share, left = outlook.look()
    >>> round(share, 2), round(left)
    (0.33, 14)
    """

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self.expect({})

    def expect(self, costs: Mapping[str, float]) -> None:
        """Say which stages are to come, and about how many seconds each takes beside the others; work begins anew.

        Without any, the steps that are told are those of all the work.
        """
        self._costs = {name: max(float(cost), 0.0) for name, cost in costs.items()}
        self._left = list(self._costs)
        self._begin = self._since = self._clock()
        self._stage: str | None = None
        self._steps = self._share = 0.0
        self._done = self._took = 0.0  # the costs of the stages that have ended, and their seconds

    def tell(self, stage: str, done: int, total: int) -> None:
        """Take in how far a stage is; one that is not expected is a part of that which is under way."""
        if stage in self._left:
            now = self._clock()
            if self._stage is not None:
                self._done += self._costs[self._stage]
                self._took += now - self._since
            # What is passed over takes no time, and says nothing about the rest.
            del self._left[: self._left.index(stage) + 1]
            self._stage, self._since, self._steps = stage, now, 0.0
        elif stage == self._stage or not self._costs:
            self._steps = min(max(done / total, 0.0), 1.0) if total > 0 else 0.0

    def look(self) -> tuple[float, float | None]:
        """Return the share of the work that is done, which never falls, and the seconds left, None until they are known."""
        gone = self._clock() - self._begin
        done, left = self._look_at_stages() if self._costs else self._look_at_steps(gone)
        self._share = max(self._share, min(done, 1.0))
        known = gone >= FIRST_SECONDS and done >= FIRST_SHARE
        return self._share, max(left, 0.0) if known else None

    def _look_at_steps(self, gone: float) -> tuple[float, float]:
        return self._steps, gone * (1 - self._steps) / max(self._steps, _FEWEST_STEPS)

    def _look_at_stages(self) -> tuple[float, float]:
        rest = sum(self._costs[name] for name in self._left)
        cost = 0.0 if self._stage is None else self._costs[self._stage]
        whole = self._done + cost + rest
        if whole < _NOTHING:
            return 0.0, 0.0
        trusted = TRUST * whole
        speed = (self._took + trusted) / (self._done + trusted)
        gone = self._clock() - self._since
        here = max(cost * speed - gone, OVERRUN * gone)
        if self._steps >= _FEWEST_STEPS:
            here = gone * (1 - self._steps) / self._steps
            # What its own steps say of it, they say of the rest, too.
            speed = (self._took + gone + here + trusted) / (self._done + cost + trusted)
        part = gone / (gone + here) if gone + here > 0 else 0.0
        return (self._done + cost * part) / whole, here + rest * speed


def write_left(seconds: float) -> str:
    """Write how long something will take, no finer than anybody can know.

    Examples
    --------
    >>> [write_left(s) for s in (2, 33, 100, 3000, 9000)]
    ['a few seconds left', 'about 35 s left', 'about 2 min left', 'about 50 min left', 'about 2.5 h left']
    """
    if seconds < 8:  # noqa: PLR2004 (fewer than anybody counts)
        return "a few seconds left"
    if seconds < 1.5 * _MINUTE:
        return f"about {5 * round(seconds / 5)} s left"
    if seconds < 1.5 * _HOUR:
        return f"about {round(seconds / _MINUTE)} min left"
    return f"about {seconds / _HOUR:.1f} h left"
