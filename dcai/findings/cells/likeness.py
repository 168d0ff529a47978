"""Likeness: which values are written so alike that one may be a slip of the other, and how often chance has it so."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

CONTROLS = 400
SLIP_SHARE = 0.5  # how many wrong cells are written like the right one
SAME_LENGTH = 0.4  # letters of two texts of one length that may differ
ONE_PLACE = 0.25  # letters that may differ in one place
LONGEST = 400


def is_alike(one: str, other: str) -> bool:
    """Say whether two texts differ in a few letters, in one place, in case or spaces, or by a part that one adds.

    Examples
    --------
    >>> is_alike("birmingham", "birmxnghxm"), is_alike("AK", "AK-*"), is_alike("boston", "london")
    (True, True, False)
    """
    a, b = one[:LONGEST].casefold(), other[:LONGEST].casefold()
    short, long = sorted((a, b), key=len)
    if "".join(a.split()) == "".join(b.split()) or (
        len(short) > 1 and (long.startswith(short) or long.endswith(short))
    ):
        return True
    if len(a) == len(b) and sum(x != y for x, y in zip(a, b, strict=True)) <= max(1, SAME_LENGTH * len(a)):
        return len(a) > 1
    start = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), len(short))
    rest = short[start:]
    end = next((i for i, (x, y) in enumerate(zip(reversed(rest), reversed(long), strict=False)) if x != y), len(rest))
    return len(long) - start - end <= max(1, ONE_PLACE * len(long)) and len(short) > 1


def weigh_likeness(values: Sequence[str], pairs: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Return by how much each pair's likeness speaks for a slip: above 1 for it, below 1 against it.

    Parameters
    ----------
    values : sequence of str
        The distinct values of a column.
    pairs : array of int, shape (p, 2)
        Places in `values`.

    Returns
    -------
    array of float, shape (p,)
        The share of slips that are alike, over the share of any two values that are.
    """
    draw = np.random.default_rng(0)
    drawn = draw.integers(len(values), size=(CONTROLS, 2))
    drawn = drawn[drawn[:, 0] != drawn[:, 1]]
    by_chance = (sum(is_alike(values[a], values[b]) for a, b in drawn) + 1) / (len(drawn) + 2)
    alike = np.array([is_alike(values[a], values[b]) for a, b in pairs], dtype=bool)
    unlike = min(1.0, (1 - SLIP_SHARE) / max(1 - by_chance, 1e-9))
    short = np.array([max(len(values[a]), len(values[b])) <= 1 for a, b in pairs], dtype=bool)
    return np.where(alike, max(1.0, SLIP_SHARE / by_chance), np.where(short, 1.0, unlike))
