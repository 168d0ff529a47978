"""Curves: the claim of clean and noisy rows is tested and can fail, reviews are worth what they bring."""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn.datasets import load_digits
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier

from dcai.base.errors import InputError
from dcai.base.table import make_table
from dcai.experiments.planting import plant
from dcai.experiments.prospects.efforts import choose_steps, mix, order_by_log
from dcai.experiments.prospects.growth import Claim, choose_sizes, order_rows
from dcai.experiments.prospects.learning import curve
from dcai.experiments.samples.materials import Sample
from dcai.shells.cli_prove import curve as command

NEIGHBOUR = {"neighbour": KNeighborsClassifier(1)}


@pytest.fixture(scope="module")
def digits_frame():
    frame = load_digits(as_frame=True).frame.rename(columns={"target": "digit"})
    return frame.iloc[:1200]


@pytest.fixture(scope="module")
def noisy(digits_frame):
    return plant(digits_frame, "digit", rate=0.3)


@pytest.fixture(scope="module")
def found(noisy):
    frame, truth = noisy
    return curve(frame, "digit", truth=truth, model=NEIGHBOUR, repeats=3, step=100)


# ---------------------------------------------------------------- truths


def test_a_third_of_clean_rows_beats_noisy_ones_where_the_model_repeats_labels(found):
    # One neighbour repeats 30 % wrong labels, however many rows there are.
    assert found.claim.verdict == "holds"
    assert found.claim.low > 0.1
    assert (found.claim.clean, found.claim.noisy) == ("true", "raw")
    assert found.claim.noisy_rows == pytest.approx(3 * found.claim.clean_rows, abs=3)
    raw = found.sizes[found.sizes["data"] == "raw"]
    assert (raw["score"] < 0.75).all()
    assert "Fewer rows with better labels do as well here: " in repr(found)


def test_the_claim_fails_where_noise_does_no_harm_and_rows_are_dear():
    # Means of many rows shrug off symmetric noise, but 20 numbers cannot be averaged from 20 rows.
    draw = np.random.default_rng(0)
    kind = draw.integers(0, 2, 1600)
    frame = pd.DataFrame(draw.normal(size=(1600, 20)) + 0.25 * kind[:, None], columns=[f"x{i}" for i in range(20)])
    found = curve(frame.assign(kind=kind), "kind", noise=0.02, model=GaussianNB(), ratio=24, repeats=10)
    assert found.claim.clean == "raw"
    assert found.claim.verdict == "fails", str(found.claim)
    assert "Fewer rows with better labels do worse here: " in found.to_text()


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.0, 0.1, "holds"), (-0.005, 0.1, "holds"), (-0.02, 0.1, "undecided"), (-0.2, -0.02, "fails")],
)
def test_verdicts_follow_the_interval(low, high, verdict):
    assert Claim("true", "raw", 500, 1500, (low + high) / 2, low, high, 0.01).verdict == verdict


def test_reviews_of_doubted_rows_are_worth_more_than_of_random_ones(found, noisy):
    frame, truth = noisy
    reviews = found.reviews.set_index(["order", "reviewed"])["gain"]
    half = sorted({n for _, n in reviews.index})[3]
    assert reviews["most doubted first", half] > reviews["random order", half] + 0.03
    assert reviews["most doubted first", 0] == reviews["random order", 0] == 0
    assert found.reviews["reviewed"].max() <= 2 * (frame["digit"] != truth).sum()


def test_reviews_follow_the_order_of_the_log_and_end_where_it_ends(digits, digit_fixes, write_log):
    frame, _ = digits
    log = write_log(frame, "digit", digit_fixes)
    found = curve(frame, None, log, model=NEIGHBOUR, repeats=2, sizes=[300, 900], step=100)
    assert set(found.reviews["order"]) == {"order of the log", "random order"}
    mine = found.reviews[found.reviews["order"] == "order of the log"]
    assert mine["reviewed"].max() == found.reviews["reviewed"].max() < len(digit_fixes)
    whole = found.sizes.query("data == 'corrected' and rows == 900")["score"].iloc[0]
    assert mine["score"].iloc[-1] > mine["score"].iloc[0] + 0.1
    assert mine["score"].iloc[-1] == pytest.approx(whole, abs=0.05)
    assert found.claim is not None
    assert (found.claim.clean_rows, found.claim.noisy_rows) == (300, 900)
    # Every decision of this log repairs an error, so the last hundred are worth something too.
    assert found.worth.gain > 0
    assert found.worth.enough is None


