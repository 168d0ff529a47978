"""Resemblance: rows that describe one thing and are written a little differently.

Two rows are one when what they share is more than chance, and more than what rows of this table share anyhow: rare
values count for much, common ones for little, and a column that another one settles for nothing. Columns that hang
together in other ways show in pairs of rows drawn at random: the threshold stands above what these reach.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dcai.base.table import Table
from dcai.findings.cells.blocking import Words, pair_rows, split_words
from dcai.findings.cells.likeness import weigh_likeness
from dcai.findings.cells.relations import Relations

Codes = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

MOST_DIFFERENT = 1 / 3  # of the columns that both rows fill may differ, other than in writing
DIFFERENT = -2.5  # nats for a column in which they do
LONGEST_MATCH = 9.0  # nats that one column can add
SAME_WORDS = 0.75  # of the words of two texts, weighed by rareness, that make them alike
HOPELESS = 0.3  # of all words: with fewer, two texts need no closer look
FEW_WORDS = 3
RANDOM_PAIRS = 20_000
LONGEST_TEXT = 30.0  # nats that the shared words of two texts can add
DUPLICATE_SHARE = 0.05  # of the rows, before anything is known


@dataclass(frozen=True, eq=False)
class Resemblance:
    """Pairs of rows that seem to be one.

    Attributes
    ----------
    pairs : array of int, shape (p, 2)
        The rows, the lower one first.
    belief : array of float, shape (p,)
        How likely they describe one thing.
    differ : list of tuple of int
        The columns, as in `Relations`, in which they differ.
    compared : int
        The pairs that were compared.
    usual : float
        The share of rows that share more with another one than chance would have it, whether or not more than is usual
        in this table.
    """

    pairs: Codes
    belief: Floats
    differ: list[tuple[int, ...]]
    compared: int
    usual: float = 0.0


def find_resemblance(table: Table, relations: Relations) -> Resemblance:
    """Find the rows that nearly equal another one.

    Examples
    --------
    >>> import pandas as pd
    >>> from dcai.findings.cells.relations import relate_columns
    >>> names = [f"{a}{b} Ltd" for a in ("Acme", "Bolt", "Cobra", "Delta") for b in range(1000, 9000, 400)]
    >>> frame = pd.DataFrame({"name": names, "phone": range(5000, 5080), "tax": range(80)})
    >>> frame.loc[80] = ["ACME-1000 Ltd", 5000, 0]
    >>> find_resemblance(Table(frame), relate_columns(Table(frame))).pairs.tolist()
    [[0, 80]]
    """
    codes = relations.codes
    words = {
        c: split_words(relations.cells[c], np.bincount(codes[codes[:, c] >= 0, c], minlength=len(relations.cells[c])))
        for c, name in enumerate(relations.names)
        if table.kinds[name] in ("text", "category")
    }
    pairs = pair_rows(codes, words)
    drawn = _draw_pairs(len(codes))
    compared = len(pairs)
    none = Resemblance(np.empty((0, 2), dtype=np.int64), np.empty(0), [], compared)
    if not len(pairs):
        return none
    settled = _list_settled(relations)
    floor = _find_floor(_weigh_pairs(codes, drawn, settled)[0], len(codes))
    score, same, apart = _weigh_pairs(codes, pairs, settled)
    much = score > np.log(len(codes) / DUPLICATE_SHARE)
    usual = len(np.unique(pairs[much & apart.any(axis=1)])) / len(codes)
    kept, score = _compare_writing(relations, pairs, (score, same, apart), words, floor)
    pairs, same, apart = pairs[kept], same[kept], apart[kept]
    good = (score > floor) & (apart.any(axis=1) | (same.sum(axis=1) < codes.shape[1]))
    pairs, score, apart = pairs[good], score[good], apart[good]
    belief = 1 / (1 + np.exp(-np.clip(score - floor, 0, 50)))
    differ = [tuple(np.flatnonzero(o).tolist()) for o in apart]
    return Resemblance(pairs, belief, differ, compared, usual)


def _draw_pairs(n: int) -> Codes:
    draw = np.random.default_rng(0).integers(n, size=(RANDOM_PAIRS, 2))
    return np.asarray(draw[draw[:, 0] != draw[:, 1]])


def _list_settled(relations: Relations) -> list[tuple[tuple[int, ...], int]]:
    return [(d.left, d.right) for d in relations.breaches.dependencies]


def _weigh_pairs(codes: Codes, pairs: Codes, settled: list[tuple[tuple[int, ...], int]]) -> tuple[Floats, Flags, Flags]:
    """Weigh what pairs share by its rareness; return the nats, where they agree and where they differ, (p, m) each."""
    one, other = codes[pairs[:, 0]], codes[pairs[:, 1]]
    filled = (one >= 0) & (other >= 0)
    same, apart = filled & (one == other), filled & (one != other)
    gain = np.zeros(same.shape)
    for column in range(codes.shape[1]):
        values = codes[codes[:, column] >= 0, column]
        share = np.bincount(values, minlength=1) / max(len(values), 1)
        at = same[:, column]
        gain[at, column] = np.minimum(-np.log(share[one[at, column]]), LONGEST_MATCH)
    # Where columns settle each other, only the first of them adds; the others follow from it.
    order = np.argsort(-gain, axis=1, kind="stable").argsort(axis=1, kind="stable")
    follows = np.zeros(same.shape, dtype=bool)
    for left, right in settled:
        earlier = (order[:, list(left)] < order[:, [right]]).all(axis=1)
        follows[:, right] |= earlier & same[:, list(left)].all(axis=1) & same[:, right]
    gain[follows] = 0.0
    return gain.sum(axis=1) + DIFFERENT * apart.sum(axis=1), same, apart


def _find_floor(drawn: Floats, n: int) -> float:
    """Return the nats beyond which hardly any two different rows come, by chance or by what the columns share."""
    prior = float(np.log(n / DUPLICATE_SHARE))
    high, higher = np.quantile(drawn, [0.99, 0.999])
    tail = (higher - high) / np.log(10)
    return max(prior, float(high + tail * np.log(max(0.01 * n * (n - 1) / 2, 1.0))))


def _compare_writing(
    relations: Relations,
    pairs: Codes,
    weighed: tuple[Floats, Flags, Flags],
    words: dict[int, Words],
    floor: float,
) -> tuple[Codes, Floats]:
    """Compare differing cells letter by letter and word by word, as long as a pair can still pass.

    Returns
    -------
    tuple
        The places of the pairs that are left, and their nats.
    """
    score, same, apart = weighed
    texts = sorted(
        words, key=lambda c: (len(words[c].cell) / len(words[c].starts), c)
    )  # short ones first: they are quick
    best = {
        c: (LONGEST_TEXT if len(words[c].cell) > FEW_WORDS * len(words[c].starts) else LONGEST_MATCH) for c in texts
    }
    hope = apart[:, texts] @ np.array([best[c] - DIFFERENT for c in texts]) if texts else np.zeros(len(pairs))
    odd = apart.sum(axis=1) - apart[:, texts].sum(axis=1)
    most = MOST_DIFFERENT * (same.sum(axis=1) + apart.sum(axis=1))
    kept = np.arange(len(pairs))
    for column in [*texts, -1]:
        able = (score + hope > floor) & (odd <= most)
        kept, score, hope, odd, most = (v[able] for v in (kept, score, hope, odd, most))
        if column < 0 or not len(kept):
            break
        rows = np.flatnonzero(apart[kept, column])
        nats = _weigh_cells(relations, column, pairs[kept[rows]], words[column])
        score[rows] += np.where(nats > 0, nats - DIFFERENT, 0.0)
        hope[rows] -= best[column] - DIFFERENT
        odd[rows] += nats <= 0
    return kept, score


def _weigh_cells(relations: Relations, column: int, pairs: Codes, words: Words) -> Floats:
    """Return for each pair the nats by which its cells of one column are alike, 0 where they are not."""
    two = np.sort(relations.codes[pairs, column], axis=1)
    distinct, place = np.unique(two, axis=0, return_inverse=True)
    if not len(distinct):
        return np.zeros(len(pairs))
    texts = [str(v) for v in relations.cells[column]]
    nats = np.array([_weigh_texts(a, b, words, len(relations.codes)) for a, b in distinct])
    rest = nats == 0
    nats = np.maximum(nats, 0.0)
    letters = np.log(weigh_likeness(texts, distinct[rest]))
    digits = np.array([_same_digits(texts[a], texts[b]) for a, b in distinct[rest]], dtype=bool)
    nats[rest] = np.where(digits, np.clip(letters, 0.0, LONGEST_MATCH), 0.0)
    return np.asarray(np.minimum(nats, LONGEST_TEXT)[place.ravel()])


def _weigh_texts(one: int, other: int, words: Words, n: int) -> float:
    """Return the nats that the words of two texts share, 0 where letters must tell, -1 where the two are far apart."""
    a = words.word[words.starts[one] : words.starts[one + 1]]
    b = words.word[words.starts[other] : words.starts[other + 1]]
    if min(len(a), len(b)) <= FEW_WORDS:
        return 0.0
    ours, theirs = set(a.tolist()), set(b.tolist())
    both, odd = sorted(ours & theirs), sorted(ours ^ theirs)
    if len(both) < HOPELESS * len(ours | theirs):
        return -1.0
    if words.numeric[odd].any():
        return 0.0  # another number is another thing
    rare = np.log(n / np.minimum(words.rows[[*both, *odd]], n) + 1)
    shared = float(rare[: len(both)].sum())
    return shared / 2 if shared >= SAME_WORDS * float(rare.sum()) else 0.0


def _same_digits(one: str, other: str) -> bool:
    """Say whether two texts hold the same digits in the same order: another number is another thing."""
    return [c for c in one if c.isdigit()] == [c for c in other if c.isdigit()]
