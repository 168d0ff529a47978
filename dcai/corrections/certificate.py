r"""Anytime-valid bounds: how many members of a group are right, after some drawn at random were reviewed.

Of a group of N findings, `right` of `reviewed` randomly drawn ones were found right. The prior-posterior ratio
:math:`R_n(\theta) = \pi(\theta) / \pi_n(\theta)` of the unknown number :math:`\theta` of right members is, at the true
value, a martingale that starts at 1, so by Ville's inequality it ever reaches :math:`1/\alpha` with probability at most
:math:`\alpha`. All :math:`\theta` with :math:`R_n < 1/\alpha` form a confidence sequence: it holds at all times at once,
however the reviewer decides when to stop.

References
----------
I. Waudby-Smith, A. Ramdas (2020), Confidence sequences for sampling without replacement, NeurIPS 33.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

CONFIDENCE = 0.95
AT_LEAST = 0.8


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
    """

    size: int
    reviewed: int
    right: int
    left: int
    wrong_at_most: int
    confidence: float = CONFIDENCE
    required: float = AT_LEAST

    @property
    def at_least(self) -> float:
        """The least share of right suggestions among the undecided members, 0..1."""
        return 1.0 if self.left == 0 else (self.left - self.wrong_at_most) / self.left

    @property
    def valid(self) -> bool:
        """Whether the undecided members may be accepted."""
        return self.reviewed > 0 and self.left > 0 and self.at_least >= self.required

    @property
    def statement(self) -> str:
        """What is known, as a sentence."""
        share, sure = math.floor(100 * self.at_least), f"{100 * self.confidence:g} %"
        if self.left == 0:
            return f"All {self.size} are decided."
        if self.valid:
            return f"Accept {self.left} more: at least {share} % right at {sure} confidence; expect at most {self.wrong_at_most} wrong."
        if self.reviewed == 0:
            return f"Locked until some of its {self.size} members, drawn at random, were reviewed."
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
    from scipy.special import gammaln, logsumexp

    theta = np.arange(right, size - (reviewed - right) + 1)
    wrong = reviewed - right
    # Log-likelihood of the draws for each possible number of right members; the uniform prior cancels in the ratio.
    fit = gammaln(theta + 1) - gammaln(theta - right + 1)
    fit += gammaln(size - theta + 1) - gammaln(size - theta - wrong + 1)
    ratio = logsumexp(fit) - math.log(size + 1) - fit
    return int(theta[ratio < -math.log(1 - confidence)].min())


def certify(
    size: int,
    reviewed: int,
    right: int,
    *,
    left: int | None = None,
    confidence: float = CONFIDENCE,
    required: float = AT_LEAST,
) -> Certificate:
    """Make the certificate of a group from the outcomes of its randomly drawn members.

    `left` counts the members that are still undecided; default all but the reviewed ones.

    Examples
    --------
    >>> certify(400, 30, 30).valid
    True
    """
    least = bound_right(size, reviewed, right, confidence)
    undecided = size - reviewed if left is None else left
    wrong = min((size - reviewed) - (least - right), undecided)
    return Certificate(size, reviewed, right, undecided, wrong, confidence, required)
