"""What past predictions are worth now: against their outcomes, against what their scores promised, and at their threshold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.display import show_share
from dcai.base.errors import InputError
from dcai.base.fingerprints import canonical, canonicals
from dcai.base.table import read_frame
from dcai.experiments.divergences import compare_shares
from dcai.experiments.trials import Batches, Trial

Floats = npt.NDArray[np.float64]
Marks = npt.NDArray[np.bool_]

FLOOR = 0.03
FEWEST = 30
FIELDS = ("label", "score", "threshold", "positive")
LABEL, SCORE = "(predicted label)", "(predicted score)"
THRESHOLD = 0.5


@dataclass(frozen=True)
class Predictions:
    """Where predictions stand: the column of the predicted label, of its score, and how a decision was made of it.

    `score` is the probability of the class `positive` where that is named, else the confidence in the predicted label.
    """

    label: str | None = None
    score: str | None = None
    threshold: float = THRESHOLD
    positive: str | None = None

    @property
    def columns(self) -> frozenset[str]:
        """The columns that hold them."""
        return frozenset(c for c in (self.label, self.score) if c is not None)


def read_predictions(
    given: Any, reference: pd.DataFrame, current: pd.DataFrame
) -> tuple[Predictions | None, pd.DataFrame, pd.DataFrame]:
    """Return where predictions stand, and the frames with them.

    Raises
    ------
    InputError
        Where a column does not exist, a field is unknown, or predictions and rows are not as many.
    """
    if given is None:
        return None, reference, current
    if isinstance(given, (tuple, list)) and len(given) == 2:  # noqa: PLR2004 (one of each)
        return _join(given, reference, current)
    fields: dict[str, Any]
    if isinstance(given, str):
        fields = {"score" if _is_score(reference, given) else "label": given}
    elif isinstance(given, Mapping):
        fields = {str(k): v for k, v in given.items()}
    else:
        raise InputError.wrong_value(
            "predictions",
            "drift",
            "a column, a mapping with label, score, threshold, positive, or a pair of tables",
            given,
        )
    for name in fields:
        if name not in FIELDS:
            raise InputError.unknown_name("field of predictions", name, FIELDS)
    for name in ("label", "score"):
        for frame in (reference, current) if name in fields else ():
            if fields[name] not in frame.columns:
                raise InputError.unknown_name("column of predictions", fields[name], frame.columns)
    if not {"label", "score"} & set(fields):
        raise InputError.wrong_value("predictions", "drift", "a mapping with label or score at least", given)
    threshold = fields.get("threshold", THRESHOLD)
    if isinstance(threshold, bool) or not isinstance(threshold, (int, float)):
        raise InputError.wrong_value("predictions['threshold']", "drift", "a number", threshold)
    positive = fields.get("positive")
    return (
        Predictions(fields.get("label"), fields.get("score"), float(threshold), None if positive is None else canonical(positive)),
        reference,
        current,
    )  # fmt: skip


def _is_score(frame: pd.DataFrame, name: str) -> bool:
    if name not in frame.columns:
        raise InputError.unknown_name("column of predictions", name, frame.columns)
    column = frame[name]
    return bool(pd.api.types.is_float_dtype(column.dtype) and column.dropna().between(0, 1).all())


def _join(given: Any, reference: pd.DataFrame, current: pd.DataFrame) -> tuple[Predictions, pd.DataFrame, pd.DataFrame]:
    """Put predictions in tables of their own, as runs save them, beside the rows; they stand in the same order."""
    frames = []
    held: list[set[str]] = []
    for frame, own, what in zip((reference, current), given, ("reference", "current"), strict=True):
        table = read_frame(own)
        if len(table) != len(frame):
            raise InputError(
                f"There are {len(table):,} predictions for {len(frame):,} {what} rows. Expected one for each row, in the same order."
            )
        found = {
            new: table[old].to_numpy() for old, new in (("label", LABEL), ("score", SCORE)) if old in table.columns
        }
        if not found:
            raise InputError.unknown_name("column of predictions", "label", table.columns, "Expected label or score.")
        frames.append(frame.assign(**found))
        held.append(set(found))
    both = held[0] & held[1]
    return Predictions(LABEL if LABEL in both else None, SCORE if SCORE in both else None), frames[0], frames[1]


# ---------------------------------------------------------------- what they are worth


def compare_predictions(batches: Batches, found: Predictions, *, numeric: bool, outcomes: bool) -> Iterator[Trial]:
    """Compare what predictions are worth in the two batches; without current outcomes, what their scores let expect."""
    if numeric:
        if outcomes and found.label is not None:
            yield from _compare_errors(batches, found.label)
        return
    hits = [_find_hits(batches, found, side) for side in (0, 1 if outcomes else 0)]
    if any(hit is None or hit[1].sum() < FEWEST for hit in hits):
        return
    (before, there), now = hits[0], hits[1]  # type: ignore[misc]  # none is None here
    if outcomes and found.label is not None:
        right, known = _match(batches, found.label, 1)
        was, had = _match(batches, found.label, 0)
        yield _compare_hits(was[had], right[known])
    if found.score is not None:
        scores = [_read_scores(batches, found.score, side) for side in (0, 1)]
        chance = _calibrate(scores[0][there], before[there], scores[1])
        if outcomes:
            assert now is not None
            yield from _compare_promise(chance[now[1]], now[0][now[1]], int(there.sum()))
        else:
            taught = scores[0][there]
            yield from _expect(found, _calibrate(taught, before[there], taught), chance, [taught, scores[1]])
        if outcomes and found.positive is not None:
            yield from _compare_threshold(found, scores, hits)


def _read_scores(batches: Batches, name: str, side: int) -> Floats:
    from dcai.findings.features.vectors import to_numbers

    values = to_numbers(batches.column(name, side))
    return np.where(np.isnan(values), float(np.nanmean(values)) if (~np.isnan(values)).any() else 0.5, values)


def _find_hits(batches: Batches, found: Predictions, side: int) -> tuple[Marks, Marks] | None:
    """Return for each row whether what the score speaks of came true, and where that is known."""
    if batches.label is None:
        return None
    if found.positive is not None:
        texts = canonicals(batches.column(batches.label, side))
        return texts == found.positive, np.array([t is not None for t in texts], dtype=bool)
    return None if found.label is None else _match(batches, found.label, side)


def _match(batches: Batches, name: str, side: int) -> tuple[Marks, Marks]:
    given, said = (canonicals(batches.column(str(c), side)) for c in (batches.label, name))
    known = np.array([a is not None and b is not None for a, b in zip(given, said, strict=True)], dtype=bool)
    return np.asarray(given == said, dtype=bool), known


def _compare_hits(before: Marks, now: Marks) -> Trial:
    found = compare_shares(int(before.sum()), len(before), int(now.sum()), len(now))
    drop = float(before.mean() - now.mean())
    text = f"The predictions are right in {show_share(float(now.mean()))} of the current rows, in the reference in {show_share(float(before.mean()))}."
    return Trial("predictions", None, text, found.p, max(drop, 0.0), FLOOR, found.test, "drop of accuracy")


def _compare_errors(batches: Batches, name: str) -> Iterator[Trial]:
    from scipy import stats

    from dcai.findings.features.vectors import to_numbers

    errors = []
    for side in (0, 1):
        gap = np.abs(to_numbers(batches.column(str(batches.label), side)) - to_numbers(batches.column(name, side)))
        errors.append(gap[~np.isnan(gap)])
    if min(map(len, errors)) < FEWEST:
        return
    p = float(stats.mannwhitneyu(errors[1], errors[0], alternative="greater", method="asymptotic").pvalue)
    means = [float(e.mean()) for e in errors]
    text = f"The predictions are {means[1]:.4g} off on average, in the reference {means[0]:.4g}."
    effect = max(means[1] / (means[0] or 1.0) - 1, 0.0)
    yield Trial(
        "predictions", None, text, p, effect, FLOOR, "rank test of errors", "rise of the mean error, in proportion"
    )


def _calibrate(scores: Floats, hits: Marks, asked: Floats) -> Floats:
    """Say how likely each score comes true, as learnt from the reference."""
    from sklearn.isotonic import IsotonicRegression

    curve = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(scores, hits.astype(np.float64))
    return np.asarray(curve.predict(asked), dtype=np.float64)


def _compare_promise(chance: Floats, hits: Marks, taught: int) -> Iterator[Trial]:
    """Compare what came true with what the scores promise, calibrated on the reference."""
    from scipy import stats

    promised, came = float(chance.mean()), float(hits.mean())
    one = float((chance * (1 - chance)).mean())
    # Both samples are finite: the outcomes, and the reference that the promise was learnt from.
    error = np.sqrt(max(one, promised * (1 - promised) / 10) * (1 / len(hits) + 1 / taught))
    p = float(2 * stats.norm.sf(abs(came - promised) / error)) if error else 1.0
    text = (
        f"By their scores {show_share(promised)} of the predictions should have come true, and {show_share(came)} did: "
        f"the scores promise {'too much' if came < promised else 'too little'}."
    )
    yield Trial(
        "calibration",
        None,
        text,
        p,
        abs(came - promised),
        FLOOR,
        "outcomes against calibrated scores",
        "difference of shares",
    )


def _expect(found: Predictions, before: Floats, now: Floats, scores: list[Floats]) -> Iterator[Trial]:
    """Estimate from the scores alone how many predictions are right: the outcomes are not there yet."""
    from scipy import stats

    parts = []
    for chance, raw in ((before, scores[0]), (now, scores[1])):
        wins = raw >= found.threshold if found.positive is not None else np.ones(len(chance), dtype=bool)
        parts.append(np.where(wins, chance, 1 - chance))
    drop = float(parts[0].mean() - parts[1].mean())
    p = float(stats.ks_2samp(parts[0], parts[1], method="asymp").pvalue)
    shares = [show_share(float(part.mean())) for part in parts]
    text = f"By their scores {shares[1]} of the current predictions are right, in the reference {shares[0]}; there are no outcomes yet."
    yield Trial(
        "expected_performance",
        None,
        text,
        p,
        max(drop, 0.0),
        FLOOR,
        "Kolmogorov-Smirnov of calibrated scores",
        "drop of expected accuracy",
    )


def _compare_threshold(found: Predictions, scores: list[Floats], hits: Any) -> Iterator[Trial]:
    """Compare precision and recall at the threshold, and say where it would have to be."""
    tried = []
    for what, pick in (("precision", 0), ("recall", 1)):
        parts = []
        for score, (true, known) in zip(scores, hits, strict=True):
            chosen = score >= found.threshold
            base, hit = (chosen & known, true) if pick == 0 else (true & known, chosen)
            parts.append((int((base & hit).sum()), int(base.sum())))
        if min(rows for _, rows in parts) >= FEWEST:
            tried.append((compare_shares(*parts[0], *parts[1]), what, parts))
    if not tried:
        return
    best, what, parts = min(tried, key=lambda t: t[0].p)
    shares = [hit / rows for hit, rows in parts]
    other = _find_threshold(scores[1], hits[1][0], hits[1][1], what, shares[0])
    advice = f" It would take {other:.3g} now." if other is not None else " No threshold reaches that now."
    text = f"At the threshold {found.threshold:g} the {what} is {show_share(shares[1])}, in the reference {show_share(shares[0])}.{advice}"
    yield Trial(
        "threshold", None, text, min(1.0, best.p * len(tried)), best.effect, FLOOR, best.test, f"difference of {what}"
    )


def _find_threshold(scores: Floats, true: Marks, known: Marks, what: str, aim: float) -> float | None:
    """Find the threshold that reaches the aim and keeps the other measure as high as it can be."""
    order = np.argsort(-scores[known], kind="stable")
    hits, ranked = np.cumsum(true[known][order]), scores[known][order]
    reached = hits / np.arange(1, len(hits) + 1) if what == "precision" else hits / max(int(hits[-1]), 1)
    places = np.flatnonzero(reached >= aim)
    places = places[places >= FEWEST - 1] if what == "precision" else places[:1]
    return float(ranked[places[-1]]) if len(places) else None
