"""Spellings of one value: keys that ignore what people vary, and rare values near frequent ones."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from dcai.findings.cells.codes import are_two_codes, count_cases, find_signs
from dcai.findings.cells.keyers import find_alike, find_swapped

_SPACE = re.compile(r"\s+")
_SEPARATORS = re.compile(r"[^\w+#%$€£&<>=*/.,]+|_|(?<!\d)[.,*/]|[.,*/](?!\d)")
_NUMBER = re.compile(r"[\s$€£]*+[+-]?+[.,:/\s-]*+\d[\d.,:/\s%-]*+\Z")  # takes each character once
_DIGITS = re.compile(r"\d+")

_MARKS = re.compile(r"[*~^|\\`<>={}_]")

FREQUENT = 5  # a value must stand in this many rows to draw rare ones to it
CLEAR_FACTOR = 5  # and in this many times as many as the rare one
CLEAR_HEAD = 3  # this many times as many rows tell the right one of two spellings by case or accents,
MANY = 20  # and so many rows tell that it is no name of its own
CANDIDATES = 6  # nearest frequent values that are compared letter by letter
MOST_FREQUENT = 3000
CONTROLS = 1000
LEAST_DOUBT = 0.45
FAR = 0.45  # of the letters may differ where the key is the same
ALIKE = 0.7  # the doubt of a value that shares no more than a key with a frequent one
LONG_WORD = 8
CASE_SURE, SHORT_WORD = 0.9, 4
_BATCH = 20_000
_LETTER_TRIPLES = 26**3


@dataclass(frozen=True)
class Spelling:
    """A value that looks like another spelling of a more frequent one."""

    value: str
    near: str
    how: str
    doubt: float
    confidence: float


def fold(text: str) -> str:
    """Write a text without case, accents, punctuation and surplus spaces; the order of words stays.

    Examples
    --------
    >>> fold("  São-Paulo, "), fold("1.5 kg"), fold("C++")
    ('sao paulo', '1.5 kg', 'c++')
    """
    if text.isascii() and text.isalnum():
        return text.casefold()
    bare = unicodedata.normalize("NFKD", text)
    if not bare.isascii():
        bare = "".join(c for c in bare if not unicodedata.combining(c))
    return _SPACE.sub(" ", _SEPARATORS.sub(" ", bare.casefold())).strip()


def looks_like_number(text: str) -> bool:
    """Say whether a text is a number, date or code of digits: spelling rules do not hold for those."""
    return _NUMBER.match(text) is not None


def distance(one: str, other: str, limit: int) -> int:
    """Count the letters to insert, delete, replace or swap with their neighbour; `limit` + 1 when there are more.

    Examples
    --------
    >>> distance("chevroelt", "chevrolet", 2), distance("mazda", "maxda", 2), distance("a", "xyz", 1)
    (1, 1, 2)
    """
    if abs(len(one) - len(other)) > limit:
        return limit + 1
    before: list[int] = []
    last = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        row = [i] + [0] * len(other)
        for j, b in enumerate(other, 1):
            best = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                best = min(best, before[j - 2] + 1)
            row[j] = best
        if min(row) > limit:
            return limit + 1
        before, last = last, row
    return min(last[-1], limit + 1)


def find_spellings(counts: Mapping[str, int]) -> list[Spelling]:
    """Find among the distinct values of a column those that are spellings of a more frequent one.

    Parameters
    ----------
    counts : mapping of str to int
        The rows of each value.

    Returns
    -------
    list of Spelling
        One for each value that looks like another's spelling.

    Examples
    --------
    >>> [(s.value, s.near) for s in find_spellings({"mazda": 10, "maxda": 1, "Mazda ": 2})]
    [('Mazda ', 'mazda'), ('maxda', 'mazda')]
    """
    words = {value: n for value, n in counts.items() if not looks_like_number(value)}
    folded = {value: fold(value) for value in words}
    found = _find_by_key(words, folded)
    done = {s.value for s in found}
    total: Counter[str] = Counter()
    face: dict[str, str] = {}
    for value, n in counts.items():
        key = folded.get(value) or value
        total[key] += n
        if value not in done:
            face.setdefault(key, value)
    rest = {value: total[folded.get(value) or value] for value in counts if value not in done}
    return found + _find_by_distance(rest)


def _find_by_key(words: Mapping[str, int], folded: Mapping[str, str]) -> list[Spelling]:
    groups: dict[str, list[str]] = {}
    signs = find_signs(words)
    keys = {value: key + signs.get(value, "") for value, key in folded.items()}
    for value, key in keys.items():
        if sum(c.isalnum() for c in key) > 1:
            groups.setdefault(key, []).append(value)
    found = []
    cases = count_cases(group[0] for group in groups.values() if len(group) == 1)
    for group in groups.values():
        if len(group) > 1:
            head = max(group, key=lambda v: (not _MARKS.search(v), words[v], -len(v), v))
            others = [v for v in group if v != head and not are_two_codes(v, head, words, cases)]
            found += [_judge_key(v, head, words) for v in others if _is_clear(v, head, words)]
    return found + _find_by_order({v: n for v, n in words.items() if len(groups.get(keys[v], ())) == 1}, folded)


def _is_clear(value: str, head: str, words: Mapping[str, int]) -> bool:
    """Say whether two spellings of one key are one value: a few rows of names such as LeRoy and Leroy do not tell."""
    if "".join(value.split()) == "".join(head.split()) or _MARKS.search(value):
        return True
    return words[head] >= FREQUENT and (words[head] >= CLEAR_HEAD * words[value] or words[head] >= MANY)


def _judge_key(value: str, head: str, words: Mapping[str, int]) -> Spelling:
    share = (words[head] + 1) / (words[head] + words[value] + 2)
    how = "spaces" if "".join(value.split()) == "".join(head.split()) else "letter case, accents or punctuation"
    # Equal counts leave open which spelling is right, not that there are two. In a short word case alone may be meant: Co and CO.
    sure = min(share, CASE_SURE) if len(value) <= SHORT_WORD and value.casefold() == head.casefold() else share
    return Spelling(value, head, how, float(0.35 + 0.6 * share), float(sure))


def _find_by_order(words: Mapping[str, int], folded: Mapping[str, str]) -> list[Spelling]:
    """Find values that differ in the order of their words, unless the column holds lists of things; 3 x 4 is not 4 x 3."""
    lists = sum(n for v, n in words.items() if v.count(",") + v.count(";") + v.count("|") > 0)
    if lists > 0.1 * sum(words.values()):
        return []
    groups: dict[tuple[str, ...], list[str]] = {}
    for value in words:
        parts = folded[value].split()
        if 1 < len(parts) <= 8 and len(set(parts)) > 1:  # noqa: PLR2004 (longer ones are sentences)
            groups.setdefault(tuple(sorted(parts)), []).append(value)
    found = []
    for group in groups.values():
        head = max(group, key=lambda v: (words[v], v))
        found += [
            Spelling(v, head, "the order of words", 0.6, words[head] / (words[head] + words[v]))
            for v in group
            if v != head and words[head] >= 2 * words[v] and _DIGITS.findall(v) == _DIGITS.findall(head)
        ]
    return found


def _find_by_distance(counts: Mapping[str, int]) -> list[Spelling]:
    frequent = sorted((v for v, n in counts.items() if n >= FREQUENT), key=lambda v: (-counts[v], v))[:MOST_FREQUENT]
    if not frequent:
        return []
    rare = sorted(v for v, n in counts.items() if 4 <= len(v) <= 200 and n * CLEAR_FACTOR <= counts[frequent[0]])  # noqa: PLR2004
    rare = _keep_near(rare, frequent)
    words: Counter[str] = Counter()
    for value, rows in counts.items():
        for word in set(fold(value).split()):
            words[word] += rows
    near = {}
    for value, others in _pair(rare, frequent):
        close = [o for o in others if o != value and counts[o] >= CLEAR_FACTOR * counts[value]]
        if counts[value] >= FREQUENT:  # another beginning that comes again makes another word: atypical, external
            close = [o for o in close if value[0].casefold() == o[0].casefold()]
        its = {o: edits for o in close if (edits := _is_near(value, o, words)) is not None}
        if its:
            near[value] = its
    near |= find_swapped(counts, frequent, CLEAR_FACTOR)
    # All slips of one value count once: letters that follow each other in slips of several values make a word.
    pieces = Counter(p for v in counts if v not in near for p in _trigrams(v))
    slips: dict[str, set[str]] = {}
    for value, its in near.items():
        slips.setdefault(min(its, key=lambda o: (its[o], o)), set()).update(_trigrams(value))
    pieces.update(p for its in slips.values() for p in its)
    by_chance = 1 + sum(pieces.values()) / _LETTER_TRIPLES
    found = []
    for value, its in near.items():
        judged = [_judge_distance(value, o, edits, counts, pieces, by_chance) for o, edits in its.items()]
        best = max(judged, key=lambda j: (j.doubt, j.near))
        alone = counts[best.near] / sum(counts[j.near] for j in judged)
        found.append(replace(best, confidence=best.confidence * alone))
    found += _find_alike([v for v in rare if v not in near], frequent, counts)
    return _discount_chance(found, rare, frequent, counts, frozenset(s.value for s in found))


def _find_alike(rare: Sequence[str], frequent: Sequence[str], counts: Mapping[str, int]) -> list[Spelling]:
    """Find rare values that share a key with a frequent one, though they differ in more letters than a slip would."""
    found = []
    for value, near, how in find_alike(rare, frequent, counts, CLEAR_FACTOR):
        if not _differs_in_digits(value, near) and _is_far_slip(value, near):
            ratio = counts[near] / counts[value]
            found.append(Spelling(value, near, how, ALIKE * (1 - 1 / ratio), 0.9 * ratio / (ratio + 1)))
    return found


def _is_far_slip(value: str, near: str) -> bool:
    """Say whether each word shares most letters with its counterpart; where words were split or joined, the whole does."""
    mine, its = fold(value).split(), fold(near).split()
    pairs = zip(mine, its, strict=True) if len(mine) == len(its) else [("".join(mine), "".join(its))]
    return all(distance(a, b, size) <= size for a, b in pairs for size in [int(FAR * max(len(a), len(b)))])


def _discount_chance(
    found: list[Spelling],
    rare: Sequence[str],
    frequent: Sequence[str],
    counts: Mapping[str, int],
    slips: frozenset[str],
) -> list[Spelling]:
    """Lower the doubts where values are near each other by nature, as names of people are.

    The control are the frequent values, which are surely no slips: the share of them that lie near another one is
    what chance brings about.
    """
    if not found:
        return []
    controls = hits = 0
    for value, near in _pair(frequent[:CONTROLS], frequent):
        close = [o for o in near if o != value and _is_near(value, o, {}) is not None]
        if value not in slips:
            controls += 1
            hits += any(counts[value] < CLEAR_FACTOR * counts[o] and o not in slips for o in close)
    by_chance = hits / (controls + 1)
    seldom = sum(1 for v in rare if counts[v] < FREQUENT) or 1
    genuine = 1 - min(1.0, by_chance / min(1.0, len(found) / seldom))
    scaled = [Spelling(s.value, s.near, s.how, s.doubt * genuine, s.confidence * genuine) for s in found]
    return [s for s in scaled if s.doubt >= LEAST_DOUBT]


def _keep_near(rare: Sequence[str], frequent: Sequence[str]) -> list[str]:
    """Keep the rare values that hold nearly the same letters as a frequent one; the others cannot be slips."""
    if not rare:
        return []
    masks, sizes = _mask_letters(rare)
    near = np.zeros(len(rare), dtype=np.bool_)
    for mask, size in zip(*_mask_letters(frequent), strict=True):
        edits = max(2, round(0.25 * float(size)))
        # An edit brings in at most one letter and takes out at most one.
        near |= (np.bitwise_count(masks ^ mask) <= 2 * edits) & (np.abs(sizes - size) <= edits)
    return [value for value, is_near in zip(rare, near, strict=True) if is_near]


def _mask_letters(values: Sequence[str]) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
    """Write down for each text which letters it holds, as bits, and how many."""
    folded = [v.casefold() for v in values]
    sizes = np.array([len(v) for v in folded], dtype=np.int64)
    letters = np.frombuffer("".join(folded).encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    return np.bitwise_or.reduceat(np.uint64(1) << (letters % np.uint64(64)), starts), sizes


def _pair(rare: Sequence[str], frequent: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Pair each rare value with the frequent ones that share most pairs of letters with it."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.preprocessing import normalize

    if not rare:
        return []
    maker = CountVectorizer(analyzer=_bigrams, binary=True, dtype=np.float32)
    known = normalize(maker.fit_transform(frequent)).T.tocsr()
    pairs = []
    for start in range(0, len(rare), _BATCH):
        batch = rare[start : start + _BATCH]
        rows = maker.transform(batch)
        # The rare value's own length counts pairs that no frequent value has, too.
        sizes = np.array([len(_bigrams(v)) for v in batch], dtype=np.float32)
        likeness = (rows @ known).tocsr()
        for i, value in enumerate(batch):
            part = slice(likeness.indptr[i], likeness.indptr[i + 1])
            score = likeness.data[part] / np.sqrt(sizes[i])
            good = np.flatnonzero(score >= 0.35)  # noqa: PLR2004 (a swap in a word of four letters reaches .4)
            if len(good):
                top = good[np.argsort(-score[good], kind="stable")[: CANDIDATES + 1]]
                pairs.append((value, [frequent[j] for j in likeness.indices[part][top]]))
    return pairs


def _bigrams(text: str) -> set[str]:
    padded = f"\x02{text.casefold()}\x03"
    return {padded[i : i + 2] for i in range(len(padded) - 1)}


def _judge_distance(
    value: str,
    other: str,
    edits: int,
    counts: Mapping[str, int],
    pieces: Mapping[str, int],
    by_chance: float,
) -> Spelling:
    """Judge how likely a rare value that differs by so many letters is a slip of a frequent one."""
    new = _trigrams(value) - _trigrams(other)
    # Letters that follow each other in other values, too, speak for a word of its own.
    usual = sum(pieces[p] > by_chance for p in new) / len(new) if new else 0.0
    ratio = counts[other] / counts[value]
    size = max(len(value), len(other))
    doubt = (0.55 + 0.4 * (1 - CLEAR_FACTOR / (ratio + CLEAR_FACTOR))) * (1 - 0.5 * usual) * (1 - edits / size)
    return Spelling(value, other, tell(value, other, edits), doubt, (1 - 0.3 * usual) * ratio / (ratio + 0.5))


def tell(value: str, other: str, edits: int) -> str:
    """Say by what two texts differ that are so many edits apart.

    Examples
    --------
    >>> tell("Hambrug", "Hamburg", 1), tell("Berln", "Berlin", 1), tell("Munnihc", "Munich", 2)
    ('two letters swapped', '1 letter', '2 letters')
    """
    swapped = len(value) == len(other) and sorted(value.casefold()) == sorted(other.casefold())
    return "two letters swapped" if edits == 1 and swapped else f"{edits} letter{'s' * (edits > 1)}"


def _is_near(value: str, other: str, words: Mapping[str, int]) -> int | None:
    """Count the letters by which two values differ, where every differing word is near its counterpart; else None.

    Without counts of words, only the letters are compared.
    """
    if _differs_in_digits(value, other) or (mine := fold(value).split()) == (its := fold(other).split()):
        return None
    if len(mine) != len(its):
        # Spaces were lost or became letters: only the whole can be compared, letter by letter.
        limit = max(1, round(0.25 * len(other))) if len(value) == len(other) else 1
        edits = distance(value.casefold(), other.casefold(), limit)
        return edits if edits <= limit and len(other) >= LONG_WORD else None
    total = 0
    for a, b in zip(mine, its, strict=True):
        if a == b:
            continue
        # A word that other values have too is a word, not a slip: "north" beside "south".
        if words and words[a] * CLEAR_FACTOR > words[b]:
            return None
        # A code in which a letter stands for a letter, as 5b beside 5c, is another code.
        if any(map(str.isdigit, a + b)) and _shape(a) == _shape(b):
            return None
        limit = _limit(max(len(a), len(b)), alone=len(its) == 1)
        edits = distance(a, b, limit)
        if edits > limit:
            return None
        total += edits
    return total


def _shape(word: str) -> str:
    return "".join("9" if c.isdigit() else "a" if c.isalpha() else c for c in word)


def _limit(length: int, *, alone: bool) -> int:
    """Say how many letters a word may differ in: short words have neighbours, unless others around them agree."""
    if length < LONG_WORD:
        return 0 if alone and length < 4 else 1  # noqa: PLR2004 (cat, car)
    return 2 if length < 12 else length // 5  # noqa: PLR2004 (two slips in one word of eight letters happen)


def _trigrams(text: str) -> set[str]:
    return {text[i : i + 3] for i in range(len(text) - 2)}


def _differs_in_digits(value: str, other: str) -> bool:
    """Say whether two values hold different numbers; a number broken by a letter, as in 3x957, is not one."""
    mine, its = _DIGITS.findall(value), _DIGITS.findall(other)
    if mine == its:
        return False
    lost = len("".join(mine)) < len("".join(its)) and len(value) == len(other)
    same = all(a == b for a, b in zip(value, other, strict=False) if a.isdigit() and b.isdigit())
    return not (lost and same)
