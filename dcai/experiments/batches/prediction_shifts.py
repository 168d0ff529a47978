"""What past predictions are worth now: against their outcomes, against what their scores promised, and at their threshold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from dcai.base.display import show_share
from dcai.base.fingerprints import canonicals
from dcai.experiments.batches.divergences import compare_shares
from dcai.experiments.batches.predictions import Predictions
from dcai.experiments.batches.trials import Batches, Trial

Floats = npt.NDArray[np.float64]
Marks = npt.NDArray[np.bool_]
Left = dict[str, list[str]]

FLOOR = 0.03
FEWEST = 30
TOLD = 0.001  # p-value from which the reference tells which of two classes a score is of
_SIDES = ("reference", "current")


# ---------------------------------------------------------------- what they are worth


def compare_predictions(
    batches: Batches, found: Predictions, left: Left, *, numeric: bool, outcomes: bool
) -> Iterator[Trial]:
    """Compare what predictions are worth in the two batches; without current outcomes, what their scores let expect.

    Why something cannot be compared is put into `left`.
    """
    left |= {note: [] for note in found.notes}
    if numeric:
        yield from _compare_amounts(batches, found, left, outcomes=outcomes)
        return
    aimed = _aim(batches, found, left)
    if aimed is None:
        return
    true, known = _find_hits(batches, aimed, 0)
    if known.sum() < FEWEST:
        left[f"fewer than {FEWEST} reference rows have both a prediction and an outcome"] = []
        return
    now = _find_hits(batches, aimed, 1) if outcomes else None
    if now is not None and now[1].sum() < FEWEST:
        left[f"fewer than {FEWEST} current rows have both a prediction and an outcome"] = []
        now = None
    if now is not None:
        yield from _compare_outcomes(batches, aimed, (true, known), now, left)
    elif aimed.score is None:
        left["without outcomes only scores tell what to expect, and there are none"] = []
    else:
        scores = [_read_scores(batches, aimed.score, side) for side in (0, 1)]
        taught, asked = scores[0][known], scores[1][~np.isnan(scores[1])]
        if len(asked) < FEWEST:
            left[f"fewer than {FEWEST} current rows have a score"] = []
            return
        before, chance = (_calibrate(taught, true[known], its) for its in (taught, asked))
        yield from _expect(aimed, before, chance, [taught, asked])


def _compare_amounts(batches: Batches, found: Predictions, left: Left, *, outcomes: bool) -> Iterator[Trial]:
    """Compare predicted numbers with their outcomes."""
    if found.label is None:
        left[
            "the label is a number, of which no score is a probability: name the column of the predicted number as label"
        ] = []
    elif not outcomes:
        left["no outcomes are known yet, and a predicted number tells nothing without them"] = []
    else:
        yield from _compare_errors(batches, found.label, left)


def _compare_outcomes(
    batches: Batches, found: Predictions, before: tuple[Marks, Marks], now: tuple[Marks, Marks], left: Left
) -> Iterator[Trial]:
    """Hold predictions against what came true: how many are right, what scores promised, and the threshold."""
    if found.label is not None:
        right = [_match(batches, found.label, side) for side in (0, 1)]
        was, its = (hits[known] for hits, known in right)
        if min(len(was), len(its)) < FEWEST:
            left[f"fewer than {FEWEST} rows of one of the two have both a predicted label and an outcome"] = []
        else:
            yield _compare_hits(was, its)
    if found.score is None:
        return
    scores = [_read_scores(batches, found.score, side) for side in (0, 1)]
    (was, there), (came, known) = before, now
    chance = _calibrate(scores[0][there], was[there], scores[1][known])
    yield from _compare_promise(chance, came[known], int(there.sum()))
    if found.positive is None:
        left["no threshold compared: the score is of no one class; pass positive= with the predictions"] = []
    else:
        yield from _compare_threshold(found, scores, (before, now), left)


def _read_scores(batches: Batches, name: str, side: int) -> Floats:
    from dcai.findings.features.vectors import to_numbers

    return to_numbers(batches.column(name, side))


def _aim(batches: Batches, found: Predictions, left: Left) -> Predictions | None:
    """Say which class a score alone is of: of two, the one whose reference rows have the higher scores."""
    if found.positive is not None or found.label is not None:
        return found
    from scipy import stats

    assert found.score is not None  # there is one of the two
    texts, scores = canonicals(batches.column(str(batches.label), 0)), _read_scores(batches, found.score, 0)
    classes = sorted({t for t in texts if t is not None})
    if len(classes) == 2:  # noqa: PLR2004 (the score of one class is that of the other, turned)
        sides = [scores[(texts == name) & ~np.isnan(scores)] for name in classes]
        if min(map(len, sides)):
            told = stats.mannwhitneyu(sides[1], sides[0], method="asymptotic")
            if told.pvalue <= TOLD:
                positive = classes[int(told.statistic > len(sides[0]) * len(sides[1]) / 2)]
                shown = batches.show(positive, str(batches.label))
                left[f"the score was taken for that of {shown!r}, as the reference has it"] = []
                return replace(found, positive=positive)
    left["the scores alone do not tell of which class they are: pass predictions={'score': ..., 'positive': ...}"] = []
    return None


def _find_hits(batches: Batches, found: Predictions, side: int) -> tuple[Marks, Marks]:
    """Return for each row whether what the score speaks of came true, and where that is known."""
    if found.positive is not None:
        texts = canonicals(batches.column(str(batches.label), side))
        true, known = texts == found.positive, np.array([t is not None for t in texts], dtype=bool)
    else:
        true, known = _match(batches, str(found.label), side)
    if found.score is not None:
        known = known & ~np.isnan(_read_scores(batches, found.score, side))
    return np.asarray(true, dtype=bool), known


def _match(batches: Batches, name: str, side: int) -> tuple[Marks, Marks]:
    given, said = (canonicals(batches.column(str(c), side)) for c in (batches.label, name))
    known = np.array([a is not None and b is not None for a, b in zip(given, said, strict=True)], dtype=bool)
    return np.asarray(given == said, dtype=bool), known


def _compare_hits(before: Marks, now: Marks) -> Trial:
    found = compare_shares(int(before.sum()), len(before), int(now.sum()), len(now))
    drop = float(before.mean() - now.mean())
    text = f"The predictions are right in {show_share(float(now.mean()))} of the current rows, in the reference in {show_share(float(before.mean()))}."
    return Trial("predictions", None, text, found.p, max(drop, 0.0), FLOOR, found.test, "drop of accuracy")


def _compare_errors(batches: Batches, name: str, left: Left) -> Iterator[Trial]:
    from scipy import stats

    from dcai.findings.features.vectors import to_numbers

    errors = []
    for side in (0, 1):
        gap = np.abs(to_numbers(batches.column(str(batches.label), side)) - to_numbers(batches.column(name, side)))
        errors.append(gap[~np.isnan(gap)])
    for rows, its in zip(_SIDES, errors, strict=True):
        if len(its) < FEWEST:
            left[f"fewer than {FEWEST} {rows} rows have both a prediction and an outcome"] = []
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


def _compare_threshold(found: Predictions, scores: list[Floats], hits: Any, left: Left) -> Iterator[Trial]:
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
        left[f"no threshold compared: fewer than {FEWEST} rows are above it, or of the class, in one of the two"] = []
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
