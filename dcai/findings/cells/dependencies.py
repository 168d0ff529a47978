"""Dependencies between columns: which columns settle another one, and what their groups of equal values vote for.

A dependency is accepted because rows that agree on its left side agree on its right side far more often than chance
would have it, never because it has few exceptions: so it survives a column in which every third cell is wrong. What
an exception means is then read from how exceptions are spread. Errors fall on all groups alike; values that differ by
nature make some groups mixed and leave others pure. A mixture of the two kinds of groups says which kind each one is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from dcai.findings.cells.partitions import Codes, Groups, combine, make_groups
from dcai.findings.cells.purity import WORST_ERROR, fit_errors, measure_repeats

FAINT_AGREEMENT = 0.12  # enough for one more attribute of what is known to be an entity
LEAST_AGREEMENT = 0.3  # beyond chance, on a scale from 0 (chance) to 1
LEAST_EVIDENCE = 14.0  # nats by which agreement beats chance; e**-14 is a millionth
PAIR_GAIN = 0.15  # a second column on the left side must explain that much more
MOST_PER_TARGET = 6
RIVAL_SHARE = 0.85  # of the strongest one's strength: what is weaker adds more noise than votes
PAIR_ROWS = 20_000
PAIR_COLUMNS = 14
MOST_ERRORS = 0.44  # of a dependency that stands alone; beyond it less than half of a group is right
MANY_VOTERS = 10  # rows that a group needs where less than half may be right
MOST_REPEATED = 0.2  # the same wrong value, against the right one: beyond it there are two right ones
PAIR_REPEATED = 0.05  # the same for two columns together: of many pairs some nearly name a thing by chance
FAR = 10.0  # odds of agreeing, over the odds by chance, that make a column the attribute of an entity
NEAR = 2.0  # enough for a further attribute of what is known to be an entity
ENTITY = 2  # that many attributes make one
LOW_ERROR = 0.08  # what small groups can be believed
LEAST_PURE = 0.7  # where more groups are mixed, the left side says little
CHANCE_KEY = 0.03  # by so much less do attributes settle what they are attributes of
LEAST_COVER = 0.03  # share of the rows that stand in groups
FEWEST_GROUPS = 5
TELLING_GROUP = 5
FEWEST_IN_GROUP = 3  # a group of two that disagrees tells nothing about who is right


@dataclass(frozen=True)
class Dependency:
    """Columns on the left that settle one on the right.

    Attributes
    ----------
    left : tuple of int
        One or two columns.
    right : int
        The column that they settle.
    strength : float
        Agreement of rows that are equal on the left, beyond chance: 0 to 1.
    chance : float
        The agreement of any two rows on the right.
    error : float
        The share of cells on the right that lose the vote in groups that are of one value.
    repeat : float
        How often two such cells of one group hold the same value: high where errors are copied or are none.
    pure : float
        The share of groups that are of one value.
    mixed : tuple of float
        The beta distribution of the share of cells that lose the vote in the other groups.
    groups : int
        The groups of three rows or more, from which this was learnt.
    """

    left: tuple[int, ...]
    right: int
    strength: float
    chance: float
    error: float = 0.0
    repeat: float = 0.0
    pure: float = 1.0
    mixed: tuple[float, float] = (1.0, 1.0)
    groups: int = 0

    @property
    def lift(self) -> float:
        """The odds that two rows of a group agree, over the odds that any two rows do."""
        agree = self.chance + self.strength * (1 - self.chance)
        return agree / max(1 - agree, 1e-6) * (1 - self.chance) / max(self.chance, 1e-6)


def measure(left: Codes, right: Codes) -> tuple[float, float, float]:
    """Return how much rows that are equal on the left agree beyond chance, the chance, and the evidence in nats."""
    known = (left >= 0) & (right >= 0)
    x, y = left[known], right[known]
    if not len(x):
        return 0.0, 1.0, 0.0
    width = int(y.max()) + 1
    pairs, counts = np.unique(x * width + y, return_counts=True)
    group = np.unique(pairs // width, return_inverse=True)[1].ravel()
    sizes = np.bincount(group, counts)
    agree = np.bincount(group, counts * (counts - 1.0))
    many = sizes > 1
    if not many.any():
        return 0.0, 1.0, 0.0
    inside = many[group]
    shares = np.bincount(pairs[inside] % width, counts[inside]) / counts[inside].sum()
    chance = float((shares**2).sum())
    shared = agree[many] / (sizes[many] * (sizes[many] - 1.0))
    # A large group counts for more than a pair, but not in proportion: one group must not decide.
    weight = np.minimum(sizes[many] - 1.0, 5.0)
    agreement = float((shared * weight).sum() / weight.sum())
    if chance >= 1 or agreement <= chance:
        return 0.0, chance, 0.0
    return (agreement - chance) / (1 - chance), chance, float(weight.sum()) * _divergence(agreement, chance)


def _divergence(share: float, chance: float) -> float:
    """Return the Kullback-Leibler divergence of two coins in nats: the exponent of Chernoff's bound."""
    if share <= chance:
        return 0.0
    rest = (1 - share) * np.log((1 - share) / (1 - chance)) if share < 1 else 0.0
    return float(share * np.log(share / chance) + rest)


