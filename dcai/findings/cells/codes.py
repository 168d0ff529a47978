"""Codes: what is a slip in a word may be meant in them, as the case of Co and CO and the minus of AB-."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

LONGEST = 3  # characters of a code
FEWEST = 5  # rows of a code of its own
LETTERS = 3  # from which on what has no digit and no capitals only is a word
DASHES = "-\N{MINUS SIGN}\N{EN DASH}"
OWN_CASE, OWN_CASE_SHARE = 2, 0.1  # codes without a twin, and share of them, that make a writing usual


def sign_of(text: str) -> str:
    """Return the minus that ends a code, in one writing; a word that ends in a dash has none.

    Examples
    --------
    >>> sign_of("AB-"), sign_of("HER2\N{MINUS SIGN}"), sign_of("-"), sign_of("horse-"), sign_of("AB")
    ('-', '-', '-', '', '')
    """
    bare = text.strip()
    stem = bare.rstrip(DASHES)
    word = stem.split()[-1] if stem else ""
    coded = word.isupper() or any(map(str.isdigit, word)) or sum(map(str.isalpha, word)) < LETTERS
    return "-" if coded and stem != bare else ""


def find_signs(rows: Mapping[str, int]) -> dict[str, str]:
    """Return the sign of each value of a column: a single rare code with a minus has been written so by a slip.

    Examples
    --------
    >>> find_signs({"AB": 90, "AB-": 9, "A": 80}), find_signs({"AB": 90, "AB-": 1, "A": 80})
    ({'AB-': '-'}, {})
    """
    signs = {value: sign for value in rows if (sign := sign_of(value))}
    usual = len(signs) > 1 or any(rows[value] >= FEWEST for value in signs)
    return signs if usual else {}


def count_cases(values: Iterable[str]) -> Counter[str]:
    """Count how short codes are written: those of which the column has one spelling only.

    Examples
    --------
    >>> count_cases(["Fe", "Na", "NO2", "iron"])
    Counter({'Xx': 2, 'XX': 1})
    """
    return Counter(_write_case(v) for v in values if len(v) <= LONGEST)


def are_two_codes(value: str, head: str, rows: Mapping[str, int], cases: Counter[str]) -> bool:
    """Say whether two values that differ by case are two codes, as other codes of the column are written like each.

    Examples
    --------
    >>> cases = count_cases(["Fe", "Na", "NO", "SO"])
    >>> are_two_codes("Co", "CO", {"Co": 30, "CO": 900}, cases), are_two_codes("co", "CO", {"co": 30, "CO": 900}, cases)
    (True, False)
    """
    if len(value) > LONGEST or value.casefold() != head.casefold() or rows[value] < FEWEST:
        return False
    return cases[_write_case(value)] >= max(OWN_CASE, OWN_CASE_SHARE * cases.total())


def _write_case(code: str) -> str:
    return "".join("X" if c.isupper() else "x" for c in code if c.isalpha())
