"""The people behind a log: how they decide, how far they agree, and where the classes themselves are unclear."""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from dcai.base.errors import shorten
from dcai.base.fingerprints import canonical
from dcai.base.records import Correction, Scalar
from dcai.corrections.decisions.standing import find_active, key_text, outcome_of, was_looked_at

LEVEL = 0.95
# A pair of classes is reported as unclear from so many decisions on that say so.
FEWEST = 2
ALL = "(all)"
_TWO = 2

REVIEWERS = [
    "by", "decisions", "blind", "controls", "wrong", "error", "error_low", "error_high",
    "anchored", "anchoring", "anchoring_low", "anchoring_high", "repeats", "changed",
]  # fmt: skip
AGREEMENT = ["one", "other", "cells", "agree", "share", "kappa"]
UNCLEAR = ["one", "other", "unclear", "decided", "share", "low", "says"]

Ratings = dict[Hashable, dict[str, Correction]]  # cell -> reviewer -> latest decision


def bound_share(hits: int, size: int, level: float = LEVEL) -> tuple[float, float]:
    """Return an exact interval of a share (Clopper and Pearson); without observations it is all of 0 to 1.

    Examples
    --------
    >>> [round(end, 3) for end in bound_share(0, 20)]
    [0.0, 0.168]
    """
    from scipy.special import betaincinv  # scipy.stats has it too, and takes a second to load

    tail = (1 - level) / 2
    low = 0.0 if hits == 0 else float(betaincinv(hits, size - hits + 1, tail))
    high = 1.0 if hits == size else float(betaincinv(hits + 1, size - hits, 1 - tail))
    return low, high


# ---------------------------------------------------------------- reviewers


def rate_reviewers(lines: Sequence[Correction], trials: Sequence[Correction]) -> pd.DataFrame:
    """Tabulate the reviewers of a log, with what trials say about them; one row each, by name."""
    decisions = _rate_cells(lines)
    tried = {(c.by, c.why.get("trial")): c for c in find_active(trials) if c.verdict != "undo"}
    latest = {place: c for place, c in tried.items() if c.verdict != "unsure"}
    people = sorted({c.by for c in [*lines, *trials] if c.verdict != "undo"})
    return pd.DataFrame([_rate(by, decisions, latest) for by in people], columns=REVIEWERS)


def _rate(by: str, decisions: Ratings, trials: Mapping[tuple[str, object], Correction]) -> dict[str, object]:
    own = [cell[by] for cell in decisions.values() if by in cell]
    tried = [line for (name, _), line in trials.items() if name == by]
    controls = [c for c in tried if "control" in c.why]
    wrong = sum(not _is(c, c.why["control"]["right"]) for c in controls)
    # Only a suggestion that is wrong tells who follows it from who is right.
    misled = [c for c in controls if canonical(c.why["control"]["suggested"]) != canonical(c.why["control"]["right"])]
    anchored = sum(_is(c, c.why["control"]["suggested"]) for c in misled)
    twice = [(c, decisions.get(_cell(c), {}).get(by)) for c in tried if "repeats" in c.why]
    pairs = [(one, other) for one, other in twice if other is not None]
    return {
        "by": by, "decisions": len(own), "blind": sum(bool(c.why.get("blind")) for c in own),
        "controls": len(controls), "wrong": wrong, **_share("error", wrong, len(controls)),
        "anchored": anchored, **_share("anchoring", anchored, len(misled)),
        "repeats": len(pairs), "changed": sum(outcome_of(one) != outcome_of(other) for one, other in pairs),
    }  # fmt: skip


def _share(name: str, hits: int, size: int) -> dict[str, float]:
    low, high = bound_share(hits, size)
    share = hits / size if size else float("nan")
    return {name: share, f"{name}_low": low, f"{name}_high": high}


def _is(line: Correction, value: Scalar) -> bool:
    """Whether a decision says that one value is right."""
    return outcome_of(line) == ("value", canonical(value))


def _cell(line: Correction) -> Hashable:
    return key_text(line.key), line.part, line.column


