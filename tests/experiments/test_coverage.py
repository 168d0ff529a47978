"""The intervals hold the true gain as often as they say: counted in many small studies, each with fixed seeds."""

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.naive_bayes import GaussianNB

from dcai.experiments.comparison import compare
from dcai.experiments.scores.intervals import estimate_interval

LEVEL = 0.95
APART, TAKEN = 1.5, 0.35  # how far the classes lie apart, and how many of the first are labelled as the second


def fewest(studies):
    """Return how many of so many intervals hold at least, unless the method is wrong or luck is one in a thousand."""
    return int(stats.binom.ppf(0.001, studies, LEVEL))


# ---------------------------------------------------------------- the method alone


def draw_rows(draw, rows):
    """Draw numbers of two classes of equal size, and their labels, some of which are wrong on one side."""
    truth = np.arange(rows) % 2
    given = np.where((truth == 0) & (draw.random(rows) < TAKEN), 1, truth)
    return draw.normal(APART * truth, 1.0), truth, given


def find_cut(x, labels):
    """Train a simple model: a cut between the means of the classes, nearer to that of the rarer one."""
    one, other = x[labels == 0], x[labels == 1]
    middle, apart = (one.mean() + other.mean()) / 2, other.mean() - one.mean()
    return middle + np.log(len(one) / len(other)) / max(apart, 0.3)


def rate_cut(cut):
    """Return how often a cut is right on rows without end."""
    return (stats.norm.cdf(cut) + stats.norm.sf(cut - APART)) / 2


def study(draw, rows, repeats, draws=100):
    """Measure the gain of true over given labels as `compare` does: models of resampled rows on resampled test rows."""
    x, truth, given = draw_rows(draw, rows)
    test, right, _ = draw_rows(draw, rows)
    drawn = draw.integers(0, rows, (draws, rows))
    strata = [np.flatnonzero(given == kind) for kind in (0, 1)]
    found = np.full((1 + repeats, 1 + draws), np.nan)
    for repeat in range(1 + repeats):
        picked = np.arange(rows) if not repeat else np.concatenate([draw.choice(one, len(one)) for one in strata])
        hits = [(test > find_cut(x[picked], labels[picked])) == right for labels in (given, truth)]
        gain = hits[1].astype(float) - hits[0]
        found[repeat] = [gain.mean(), *gain[drawn].mean(axis=1)]
    return found, int((given != truth).sum())


def test_intervals_hold_the_true_gain_and_the_check_tells_a_wrong_method():
    draw, studies, rows = np.random.default_rng(1), 400, 60
    fresh = [draw_rows(draw, rows) for _ in range(4000)]
    true = np.mean([rate_cut(find_cut(x, truth)) - rate_cut(find_cut(x, given)) for x, truth, given in fresh])
    assert true > 0.02
    held = naive = test_only = 0
    for _ in range(studies):
        found, spots = study(draw, rows, 5)
        low, high = estimate_interval(found[0, 0], found[1:], spots=spots)
        held += low <= true <= high
        # The mean of the repeats plus or minus its standard error, as if repeats were studies of their own.
        reach = stats.t.ppf(0.975, 4) * found[1:, 0].std(ddof=1) / np.sqrt(5)
        naive += abs(found[1:, 0].mean() - true) <= reach
        # The luck of the test rows alone.
        test_only += abs(found[0, 0] - true) <= 1.96 * found[1, 1:].std(ddof=1)
    assert held >= fewest(studies), held
    assert max(naive, test_only) < fewest(studies), "a method that is too sure is caught by this check"


# ---------------------------------------------------------------- compare as a whole


def make(draw, rows, first=0):
    """Draw rows of two classes, of which the first is often labelled as the second, and their true labels."""
    kind = draw.integers(0, 2, rows)
    frame = pd.DataFrame(
        {"id": np.arange(rows) + first, "x": draw.normal(APART * kind, 1.0), "z": draw.normal(size=rows)}
    )
    given = np.where((kind == 0) & (draw.random(rows) < TAKEN), 1, kind)
    return frame.assign(kind=np.array(["a", "b"])[given]), np.array(["a", "b"])[kind]


def test_compare_holds_the_true_gain(write_log):
    draw, studies, rows = np.random.default_rng(2), 16, 150
    test, _ = make(draw, 20_000)
    gains = []
    for _ in range(200):
        frame, truth = make(draw, rows)
        fits = [GaussianNB().fit(frame[["x", "z"]], labels) for labels in (truth, frame["kind"])]
        gains.append(np.subtract(*(model.score(test[["x", "z"]], test["kind"]) for model in fits)))
    true, held = float(np.mean(gains)), 0
    for number in range(studies):
        (frame, truth), (held_out, _) = make(draw, rows), make(draw, rows, rows)
        wrong = np.flatnonzero(frame["kind"] != truth)
        log = write_log(frame, "kind", {int(i): truth[i] for i in wrong}, key="id", name=f"{number}.jsonl")
        made = compare(frame, held_out, "kind", log, models=GaussianNB(), random_state=number).table
        held += made.loc["data-centric", "gain_low"] <= true <= made.loc["data-centric", "gain_high"]
    assert held >= fewest(studies), held
