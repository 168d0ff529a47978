r"""Anytime-valid bounds: how many members of a group are right, after some drawn at random were reviewed.

Of a group of N findings, `right` of `reviewed` randomly drawn ones were found right. For each number :math:`t` of right
members, the likelihood of the draws averaged over all larger numbers, divided by their likelihood under :math:`t`, is a
martingale that starts at 1 if :math:`t` is the truth, so by Ville's inequality it ever reaches :math:`1/\alpha` with
probability at most :math:`\alpha`. The least :math:`t` whose ratio stays below bounds the truth from below: at all times at
once, however the reviewer decides when to stop. Betting on one side only, and mostly on groups that are nearly all right,
is what makes few reviews enough.

References
----------
I. Waudby-Smith, A. Ramdas (2020), Confidence sequences for sampling without replacement, NeurIPS 33.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.intp]

CONFIDENCE = 0.95
AT_LEAST = 0.8
_BETS = (1.0, 0.7)  # beta-binomial weights of the numbers of right members: more on the last few


@dataclass(frozen=True)
class Certificate:
    """What the reviewed random members allow to say about the members that were not reviewed.

    Attributes
    ----------
    size, reviewed, right : int
        Members of the group, those drawn and reviewed, and those of them for which the suggestion was right.
    left : int
        Members that are still undecided.
    wrong_at_most : int
        Bound on the wrong suggestions among these.
    confidence : float
        Probability with which the bound holds, whenever the reviewer stops.
    required : float
        The share of right suggestions among the remaining members that must be certain before they may be accepted.
    right_at_most : int
        Bound on the right suggestions among the undecided members, with the same confidence of its own.
    """

    size: int
    reviewed: int
    right: int
    left: int
    wrong_at_most: int
    confidence: float = CONFIDENCE
    required: float = AT_LEAST
    right_at_most: int = 0

    @property
    def at_least(self) -> float:
        """The least share of right suggestions among the undecided members, 0..1."""
        return 1.0 if self.left == 0 else (self.left - self.wrong_at_most) / self.left

    @property
    def valid(self) -> bool:
        """Whether the undecided members may be accepted."""
        return self.reviewed > 0 and self.left > 0 and self.at_least >= self.required

    @property
    def refused(self) -> bool:
        """Whether it is certain that too few of the undecided members are right, so that more random reviews are wasted."""
        return self.reviewed > 0 and self.left > 0 and self.right_at_most < self.required * self.left

    @property
    def statement(self) -> str:
        """What is known, as a sentence."""
        share, sure = math.floor(100 * self.at_least), f"{100 * self.confidence:g} %"
        if self.left == 0:
            return f"All {self.size} are decided."
        if self.valid:
            return f"Accept {self.left} rows: at least {share} % right at {sure} confidence; expect at most {self.wrong_at_most} wrong."
        if self.reviewed == 0:
            return f"Locked until some of its {self.size} members, drawn at random, have been reviewed."
        if self.refused:
            most = math.ceil(100 * self.right_at_most / self.left)
            return (
                f"Refused: {self.right} of {self.reviewed} random members were right, so at most {most} % of the other {self.left} are, "
                f"at {sure} confidence; {100 * self.required:g} % is needed. Decide them one by one."
            )
        return (
            f"Locked: {self.right} of {self.reviewed} random members were right, so at least {share} % of the other {self.left} are, "
            f"at {sure} confidence; {100 * self.required:g} % is needed. Review more random members."
        )


def bound_right(size: int, reviewed: int, right: int, confidence: float = CONFIDENCE) -> int:
    """Bound from below how many of `size` members are right, at all times at once.

    Parameters
    ----------
    size : int
        Members of the group.
    reviewed, right : int
        Members drawn at random without replacement and reviewed, and how many of them were right.
    confidence : float, default 0.95
        1 - alpha.

    Returns
    -------
    int
        The least number of right members, among all `size`, that the reviews do not rule out.

    Examples
    --------
    >>> bound_right(100, 0, 0), bound_right(20, 20, 17)
    (0, 17)
    """
    right_members = np.arange(right, size - (reviewed - right) + 1)
    bets = _weigh_bets(size)
    fit = _fit_draws(size, reviewed, right, right_members)
    larger = np.append(_sum_larger(fit + bets[right_members]), -np.inf)[1:]
    normal = np.append(_sum_larger(bets), -np.inf)[right_members + 1]
    # Nothing is larger than the last: no bet can be made against it.
    ratio = np.where(np.isfinite(larger), larger - np.where(np.isfinite(normal), normal, 0.0) - fit, -np.inf)
    return int(right_members[ratio < -math.log(1 - confidence)].min())


def _fit_draws(size: int, reviewed: int, right: int, members: Numbers) -> Floats:
    """Return the log-likelihood of the draws for each number of right members, but for a constant."""
    wrong, factorial = reviewed - right, _log_gammas(1.0, size)
    drawn = factorial[members] - factorial[members - right]
    return np.asarray(drawn + factorial[size - members] - factorial[size - members - wrong])


def _weigh_bets(size: int) -> Floats:
    """Return the log-weight that each number of right members gets, shape (size + 1,)."""
    a, b = _BETS
    factorial = _log_gammas(1.0, size)
    ways = factorial[size] - factorial - factorial[::-1]
    shares = _log_gammas(a, size) + _log_gammas(b, size)[::-1] - math.lgamma(size + a + b)
    return np.asarray(ways + shares - (math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)))


def _log_gammas(start: float, count: int) -> Floats:
    """Return the log-gamma of `start`, `start` + 1, ..., `start` + `count`; a first review waits for no library's import."""
    steps = np.log(start + np.arange(count))
    return np.asarray(math.lgamma(start) + np.concatenate([[0.0], np.cumsum(steps)]))


def _sum_larger(logs: Floats) -> Floats:
    return np.asarray(np.logaddexp.accumulate(logs[::-1])[::-1])


def certify(
    size: int,
    reviewed: int,
    right: int,
    *,
    left: int | None = None,
    known_right: int = 0,
    known_wrong: int = 0,
    confidence: float = CONFIDENCE,
    required: float = AT_LEAST,
) -> Certificate:
    """Make the certificate of a group from the outcomes of its randomly drawn members.

    `left` counts the members that are still undecided; default all but the reviewed ones. Members that were reviewed in
    another order say nothing about the rest, but what is known of them (`known_right`, `known_wrong`) is no longer open.

    Examples
    --------
    >>> certify(400, 30, 30).valid
    True
    """
    rest = size - reviewed
    undecided = rest if left is None else left
    wrong = rest - (bound_right(size, reviewed, right, confidence) - right)
    fewest_wrong = bound_right(size, reviewed, reviewed - right, confidence) - (reviewed - right)
    return Certificate(
        size,
        reviewed,
        right,
        undecided,
        min(max(wrong - known_wrong, 0), undecided),
        confidence,
        required,
        min(max(rest - fewest_wrong - known_right, 0), undecided),
    )
