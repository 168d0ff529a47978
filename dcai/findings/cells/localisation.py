"""Error localisation: the cells that explain most cheaply why a row disagrees with the votes of its groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dcai.findings.cells.dependencies import Dependency
from dcai.findings.cells.partitions import Codes, Floats, combine
from dcai.findings.cells.votes import Votes

Flags = npt.NDArray[np.bool_]
Mutual = dict[tuple[int, int], tuple[int, int]]

LIKELY = 0.5
RAREST_ERROR = 0.001
RARE_ERROR = 0.003  # how often a column is taken to be wrong that no other column settles
SHARED = 0.3  # further votes come from the same rows: they count for this much
SILENCE = 5.0  # nats for a cell whose neighbours all hold values that stand nowhere else
TIE = 0.5  # nats: less is no reason to blame one cell rather than the other
CLEAR_ODDS = 1.0  # nats by which one of two columns is oftener wrong where the row tells
ONE_SIDE = 0.2  # share of the errors on the left side, where nothing tells: a slip there seldom hits another group
KIND_ROWS = 5
KIND_SHARE = 0.8
ONCE_SHARE = 0.9


@dataclass(frozen=True, eq=False)
class Blame:
    """Which cells are blamed, shape (n, m), with their doubts, and how likely each cell is wrong but for its own vote."""

    wrong: Flags
    doubt: Floats
    fault: Floats
    tied: Flags  # blamed as much as the other cell of a pair that says the same: one of the two is wrong


def blame_cells(codes: Codes, known: Sequence[Dependency], votes: Sequence[Votes]) -> Blame:
    """Choose in each row the cells that explain its disagreements most cheaply."""
    n, m = codes.shape
    wrong, doubt = np.zeros((n, m), dtype=bool), np.zeros((n, m))
    broken = np.column_stack([v.broken for v in votes])
    held = np.column_stack([v.held for v in votes])
    part, stake = np.zeros((len(known), m)), np.zeros((len(known), m))
    for i, d in enumerate(known):
        part[i, list(d.left)] = 1 / len(d.left)
        # A wrong value that repeats within its group leads back to that group: as a left side it proves little.
        stake[i, list(d.left)] = SHARED / len(d.left)
        part[i, d.right] = stake[i, d.right] = 1
    slip = np.column_stack([v.slip for v in votes])
    price = -np.log(_rate_errors(m, known, votes))
    mutual = _list_mutual(known)
    firm = _find_firm(m, mutual, broken)
    cost = np.where(firm, _share_price(price, mutual), price) + np.where(firm, held @ part, held @ stake)
    for column in {d.right for d in known}:
        # Were the cell wrong and the others right, these would stand in other rows, too: new values speak for it.
        alone = [v.size == 0 for v, d in zip(votes, known, strict=True) if d.right == column]
        cost[:, column] += np.where(np.all(alone, axis=0), SILENCE, 0.0)
    rows = np.flatnonzero(broken.max(axis=1) >= LIKELY)
    left = np.where(broken[rows] >= LIKELY, broken[rows], 0.0)
    tied = np.zeros((n, m), dtype=bool)
    for _ in range(m):
        ratio = left @ part / cost[rows]
        still = np.flatnonzero(ratio.max(axis=1) > 0)
        if not len(still):
            break
        chosen, at = ratio[still].argmax(axis=1), rows[still]
        own = np.where(firm[at, chosen][:, None], part[:, chosen].T, stake[:, chosen].T)
        odds = _weigh(broken[at], held[at], part[:, chosen].T, own)
        rival = _compare(cost[at], left[still], chosen, known, slip[at])
        wrong[at, chosen] = odds > 0
        doubt[at, chosen] = 1 / ((1 + np.exp(-odds)) * (1 + np.exp(-rival)))
        tied[at, chosen] = np.abs(rival) < TIE
        left[still] = np.where(part[:, chosen].T > 0, 0.0, left[still])
    return Blame(wrong, doubt, np.exp(-cost), _share_blame(wrong, doubt, tied & firm, firm, mutual))


def _share_blame(wrong: Flags, doubt: Floats, tied: Flags, firm: Flags, mutual: Mutual) -> Flags:
    """Settle the ties of pairs that contradict each other: by which one is oftener wrong where that is clear, else blame both."""
    both = np.zeros_like(tied)
    clear = wrong & firm & ~tied
    times = clear.sum(axis=0)
    for left, right in mutual:
        rows = np.flatnonzero(tied[:, right] & wrong[:, right] & firm[:, left] & ~wrong[:, left])
        odds = float(np.log((times[right] + 1) / (times[left] + 1)))
        if abs(odds) < CLEAR_ODDS:
            wrong[rows, left], doubt[rows, left] = True, doubt[rows, right]
            both[rows, left] = both[rows, right] = True
            continue
        guilty = right if odds > 0 else left
        raised = 2 * doubt[rows, right] / (1 + np.exp(-abs(odds)))  # a tie halves the doubt
        wrong[rows, right] = False
        wrong[rows, guilty], doubt[rows, guilty] = True, np.minimum(raised, 1.0)
    return both


def _list_mutual(known: Sequence[Dependency]) -> Mutual:
    """List the columns that settle each other, by left and right side, with both dependencies."""
    place = {(d.left[0], d.right): i for i, d in enumerate(known) if len(d.left) == 1}
    return {(a, b): (i, place[b, a]) for (a, b), i in place.items() if (b, a) in place}


def _share_price(price: Floats, mutual: Mutual) -> Floats:
    """Price a value that has a group of its own alike in columns that settle each other, shape (m,).

    Slips make one of two columns wrong more often, and hardly ever make a value that other rows have, too.
    """
    shared = price.copy()
    for left, right in mutual:
        shared[right] = min(shared[right], price[left])
    return shared


def _find_firm(m: int, mutual: Mutual, broken: Floats) -> Flags:
    """Say which accused cells lead to a left side other than the accuser: their value has a group of its own, (n, m)."""
    firm = np.zeros((len(broken), m), dtype=bool)
    for (_, right), (one, other) in mutual.items():
        firm[:, right] |= (broken[:, one] >= LIKELY) & (broken[:, other] >= LIKELY)
    return firm


def _rate_errors(m: int, known: Sequence[Dependency], votes: Sequence[Votes]) -> Floats:
    """Estimate how often the cells of each column are wrong, shape (m,).

    A column that others settle shows its errors. One that only settles others shows them where all that it settles is
    broken at once, more often than errors of those columns would have it.
    """
    rate = np.full(m, np.nan)
    for d in known:
        rate[d.right] = np.fmax(min(d.error, rate[d.right]) if rate[d.right] >= 0 else d.error, RARE_ERROR)
    for column in {c for d in known for c in d.left if np.isnan(rate[c])}:
        mine = [i for i, d in enumerate(known) if d.left == (column,)]
        if len(mine) < 2:  # noqa: PLR2004 (one alone cannot tell the two sides apart)
            errors = [d.error for d in known if column in d.left]
            rate[column] = ONE_SIDE * min(errors)
            continue
        heard = np.all([votes[i].sure > 0 for i in mine], axis=0)
        shares = [float((votes[i].broken[heard] >= LIKELY).mean()) if heard.any() else 0.0 for i in mine]
        together = np.all([votes[i].broken[heard] >= LIKELY for i in mine], axis=0)
        both = (float(together.mean()) if heard.any() else 0.0) - float(np.prod(shares))
        rate[column] = max(both, RARE_ERROR)
    return np.asarray(np.clip(np.nan_to_num(rate, nan=RARE_ERROR), RAREST_ERROR, 0.5))


def _weigh(broken: Floats, held: Floats, part: Floats, stake: Floats) -> Floats:
    """Weigh, for one cell of each row, the dependencies that it breaks against those that it keeps; in nats."""
    belief = np.clip(broken, 1e-3, 1 - 1e-3)
    against = np.maximum(np.log(belief / (1 - belief)), 0.0) * (part > 0)
    in_favour = held * stake
    most, least = against.max(axis=1), in_favour.max(axis=1)
    return np.asarray(most + SHARED * (against.sum(axis=1) - most) - least - SHARED * (in_favour.sum(axis=1) - least))


def _compare(cost: Floats, broken: Floats, chosen: Codes, known: Sequence[Dependency], slip: Floats) -> Floats:
    """Return by how many nats the chosen cell is a cheaper explanation than the cells on the other sides together."""
    at, n = np.arange(len(cost)), len(cost)
    others, all_of = np.zeros(cost.shape, dtype=bool), np.ones(cost.shape, dtype=bool)
    likeness = np.ones(n)
    for i, d in enumerate(known):
        on_right, on_left = chosen == d.right, np.isin(chosen, d.left)
        counts = (broken[:, i] > 0) & (on_right | on_left)
        rows = np.flatnonzero(counts)
        left = np.array(d.left)
        cheapest = left[cost[np.ix_(rows, left)].argmin(axis=1)]
        others[rows, np.where(on_right[rows], cheapest, d.right)] = True
        inside = np.zeros(cost.shape[1], dtype=bool)
        inside[[*d.left, d.right]] = True
        all_of[rows] &= inside
        likeness = np.where(counts & on_right, np.maximum(likeness, slip[:, i]), likeness)
    all_of[at, chosen] = False
    # Either one other cell is in all that is broken, or each of the other sides holds its own.
    instead = np.minimum(np.where(others, cost, 0.0).sum(axis=1), np.where(all_of, cost, np.inf).min(axis=1))
    return np.asarray(np.clip(instead - cost[at, chosen] + np.log(likeness), -50, 50))


def spare_kinds(codes: Codes, known: Sequence[Dependency], votes: Sequence[Votes], blame: Blame) -> None:
    """Clear cells where nearly all rows of one kind lose the vote: the dependency does not hold for that kind.

    A kind is a value of another column that stands several times in a group. Where it stands once in each, it may be
    the source of a report: a bad source loses most votes and is no kind of its own.
    """
    n, m = codes.shape
    for i, d in enumerate(known):
        lost = blame.wrong[:, d.right] & (votes[i].broken > 0)
        if lost.sum() < KIND_ROWS:
            continue
        heard = votes[i].code >= 0
        left = combine(codes, d.left)
        for other in range(m):
            kind = codes[:, other]
            if other == d.right or other in d.left or kind.max(initial=-1) > n / KIND_ROWS:
                continue
            rows = np.flatnonzero((kind >= 0) & heard)
            all_rows = np.bincount(kind[rows], minlength=kind.max(initial=0) + 1)
            bad = np.bincount(kind[rows[lost[rows]]], minlength=len(all_rows))
            whole = (all_rows >= KIND_ROWS) & (bad >= KIND_SHARE * all_rows)
            if not whole.any() or _stands_once(left[rows], kind[rows]):
                continue
            cleared = np.flatnonzero((kind >= 0) & blame.wrong[:, d.right] & whole[np.maximum(kind, 0)])
            blame.wrong[cleared, d.right], blame.doubt[cleared, d.right] = False, 0.0


def _stands_once(left: Codes, kind: Codes) -> bool:
    """Say whether hardly any group holds a kind twice."""
    pairs = left * (kind.max() + 1) + kind
    return len(np.unique(pairs)) > ONCE_SHARE * len(pairs)
