"""Whether values are written otherwise than before: spaces, case, character sets, and categories under new names."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from dcai.base.display import show_share
from dcai.experiments.batches.divergences import compare_shares, find_chance_of_new
from dcai.experiments.batches.trials import Batches, Trial

FLOOR = 0.05  # share of rows
NAMES_ALIKE = 0.6
SIZE_APART = 0.01  # p-value below which two categories are not of one size
SURE = 0.01  # how unlikely it must be that a category only came, or only went, by chance
MOST_PEERS = 1_000
_GARBLED = re.compile("[\u00c2\u00c3][\u0080-\u00bf]|\u00e2\u20ac|\ufffd|\u00c3[\u0192\u201a]")
_SIGNS: Mapping[str, tuple[str, Callable[[str], bool]]] = {
    "spaces at the ends": ("have spaces at their ends", lambda t: t != t.strip()),
    "garbled characters": (
        "hold garbled characters (text decoded with the wrong character set)",
        lambda t: _GARBLED.search(t) is not None,
    ),
    "capitals": ("are in capitals", lambda t: t.isupper() and len(t) > 1),
    "small letters": ("are in small letters", lambda t: t.islower() and len(t) > 1),
    "composed characters": ("hold characters put together of several", lambda t: unicodedata.normalize("NFC", t) != t),
}


class Pairing(NamedTuple):
    """A category that is gone, and one that is new and may be the same; `p` is the chance of this by sampling."""

    old: int
    new: int
    check: str
    p: float


def compare_writing(batches: Batches, name: str, before: pd.Series[Any], now: pd.Series[Any]) -> Iterator[Trial]:
    """Compare how many texts bear the signs of another way of writing; the p-value is corrected for the number of signs."""
    columns = (before, now)
    if not all(isinstance(v, str) for column in columns for v in pd.unique(column)):
        return
    distinct = pd.unique(pd.concat(columns))
    tried = []
    for sign, (said, bears) in _SIGNS.items():
        marked = {text for text in distinct if bears(text)}
        marks = [column.isin(marked).to_numpy() for column in columns]
        if marked and len(marked) < len(distinct):
            found = compare_shares(int(marks[0].sum()), len(marks[0]), int(marks[1].sum()), len(marks[1]))
            tried.append((found, sign, said, marks))
    if not tried:
        return
    found, _, said, marks = min(tried, key=lambda t: (t[0].p, t[1]))
    shares = [show_share(float(m.mean())) for m in marks]
    there = batches.current.frame[name].notna().to_numpy()
    rows = np.flatnonzero(there)[marks[1]][:MOST_PEERS]
    yield Trial(
        "writing", name, f"{shares[1]} of the values of {name!r} {said}, in the reference {shares[0]}.",
        min(1.0, found.p * len(tried)), found.effect, FLOOR, found.test, found.measure, peers=[int(r) for r in rows],
    )  # fmt: skip


def fold(text: str) -> str:
    """Write a text as it would stand without slips of spaces, case and character set.

    Examples
    --------
    >>> fold(" M\u00c3\u00bcnchen") == fold("m\u00fcnchen")
    True
    """
    for wrong in ("cp1252", "latin-1"):
        try:
            mended = text.encode(wrong).decode("utf-8")
        except (UnicodeEncodeError, UnicodeDecodeError):
            continue
        text = mended
        break
    return re.sub(r"[\s_-]+", " ", unicodedata.normalize("NFKC", text)).strip().casefold()


def pair_names(names: list[str], one: Any, other: Any) -> list[Pairing]:
    """Pair categories that are gone with new ones: written alike, or of one size and called alike or left alone."""
    lost, fresh = find_chance_of_new(other, one), find_chance_of_new(one, other)
    gone = [int(i) for i in np.flatnonzero((other == 0) & (one > 0)) if lost[i] <= SURE]
    new = [int(i) for i in np.flatnonzero((one == 0) & (other > 0)) if fresh[i] <= SURE]
    found: list[Pairing] = []
    for old in gone:
        twins = [n for n in new if fold(names[n]) == fold(names[old])]
        if twins:
            p = float(max(lost[old], fresh[twins[0]]))
            found.append(Pairing(old, twins[0], "writing", p))
    taken = {p.old for p in found} | {p.new for p in found}
    gone, new = [i for i in gone if i not in taken], [i for i in new if i not in taken]
    rows = int(one.sum()), int(other.sum())
    for old in gone:
        fits = [n for n in new if compare_shares(int(one[old]), rows[0], int(other[n]), rows[1]).p > SIZE_APART]
        likeness = {n: difflib.SequenceMatcher(None, fold(names[old]), fold(names[n])).ratio() for n in fits}
        if not fits:
            continue
        best = max(fits, key=lambda n: (likeness[n], -n))
        if likeness[best] >= NAMES_ALIKE or (len(gone) == 1 and len(fits) == 1):
            p = float(max(lost[old], fresh[best]))
            found.append(Pairing(old, best, "renamed_category", p))
            new.remove(best)
    return found
