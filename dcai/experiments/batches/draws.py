"""Which rows of two batches count as draws of luck of their own: copies, and rows of one group, share theirs."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.fingerprints import hash_rows
from dcai.experiments.batches.trials import Batches
from dcai.experiments.samples.copies import number_copies
from dcai.findings.labels.grouping import number_groups

Positions = npt.NDArray[np.intp]

COMMON = (
    0.1  # of the rows that come again on one side, found on the other: then they are values of their kind, no copies
)


class Draws(NamedTuple):
    """Both batches with one row of each draw, where these rows stand in all rows, and what was left out."""

    batches: Batches
    places: tuple[Positions, Positions]
    note: str


def take_draws(batches: Batches, groups: str | None, apart: frozenset[str] = frozenset()) -> Draws:
    """Take one row of each group, or of each set of copies; columns `apart`, such as running numbers, tell no copies apart.

    Which row of a group is left to chance, so that each of its rows is as likely to speak for it.
    """
    tables = (batches.reference, batches.current)
    if groups is None:
        codes = _find_copies(batches, sorted(set(batches.kinds) - apart))
        what = "copies of other rows count once"
    else:
        codes = [number_groups(replace(t, groups=groups)) if groups in t.frame.columns else None for t in tables]
        what = f"one row of each {groups!r} counts, for their luck is one"
    random = np.random.default_rng(batches.seed)
    places = [
        np.arange(len(t)) if its is None else _take_one(its, random if groups is not None else None)
        for t, its in zip(tables, codes, strict=True)
    ]
    first, second = places
    if len(first) == len(tables[0]) and len(second) == len(tables[1]):
        return Draws(batches, (first, second), "")
    note = f"{what}: {len(first):,} of {len(tables[0]):,} reference rows, {len(second):,} of {len(tables[1]):,} current ones"
    return Draws(batches.take(first, second), (first, second), note)


def _find_copies(batches: Batches, names: list[str]) -> list[Positions | None]:
    """Number the copies of both sides; rows that come again on the other side too are none."""
    frames = [t.frame for t in (batches.reference, batches.current)]
    codes = [number_copies(frame, names) for frame in frames]
    if all(its is None for its in codes):
        return codes
    hashes = [pd.Series(hash_rows(frame, names)[:, 0]) for frame in frames]
    for side in (0, 1):
        again = hashes[side][hashes[side].duplicated()].drop_duplicates()
        if len(again) and again.isin(set(hashes[1 - side])).mean() > COMMON:
            codes[side] = None
    return codes


def _take_one(codes: Positions, random: np.random.Generator | None) -> Positions:
    """Take one row of each number, in the order of the rows: the first, or one by chance."""
    order = np.arange(len(codes)) if random is None else random.permutation(len(codes))
    return np.asarray(np.sort(order[np.unique(codes[order], return_index=True)[1]]), dtype=np.intp)
