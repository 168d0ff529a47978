"""Abbreviations: the first letters of a category that stand beside the category itself, as F beside Female."""

from __future__ import annotations

from collections.abc import Mapping

from dcai.findings.cells.spellings import CLEAR_FACTOR, FREQUENT, Spelling

LONGEST = 3  # letters of an abbreviation
MOST_CATEGORIES = 30
FEW_CATEGORIES = 3  # among so few, one abbreviation is no accident
DOUBT, SURE = 0.7, 0.85


def find_abbreviations(counts: Mapping[str, int]) -> list[Spelling]:
    """Find the rare values that are the first letters of one frequent value each.

    That must hold for every short value of the column, or they are values of their own; and for more than one of them,
    unless there are few categories.

    Parameters
    ----------
    counts : mapping of str to int
        The rows of each value.

    Returns
    -------
    list of Spelling

    Examples
    --------
    >>> [(s.value, s.near) for s in find_abbreviations({"Male": 300, "Female": 200, "M": 9, "f": 7})]
    [('M', 'Male'), ('f', 'Female')]
    >>> find_abbreviations({"Male": 300, "Female": 200, "M": 9, "X": 7})
    []
    """
    names = [v for v, rows in counts.items() if rows >= FREQUENT and len(v) > LONGEST]
    short = [v for v in counts if v.strip() and len(_fold(v)) <= LONGEST]
    if not short or not 1 < len(names) <= MOST_CATEGORIES:
        return []
    found = {}
    for value in short:
        near = [n for n in names if _fold(n).startswith(_fold(value))] if _fold(value).isalpha() else []
        if len(near) != 1 or counts[near[0]] < CLEAR_FACTOR * counts[value]:
            return []
        found[value] = near[0]
    if len(set(found.values())) == 1 and len(names) > FEW_CATEGORIES:
        return []
    return [Spelling(v, n, "being its first letters", DOUBT, SURE) for v, n in found.items()]


def _fold(value: str) -> str:
    return value.strip().rstrip(".").casefold()