def _rate_cells(lines: Iterable[Correction]) -> Ratings:
    """Return each reviewer's latest decision about each cell that they looked at.

    Who settled a dispute had seen the others, and is left out, as are the rows of an accepted group and of a merge.
    """
    cells: Ratings = defaultdict(dict)
    for line in find_active(lines):
        if line.verdict != "undo" and not line.resolves:
            cells[_cell(line)][line.by] = line
    # Who has become unsure says nothing any more.
    return {
        cell: {by: c for by, c in said.items() if c.verdict != "unsure" and was_looked_at(c)}
        for cell, said in cells.items()
    }


def tell_reviewers(table: pd.DataFrame) -> list[str]:
    """Say what the trials say of each reviewer: the share of wrong decisions, and how often a suggestion misled them."""
    return [_tell_reviewer(about) for about in table.to_dict("records")]


def _tell_reviewer(about: Mapping[Hashable, Any]) -> str:
    said = [f"{about['by']}: {about['decisions']:,} {'cell' if about['decisions'] == 1 else 'cells'} decided"]
    if about["controls"]:
        span = f"{100 * about['error_low']:.0f} to {100 * about['error_high']:.0f} %"
        said.append(
            f"{about['wrong']} of {about['controls']} controls wrong, so about {100 * about['error']:.0f} % of all decisions ({span})"
        )
    if not math.isnan(about["anchoring"]):
        span = f"{100 * about['anchoring_low']:.0f} to {100 * about['anchoring_high']:.0f} %"
        said.append(f"a wrong suggestion was taken in {100 * about['anchoring']:.0f} % ({span})")
    if about["repeats"]:
        said.append(f"{about['changed']} of {about['repeats']} repeated findings decided otherwise")
    untried = "" if about["controls"] or about["repeats"] else "; no controls were decided, so the error is not known"
    return f"{'; '.join(said)}{untried}."


# ---------------------------------------------------------------- agreement


def measure_agreement(lines: Sequence[Correction]) -> pd.DataFrame:
    """Tabulate how far reviewers agree: a row for each two of them (Cohen's kappa), then one for all (Krippendorff's alpha)."""
    alone = len({c.by for c in lines}) < _TWO
    cells = [] if alone else [{by: outcome_of(c) for by, c in cell.items()} for cell in _rate_cells(lines).values()]
    people = sorted({by for cell in cells for by in cell})
    rows = []
    for one, other in itertools.combinations(people, 2):
        both = [(cell[one], cell[other]) for cell in cells if one in cell and other in cell]
        if both:
            agree = sum(a == b for a, b in both)
            rows.append((one, other, len(both), agree, agree / len(both), find_kappa(both)))
    shared = [list(cell.values()) for cell in cells if len(cell) > 1]
    if shared:
        agree = sum(len(set(units)) == 1 for units in shared)
        rows.append((ALL, ALL, len(shared), agree, agree / len(shared), find_alpha(shared)))
    return pd.DataFrame(rows, columns=AGREEMENT)


def tell_agreement(table: pd.DataFrame) -> str:
    """Say how far reviewers agree; empty where no cell was decided by several."""
    if not len(table):
        return ""
    people = len({*table["one"], *table["other"]} - {ALL})
    cells, share, alpha = (table.iloc[-1][name] for name in ("cells", "share", "kappa"))
    if cells == 1:
        return f"{people} reviewers {'agree' if share == 1 else 'disagree'} about the one cell that several decided."
    chance = "" if math.isnan(alpha) else f" (Krippendorff's alpha {alpha:.2f}; 1 is perfect, 0 is chance)"
    return f"{people} reviewers agree in {100 * share:.0f} % of {cells:,} cells that several decided{chance}."