@pytest.mark.parametrize("spared", [{"certificate": "c1"}, {"merged": ["digit one"], "looked_at": "values"}])
def test_rows_accepted_in_bulk_are_no_reviews(digits, digit_fixes, write_log, spared):
    frame, _ = digits
    bulk = list(digit_fixes)[::2]
    log = write_log(frame, "digit", digit_fixes, certified=set(bulk), spared=spared)
    found = curve(frame, None, log, model=GaussianNB(), repeats=2, sizes=[300, 900], step=100)
    note = next(n for n in found.notes if n.startswith("The curve of reviews ends after the "))
    looked_at = int(note.removeprefix("The curve of reviews ends after the ").split()[0].replace(",", ""))
    assert found.reviews["reviewed"].max() == looked_at <= len(digit_fixes) - len(bulk)
    assert "were accepted as members of a certified group or merged as spellings, and cost no review" in note
    nobody = write_log(frame, "digit", digit_fixes, certified=set(digit_fixes), spared=spared, name="bulk.jsonl")
    alone = curve(frame, None, nobody, model=GaussianNB(), repeats=2, sizes=[300, 900], step=100)
    assert not len(alone.reviews)
    assert alone.worth is None


def test_certified_rows_come_after_those_that_were_looked_at(digits, digit_fixes, write_log):
    frame, _ = digits
    fixes = dict(list(digit_fixes.items())[:40])
    bulk = list(fixes)[:20]  # decided first
    log = write_log(frame, "digit", fixes, certified=set(bulk))
    table = make_table(frame, "digit", caller="curve")
    materials = SimpleNamespace(table=table)
    order, looked_at = order_by_log(log, materials)
    assert looked_at == 20
    assert set(order[:looked_at]) == set(list(fixes)[20:])
    assert set(order[looked_at:]) == set(bulk)


def test_reviews_that_change_nothing_more_say_where_to_stop(found):
    assert found.worth.enough is not None
    assert found.worth.enough < found.reviews["reviewed"].max()
    assert f"One could have stopped after {found.worth.enough:,}" in found.to_text()


def test_without_log_and_truth_noise_is_planted_and_said(digits_frame):
    found = curve(digits_frame, "digit", model=GaussianNB(), repeats=2, noise=0.4)
    assert set(found.sizes["data"]) == {"raw", "noisy"}
    assert any("The noisy version has 40% of the labels of the raw training rows" in note for note in found.notes)
    assert not len(found.reviews)
    assert found.worth is None
    with pytest.raises(
        InputError, match=r"Nothing was reviewed, so there is no curve of reviews\. Pass log= or truth="
    ):
        found.chart("reviews")


def test_the_row_order_and_the_index_change_nothing(noisy):
    frame, truth = noisy
    order = np.random.default_rng(0).permutation(len(frame))
    one, other = (
        curve(f, "digit", truth=t, model=GaussianNB(), repeats=2, sizes=[200, 600])
        for f, t in ((frame, truth), (frame.iloc[order], truth.iloc[order]))
    )
    pd.testing.assert_frame_equal(one.sizes, other.sizes)
    pd.testing.assert_frame_equal(one.reviews, other.reviews)


# ---------------------------------------------------------------- parts


def test_sizes_double_and_hold_a_third_and_all():
    assert choose_sizes(1352, 30) == [56, 112, 225, 450, 901, 1352]
    assert choose_sizes(10, 12) == []


def test_steps_end_with_one_step_of_the_asked_size():
    for most in (51, 99, 100, 730, 5000):
        steps = choose_steps(most, 50)
        assert steps[0] == 0
        assert steps[-1] == most
        assert steps[-1] - steps[-2] == 50 or most < 100
    assert choose_steps(0, 50) == [0]
    assert choose_steps(30, 50) == [0, 30]


def test_every_beginning_of_an_order_holds_the_classes_in_their_shares():
    strata = np.array(["a"] * 300 + ["b"] * 100, dtype=object)
    order = order_rows(strata, np.random.default_rng(0))
    assert sorted(order) == list(range(400))
    for size in (40, 100, 200):
        assert (strata[order[:size]] == "b").sum() == pytest.approx(size / 4, abs=1)


