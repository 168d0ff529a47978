"""Slips: what a table's own spellings tell about how it was damaged, and single words that went wrong in longer values."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dcai.findings.cells.spellings import FREQUENT, Spelling, find_spellings

FEWEST_PAIRS = 20
MOST_PAIRS = 0.6  # of the pairs show the same letter put in
MOST_VALUES = 5000
CLEAR_FACTOR = 2
LEAST_LEFT = 0.34  # of a value's letters must be left to know it by, unless hardly any other value is as long
MOST_WORDS = 12  # longer values are prose
SHORTEST_WORD = 5
WORD_ROWS = 10
FEW_VALUES = 2
CLEAR_WORD = 20  # times as many rows must have the right word, where no row has the value with it
PROSE_WORDS = 5
MAJORITY = 0.5
OPEN = 0.1  # fewer of the words that occur once are slips: then the column's words are open, and near ones are chance
_WORD = re.compile(r"[^\W\d_]+")
_ENDINGS = re.compile(r"(?:'?e?s|ed|er|ing|ly|y|n|al|e)\Z")


@dataclass(frozen=True, slots=True)
class Damage:
    """A letter that was put in the place of others all over a table, and how sure that is."""

    letter: str
    pairs: int
    sure: float


def learn_damage(spellings: Iterable[Spelling]) -> Damage | None:
    """Learn from a table's clear slips whether one letter was put in the place of others; None where none was.

    Examples
    --------
    >>> slips = [Spelling(w.replace("a", "x"), w, "1 letter", 0.8, 0.8) for w in ["mad", "bad", "had", "lad"] * 8]
    >>> learn_damage(slips).letter
    'x'
    """
    put_in, pairs = Counter[str](), 0
    for slip in spellings:
        if "letter" not in slip.how or "case" in slip.how or len(slip.value) != len(slip.near):
            continue
        changed = {a.casefold() for a, b in zip(slip.value, slip.near, strict=True) if a.casefold() != b.casefold()}
        pairs += 1
        if len(changed) == 1:
            put_in[changed.pop()] += 1
    if pairs < FEWEST_PAIRS:
        return None
    letter, times = max(put_in.items(), key=lambda item: (item[1], item[0]), default=("", 0))
    return Damage(letter, times, times / pairs) if times >= MOST_PAIRS * pairs else None


def find_damaged(counts: Mapping[str, int], damage: Damage) -> list[Spelling]:
    """Find the values that a frequent one becomes when the letter of the damage is put in.

    Examples
    --------
    >>> [(s.value, s.near) for s in find_damaged({"al": 90, "ak": 2, "ax": 3, "xl": 1}, Damage("x", 50, 1.0))]
    [('ax', 'al'), ('xl', 'al')]
    """
    suspects = sorted(v for v in counts if damage.letter in v.casefold())[:MOST_VALUES]
    by_length: dict[int, list[str]] = {}
    for value in sorted(counts, key=lambda v: (-counts[v], v)):
        its = by_length.setdefault(len(value), [])
        if counts[value] > 1 and len(its) < MOST_VALUES:
            its.append(value)
    found = []
    for length in sorted({len(v) for v in suspects}):
        likely = by_length.get(length, [])
        letters = _to_letters(likely, length)
        rows = np.array([counts[v] for v in likely], dtype=np.float64)
        for value in (v for v in suspects if len(v) == length):
            judged = _judge_damaged(value, likely, letters, rows, counts[value], damage)
            if judged is not None:
                found.append(judged)
    return found


def _to_letters(values: Sequence[str], length: int) -> np.ndarray[tuple[int, int], np.dtype[np.int32]]:
    flat = np.frombuffer("".join(values).encode("utf-32-le"), dtype=np.int32)
    return flat.reshape(len(values), length)


def _judge_damaged(
    value: str,
    likely: Sequence[str],
    letters: np.ndarray[tuple[int, int], np.dtype[np.int32]],
    rows: np.ndarray[tuple[int], np.dtype[np.float64]],
    own: int,
    damage: Damage,
) -> Spelling | None:
    mine = _to_letters([value], len(value))[0]
    open_places = np.array([c.casefold() == damage.letter for c in value], dtype=bool)
    fits = (letters == mine)[:, ~open_places].all(axis=1) & (letters != mine).any(axis=1) & (rows >= CLEAR_FACTOR * own)
    weights = rows[fits]
    if not len(weights):
        return None
    best = int(np.argmax(weights))
    near = [v for v, fit in zip(likely, fits, strict=True) if fit][best]
    share = float(weights[best] / weights.sum())
    # With most letters gone anything fits, unless all that has this length and is frequent is one value.
    left = 1 - open_places.mean()
    if left < LEAST_LEFT and share < 0.9:  # noqa: PLR2004 (nearly alone)
        return None
    edits = sum(a != b for a, b in zip(value, near, strict=True))
    doubt = damage.sure * (0.97 - 0.5 * own / (own + float(weights.sum())))
    how = f"{edits} letter{'s' * (edits > 1)} ({damage.letter!r} put in as in {damage.pairs} other values)"
    return Spelling(value, near, how, doubt, share * damage.sure)


def find_word_slips(counts: Mapping[str, int], damage: Damage | None = None) -> list[Spelling]:
    """Find values of several words in which one word is a slip of a word that is frequent in the column.

    Parameters
    ----------
    counts : mapping of str to int
        The rows of each value.
    damage : Damage, optional
        The letter that was put in the place of others, where the table shows one.

    Returns
    -------
    list of Spelling
        One for each value; `near` is the value with its words mended.

    Examples
    --------
    >>> towns = {f"{n} birmingham al": 1 for n in range(40)} | {"9 birminghxm al": 1}
    >>> [(s.value, s.near) for s in find_word_slips(towns)]
    [('9 birminghxm al', '9 birmingham al')]
    """
    words, spread, values = Counter[str](), Counter[str](), 0
    for value, rows in counts.items():
        parts = _WORD.findall(value)
        if len(parts) > MOST_WORDS:
            continue
        values += rows
        for word in set(parts):
            words[word] += rows
            spread[word] += 1
    if values < sum(counts.values()) / 2:
        return []
    # A slip does not come again in other values; a word does.
    slips = {s.value: s for s in _find_words(words, damage) if spread[s.value] <= FEW_VALUES}
    if slips and _is_prose(counts):
        slips = {w: s for w, s in slips.items() if not _is_word(w, s.near, words)}
    found = []
    for value in counts if slips else ():
        parts = _WORD.findall(value)
        its = [slips[p] for p in parts if p in slips]
        if its and len(parts) <= MOST_WORDS and (len(parts) > 1 or any(map(str.isdigit, value))):
            near = _WORD.sub(lambda m: slips[m.group()].near if m.group() in slips else m.group(), value)
            if near not in counts and damage is None and any(words[s.near] < CLEAR_WORD * words[s.value] for s in its):
                continue  # a value that no row has needs more than a likeness
            how = its[0].how if len(its) == 1 else f"{len(its)} words"
            if near not in counts:
                how += f", as {words[its[0].near]:,} rows have the word {its[0].near!r}"
            found.append(Spelling(value, near, how, min(s.doubt for s in its), min(s.confidence for s in its) * 0.95))
    return found


def _is_prose(counts: Mapping[str, int]) -> bool:
    """Say whether most values are sentences: many words, and those that only hold others together among them."""
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    if float(np.median([len(_WORD.findall(v)) for v in counts])) < PROSE_WORDS:
        return False
    return (
        float(np.mean([any(w.casefold() in ENGLISH_STOP_WORDS for w in _WORD.findall(v)) for v in counts])) > MAJORITY
    )


def _is_word(value: str, near: str, words: Mapping[str, int]) -> bool:
    """Say whether a word seems to be one of its own: a known small one, or one whose letters follow each other in others."""
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    if value.casefold() in ENGLISH_STOP_WORDS:
        return True
    mine, its = ({f" {w} "[i : i + 3] for i in range(len(w))} for w in (value.casefold(), near.casefold()))
    others = [f" {w.casefold()} " for w in words if w not in (value, near)]
    return all(any(piece in other for other in others) for piece in mine - its)


def _find_words(words: Counter[str], damage: Damage | None) -> list[Spelling]:
    long = {w: n for w, n in words.items() if len(w) >= SHORTEST_WORD}
    found = [
        s
        for s in find_spellings(long)
        if "case" not in s.how and words[s.near] >= WORD_ROWS and not _is_ending(s.value, s.near)
    ]
    if len(found) < OPEN * sum(n == 1 for n in long.values()):
        found = []
    if damage is not None:
        seen = {s.value for s in found}
        frequent = {w: n for w, n in words.items() if n >= FREQUENT or damage.letter in w.casefold()}
        found += [s for s in find_damaged(frequent, damage) if s.value not in seen and words[s.value] < FREQUENT]
    return found


def _is_ending(value: str, near: str) -> bool:
    """Say whether two words differ in their grammar only, as patient and patients."""
    one, other = value.casefold(), near.casefold()
    return _ENDINGS.sub("", one) == _ENDINGS.sub("", other) or one.startswith(other) or other.startswith(one)