# ---------------------------------------------------------------- mining


def mine_dependencies(codes: Codes) -> list[Dependency]:
    """Find the columns, and pairs of columns, that settle another one.

    Parameters
    ----------
    codes : array of int, shape (n, m)
        Each column's cells by number, from 0; -1 for empty ones.

    Returns
    -------
    list of Dependency
        Of each right side the strongest few.

    Examples
    --------
    >>> towns = np.repeat(np.arange(20), 5)
    >>> [(d.left, d.right) for d in mine_dependencies(np.column_stack([towns, towns // 4]))]
    [((0,), 1)]
    """
    width = codes.shape[1]
    singles: dict[tuple[int, int], Dependency] = {}
    need = LEAST_EVIDENCE + 2 * np.log(max(width, 2))
    usable = [c for c in range(width) if _repeats(codes[:, c])]
    for left in usable:
        rows = _sample_groups(codes[:, left])
        if not _stands_in_groups(codes[rows, left]):
            continue
        for right in usable:
            if left != right:
                strength, chance, evidence = measure(codes[rows, left], codes[rows, right])
                if strength >= FAINT_AGREEMENT and evidence >= need:
                    singles[left, right] = Dependency((left,), right, strength, chance)
    firm = {sides: d for sides, d in singles.items() if d.strength >= LEAST_AGREEMENT}
    found = [*singles.values(), *_mine_pairs(codes, usable, firm, need)]
    groups = [make_groups(combine(codes, d.left), codes[:, d.right]) for d in found]
    judged = [d for d in map(judge, groups, found) if d is not None]
    return _keep_best(_drop_chance_keys(_keep_lifted(judged)))


def _drop_chance_keys(found: list[Dependency]) -> list[Dependency]:
    """Drop the pairs of columns that tell the things of a table apart only because there are few of each kind.

    Where one column settles both columns of a pair, they are attributes of the thing that it names: year and publisher
    of a book. Two books may have both in common, which is no error. What such a pair settles, the name settles better;
    and it settles the name itself only where it does so as surely as the name settles it.
    """
    trust = {(d.left[0], d.right): d.pure * (1 - d.error) for d in found if len(d.left) == 1}
    names = {left for left, _ in trust}

    def is_shadow(pair: Dependency) -> bool:
        own = pair.pure * (1 - pair.error) + CHANCE_KEY
        mine = [k for k in names if all((k, c) in trust for c in pair.left)]
        return any((k, pair.right) in trust for k in mine) or any(
            own < min(trust[k, c] for c in pair.left) for k in mine if k == pair.right
        )

    return [d for d in found if len(d.left) == 1 or not is_shadow(d)]


def _keep_lifted(found: list[Dependency]) -> list[Dependency]:
    """Keep the dependencies that beat chance by far, and weaker ones of left sides that settle several columns so.

    A column with few values agrees within groups for many reasons; that alone makes no dependency.
    """
    strong = [d.strength >= LEAST_AGREEMENT and d.error <= MOST_ERRORS for d in found]
    far = [d.left for d, s in zip(found, strong, strict=True) if s and d.lift >= FAR]
    entities = {left for left in far if far.count(left) >= ENTITY}
    return [
        d
        for d, s in zip(found, strong, strict=True)
        if d.lift >= (NEAR if s and d.left in entities else FAR) and (s or d.left in entities)
    ]