def find_kappa(pairs: Sequence[tuple[Hashable, Hashable]]) -> float:
    """Return Cohen's kappa of two raters; NaN where both say one thing only, so that chance explains all.

    Examples
    --------
    >>> round(find_kappa([("a", "a"), ("a", "a"), ("b", "b"), ("a", "b")]), 3)
    0.5
    """
    size = len(pairs)
    one, other = Counter(a for a, _ in pairs), Counter(b for _, b in pairs)
    expected = sum(one[value] * other[value] for value in one) / size**2
    observed = sum(a == b for a, b in pairs) / size
    return float("nan") if expected == 1 else (observed - expected) / (1 - expected)


def find_alpha(units: Sequence[Sequence[Hashable]]) -> float:
    """Return Krippendorff's alpha of nominal ratings: units that several raters rated, in any number.

    Examples
    --------
    >>> find_alpha([["a", "a"], ["b", "b"], ["a", "a", "a"]])
    1.0
    """
    rated = [Counter(unit) for unit in units if len(unit) > 1]
    totals = sum(rated, Counter())
    size = totals.total()
    differing = sum(sum(unit[a] * (unit.total() - unit[a]) for a in unit) / (unit.total() - 1) for unit in rated)
    expected = sum(n * (size - n) for n in totals.values()) / (size - 1) if size > 1 else 0.0
    return float("nan") if expected == 0 else 1 - differing / expected


# ---------------------------------------------------------------- unclear definitions


def find_unclear(lines: Sequence[Correction], label: str | None) -> pd.DataFrame:
    """Find pairs of classes between which decisions were disputed or ambiguous: no noise, but an unclear definition.

    The pair that is most surely unclear comes first: they are ordered by the lower end of the interval of the share.
    """
    certain = len({c.by for c in lines}) < _TWO and all(c.verdict != "ambiguous" for c in lines)
    if label is None or certain:
        return pd.DataFrame(columns=UNCLEAR)
    at_issue: Counter[frozenset[str]] = Counter()
    unclear: Counter[frozenset[str]] = Counter()
    names: dict[str, Scalar] = {}
    for cell, by_person in _rate_cells(lines).items():
        if not isinstance(cell, tuple) or cell[2] != label:
            continue
        said = [_classes_of(line, names) for line in by_person.values()]
        doubted = {frozenset(p) for several, _ in said for p in itertools.combinations(sorted(several), _TWO)}
        chosen = {next(iter(several)) for several, _ in said if len(several) == 1}
        doubted |= {frozenset(p) for p in itertools.combinations(sorted(chosen), _TWO)}
        touched = {frozenset(p) for several, seen in said for p in itertools.product(several, seen) if len(set(p)) > 1}
        unclear.update(doubted)
        at_issue.update(touched | doubted)
    rows = []
    for pair, count in unclear.items():
        if count >= FEWEST:
            one, other = (names[mark] for mark in sorted(pair))
            low, _ = bound_share(count, at_issue[pair])
            rows.append(
                (
                    one,
                    other,
                    count,
                    at_issue[pair],
                    count / at_issue[pair],
                    low,
                    _say(one, other, count, at_issue[pair]),
                )
            )
    rows.sort(key=lambda r: (-r[5], -r[2], str(r[0]), str(r[1])))
    return pd.DataFrame(rows, columns=UNCLEAR)


def _classes_of(line: Correction, names: dict[str, Scalar]) -> tuple[set[str], set[str]]:
    """Return the classes that a decision says are right, and those that it was a choice among."""
    right = list(line.value) if isinstance(line.value, list) else [line.given if line.verdict == "keep" else line.value]
    seen = [line.given, line.why.get("suggested"), *right]
    marks = [{m: v for v in some if (m := canonical(v)) is not None} for some in (right, seen)]
    names |= marks[1]
    return set(marks[0]) if line.verdict != "exclude" else set(), set(marks[1])


def _say(one: Scalar, other: Scalar, count: int, size: int) -> str:
    a, b = (shorten(repr(v), 60) for v in (one, other))
    return (
        f"What is {a} and what {b} is not clearly defined: {count} of {size} decisions between them were disputed or ambiguous. "
        f"Say what tells them apart: review.define({a}, borderline=[...])."
    )