def test_partly_reviewed_rows_hold_the_corrections_of_those_rows_only():
    frame = pd.DataFrame({"x": [0, 1, 2, 3]})
    raw = Sample("raw", frame, np.array(["a", "b", "c", "d"], dtype=object), np.arange(4))
    # Row 1 is relabelled, row 2 is left out.
    corrected = Sample(
        "corrected",
        frame.iloc[[0, 1, 3]].reset_index(drop=True),
        np.array(["a", "B", "d"], dtype=object),
        np.array([0, 1, 3]),
    )
    for reviewed, labels in (([], "abcd"), ([1], "aBcd"), ([2], "abd"), ([0, 1, 2, 3], "aBd")):
        mixed = mix(raw, corrected, np.array(reviewed, dtype=np.intp))
        assert "".join(mixed.labels) == labels
        assert mixed.frame["x"].tolist() == mixed.positions.tolist()


# ---------------------------------------------------------------- forms and errors


def test_charts_name_lines_axes_and_what_they_say(found, tmp_path):
    sizes, reviews = found.chart().to_svg(), found.chart("reviews").to_svg()
    for text in ("raw labels", "true labels", "training rows", "do as well here"):
        assert text in sizes
    for text in ("most doubted first", "random order", "reviewed rows", "enough"):
        assert text in reviews
    for svg in (sizes, reviews):
        assert "<script" not in svg
        assert 'fill="#ffffff"' in svg
    page = found.save(tmp_path / "curve.html").read_text(encoding="utf-8")
    assert page.count("data:image/svg+xml;base64,") == 2
    assert "<script" not in page
    assert r"\toprule" in found.save(tmp_path / "curve.tex").read_text(encoding="utf-8")
    with pytest.raises(InputError, match=r"A curve cannot be saved as 'curve\.pdf'"):
        found.save(tmp_path / "curve.pdf")
    with pytest.raises(InputError, match="'what' parameter of chart must be 'sizes' or 'reviews'"):
        found.chart("rows")


def test_metrics_are_plain(found):
    metrics = found.to_metrics()
    assert metrics["claim"] == "holds"
    assert json.loads(json.dumps(metrics)) == metrics
    assert len(found.to_frame()) == len(found.sizes) + len(found.reviews)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"repeats": 1}, "'repeats' parameter of curve must be an integer of at least 2"),
        ({"step": 0}, "'step' parameter of curve must be an integer of at least 1"),
        ({"ratio": 1}, "'ratio' parameter of curve must be a number above 1"),
        ({"margin": 0}, "'margin' parameter of curve must be a number above 0"),
        ({"noise": 1.0}, "'noise' parameter of curve must be None, 0, or a share below 1"),
        ({"sizes": [1, 50]}, r"'sizes' parameter of curve must be a list of integers from 2 to \d+"),
        ({"sizes": [50]}, "too few for a curve. Expected at least two sizes"),
        ({"truth": "digits"}, "no column of true labels 'digits'"),
        ({"truth": [1, 2]}, "truth= holds 2 labels for 1,200 rows. Expected one true label for each row"),
        ({"truth": pd.Series(range(1200), index=range(1, 1201))}, "The index of truth= is not that of the frame"),
    ],
)
def test_what_cannot_be_measured_is_refused(digits_frame, options, sentence):
    with pytest.raises(InputError, match=sentence):
        curve(digits_frame, "digit", model=GaussianNB(), **options)


def test_true_labels_of_given_test_rows_are_needed_too(digits_frame):
    with pytest.raises(InputError, match=r"truth= holds the true labels of the frame only, not those of test=\."):
        curve(digits_frame, "digit", test=digits_frame.iloc[:100], truth=digits_frame["digit"], model=GaussianNB())


def test_noise_is_planted_in_classes_only():
    frame = pd.DataFrame({"x": np.arange(200.0), "y": np.arange(200.0) + 0.5})
    from sklearn.linear_model import LinearRegression

    with pytest.raises(InputError, match="Noise is planted in classes only"):
        curve(frame, "y", noise=0.2, model=LinearRegression())


def test_the_command_line_prints_json_with_claim_and_points(digits_frame, tmp_path):
    noisy, truth = plant(digits_frame.iloc[:400], "digit", rate=0.3)
    noisy.assign(truth=truth).to_csv(tmp_path / "rows.csv", index=False)
    arguments = [
        str(tmp_path / "rows.csv"),
        "--label",
        "digit",
        "--truth",
        "truth",
        "--repeats",
        "2",
        "--metric",
        "accuracy",
    ]
    result = CliRunner().invoke(command, [*arguments, "--json", "-o", str(tmp_path / "curve.svg")])
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["claim"]["verdict"] in ("holds", "fails", "undecided")
    assert {"data", "rows", "score", "low", "high"} == set(told["sizes"][0])
    assert told["worth"]["says"].startswith("The last")
    assert (tmp_path / "curve.svg").exists()
    assert "Fitting at most" in result.stderr