def _repeats(column: Codes) -> bool:
    """Say whether a column has several values, and some of them more than once."""
    counts = np.bincount(column[column >= 0])
    return 1 < np.count_nonzero(counts) < counts.sum()  # type: ignore[no-any-return]  # NumPy's own truth value


def _mine_pairs(
    codes: Codes, usable: Sequence[int], singles: dict[tuple[int, int], Dependency], need: float
) -> list[Dependency]:
    """Find pairs of columns that settle what neither of them does alone."""
    distinct = {c: np.count_nonzero(np.bincount(codes[:, c] + 1)) for c in usable}
    sides = sorted((c for c in usable if distinct[c] <= len(codes) / 3), key=lambda c: (distinct[c], c))[:PAIR_COLUMNS]
    found = []
    for i, one in enumerate(sides):
        for other in sides[i + 1 :]:
            if (one, other) in singles or (other, one) in singles:
                continue  # the one says what the other does
            left = combine(codes, (one, other))
            rows = _sample_groups(left)
            if not _stands_in_groups(left[rows]):
                continue
            for right in usable:
                if right in (one, other):
                    continue
                alone = max((singles[s, right].strength for s in (one, other) if (s, right) in singles), default=0.0)
                if alone > 1 - PAIR_GAIN:
                    continue
                strength, chance, evidence = measure(left[rows], codes[rows, right])
                base = max(alone, *(measure(codes[rows, s], codes[rows, right])[0] for s in (one, other)))
                if strength >= max(LEAST_AGREEMENT, base + PAIR_GAIN) and evidence >= need + np.log(len(sides)):
                    found.append(Dependency((one, other), right, strength, chance))
    return found


def _sample_groups(left: Codes) -> Codes:
    """Return rows of whole groups, at most about `PAIR_ROWS` of them; of few large groups, a part of each."""
    step = -(-len(left) // PAIR_ROWS)
    if step == 1:
        return np.arange(len(left))
    if left.max(initial=0) < 20 * step:
        return np.arange(0, len(left), step)
    return np.flatnonzero(left % step == 0)


def _stands_in_groups(left: Codes) -> bool:
    """Say whether enough rows share their left side with two others."""
    sizes = np.bincount(left[left >= 0])
    large = sizes >= FEWEST_IN_GROUP
    return int(large.sum()) >= FEWEST_GROUPS and sizes[large].sum() >= LEAST_COVER * len(left)


def _keep_best(found: list[Dependency]) -> list[Dependency]:
    kept: list[Dependency] = []
    for right in sorted({d.right for d in found}):
        rivals = [d for d in found if d.right == right]
        best = max(d.strength for d in rivals)
        rivals = [d for d in rivals if d.strength >= RIVAL_SHARE * best]
        rivals.sort(key=lambda d: (-d.pure * (1 - d.error) * d.strength, len(d.left), d.left))
        kept += rivals[:MOST_PER_TARGET]
    return kept


# ---------------------------------------------------------------- errors and exceptions


def judge(groups: Groups, dependency: Dependency) -> Dependency | None:
    """Learn how often cells break a dependency and in which groups; None where hardly any group is of one value."""
    large = groups.sizes >= FEWEST_IN_GROUP
    if large.sum() < FEWEST_GROUPS:
        return None
    repeat = measure_repeats(groups)
    size = groups.sizes[large]
    error, pure, mixed = fit_errors(size, (size - groups.first[large]), groups.kinds[large], repeat)
    rows = int((groups.row_cell >= 0).sum())
    if pure < LEAST_PURE or size.sum() < LEAST_COVER * rows:
        return None
    # Small groups cannot tell many errors from values that differ by nature: many errors need rows in large groups.
    telling = size[size >= TELLING_GROUP].sum() / rows
    if error > np.clip(LOW_ERROR + 0.8 * (telling - 0.1), LOW_ERROR, WORST_ERROR - 0.01):
        return None
    plural = error > MOST_ERRORS or dependency.strength < LEAST_AGREEMENT
    if plural and size[size >= MANY_VOTERS].sum() < rows / 2:
        return None
    if error * repeat > (MOST_REPEATED if len(dependency.left) == 1 else PAIR_REPEATED) * (1 - error):
        return None
    return replace(dependency, error=error, repeat=repeat, pure=pure, mixed=mixed, groups=int(large.sum()))
