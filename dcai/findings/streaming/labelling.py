"""Wrong labels among many millions: a model and a picture of the noise from a sample, applied to every row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.display import show_share
from dcai.base.fingerprints import canonical
from dcai.findings.evidence import MOSTLY, Unmet
from dcai.findings.labels.classes import Labels, read_labels
from dcai.findings.labels.estimates import judge_suggestions
from dcai.findings.streaming.judges import Mixture, Views, fit_mixtures
from dcai.findings.streaming.survey import find_repeated

if TYPE_CHECKING:
    from dcai.findings.evidence import Evidence
    from dcai.findings.streaming.sources import Source
    from dcai.findings.streaming.survey import Survey

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]
Codes = npt.NDArray[np.intp]

PROFILE_ROWS = 100_000  # of the label's spellings, each in its share
STEPS = 3  # of unmixing, as for tables in memory
CAUGHT = 0.995  # of what the dearer models flag must be among the rows that they are shown
MOST_SHOWN = 0.5  # beyond this share of the rows the cheap look is not worth its cost,
SHOWN_ROWS = 1_000_000  # and more rows than this are never shown to dear models
GAIN = 0.02  # of the loss that dearer models must save
KEPT = 4  # times as many candidates are kept between batches as are listed at last
_POINTS = 20_000
_TINY = 1e-12


class Found(NamedTuple):
    """The rows that are flagged, the worst first: positions, doubt, given and suggested class, and their probabilities."""

    rows: Rows
    doubt: Floats
    given: Codes
    best: Codes
    chances: Floats

    def take(self, places: npt.NDArray[np.integer]) -> Found:
        """Keep some."""
        return Found(*(part[places] for part in self))


class Judged(NamedTuple):
    """What is known of all labels: a doubt of each row, the worst of the flagged ones, how many there are, and notes."""

    doubt: npt.NDArray[np.float32]
    found: Found
    flagged: int
    judged: int
    notes: list[str]


def read_stored_labels(survey: Survey, name: str, dtype: Any) -> tuple[Labels, Codes]:
    """Read the label column from its distinct values: the classes, and the class of each distinct value (last: none)."""
    assert survey.labels is not None
    counts = np.bincount(survey.labels[survey.labels >= 0], minlength=len(survey.names))
    share = min(1.0, PROFILE_ROWS / max(counts.sum(), 1))
    repeats = np.maximum(np.rint(counts * share), 1).astype(np.intp)
    profile = pd.Series([survey.names[place] for place in np.repeat(np.arange(len(counts)), repeats)], dtype=object)
    labels = read_labels(profile.astype(dtype), name)
    firsts = np.cumsum(repeats) - repeats
    classes = labels.codes[firsts]
    by_text: dict[str | None, int] = {}
    for value, number in zip(survey.names, counts.tolist(), strict=True):
        by_text[canonical(value)] = by_text.get(canonical(value), 0) + number
    variants = tuple(
        type(v)(v.spelling, v.name, by_text[canonical(v.spelling)], by_text[canonical(v.name)], v.how, v.sure)
        for v in labels.variants
    )
    known = Labels(labels.names, labels.codes, labels.given[firsts], variants)
    return known, np.append(classes, -1)


def narrow_labels(labels: Labels, codes: Codes) -> tuple[Labels, Codes]:
    """Keep the classes that some rows hold; also return the new number of each class, -1 for one that is not held."""
    held = np.unique(codes[codes >= 0])
    places = np.full(len(labels.names) + 1, -1, dtype=np.intp)
    places[held] = np.arange(len(held))
    names = np.array([*labels.names, None], dtype=object)[:-1]
    given = np.array([*names, None], dtype=object)[codes]
    return Labels(tuple(names[held]), places[codes], given, ()), places


def check_learnable(labels: Labels) -> None:
    """Refuse a sample whose labels no model can learn."""
    counts = labels.counts
    if len(counts) < 2:  # noqa: PLR2004 (a comparison needs two)
        raise Unmet("the sample holds rows of one class only: the others are too rare to be learnt")
    if counts[counts == 1].sum() > MOSTLY * counts.sum():
        raise Unmet(
            f"most of the {counts.sum():,} labels of the sample occur only once ({len(counts):,} classes): the column looks like "
            "an identifier or free text. Name another label column"
        )


@dataclass(frozen=True, eq=False)
class Unmixer:
    """How given classes come of true ones, by a sample; see `dcai.findings.labels.noise`."""

    matrix: Floats

    @classmethod
    def fit(cls, probabilities: Floats, codes: Codes) -> Unmixer:
        """Learn which class is given how often for which true one."""
        rows = np.flatnonzero(codes >= 0)
        given, known, size = probabilities[rows], codes[rows], probabilities.shape[1]
        hard = np.zeros((size, size))
        np.add.at(hard, (given.argmax(axis=1), known), 1.0)
        joint = hard + given.T @ np.eye(size)[known] + _TINY
        return cls(0.98 * joint / joint.sum(axis=1, keepdims=True) + 0.02 / size)

    def judge(self, probabilities: Floats, codes: Codes) -> tuple[Floats, Floats]:
        """Return how likely each given class is wrong, and the probabilities of the true ones."""
        truth = probabilities.copy()
        for _ in range(STEPS):
            truth *= (probabilities / np.maximum(truth @ self.matrix, _TINY)) @ self.matrix.T
            truth /= np.maximum(truth.sum(axis=1, keepdims=True), _TINY)
        every = np.arange(len(codes))
        likely = np.maximum((truth @ self.matrix)[every, codes], _TINY)
        rank = np.clip(1 - truth[every, codes] * self.matrix[codes, codes] / likely, 0.0, 1.0)
        return rank, truth


@dataclass(frozen=True, eq=False)
class Verdicts:
    """The sample's noise as a rule for any row.

    Attributes
    ----------
    cheap, full : Mixture
        The models that every row is shown to, and those that only rows are shown to which may be flagged.
    unmixer : Unmixer
        Of the full mixture.
    curve, first : pair of arrays
        The doubt by the rank, and the doubt of a row that is not shown to the full mixture by the cheap one's.
    threshold, bar : float
        The rank from which rows are flagged, and the cheap doubt from which they are shown to the full mixture.
    shown, caught : float
        The share of rows that is shown, and that of what the full mixture flags in the sample which is among them.
    """

    cheap: Mixture
    full: Mixture
    unmixer: Unmixer
    curve: tuple[Floats, Floats]
    first: tuple[Floats, Floats]
    threshold: float
    bar: float
    shown: float
    caught: float

    def look(self, chances: Floats, codes: Codes) -> tuple[Floats, npt.NDArray[np.bool_], Codes]:
        """Return the doubt of rows that the full mixture has judged, which are flagged, and the best other class."""
        rank, truth = self.unmixer.judge(chances, codes)
        truth[np.arange(len(codes)), codes] = -1.0
        return _look_up(rank, self.curve), rank >= self.threshold, truth.argmax(axis=1)


def learn_verdicts(evidence: Evidence, cheap: Mixture, dearer: Mixture | None, rows: int) -> Verdicts:
    """Turn what the sample shows into a rule for any of so many rows; the evidence gets its probabilities by this."""
    full = dearer if dearer is not None and dearer.loss < (1 - GAIN) * cheap.loss else cheap
    evidence.__dict__["_predicted"] = (full.sampled, full.note)
    codes, noise = evidence.labels.codes, evidence.noise
    known = evidence.labels.known
    unmixer = Unmixer.fit(full.sampled, codes)
    rank, _ = unmixer.judge(full.sampled[known], codes[known])
    flagged, doubt = noise.flagged[known], noise.doubt[known]
    number = int(flagged.sum())
    threshold = float(np.sort(rank)[-number]) if number else np.inf
    curve = _fit_curve(rank, doubt)
    easy = 1 - cheap.sampled[known, codes[known]]
    bar, shown, caught = 0.0, 1.0, 1.0
    if full is not cheap and number:
        bar = float(np.quantile(easy[flagged], 1 - CAUGHT))
        if (easy >= bar).mean() > MOST_SHOWN and rows <= SHOWN_ROWS:
            bar = 0.0
        elif rows > SHOWN_ROWS:
            bar = max(bar, float(np.quantile(easy, 1 - SHOWN_ROWS / rows)))
        shown, caught = float((easy >= bar).mean()), float((easy[flagged] >= bar).mean())
    rest = easy < bar
    first = _fit_curve(easy[rest], doubt[rest]) if rest.any() else curve
    return Verdicts(cheap, full, unmixer, curve, first, threshold, bar, shown, caught)


def _fit_curve(rank: Floats, doubt: Floats) -> tuple[Floats, Floats]:
    """Fit a rising curve of the doubt by the rank, as few corners."""
    from sklearn.isotonic import IsotonicRegression

    found = IsotonicRegression(out_of_bounds="clip").fit(rank, doubt)
    return np.asarray(found.X_thresholds_), np.asarray(found.y_thresholds_)


def _look_up(rank: Floats, curve: tuple[Floats, Floats]) -> Floats:
    """Read a curve at ranks from 0 to 1, in steps that are finer than what a sample can tell."""
    steps = np.interp(np.linspace(0, 1, _POINTS + 1), *curve)
    return np.asarray(steps[np.rint(np.clip(rank, 0.0, 1.0) * _POINTS).astype(np.intp)])


class Collector:
    """Keeps the worst of what is flagged."""

    def __init__(self, most: int, ties: npt.NDArray[np.uint64]) -> None:
        self.most, self.ties = most, ties
        self.parts: list[Found] = []
        self.flagged = self.held = 0

    def add(self, part: Found) -> None:
        """Add the flagged rows of a batch."""
        self.flagged += len(part.rows)
        self.held += len(part.rows)
        self.parts.append(part)
        if self.held > KEPT * self.most:
            self.parts = [self.finish()]
            self.held = len(self.parts[0].rows)

    def finish(self) -> Found:
        """Return the worst, equal doubts by their content so that the order of rows does not matter."""
        joined = Found(*(np.concatenate([part[i] for part in self.parts]) for i in range(len(Found._fields))))
        order = np.lexsort((self.ties[joined.rows], -joined.doubt))
        return joined.take(order[: self.most])


def judge_labels(  # noqa: PLR0917 (what a pass over all rows needs)
    source: Source,
    survey: Survey,
    evidence: Evidence,
    sampled: Rows,
    classes: Codes,
    most: int,
    tell: Callable[[int], None],
) -> Judged:
    """Judge every label.

    Parameters
    ----------
    source, survey : Source, Survey
        The data, and what the first pass counted.
    evidence : Evidence
        The sample, with its labels read.
    sampled : array of int
        Where the rows of the evidence stand in the source.
    classes : array of int
        The class, as the sample numbers it, of each distinct label; -1 for none, and as the last.
    most : int
        So many flagged rows are kept, the worst.
    tell : callable
        Told how many rows are judged.
    """
    assert survey.labels is not None
    labels = evidence.labels
    if not evidence.roles:
        raise Unmet("no column can serve as a feature")
    views = Views(evidence.roles, evidence.table.frame)
    cheap, dearer = fit_mixtures(evidence, views, len(labels.names))
    rule = learn_verdicts(evidence, cheap, dearer, len(source))
    doubt = np.zeros(len(source), dtype=np.float32)
    kept = Collector(most, survey.whole)
    apart = np.zeros(len(source), dtype=np.bool_)
    apart[sampled] = True
    copies = _find_copies(survey, sampled, apart)
    apart[copies] = True
    needed = list(dict.fromkeys([*cheap.views, *rule.full.views]))
    for start, batch in source.read_batches(views.columns):
        end = start + batch.num_rows
        codes = classes[survey.labels[start:end]]
        _judge_batch(rule, views.show(batch, needed), start, codes, apart[start:end], doubt[start:end], kept)
        tell(end)
    noise = evidence.noise
    _judge_known(rule, evidence, survey, sampled, copies, classes, doubt, kept)
    doubt[sampled] = noise.doubt
    doubt[(survey.labels >= 0) & (classes[survey.labels] < 0)] = np.nan  # classes that the sample does not hold
    found = kept.finish()
    judged = int((classes[survey.labels] >= 0).sum())
    return Judged(doubt, found, kept.flagged, judged, _describe(rule, len(sampled), len(copies)))


def _judge_batch(  # noqa: PLR0917 (the parts of a batch)
    rule: Verdicts,
    shown: Mapping[str, Any],
    start: int,
    codes: Codes,
    apart: npt.NDArray[np.bool_],
    doubt: npt.NDArray[np.float32],
    kept: Collector,
) -> None:
    """Judge the rows of a batch that no model has seen."""
    rows = np.flatnonzero((codes >= 0) & ~apart)
    if not len(rows):
        return
    every = {name: view if len(rows) == len(codes) else view[rows] for name, view in shown.items()}
    chances = rule.cheap.predict(every)
    given = codes[rows]
    if rule.bar > 0:
        easy = 1 - chances[np.arange(len(rows)), given]
        doubt[rows] = _look_up(easy, rule.first)
        its = np.flatnonzero(easy >= rule.bar)
        rows, given = rows[its], given[its]
        chances = rule.full.predict({name: view[its] for name, view in every.items()}) if len(its) else chances[its]
    elif rule.full is not rule.cheap:
        chances = rule.full.predict(every)
    found, flagged, best = rule.look(chances, given)
    doubt[rows] = found
    its = np.flatnonzero(flagged)
    kept.add(Found(rows[its] + start, found[its], given[its], best[its], chances[its]))


def _find_copies(survey: Survey, sampled: Rows, apart: npt.NDArray[np.bool_]) -> Rows:
    """Find the rows beside the sample whose features are those of a row of it: the models have seen them too."""
    again = find_repeated(survey.features)
    again = again[~apart[again]]
    return again[np.isin(survey.features[again], survey.features[sampled])]


def _judge_known(  # noqa: PLR0917 (both kinds of rows that the models have seen)
    rule: Verdicts,
    evidence: Evidence,
    survey: Survey,
    sampled: Rows,
    copies: Rows,
    classes: Codes,
    doubt: npt.NDArray[np.float32],
    kept: Collector,
) -> None:
    """Judge the rows of the sample by the models that have not seen them, and copies as the row that they equal."""
    assert survey.labels is not None
    noise, codes = evidence.noise, evidence.labels.codes
    its = np.flatnonzero(noise.flagged)
    _, _, best = rule.look(rule.full.sampled[its], codes[its])
    kept.add(Found(sampled[its], noise.doubt[its], codes[its], best, rule.full.sampled[its]))
    given = classes[survey.labels[copies]]
    copies, given = copies[given >= 0], given[given >= 0]
    if len(copies):
        order = np.argsort(survey.features[sampled], kind="stable")
        twins = order[np.searchsorted(survey.features[sampled], survey.features[copies], sorter=order)]
        chances = rule.full.sampled[twins]
        found, flagged, best = rule.look(chances, given)
        doubt[copies] = found
        its = np.flatnonzero(flagged)
        kept.add(Found(copies[its], found[its], given[its], best[its], chances[its]))


def _describe(rule: Verdicts, sampled: int, copies: int) -> list[str]:
    notes = [f"models learnt from a sample of {sampled:,} rows, drawn by content, and judged all others"]
    if copies:
        notes.append(f"{copies:,} rows that equal one of the sample were judged as that one")
    if rule.bar > 0:
        notes.append(
            f"{rule.cheap.note} looked at every row, {rule.full.note} at the {show_share(rule.shown)} of rows that held "
            f"{show_share(rule.caught)} of what it flags in the sample"
        )
    else:
        notes.append(rule.full.note)
    notes.append("forests, kernels and neighbours were left out, for they cost too much a row")
    return notes


def suggest_sure(evidence: Evidence, found: Found) -> Floats:
    """Estimate how likely each suggestion is right: as for the rows of the sample that are predicted alike."""
    sample, codes, known = evidence.probabilities, evidence.labels.codes, evidence.labels.known
    others = sample[known].copy()
    others[np.arange(len(known)), codes[known]] = -1.0
    best = others.argmax(axis=1)
    sure = judge_suggestions(sample, codes, known, best)
    share = sure / np.clip(_prefer(sample[known], codes[known], best), _TINY, 1.0)
    at = sample[known].argmax(axis=1), sample[known].max(axis=1), sample[known].argmax(axis=1) != codes[known]
    asked = found.chances.argmax(axis=1), found.chances.max(axis=1), found.chances.argmax(axis=1) != found.given
    made = np.zeros(len(found.rows))
    for code in range(sample.shape[1]):
        for differs in (False, True):
            like = np.flatnonzero((at[0] == code) & (at[2] == differs))
            rows = np.flatnonzero((asked[0] == code) & (asked[2] == differs))
            if len(like) and len(rows):
                order = like[np.argsort(at[1][like], kind="stable")]
                made[rows] = np.interp(asked[1][rows], at[1][order], share[order])
    return np.asarray(np.clip(made * _prefer(found.chances, found.given, found.best), 0.0, 1.0))


def _prefer(chances: Floats, given: Codes, best: Codes) -> Floats:
    """Say how far a class is preferred to all others but the given one."""
    every = np.arange(len(given))
    return np.asarray(np.clip(chances[every, best] / np.maximum(1 - chances[every, given], _TINY), 0.0, 1.0))
