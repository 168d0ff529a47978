"""Keyers: keys that different spellings of one value share, as OpenRefine clusters by: pairs of letters, and sound."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache

Keyer = Callable[[str], str]

FEWEST_PAIRS = 4  # of letters: fewer are shared by too many words
FEWEST_SOUNDS = 3
SHORTEST = 3  # letters of a word that may be a slip
MOST_CHANCE = 0.02  # of the frequent values share their key with another one: then the key tells values no longer apart
_SOUNDS = (
    (re.compile(r"sch|sh|ch(?=[aeiouy])|tsch|cz"), "x"),
    (re.compile(r"ph|w|v"), "f"),
    (re.compile(r"c(?=[eiy])|z|ss"), "s"),
    (re.compile(r"ch|ck|c|q|gh?(?![eiy])"), "k"),
    (re.compile(r"x"), "ks"),
    (re.compile(r"dt|th|d"), "t"),
    (re.compile(r"b"), "p"),
    (re.compile(r"j|g"), "j"),
)
_REST = re.compile(r"(?<=.)[aeiouyhj]")
_TWICE = re.compile(r"(.)\1+")


def key_by_pairs(text: str) -> str:
    """Return the pairs of letters and digits of a text, each once, in order: spaces, marks and repeats do not count.

    Examples
    --------
    >>> key_by_pairs("Mc Donald's") == key_by_pairs("McDonalds"), key_by_pairs("Bonn") == key_by_pairs("Bonnn")
    (True, True)
    """
    bare = "".join(c for c in _write_plain(text) if c.isalnum())
    pairs = {bare[i : i + 2] for i in range(len(bare) - 1)}
    return "".join(sorted(pairs)) if len(pairs) >= FEWEST_PAIRS else ""


def key_by_sound(text: str) -> str:
    """Return how the words of a text sound, roughly and in no one language: vowels but the first do not count.

    Examples
    --------
    >>> key_by_sound("Kristof"), key_by_sound("Christoph"), key_by_sound("Philip") == key_by_sound("Fillip")
    ('krstf', 'krstf', True)
    """
    if any(map(str.isdigit, text)):
        return ""
    words = [_sound(word) for word in re.findall(r"[^\W\d_]+", _write_plain(text))]
    return " ".join(words) if sum(map(len, words)) >= FEWEST_SOUNDS + len(words) - 1 else ""


KEYERS: tuple[tuple[str, Keyer], ...] = (
    ("spaces, marks and repeated letters", key_by_pairs),
    ("letters that sound alike", key_by_sound),
)


def find_alike(
    rare: Iterable[str], frequent: Iterable[str], counts: Mapping[str, int], factor: int
) -> Iterator[tuple[str, str, str]]:
    """Find rare values that share a key with one frequent value that stands in `factor` times as many rows.

    Yields
    ------
    tuple of str
        The value, the frequent one, and by what they differ.

    Examples
    --------
    >>> rows = {"Christoph Meier": 30, "Kristof Maier": 2, "Anna Ohm": 20}
    >>> list(find_alike(["Kristof Maier"], ["Christoph Meier", "Anna Ohm"], rows, 5))
    [('Kristof Maier', 'Christoph Meier', 'letters that sound alike')]
    """
    known, rest = list(frequent), list(rare)
    for how, keyer in KEYERS:
        heads: dict[str, list[str]] = {}
        for value in known:
            heads.setdefault(keyer(value), []).append(value)
        shared = sum(len(its) for key, its in heads.items() if key and len(its) > 1)
        if shared > MOST_CHANCE * len(known):
            continue
        left = []
        for value in rest:
            its = heads.get(keyer(value), []) if keyer(value) else []
            if len(its) == 1 and its[0] != value and counts[its[0]] >= factor * counts[value]:
                yield value, its[0], how
            else:
                left.append(value)
        rest = left


def find_swapped(counts: Mapping[str, int], frequent: Iterable[str], factor: int) -> dict[str, dict[str, int]]:
    """Find short words with two letters swapped; such words have neighbours by nature, but hardly any of the same letters."""

    def swap(word: str) -> list[str]:
        return [word[:i] + word[i + 1] + word[i] + word[i + 2 :] for i in range(len(word) - 1)]

    short = {v for v in frequent if len(v) == SHORTEST and v.isalpha()}
    if any(other in short and other != word for word in short for other in swap(word)):
        return {}  # among codes of letters every order is another code
    found: dict[str, dict[str, int]] = {}
    for value, rows in counts.items():
        if len(value) == SHORTEST and value not in short:
            its = {o: 1 for o in swap(value) if o in short and counts[o] >= factor * rows}
            found |= {value: its} if its else {}
    return found


@lru_cache(maxsize=10_000)
def _sound(word: str) -> str:
    first = "a" if word[0] in "aeiouy" else ""
    for pattern, sound in _SOUNDS:
        word = pattern.sub(sound, word)
    return _TWICE.sub(r"\1", first + _REST.sub("", word if not first else word[1:]).lstrip("aeiouyh"))


def _write_plain(text: str) -> str:
    folded = text.casefold()
    if folded.isascii():
        return folded
    return "".join(c for c in unicodedata.normalize("NFKD", folded) if not unicodedata.combining(c))
