"""Wrong labels among many millions: a model and a picture of the noise from a sample, applied to every row."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.findings.evidence import MOSTLY, Unmet
from dcai.findings.labels.classes import Labels, mark_class, read_labels
from dcai.findings.labels.estimates import judge_suggestions
from dcai.findings.labels.flips import Flips, fit_flips
from dcai.findings.labels.noise import UNDECIDED, join_ranks
from dcai.findings.streaming.judges import Mixture

if TYPE_CHECKING:
    from dcai.findings.evidence import Evidence
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
        by_text[mark_class(value)] = by_text.get(mark_class(value), 0) + number
    variants = tuple(
        type(v)(v.spelling, v.name, by_text[mark_class(v.spelling)], by_text[mark_class(v.name)], v.how, v.sure)
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
    flips: Flips

    @classmethod
    def fit(cls, probabilities: Floats, codes: Codes) -> Unmixer:
        """Learn which class is given how often for which true one."""
        rows = np.flatnonzero(codes >= 0)
        given, known, size = probabilities[rows], codes[rows], probabilities.shape[1]
        hard = np.zeros((size, size))
        np.add.at(hard, (given.argmax(axis=1), known), 1.0)
        joint = hard + given.T @ np.eye(size)[known] + _TINY
        matrix = 0.98 * joint / joint.sum(axis=1, keepdims=True) + 0.02 / size
        return cls(matrix, fit_flips(given, known))

    def judge(self, probabilities: Floats, codes: Codes) -> tuple[Floats, Floats]:
        """Return how likely each given class is wrong, and the probabilities of the true ones."""
        truth = probabilities.copy()
        for _ in range(STEPS):
            truth *= (probabilities / np.maximum(truth @ self.matrix, _TINY)) @ self.matrix.T
            truth /= np.maximum(truth.sum(axis=1, keepdims=True), _TINY)
        every = np.arange(len(codes))
        likely = np.maximum((truth @ self.matrix)[every, codes], _TINY)
        rank = np.clip(1 - truth[every, codes] * self.matrix[codes, codes] / likely, 0.0, 1.0)
        return join_ranks(rank, self.flips, probabilities, codes), truth


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
    threshold, likely, bar : float
        The rank from which rows are flagged, that from which a label is probably wrong, and the cheap doubt from which
        rows are shown to the full mixture.
    weak : bool
        Whether the models know so little that their disagreement alone is no reason to flag a row.
    shown, caught : float
        The share of rows that is shown, and that of what the full mixture flags in the sample which is among them.
    """

    cheap: Mixture
    full: Mixture
    unmixer: Unmixer
    curve: tuple[Floats, Floats]
    first: tuple[Floats, Floats]
    threshold: float
    likely: float
    bar: float
    weak: bool
    shown: float
    caught: float

    def look(self, chances: Floats, codes: Codes) -> tuple[Floats, npt.NDArray[np.bool_], Codes]:
        """Return the doubt of rows that the full mixture has judged, which are flagged, and the best other class."""
        if chances.shape[1] != 2:  # noqa: PLR2004 (of two classes one number says all)
            return self._judge(chances, codes)
        doubt, flagged = self._of_two
        places = np.rint(chances[:, 1] * _POINTS).astype(np.intp) + codes * (_POINTS + 1)
        return doubt[places], flagged[places], 1 - codes

    @cached_property
    def _of_two(self) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """The doubt, and whether a row is flagged: by the probability of the second of two classes, in steps, of each given."""
        second = np.tile(np.linspace(0.0, 1.0, _POINTS + 1), 2)
        return self._judge(np.column_stack([1 - second, second]), np.repeat([0, 1], _POINTS + 1))[:2]

    def _judge(self, chances: Floats, codes: Codes) -> tuple[Floats, npt.NDArray[np.bool_], Codes]:
        rank, truth = self.unmixer.judge(chances, codes)
        truth[np.arange(len(codes)), codes] = -1.0
        # As in memory: a row whose label the models themselves predict is not worth a look, unless it is probably wrong.
        worth = rank >= self.likely
        if not self.weak:
            worth |= chances.argmax(axis=1) != codes
        return look_up(rank, self.curve), worth & (rank >= self.threshold), truth.argmax(axis=1)


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
    threshold = float(rank[flagged].min(initial=np.inf))
    likely = float(rank[flagged & (doubt >= UNDECIDED)].min(initial=np.inf))
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
    return Verdicts(cheap, full, unmixer, curve, first, threshold, likely, bar, noise.weak, shown, caught)


def _fit_curve(rank: Floats, doubt: Floats) -> tuple[Floats, Floats]:
    """Fit a rising curve of the doubt by the rank, as few corners."""
    from sklearn.isotonic import IsotonicRegression

    found = IsotonicRegression(out_of_bounds="clip").fit(rank, doubt)
    return np.asarray(found.X_thresholds_), np.asarray(found.y_thresholds_)


def look_up(rank: Floats, curve: tuple[Floats, Floats]) -> Floats:
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
