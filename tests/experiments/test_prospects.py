"""Curves of rare classes, of groups and of odd sizes; what the next reviews may bring, and what an order is worth."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import get_scorer
from sklearn.naive_bayes import GaussianNB

from dcai.base.errors import InputError
from dcai.experiments.planting import plant
from dcai.experiments.prospects.efforts import Efforts, Worth, look_ahead
from dcai.experiments.prospects.growth import Growth, RightSize, draw_orders, grow, order_groups
from dcai.experiments.prospects.learning import curve
from dcai.experiments.samples.materials import prepare_materials
from dcai.experiments.scorecards import scorecard
from dcai.experiments.scores.measures import Bench


@pytest.fixture(scope="module")
def rare():
    """Return a thousand rows, ten of them of the second class."""
    draw = np.random.default_rng(0)
    kind = np.where(np.arange(1000) < 10, "yes", "no")
    return pd.DataFrame({"x": draw.normal(size=1000) + 4 * (kind == "yes"), "z": draw.normal(size=1000), "kind": kind})


def points(draws):
    """Return draws of five models: a score on all test rows, then on a hundred draws."""
    return np.repeat(np.asarray(draws, dtype=float)[:, None], 101, axis=1)


# ---------------------------------------------------------------- sizes


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_rare_class_costs_small_sizes_and_not_the_curve(rare, seed):
    found = curve(rare, "kind", model=LogisticRegression(), noise=0, repeats=5, random_state=seed)
    assert found.sizes["score"].notna().all()
    assert found.sizes["rows"].max() == 751
    assert any(note.startswith("Without a second class in some order, and left out: 31") for note in found.notes)


def test_a_rare_class_costs_the_scorecard_no_right_size(rare):
    part = scorecard(rare, "kind", model=LogisticRegression())["size"]
    assert not any("Not looked at" in fact for fact in part.facts)
    assert "right_size" in part.figures


def test_sizes_that_all_lack_a_class_are_named(rare):
    with pytest.raises(InputError, match=r"too few for a curve \(12, 13 rows may hold one class only\)"):
        curve(rare, "kind", model=GaussianNB(), sizes=[12, 13], repeats=5)


def test_beginnings_hold_whole_groups_but_for_the_last():
    clusters = np.repeat(np.arange(30), 20)
    order = order_groups(clusters, np.random.default_rng(0))
    assert sorted(order) == list(range(600))
    for size in (50, 100, 300):
        assert len(set(clusters[order[:size]])) == -(-size // 20)


def test_rows_of_a_group_are_no_independent_rows_of_a_curve():
    # Each group has one content: 25 rows of it tell no more than one.
    draw = np.random.default_rng(0)
    groups = pd.DataFrame({"site": range(80), "x": draw.normal(size=80), "z": draw.normal(size=80)})
    groups["kind"] = np.where(groups["x"] + draw.normal(size=80) > 0, "a", "b")
    rows = pd.concat([groups] * 25, ignore_index=True)
    rows["x"] += draw.normal(0, 1e-6, len(rows))
    options = {"model": LogisticRegression(), "noise": 0, "sizes": [250, 500], "repeats": 10}
    alone = curve(rows.drop(columns="site"), "kind", **options).sizes
    together = curve(rows, "kind", groups="site", **options)
    widths = [(sizes["high"] - sizes["low"]).iloc[0] for sizes in (alone, together.sizes)]
    assert widths[1] > 3 * widths[0]
    # The luck of the training rows too: 250 rows are 10 groups, and other groups make another model.
    materials = prepare_materials(rows, None, "kind", None, None, key=None, random_state=0, groups="site")
    bench = Bench(materials, {"line": LogisticRegression()}, 1, {"accuracy": get_scorer("accuracy")}, 10, 0, None)
    orders = draw_orders(bench)
    assert [len(set(materials.clusters[order[:250]])) for order in orders] == [10] * 10
    versions = {"raw": materials.training["raw"]}
    (_, whole), (_, part) = (
        grow(bench, versions, some, [250, 500], materials.tests[0]).spread("raw", 250)[::-1]
        for some in (orders, [materials.pool[np.random.default_rng(i).permutation(1500)] for i in range(10)])
    )
    assert whole > 2 * part
    assert any("without replacement as whole groups ('site') but for the last" in note for note in together.notes)


def test_bands_do_not_leave_what_a_metric_can_be(rare):
    # So few test rows that the intervals of a score near 1 would pass it.
    near = rare.iloc[:60].assign(kind=rare["x"] + rare["z"] / 4 > 1)
    found = curve(near, "kind", model=GaussianNB(), noise=0, sizes=[15, 40], repeats=2, scoring="accuracy")
    assert found.sizes["high"].max() == 1
    assert found.sizes["low"].min() >= 0


def test_another_ratio_has_sizes_of_its_own(rare):
    found = curve(rare.iloc[:, :2].assign(kind=rare["x"] > 0), "kind", model=GaussianNB(), ratio=5, repeats=2)
    assert found.claim.noisy_rows == pytest.approx(5 * found.claim.clean_rows, abs=5)


def test_a_claim_that_no_sizes_can_test_is_said(rare):
    frame = rare.iloc[:, :2].assign(kind=rare["x"] > 0)
    found = curve(frame, "kind", model=GaussianNB(), sizes=[300, 600], repeats=2)
    assert found.claim is None
    assert any("no two sizes with scores stand in that ratio" in note for note in found.notes)


def test_the_most_measured_rows_are_not_called_all(rare):
    frame = rare.iloc[:, :2].assign(kind=rare["x"] > 0)
    found = curve(frame, "kind", model=GaussianNB(), sizes=[300, 600], repeats=2).right_size
    assert (found.measured, found.total) == (600, 751)
    assert "the most measured of 751," in str(found)
    assert "all 600" not in str(found)
    grown = RightSize(600, 600, 750, 300, 0.1, 0.05, 0.15, 0.01)
    assert "600 rows, the most measured of 750, score +0.100 (+0.050 to +0.150) more than 300" in str(grown)
    assert not grown.is_sure


def test_without_a_score_there_is_no_right_size_and_it_is_said(rare):
    test = rare[rare["kind"] == "no"].iloc[:100].assign(z=9.0)
    found = curve(rare, "kind", test=test, model=GaussianNB(), scoring="roc_auc", noise=0, sizes=[500, 1000], repeats=2)
    assert found.right_size is None
    assert "right_size" not in found.to_metrics()
    assert any("Right size: not measured, for roc_auc has no value" in note for note in found.notes)
    assert "Right size" in found.to_text()


def test_the_right_size_is_the_fewest_rows_that_surely_do_as_well():
    spread = np.array([-0.02, -0.01, 0.0, 0.01, 0.02])
    lucky, steady = 0.805 + 3 * spread, 0.799 + 0.01 * spread
    growth = Growth({("raw", 100): points(lucky), ("raw", 400): points(steady), ("raw", 800): points([0.8])}, 800, None)
    assert growth.find_right_size("raw", 0.01).rows == 400
    assert growth.find_right_size("raw", 0.01).is_sure
    unsure = Growth({("raw", 100): points(lucky), ("raw", 800): points([0.8])}, 800, None).find_right_size("raw", 0.01)
    assert (unsure.rows, unsure.is_sure) == (100, False)
    assert "which the interval does not make sure" in str(unsure)


# ---------------------------------------------------------------- versions


def test_a_noisy_line_stands_beside_raw_and_corrected(digits, digit_fixes, write_log):
    frame, _ = digits
    log = write_log(frame, "digit", digit_fixes)
    options = {"model": GaussianNB(), "repeats": 2, "sizes": [300, 900], "step": 200}
    found = curve(frame, None, log, **options)
    assert list(dict.fromkeys(found.sizes["data"])) == ["raw", "corrected", "noisy"]
    assert (found.claim.clean, found.claim.noisy) == ("corrected", "raw")
    assert any("20% of the labels of the corrected training rows" in note for note in found.notes)
    assert set(curve(frame, None, log, noise=0, **options).sizes["data"]) == {"raw", "corrected"}


# ---------------------------------------------------------------- reviews


SHAPED = {
    "steady": lambda n: 0.5 + 0.001 * n,
    "ever slower": lambda n: 0.5 + 0.1 * np.log1p(8 * n / 400),
    "levelling off": lambda n: 0.9 - 0.4 * np.exp(-4 * n / 400),
}


@pytest.mark.parametrize("shape", SHAPED)
def test_a_curve_that_keeps_its_shape_is_foretold(shape):
    steps = [0, 100, 200, 300, 350, 400]
    draws = [points([SHAPED[shape](n)] * 6) for n in steps]
    expected = SHAPED[shape](450) - SHAPED[shape](400)
    assert [one[0, 0] for one in look_ahead(steps, draws, 50)] == pytest.approx([expected])
    assert look_ahead(steps, draws, 0)[0][0, 0] == 0


def test_what_the_next_reviews_bring_holds_what_they_brought():
    # The curve of a review is cut off, and what came then is compared with what was foretold.
    held, drawn = 0, np.random.default_rng(0)
    for _ in range(200):
        luck = drawn.normal(0, 0.02, (6, 8))  # of each model at each step
        steps = [50 * n for n in range(8)]
        draws = {("log", n): points(SHAPED["ever slower"](n) + luck[:, i]) for i, n in enumerate(steps)}
        draws |= {("random order", n): draws["log", n] for n in steps}
        worth = Efforts(draws, None).find_worth("log", 0.01, 1000)
        assert worth.next_reviews == 50
        held += worth.next_low <= SHAPED["ever slower"](400) - SHAPED["ever slower"](350) <= worth.next_high
    # Of 200 intervals that hold in 95 %, fewer than 180 hold in one study of a thousand.
    assert held >= 180, held


@pytest.mark.parametrize(
    ("numbers", "sentence"),
    [
        (
            (50, 0.05, 0.02, 0.08),
            "The next 50 bring +0.050 (+0.020 to +0.080), if errors are left and the curve goes on in its shape: 0.01 or",
        ),
        (
            (50, 0.001, -0.005, 0.007),
            "+0.001 (-0.005 to +0.007), if errors are left and the curve goes on in its shape: less than 0.01, so stop.",
        ),
        ((50, 0.02, -0.01, 0.05), "whether that is 0.01 or more is not sure."),
        ((0, 0.0, 0.0, 0.0), "No training row is left to review."),
    ],
)
def test_what_is_said_of_the_next_reviews_was_estimated(numbers, sentence):
    said = str(Worth(50, 0.05, 0.04, 0.06, *numbers, None, 0.01))
    assert sentence in said
    assert "hardly" not in said


def test_an_order_is_held_against_random_order_on_the_same_resamples():
    draw = np.random.default_rng(0)
    kind = draw.choice(["a", "b"], 600)
    frame = pd.DataFrame({"x": draw.normal(size=600) + 3 * (kind == "b"), "z": draw.normal(size=600), "kind": kind})
    noisy, truth = plant(frame, "kind", rate=0.3)
    from sklearn.neighbors import KNeighborsClassifier

    found = curve(noisy, "kind", truth=truth, model=KNeighborsClassifier(1), repeats=3, step=60)
    assert set(found.sizes["data"]) == {"raw", "true"}
    mine = found.reviews[found.reviews["order"] == "most doubted first"]
    half = mine.iloc[3]
    assert half["over_random_low"] > 0
    both = found.reviews.set_index(["order", "reviewed"])["score"]
    expected = both["most doubted first", half["reviewed"]] - both["random order", half["reviewed"]]
    assert half["over_random"] == pytest.approx(expected)
    assert found.reviews.loc[found.reviews["order"] == "random order", "over_random"].isna().all()
    assert "over random order for as many reviews, on the same resamples" in found.to_text()
    metrics = found.to_metrics()
    assert metrics["next_reviews_gain_low"] <= metrics["next_reviews_gain"] <= metrics["next_reviews_gain_high"]
