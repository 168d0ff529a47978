"""Leakage: a single column that gives the label away, and rows or keys that stand in two frames."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.display import show_share
from dcai.base.fingerprints import canonicals
from dcai.findings.cache import CACHE, make_key
from dcai.findings.evidence import Evidence, Rows, Unmet
from dcai.findings.shape import Detector, join_findings, make_findings
from dcai.findings.tables.frames import Shared, is_more, match_keys, match_likely, match_rows, share_columns
from dcai.findings.wording import count, name_some, say_left_out, show_part

Floats = npt.NDArray[np.float64]
Texts = npt.NDArray[np.object_]

LEFT_SHARE = (
    0.05  # at most this share of what the commonest class leaves open stays open, at the far end of its interval
)
FEWEST_ROWS = 50
FEWEST_OTHERS = 10  # rows that are not of the commonest class
SAMPLE_ROWS = 4_000
RANK = 0.9999  # rank correlation with a label that is a number
Z = 1.645  # one-sided 95 %
MOST_CLASSES = 50  # whose names are looked for in texts
MOST_PEERS = 1_000
TELLING_SHARE = 0.5  # of rows that are unlike all others of their frame


class Guess(NamedTuple):
    """How a column, or a part of it, foretells the label: the share foretold out of sample, of how many rows, and how."""

    right: float
    rows: int
    how: str


def find(evidence: Evidence) -> pd.DataFrame:
    """Find columns that give the label away, then what stands in both frames."""
    parts, notes = [], []
    for look in (_find_columns, _find_shared):
        try:
            found, note = look(evidence)
            parts.append(found)
            notes.append(note)
        except Unmet as reason:
            notes.append(str(reason))
    if not parts:
        raise Unmet("; ".join(notes))
    return join_findings(parts, note="; ".join(notes))


# ---------------------------------------------------------------- one column


def _find_columns(evidence: Evidence) -> tuple[pd.DataFrame, str]:
    table = evidence.table
    if table.label is None:
        raise Unmet("there is no label column, so no column can give it away")
    names = [c for c in table.frame.columns if c != table.label and c not in table.hidden]
    if not names:
        raise Unmet("there is no column besides the label that could give it away")
    judge, rows = _prepare(evidence)
    found: list[tuple[str, Guess]] = []
    left: dict[str, list[str]] = {}
    for name in names:
        if table.kinds[name] in ("image", "other", "empty"):
            left.setdefault(f"its kind is {table.kinds[name]}", []).append(name)
            continue
        guess = judge(table.frame[name].iloc[rows], table.kinds[name])
        if guess is not None:
            found.append((name, guess))
    label = repr(table.label)
    by_rank = evidence.task == "regression"
    reasons = [
        f"{name!r} alone foretells {label} {'in ' if by_rank else f'in {show_share(guess.right)} of '}{count(guess.rows, 'row')}"
        f"{'' if by_rank else ' that it was not fitted to'} ({guess.how}). {_advise(name, evidence)}"
        for name, guess in found
    ]
    doubts = [0.3 if _is_apart(name, evidence) else 0.7 for name, _ in found]
    note = "; ".join([f"{count(len(names), 'column')} looked at one by one", *say_left_out("leakage", left)])
    return make_findings([-1] * len(found), doubts, reasons, column=[n for n, _ in found]), note


def _is_apart(name: str, evidence: Evidence) -> bool:
    return name in evidence.table.key or name == evidence.table.groups


def _advise(name: str, evidence: Evidence) -> str:
    if _is_apart(name, evidence):
        return "It is no feature here; see to it that it stays none."
    return "Is it known before the label is? If not, leave it out: a model that sees it learns nothing else."


def _prepare(evidence: Evidence) -> tuple[Callable[[pd.Series[Any], str], Guess | None], Rows]:
    """Choose rows to look at, and the way to judge a column by them."""
    if evidence.task == "regression":
        known = np.flatnonzero(~np.isnan(evidence.targets))
        rows = _thin(known)
        if len(rows) < FEWEST_ROWS:
            raise Unmet(f"fewer than {FEWEST_ROWS} rows have a label")
        values = evidence.targets[rows]
        return lambda column, _: _judge_number(column, values), rows
    labels = evidence.labels
    rows = _thin(labels.known)
    codes = labels.codes[rows]
    counts = np.bincount(codes)
    if len(rows) < FEWEST_ROWS or len(rows) - counts.max() < FEWEST_OTHERS:
        raise Unmet(
            f"fewer than {FEWEST_ROWS} rows have a label, or fewer than {FEWEST_OTHERS} another than the commonest"
        )
    names = [str(name) for name in labels.names]
    return lambda column, kind: _judge_class(column, kind, codes, names), rows


def _thin(rows: Rows) -> Rows:
    return rows[np.unique(np.linspace(0, len(rows) - 1, min(len(rows), SAMPLE_ROWS)).astype(np.intp))]


def _judge_number(column: pd.Series[Any], values: Floats) -> Guess | None:
    from scipy.stats import rankdata

    from dcai.findings.features.vectors import to_numbers

    given = to_numbers(column)
    known = ~np.isnan(given)
    if known.sum() < FEWEST_ROWS or len(np.unique(given[known])) < FEWEST_OTHERS or np.ptp(values[known]) == 0:
        return None
    ranks = abs(float(np.corrcoef(rankdata(given[known]), rankdata(values[known]))[0, 1]))
    if ranks < RANK:
        return None
    return Guess(
        1.0, int(known.sum()), f"the larger one, the larger or the smaller the other: rank correlation {ranks:.5f}"
    )


def _judge_class(column: pd.Series[Any], kind: str, codes: Rows, names: list[str]) -> Guess | None:
    for right, how in _guess_class(column, kind, codes, names):
        if _is_clear(right, codes):
            return Guess(float(right.mean()), len(right), how)
    return None


def _is_clear(right: npt.NDArray[np.bool_], codes: Rows) -> bool:
    """Say whether so few rows are foretold wrongly that this is no mere good feature, even at the far end of the interval."""
    n, share = len(right), 1 - float(right.mean())
    middle = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    worst = middle + Z / (1 + Z**2 / n) * np.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    return bool(worst <= LEFT_SHARE * (1 - np.bincount(codes).max() / n))


def _guess_class(
    column: pd.Series[Any], kind: str, codes: Rows, names: list[str]
) -> Iterator[tuple[npt.NDArray[np.bool_], str]]:
    """Foretell each label from one column of the other rows, in the ways that there are."""
    from dcai.findings.features.vectors import to_numbers

    if kind in ("number", "boolean", "date"):
        values = to_numbers(_count_time(column) if kind == "date" else column)
        yield _foretell_by_size(values, codes), "by its size" if kind != "date" else "by the time"
        return
    key = make_key(column.to_frame(), [str(column.name)], "leakage", names)
    texts, heads, numbers, held = CACHE.get(key, partial(_read_texts, column, names))
    if pd.Series(texts).nunique() <= len(texts) / 2:
        yield _foretell_by_value(texts, codes), "each value goes with one class"
    if kind == "text" and pd.Series(heads).nunique() <= len(texts) / 10:
        yield _foretell_by_value(heads, codes), "by the letters that it begins with"
    if (~np.isnan(numbers)).mean() > 1 / 2:
        yield _foretell_by_size(numbers, codes), "by the size of the number in it"
    if len(names) <= MOST_CLASSES:
        own = held[np.arange(len(codes)), codes] & (held.sum(axis=1) == 1)
        yield np.asarray(own, dtype=np.bool_), "it holds the name of the class"


def _read_texts(column: pd.Series[Any], names: list[str]) -> tuple[Texts, Texts, Floats, npt.NDArray[np.bool_]]:
    """Read what a column of texts says, whatever the labels are.

    Returns the texts, the letters that each begins with, the number at its end, and which class names it holds as words.
    """
    from dcai.findings.features.vectors import to_numbers

    texts = np.array([*("" if t is None else t for t in canonicals(column)), ""], dtype=object)[:-1]
    shown = pd.Series(texts)
    heads = shown.str.extract(r"^([^\W\d_]*)", expand=False).to_numpy(dtype=object)
    numbers = to_numbers(shown.str.extract(r"(\d{1,15})\D*$", expand=False))
    return texts, heads, numbers, _find_names(shown.str.casefold(), names if len(names) <= MOST_CLASSES else [])


def _count_time(column: pd.Series[Any]) -> pd.Series[Any]:
    times = pd.to_datetime(column, errors="coerce", utc=True)
    return (times - pd.Timestamp("2000-01-01", tz="UTC")).dt.total_seconds()


def _halves(size: int) -> Iterator[tuple[Rows, Rows]]:
    order = np.random.default_rng(0).permutation(size)
    first, second = np.sort(order[: size // 2]), np.sort(order[size // 2 :])
    yield first, second
    yield second, first


def _foretell_by_size(values: Floats, codes: Rows) -> npt.NDArray[np.bool_]:
    from scipy.stats import rankdata
    from sklearn.tree import DecisionTreeClassifier

    known, ranks = ~np.isnan(values), np.zeros(len(values))
    ranks[known] = rankdata(values[known], "dense")  # a tree reads single precision: ranks keep apart what is
    shown = np.column_stack([ranks, ~known])
    right = np.zeros(len(codes), dtype=np.bool_)
    for train, test in _halves(len(codes)):
        # As many steps as a label that comes in a few stretches needs; more would be a table of the rows.
        tree = DecisionTreeClassifier(
            max_leaf_nodes=max(8, 3 * len(np.unique(codes))), min_samples_leaf=3, random_state=0
        )
        right[test] = tree.fit(shown[train], codes[train]).predict(shown[test]) == codes[test]
    return right


def _foretell_by_value(texts: npt.NDArray[np.object_], codes: Rows) -> npt.NDArray[np.bool_]:
    right = np.zeros(len(codes), dtype=np.bool_)
    values = pd.factorize(texts)[0]
    for train, test in _halves(len(codes)):
        pairs = pd.DataFrame({"value": values[train], "code": codes[train]}).value_counts().reset_index()
        best = pairs.sort_values(["count", "code"], ascending=[False, True]).drop_duplicates("value")
        right[test] = pd.Series(values[test]).map(best.set_index("value")["code"]).fillna(-1).to_numpy() == codes[test]
    return right


def _find_names(folded: pd.Series[Any], names: list[str]) -> npt.NDArray[np.bool_]:
    """Say which names each text holds as a word, shape (texts, names)."""
    held = np.zeros((len(folded), len(names)), dtype=np.bool_)
    for code, name in enumerate(names):
        word = re.escape(name.casefold().strip())
        if word:
            held[:, code] = folded.str.contains(rf"(?<![^\W_]){word}(?![^\W_])", regex=True).to_numpy(dtype=bool)
    return held


# ---------------------------------------------------------------- two frames


def _find_shared(evidence: Evidence) -> tuple[pd.DataFrame, str]:
    table, other = evidence.table, evidence.settings.test
    if other is None:
        raise Unmet("no second frame was given (test=...) to look for rows that stand in both")
    names = share_columns(table, other)
    note = f"compared with {count(len(other), 'test row')} in {count(len(names), 'feature column')}"
    apart = [c for c in table.features if c not in names]
    if apart:
        note += f" ({name_some(apart)} not in the test frame)"
    found = [*_find_keys(evidence)]
    shared = match_rows(table, other)
    repeats = shared.repeats
    if repeats > 1 - TELLING_SHARE:
        note += f"; {show_share(repeats)} of the rows of one frame repeat another one of it, so equal rows in both say nothing"
        return join_findings(found), note
    equal = np.flatnonzero(shared.equal)
    columns = f"{count(len(names), 'feature column')}" if len(names) > 1 else f"their only shared feature {names[0]!r}"
    columns += f" ({name_some(apart)} {'is' if len(apart) == 1 else 'are'} not in the test frame)" if apart else ""
    usual = f"Within one frame {show_share(repeats)} of the rows repeat another one."
    if len(equal) and not is_more(len(equal), shared.equal_by_chance):
        note += f"; {count(len(equal), 'row')} equal to a test row, no more than chance brings in columns of few values"
    elif len(equal):
        reason = f"{_say_rows(equal, table)} equal to a test row in {columns}{_say_labels(equal, shared.found, evidence)}. {usual} {_MEND}"
        clear = is_more(len(equal), shared.equal_usual)
        found.append(_report(equal, reason, (0.9 if clear else 0.4) * (1 - repeats)))
    near, said = _find_near(evidence, shared, columns, f"{usual} {_MEND}")
    return join_findings([*found, near]), note + said


def _find_near(evidence: Evidence, shared: Shared, columns: str, rest: str) -> tuple[pd.DataFrame, str]:
    """Report the rows that are nearly equal to a test row, where they are more than chance brings."""
    marks, expected, note = shared.near, shared.near_by_chance, ""
    try:
        likely, by_chance = match_likely(evidence.table, evidence.settings.test)
        marks, expected = (marks | likely) & ~shared.equal, expected + by_chance
    except Unmet as unmet:
        note = f"; rows were not compared for likeness: {unmet}"
    rows = np.flatnonzero(marks)
    if not len(rows) or not is_more(len(rows), expected):
        note += (
            f"; {count(len(rows), 'row')} nearly equal to a test row, no more than chance brings" if len(rows) else ""
        )
        return make_findings([], [], []), note
    how = "they differ in letter case, accents, spaces or signs, in digits beyond the fourth, or in a few of their values only"
    reason = f"{_say_rows(rows, evidence.table)} nearly equal to a test row in {columns}: {how}. {rest}"
    return _report(rows, reason, 0.7 * (1 - shared.repeats)), note


_MEND = "Take them out of one of the frames: a test on what was learnt by heart flatters."


def _say_rows(rows: Rows, table: Any) -> str:
    verb = "is" if len(rows) == 1 else "are"
    return f"{len(rows):,} of {count(len(table), 'row')} ({show_part(len(rows), len(table))}) {verb}"


def _say_labels(rows: Rows, found: Rows, evidence: Evidence) -> str:
    table, other = evidence.table, evidence.settings.test
    if table.label is None or table.label not in other.frame.columns:
        return ""
    own = np.asarray(canonicals(table.frame[table.label].iloc[rows]), dtype=object)
    its = np.asarray(canonicals(other.frame[table.label].iloc[found[rows]]), dtype=object)
    differ = int((own != its).sum())
    return f", {differ:,} of them with another label" if differ else ", with the same label"


def _find_keys(evidence: Evidence) -> Iterator[pd.DataFrame]:
    table, other = evidence.table, evidence.settings.test
    for names in (table.key, (table.groups,) if table.groups is not None else ()):
        if not names or any(name not in other.frame.columns for name in names):
            continue
        rows = np.flatnonzero(match_keys(table, other, names))
        if len(rows):
            named = ", ".join(map(repr, names))
            reason = f"{_say_rows(rows, table)} of a {named} that stands in the test frame too. {_MEND}"
            yield _report(rows, reason, 0.9, names[0] if len(names) == 1 else None)


def _report(rows: Rows, reason: str, doubt: float, column: str | None = None) -> pd.DataFrame:
    return make_findings([-1], doubt, reason, column=column, peers=[[int(r) for r in rows[:MOST_PEERS]]])


detector = Detector("leakage", find)
