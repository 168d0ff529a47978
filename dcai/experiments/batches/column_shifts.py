"""How the values of one column changed: what is tried depends on its kind, and each change is named."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from dcai.base.display import show_share
from dcai.base.fingerprints import canonicals
from dcai.experiments.batches.divergences import (
    Floats,
    compare_counts,
    compare_numbers,
    compare_shares,
    find_chance_of_new,
    measure_psi,
    tell_apart,
)
from dcai.experiments.batches.number_changes import Conversion, find_conversion
from dcai.experiments.batches.picture_shifts import compare_pictures, compare_vectors
from dcai.experiments.batches.trials import Batches, Trial
from dcai.experiments.batches.writing_changes import Pairing, compare_writing, pair_names
from dcai.findings.cells.dates import count_seconds
from dcai.findings.wording import count

FLOORS = {"numbers": 0.1, "categories": 0.05, "missing": 0.02, "texts": 0.05, "new": 0.005}
FEW_NUMBERS = 10  # so many different numbers are compared as categories
FEWEST = 5  # filled cells of each side
MOST_PEERS = 1_000
NAMED = 3
HINT = 0.05  # from this p-value on it is worth a look what the change may be


def compare_columns(batches: Batches, left: dict[str, list[str]]) -> Iterator[Trial]:
    """Try each common column; what cannot be compared is put into `left` with the reason."""
    for name, kind in batches.kinds.items():
        if name != batches.label:
            yield from compare_missing(batches, name)
            yield from compare_values(batches, name, kind, left)


def compare_missing(batches: Batches, name: str) -> Iterator[Trial]:
    """Compare how many cells are empty."""
    empty = batches.find_empty(name)
    if not (empty[0].any() or empty[1].any()):
        return
    found = compare_shares(int(empty[0].sum()), len(empty[0]), int(empty[1].sum()), len(empty[1]))
    shares = [show_share(float(e.mean())) for e in empty]
    yield Trial(
        "missing", name, f"{name!r} is empty in {shares[1]} of the rows, in the reference in {shares[0]}.",
        found.p, found.effect, FLOORS["missing"], found.test, found.measure, peers=_list_rows(empty[1]),
    )  # fmt: skip


def compare_values(batches: Batches, name: str, kind: str, left: dict[str, list[str]]) -> Iterator[Trial]:
    """Compare the filled cells of a column by its kind."""
    filled = [column[column.notna()] for column in batches.columns(name)]
    if min(map(len, filled)) < FEWEST:
        left.setdefault(f"fewer than {FEWEST} filled cells in one of the two", []).append(name)
    elif kind == "number":
        yield from _compare_numbers(batches, name, filled[0], filled[1], left)
    elif kind in ("category", "boolean"):
        yield from _compare_categories(batches, name)
    elif kind == "text":
        yield from _compare_texts(batches, name, *filled)
        yield from compare_writing(batches, name, *filled)
    elif kind == "date":
        yield from _compare_dates(batches, name, filled[0], filled[1], left)
    elif kind == "image":
        yield from compare_pictures(batches, name, filled[0], filled[1], left)
    else:
        yield from compare_vectors(batches, name, filled[0], filled[1], left)


def _list_rows(marks: Any) -> list[int]:
    return [int(row) for row in np.flatnonzero(marks)[:MOST_PEERS]]


# ---------------------------------------------------------------- numbers and dates


def _compare_numbers(
    batches: Batches, name: str, before: pd.Series[Any], now: pd.Series[Any], left: dict[str, list[str]]
) -> Iterator[Trial]:
    from dcai.findings.features.vectors import to_numbers

    one, other = (values[~np.isnan(values)] for values in map(to_numbers, (before, now)))
    if min(len(one), len(other)) < FEWEST:
        left.setdefault(f"fewer than {FEWEST} finite numbers in one of the two", []).append(name)
        return
    if _counts_up(one) and _counts_up(other):
        left.setdefault("they number the rows", []).append(name)
        return
    found = compare_numbers(one, other)
    conversion = find_conversion(one, other) if found.p < HINT else None
    if conversion is None and len(np.unique(np.concatenate([one, other]))) <= FEW_NUMBERS:
        yield from _compare_categories(batches, name)
        return
    check, said = "values", _describe_numbers(batches, name, one, other)
    if found.p < HINT:
        if np.ptp(other) == 0 < np.ptp(one):
            check, said = (
                "constant_column",
                f"{name!r} holds one value only, {batches.show(float(other[0]), name)}. {said}",
            )
        elif conversion is not None:
            check, said = (
                "unit",
                f"{name!r} seems to be {conversion.said}: with that undone the values are as before. {said}",
            )
    mend = None if check != "unit" or conversion is None else partial(_convert, conversion)
    yield Trial(check, name, said, found.p, found.effect, FLOORS["numbers"], found.test, found.measure, mend=mend)


def _convert(conversion: Conversion, column: pd.Series[Any]) -> pd.Series[Any]:
    from dcai.findings.features.vectors import to_numbers

    return pd.Series(conversion.undo(to_numbers(column)), index=column.index)


def find_counters(batches: Batches) -> frozenset[str]:
    """Find the columns that go on from batch to batch by themselves: numbers of the rows, and dates of new rows."""
    from dcai.findings.features.vectors import to_numbers

    found = set()
    for name, kind in batches.kinds.items():
        if name == batches.label or kind not in ("number", "date"):
            continue
        read = to_numbers if kind == "number" else count_seconds
        one, other = (values[~np.isnan(values)] for values in map(read, batches.columns(name)))
        if (_counts_up(one) and _counts_up(other)) if kind == "number" else _goes_on(one, other):
            found.add(name)
    return frozenset(found)


def _counts_up(values: Floats) -> bool:
    """Say whether numbers only number the rows: whole, each larger than the last."""
    return bool((np.diff(values) > 0).all() and (values == np.round(values)).all())


def _goes_on(before: Floats, now: Floats) -> bool:
    """Say whether most of the current dates come after the reference, as time goes on."""
    return bool(len(before) and len(now) and (now > before.max()).mean() > 0.5)  # noqa: PLR2004 (most)


def _describe_numbers(batches: Batches, name: str, one: Floats, other: Floats) -> str:
    quantiles = [np.quantile(values, [0.5, 0.1, 0.9]) for values in (one, other)]
    shown = [[batches.show(float(v), name) for v in its] for its in quantiles]
    return (
        f"{name!r}: the median is {shown[1][0]} (8 in 10 from {shown[1][1]} to {shown[1][2]}), "
        f"in the reference {shown[0][0]} ({shown[0][1]} to {shown[0][2]})."
    )


def _compare_dates(
    batches: Batches, name: str, before: pd.Series[Any], now: pd.Series[Any], left: dict[str, list[str]]
) -> Iterator[Trial]:
    one, other = (count_seconds(column) for column in (before, now))
    if min(len(one), len(other)) < FEWEST:
        left.setdefault("their dates cannot be read", []).append(name)
        return
    if _goes_on(one, other):
        left.setdefault("most of their dates come after the reference, as of new data", []).append(name)
        return
    found = compare_numbers(one, other)
    ends = [
        [batches.show(pd.Timestamp(float(v), unit="s").date().isoformat(), name) for v in (its.min(), its.max())]
        for its in (one, other)
    ]
    said = f"{name!r} goes from {ends[1][0]} to {ends[1][1]}, in the reference from {ends[0][0]} to {ends[0][1]}"
    older = (other < one.min()).mean() > 0.5  # noqa: PLR2004 (most)
    check = "constant_column" if np.ptp(other) == 0 < np.ptp(one) else "time" if older else "values"
    text = f"{said}: the current rows are older than the reference." if older else f"{said}, spread otherwise."
    yield Trial(check, name, text, found.p, found.effect, FLOORS["numbers"], found.test, found.measure)


# ---------------------------------------------------------------- categories


def count_categories(before: pd.Series[Any], now: pd.Series[Any]) -> tuple[list[str], Any, Any, Any]:
    """Count the values of both, the most frequent first, and return the code of each current row."""
    texts = [canonicals(column) for column in (before, now)]
    codes, names = pd.factorize(np.concatenate(texts))
    first, second = codes[: len(before)], codes[len(before) :]
    counts = [np.bincount(c[c >= 0], minlength=len(names)) for c in (first, second)]
    order = np.argsort(-(counts[0] + counts[1]), kind="stable")
    places = np.empty(len(names), dtype=np.intp)
    places[order] = np.arange(len(names))
    return [str(names[i]) for i in order], counts[0][order], counts[1][order], np.where(second >= 0, places[second], -1)


def _compare_categories(batches: Batches, name: str, check: str = "shares") -> Iterator[Trial]:
    names, one, other, codes = count_categories(*batches.columns(name))
    if len(names) < 2 and one.sum() and other.sum():  # noqa: PLR2004 (constant in both)
        return
    pairs = pair_names(names, one, other)
    if pairs:
        mend = partial(_rename, {names[pair.new]: names[pair.old] for pair in pairs})
        yield from _tell_renamed(batches, name, names, pairs, codes, mend)
        for pair in pairs:
            other[pair.old] += other[pair.new]
            other[pair.new] = 0
    if ((one + other) > 0).sum() > 1:
        yield from _compare_shares(batches, name, names, one, other, check)
        yield from _find_new(batches, name, names, one, other, codes)
    before, now = batches.columns(name)
    now = mend(now) if pairs else now
    yield from compare_writing(batches, name, before[before.notna()], now[now.notna()])


def _rename(names: dict[str, str], column: pd.Series[Any]) -> pd.Series[Any]:
    texts = pd.Series(canonicals(column), index=column.index, dtype=object)
    return column.astype(object).where(~texts.isin(list(names)), texts.map(names))


def _tell_renamed(
    batches: Batches, name: str, names: list[str], pairs: list[Pairing], codes: Any, mend: Any
) -> Iterator[Trial]:
    """Tell each renamed category, and in one sentence those that are only written otherwise."""
    written = [pair for pair in pairs if pair.check == "writing"]
    for its in [written, *([pair] for pair in pairs if pair.check != "writing")]:
        if not its:
            continue
        shown = [tuple(batches.show(names[i], name) for i in (pair.old, pair.new)) for pair in its]
        told = ", ".join(f"{new!r} for {old!r}" for old, new in shown[:NAMED]) + (
            " and others" if len(its) > NAMED else ""
        )
        rows = _list_rows(np.isin(codes, [pair.new for pair in its]))
        text = (
            f"{count(len(its), 'value')} of {name!r} {'is' if len(its) == 1 else 'are'} written otherwise (spaces, case or character set): {told}."
            if its is written
            else f"In {name!r} {shown[0][0]!r} is gone and {shown[0][1]!r} is new, in about as many rows: renamed?"
        )
        alone = shown[0] if len(its) == 1 else (None, None)
        yield Trial(
            its[0].check, name, text, max(pair.p for pair in its), test="exact chance of one gone, one new",
            given=alone[1], suggested=alone[0], peers=rows, mend=mend,
        )  # fmt: skip


def _compare_shares(batches: Batches, name: str, names: list[str], one: Any, other: Any, check: str) -> Iterator[Trial]:
    found = compare_counts(one, other, batches.seed)
    before, now = one / max(one.sum(), 1), other / max(other.sum(), 1)
    largest = [i for i in np.argsort(-np.abs(now - before), kind="stable")[:NAMED] if now[i] != before[i]]
    told = [
        f"{batches.show(names[i], name)!r} in {show_share(float(now[i]))} (reference {show_share(float(before[i]))})"
        for i in largest
    ]
    said = f"The shares of {name!r} changed: {', '.join(told)}."
    if (other > 0).sum() == 1 < (one > 0).sum():
        check = "constant_column" if check == "shares" else check
        said = f"{name!r} holds one value only, {batches.show(names[int(np.argmax(other))], name)!r}. {said}"
    yield Trial(
        check, name, said, found.p, found.effect, FLOORS["categories"], found.test, found.measure,
        figures={"psi": measure_psi(one, other)},
    )  # fmt: skip


def _find_new(batches: Batches, name: str, names: list[str], one: Any, other: Any, codes: Any) -> Iterator[Trial]:
    """Find values that the reference lacks, in more rows than rare values come by chance."""
    chance = find_chance_of_new(one, other)
    fresh = np.flatnonzero((one == 0) & (other > 0))
    if not len(fresh):
        return
    sure = [int(i) for i in fresh if chance[i] <= chance[fresh].min() * 1e3]
    rows = int(other[fresh].sum())
    said = ", ".join(repr(batches.show(names[i], name)) for i in sure[:NAMED])
    more = len(fresh) - min(len(sure), NAMED)
    text = f"{name!r} holds values that the reference lacks, in {count(rows, 'row')}: {said}{f' and {more:,} more' if more else ''}."
    yield Trial(
        "new_category", name, text, float(chance[fresh].min()), rows / max(int(other.sum()), 1), FLOORS["new"],
        "exact chance of a new value", "share of rows", peers=_list_rows(np.isin(codes, fresh)),
    )  # fmt: skip


def compare_classes(batches: Batches) -> Iterator[Trial]:
    """Compare the classes of the label: their shares, names and new ones."""
    if batches.label is not None:
        yield from _compare_categories(batches, batches.label, "label_shares")


def compare_targets(batches: Batches, left: dict[str, list[str]]) -> Iterator[Trial]:
    """Compare the numbers of the label."""
    if batches.label is not None:
        filled = [column[column.notna()] for column in batches.columns(batches.label)]
        for trial in _compare_numbers(batches, batches.label, filled[0], filled[1], left):
            yield trial if trial.check != "values" else Trial(**{**vars(trial), "check": "label_values"})


# ---------------------------------------------------------------- texts


def _compare_texts(batches: Batches, name: str, before: pd.Series[Any], now: pd.Series[Any]) -> Iterator[Trial]:
    """Compare texts by a classifier of their words and endings, and by their lengths."""
    one, other = (column.map(str) for column in (before, now))
    lengths = compare_numbers(*(np.asarray(texts.str.len(), dtype=np.float64) for texts in (one, other)))
    p, area = tell_apart(one, other, _make_reader, batches.seed)
    medians = [int(texts.str.len().median()) for texts in (one, other)]
    yield Trial(
        "texts", name,
        f"The texts of {name!r} can be told from the reference's by their words in {show_share(area)} of pairs (a coin: 50 %); "
        f"half of them have up to {medians[1]:,} characters, in the reference up to {medians[0]:,}.",
        min(1.0, 2 * min(p, lengths.p)), max(area - 0.5, 0.0) if p <= lengths.p else min(lengths.effect, 0.5), FLOORS["texts"],
        "classifier of the two, and Kolmogorov-Smirnov of lengths", "area under the curve beyond a coin's",
    )  # fmt: skip


def _make_reader() -> Any:
    from sklearn.feature_extraction.text import HashingVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    words = HashingVectorizer(analyzer="char_wb", ngram_range=(2, 4), n_features=2**16, lowercase=False)
    return make_pipeline(words, LogisticRegression(C=10.0, max_iter=200))
