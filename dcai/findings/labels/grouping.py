"""Rows that belong together (one patient, one user, one document): never split over folds."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.errors import InputError
from dcai.base.fingerprints import canonicals
from dcai.base.table import Table
from dcai.findings.wording import count

Codes = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float64]

MOST_DEALT = 2_000  # more groups than this are alike enough when dealt like cards,
MEAN_ROWS = 2  # and so are groups that are mostly single rows


def number_groups(table: Table) -> Codes:
    """Number the group of each row, shape (n,); a row without one is a group of its own."""
    marks = pd.Series(canonicals(table.frame[table.groups]), dtype=object)
    codes = np.asarray(pd.factorize(marks, sort=False)[0], dtype=np.intp)
    alone = np.flatnonzero(codes < 0)
    codes[alone] = codes.max(initial=-1) + 1 + np.arange(len(alone))
    return codes


def join_groups(first: Codes, second: Codes) -> Codes:
    """Number rows so that those which share a number in either of two ways, directly or through others, share one."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    size = int(first.max()) + 1
    total = size + int(second.max()) + 1
    links = coo_matrix((np.ones(len(first), dtype=np.int8), (first, second + size)), shape=(total, total))
    return np.asarray(connected_components(links, directed=False)[1][first], dtype=np.intp)


def check_groups(table: Table, folds: int) -> None:
    """Refuse a group column that cannot keep folds apart."""
    if table.groups is None:
        return
    name = table.groups
    if name == table.label:
        raise InputError(f"The column {name!r} cannot be both label and groups. Name another group column, or none.")
    known = table.frame[table.label].notna().to_numpy(dtype=bool)
    codes = number_groups(table)
    found = len(np.unique(codes[known]))
    if found < folds:
        more = f"Lower folds to {found}, or name" if found >= 2 else "Name"  # noqa: PLR2004 (a fold is predicted from another)
        raise InputError(
            f"The group column {name!r} holds {count(found, 'group')} with labels, too few for {folds} folds: a group is never split. "
            f"{more} a column with at least {folds} groups."
        )


def are_few(codes: Codes, groups: Codes) -> bool:
    """Say whether labelled rows form few groups of many rows: then chance alone does not make folds alike."""
    sizes = np.bincount(groups[codes >= 0])
    found = int((sizes > 0).sum())
    return found <= MOST_DEALT and int(sizes.sum()) >= MEAN_ROWS * found


def deal_groups(codes: Codes, groups: Codes, folds: int, random_state: int) -> Codes:
    """Deal whole groups into folds of about the same size and the same share of every class, shape (n,).

    The groups with the most uneven classes come first, each goes where it leaves the classes most even: the way of
    scikit-learn's `StratifiedGroupKFold`. Rows with code -1 have no label and no fold (-1).
    """
    known = codes >= 0
    names, place = np.unique(groups[known], return_inverse=True)
    classes = int(codes.max()) + 1
    counts = np.zeros((len(names), classes))
    np.add.at(counts, (place, codes[known]), 1)
    share = np.maximum(counts.sum(axis=0), 1)
    shuffled = np.random.default_rng(random_state).permutation(len(names))
    order = shuffled[np.argsort(-counts[shuffled].std(axis=1), kind="stable")]
    held = np.zeros((folds, classes))
    dealt = np.zeros(len(names), dtype=np.intp)
    for group in order:
        shares = held / share
        base = np.tile(shares, (folds, 1, 1))
        base[np.arange(folds), np.arange(folds)] += counts[group] / share
        uneven = base.std(axis=1).mean(axis=1)
        best = np.flatnonzero(uneven <= uneven.min() + 1e-12)
        chosen = best[held[best].sum(axis=1).argmin()]
        dealt[group] = chosen
        held[chosen] += counts[group]
    found = np.full(len(codes), -1, dtype=np.intp)
    found[known] = dealt[place]
    return found


def find_lone_classes(codes: Codes, groups: Codes) -> Codes:
    """List the classes that stand in one group only."""
    known = codes >= 0
    pairs = pd.DataFrame({"code": codes[known], "group": groups[known]}).drop_duplicates()
    counts = pairs["code"].value_counts()
    return np.sort(counts.index[counts == 1].to_numpy(dtype=np.intp))


def spare_lone_classes(probabilities: Floats, codes: Codes, groups: Codes) -> Floats:
    """Give the rows of a class that stands in one group only the benefit of the doubt: no model could have learnt it."""
    rows = np.flatnonzero(np.isin(codes, find_lone_classes(codes, groups)) & (codes >= 0))
    spared = probabilities.copy()
    spared[rows] /= 2
    spared[rows, codes[rows]] += 0.5
    return spared


def describe_groups(codes: Codes, groups: Codes, name: str) -> str:
    """Say that groups were kept together, and which classes cannot be judged therefore."""
    alone = len(find_lone_classes(codes, groups))
    number = len(np.unique(groups[codes >= 0]))
    said = f"rows of one {name!r} were never split over folds ({count(number, 'group')}), and {name!r} is no feature"
    if alone == 1:
        said += "; 1 class stands in one group only, so its labels cannot be judged from other groups"
    elif alone > 1:
        said += f"; {alone:,} classes stand in one group only, so their labels cannot be judged from other groups"
    return said
