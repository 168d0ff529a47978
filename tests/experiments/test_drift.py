"""`drift` names each change, says nothing where nothing changed, and tells one kind of change from another."""

import json
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import dcai
from dcai.base.errors import InputError
from dcai.experiments.batches.divergences import compare_counts, compare_numbers, find_chance_of_new, measure_shannon
from dcai.experiments.batches.number_changes import find_conversion
from dcai.experiments.batches.writing_changes import fold
from dcai.experiments.shifts import drift
from dcai.shells.cli_drift import drift as command

WORDS = ["good", "bad", "fine", "late", "quick", "slow", "kind", "rude", "cold", "warm"]
REGIONS = ["north", "south", "east", "west"]


def make(rows, seed):
    random = np.random.default_rng(seed)
    x = random.normal(size=rows)
    region = random.choice(REGIONS, rows, p=[0.4, 0.3, 0.2, 0.1])
    return pd.DataFrame(
        {
            "height": 170 + 10 * x,
            "income": random.lognormal(size=rows) * 1000,
            "region": region,
            "smoker": random.choice(["yes", "no"], rows, p=[0.2, 0.8]),
            "when": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.sort(random.integers(0, 8760, rows)), unit="h"),
            "note": [" ".join(random.choice(WORDS, random.integers(3, 9))) for _ in range(rows)],
            "label": np.where(x + (region == "north") + 0.7 * random.normal(size=rows) > 0.3, "buy", "leave"),
        }
    )


@pytest.fixture(scope="module")
def reference():
    return make(800, 0)


@pytest.fixture
def current():
    return make(800, 1)


def some(frame, share, seed=3):
    return np.random.default_rng(seed).random(len(frame)) < share


def found(result):
    return set(map(tuple, result.findings[["detector", "column"]].itertuples(index=False)))


CHANGES = {
    "a column is gone": (lambda f: f.drop(columns="income"), ("dropped_column", "income")),
    "a column came": (lambda f: f.assign(extra=1), ("added_column", "extra")),
    "a column is called otherwise": (lambda f: f.rename(columns={"region": "area"}), ("renamed_column", "region")),
    "numbers became texts": (lambda f: f.assign(height=f["height"].map("{:.1f}".format)), ("retyped_column", "height")),
    "another unit": (lambda f: f.assign(income=f["income"] * 1000), ("unit", "income")),
    "degrees": (lambda f: f.assign(height=f["height"] * 1.8 + 32), ("unit", "height")),
    "a category is called otherwise": (
        lambda f: f.assign(region=f["region"].replace("north", "nord")),
        ("renamed_category", "region"),
    ),
    "a new category": (
        lambda f: f.assign(region=f["region"].mask(some(f, 0.06), "centre")),
        ("new_category", "region"),
    ),
    "many cells are empty": (lambda f: f.assign(income=f["income"].mask(some(f, 0.2))), ("missing", "income")),
    "a category became constant": (lambda f: f.assign(smoker="no"), ("constant_column", "smoker")),
    "a number became constant": (lambda f: f.assign(height=170.0), ("constant_column", "height")),
    "rows are there twice": (lambda f: f.loc[f.index.repeat(1 + some(f, 0.25))], ("duplicated_rows", None)),
    "half the rows": (lambda f: f.iloc[::2], ("volume", None)),
    "another sample of the classes": (
        lambda f: pd.concat([f[f["label"] == "buy"], f[f["label"] == "leave"].iloc[::3]]),
        ("label_shares", "label"),
    ),
    "a part of the people is missing": (
        lambda f: f[(f["region"] != "south") | some(f, 0.3)],
        ("shares", "region"),
    ),
    "rows out of order": (lambda f: f.sample(frac=1, random_state=0), ("order", "when")),
    "spaces": (lambda f: f.assign(region=f["region"] + " "), ("writing", "region")),
    "the wrong character set": (lambda f: f.assign(note=f["note"] + " cafÃ©"), ("writing", "note")),
    "capitals": (lambda f: f.assign(region=f["region"].str.upper()), ("writing", "region")),
    "numbers moved": (lambda f: f.assign(height=f["height"] + 5), ("values", "height")),
    "numbers spread": (lambda f: f.assign(height=170 + (f["height"] - 170) * 1.6), ("values", "height")),
    "other texts": (lambda f: f.assign(note=f["note"].str.replace("good", "poor")), ("texts", "note")),
    "old rows": (lambda f: f.assign(when=f["when"] - pd.Timedelta(days=900)), ("time", "when")),
    "columns go together": (
        lambda f: f.assign(income=np.sort(f["income"])[f["height"].rank(method="first").astype(int) - 1]),
        ("joint", None),
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_each_change_is_named_and_nothing_else_about_another_column(reference, current, name):
    change, expected = CHANGES[name]
    result = drift(reference, change(current).reset_index(drop=True), label="label" if "class" in name else None)
    assert expected in found(result), result.to_text()
    told = result.findings[(result.findings["detector"] == expected[0])].iloc[0]
    assert expected[1] is None or repr(expected[1]) in told["reason"]
    assert (told["doubt"] >= 0.5) == (expected[0] != "volume")
    # What did not change is not reported: only findings about the changed column, the rows, or what follows from it.
    others = {c for _, c in found(result)} - {expected[1], None, "height", "label"}
    assert not others


def test_a_unit_is_undone_and_said(reference, current):
    told = drift(reference, current.assign(income=current["income"] * 1000)).findings
    assert told["detector"].tolist() == ["unit"]
    assert "1,000 times" in told["reason"].iloc[0]
    for factor in (1000, 1 / 1000, 100, 2.54, 1 / 60):
        one, other = (np.random.default_rng(s).lognormal(size=1000) for s in (1, 2))
        conversion = find_conversion(one, other * factor)
        assert conversion is not None
        assert np.isclose(conversion.undo(np.array([factor]))[0], 1)
    assert find_conversion(np.arange(100.0), np.arange(100.0) * 1.4) is None


def test_the_number_of_rows_counts_where_that_is_asked_for(reference, current):
    half = current.iloc[::2]
    assert not drift(reference, half).drifted
    assert drift(reference, half, volume=0.2).drifted
    assert "volume" not in set(drift(reference, current.iloc[:700], volume=0.2).findings["detector"])


def test_false_alarms_are_no_more_frequent_than_stated():
    draws, alpha = 30, 0.05
    columns = ["height", "income", "region", "smoker"]
    alarms = sum(
        drift(make(150, 2 * n)[columns], make(150, 2 * n + 1)[columns], alpha=alpha).drifted for n in range(draws)
    )
    assert alarms <= stats.binom.ppf(0.999, draws, alpha)


def test_equal_data_show_nothing_and_neither_frame_is_changed(reference):
    one, other = reference.copy(), reference.copy()
    result = drift(one, other, label="label")
    assert not len(result)
    assert not result.drifted
    assert "no drift found" in repr(result)
    pd.testing.assert_frame_equal(one, reference)
    pd.testing.assert_frame_equal(other, reference)


# ---------------------------------------------------------------- label


def test_a_turned_relation_is_concept_drift_and_other_samples_are_not(reference):
    random = np.random.default_rng(5)
    now = make(1600, 7)
    turned = now.assign(label=np.where(now["height"] < 170, "buy", "leave"))
    assert {"concept", "performance"} <= set(drift(reference, turned, label="label").findings["detector"])
    taller = now[random.random(len(now)) < 1 / (1 + np.exp(-(now["height"] - 170) / 5))]
    fewer = pd.concat([now[now["label"] == "buy"], now[now["label"] == "leave"].iloc[::3]])
    for sample in (taller, fewer):
        told = set(drift(reference, sample, label="label").findings["detector"])
        assert "concept" not in told
        assert "label_shares" in told


def test_wrong_labels_are_found_and_an_audit_estimates_both():
    one, other = make(1200, 10), make(1200, 11)
    for frame in (one, other):
        frame["label"] = np.where(frame["height"] > 170, "buy", "leave")
    flipped = other["label"].map({"buy": "leave", "leave": "buy"})
    result = drift(one, other.assign(label=other["label"].mask(some(other, 0.2), flipped)), label="label")
    told = result.findings.set_index("detector")
    assert "An audit expects" in told.loc["label_quality", "reason"]
    wrong = some(other, 0.2)
    assert wrong[told.loc["label_quality", "peers"]].mean() > 0.9


def test_numbers_as_labels_are_compared():
    frames = [make(600, n) for n in (1, 2)]
    frames = [f.assign(label=f["height"] + np.random.default_rng(0).normal(size=len(f))) for f in frames]
    assert not drift(*frames, label="label").drifted
    turned = frames[1].assign(label=340 - frames[1]["label"])
    assert "concept" in set(drift(frames[0], turned, label="label").findings["detector"])


def test_without_current_labels_what_is_left_out_is_said(reference, current):
    checks = drift(reference, current.drop(columns="label"), label="label").checks.set_index("detector")
    assert checks.loc["label", "status"] == "skipped"
    assert "no outcomes are known yet" in checks.loc["label", "reason"]
    assert (
        "dropped_column"
        not in drift(reference, current.drop(columns="label"), label="label").findings["detector"].tolist()
    )


# ---------------------------------------------------------------- predictions


def predict(rows, seed, power=1.0):
    """Make scores that are true probabilities, and outcomes that come true with the score to a power."""
    random = np.random.default_rng(seed)
    score = random.beta(1, 1, rows)
    came = random.random(rows) < score**power
    frame = pd.DataFrame({"x": random.normal(size=rows), "score": score, "label": np.where(came, "yes", "no")})
    return frame.assign(said=np.where(score >= 0.5, "yes", "no"))


def test_past_predictions_are_held_against_outcomes_promise_and_threshold():
    given = {"label": "said", "score": "score", "positive": "yes", "threshold": 0.5}
    before, same, worse = predict(3000, 1), predict(3000, 2), predict(3000, 3, power=3)
    assert not drift(before, same, label="label", predictions=given).drifted
    result = drift(before, worse, label="label", predictions=given)
    told = result.findings.set_index("detector")["reason"]
    assert {"predictions", "calibration", "threshold"} <= set(told.index)
    assert "promise too much" in told["calibration"]
    now = float(told["threshold"].split("It would take ")[1].split(" now")[0])
    precision = (worse["label"] == "yes")[worse["score"] >= now].mean()
    aim = (before["label"] == "yes")[before["score"] >= 0.5].mean()
    assert precision >= aim - 0.02 > (worse["label"] == "yes")[worse["score"] >= 0.5].mean()


def test_without_outcomes_the_scores_tell_what_to_expect():
    before, now = predict(3000, 1), predict(3000, 2)
    unsure = now.assign(score=0.4 + 0.2 * now["score"]).drop(columns="label")
    given = {"score": "score", "positive": "yes"}
    told = drift(before, unsure, label="label", predictions=given).findings.set_index("detector")["reason"]
    assert "no outcomes yet" in told["expected_performance"]


def test_reference_rows_without_an_outcome_do_not_shift_what_is_expected():
    before, now = predict(3000, 1), predict(3000, 2)
    unsure = now.assign(score=0.4 + 0.2 * now["score"]).drop(columns="label")
    given = {"score": "score", "positive": "yes"}
    # Rows of unknown outcome come first here; the same known rows must tell the same without them.
    unknown = predict(2000, 5).assign(label=None)
    alone, among = (
        drift(rows, unsure, label="label", predictions=given).tests.set_index("check").loc["expected_performance"]
        for rows in (before, pd.concat([unknown, before], ignore_index=True))
    )
    assert among["effect"] == pytest.approx(alone["effect"])
    assert among["p"] == pytest.approx(alone["p"])
    assert among["drifted"]


def test_predictions_come_in_tables_of_their_own_too():
    before, worse = predict(1500, 1), predict(1500, 3, power=8)
    pair = tuple(f[["said"]].rename(columns={"said": "label"}) for f in (before, worse))
    frames = [f.drop(columns=["said", "score"]) for f in (before, worse)]
    assert "predictions" in set(drift(*frames, label="label", predictions=pair).findings["detector"])


# ---------------------------------------------------------------- shown


def test_findings_look_like_an_audits_and_the_record_is_plain_json(reference, current):
    result = drift(reference, current.assign(income=current["income"] * 1000, smoker="no"))
    audit = dcai.audit(reference[["region"]], detectors="variants", progress=False)
    assert list(result.findings) == list(audit.findings)
    assert (result.findings["row"] == -1).all()
    record = json.loads(result.to_json())
    assert record["drifted"]
    assert {f["detector"] for f in record["findings"]} >= {"unit", "constant_column"}
    assert result.to_metrics()["changes"] == len(result)
    assert dcai.drift is drift


def test_values_of_sensitive_columns_are_masked_and_cells_are_escaped(tmp_path, monkeypatch, reference, current):
    (tmp_path / "dcai.yaml").write_text("sensitive: [region]\n")
    monkeypatch.chdir(tmp_path)
    mails = [f"person{n}@secret.org" for n in range(800)]
    one = reference.assign(mail=mails, odd="<i>a")
    now = current.assign(
        mail=mails, region=current["region"].replace("north", "hidden-place"), odd="<script>alert(1)</script>"
    )
    result = drift(one, now)
    page = result.to_html()
    assert "renamed_category" in set(result.findings["detector"])
    for text in (page, result.to_json(), result.to_text(), result.chart().to_svg()):
        assert "hidden-place" not in text
        assert "secret.org" not in text
        assert "north" not in text
    assert "<script>alert" not in page
    assert "are masked" in page
    with pytest.raises(
        InputError, match=r"The values of 'region' are masked, so they are not drawn\. Draw another column"
    ):
        result.chart("region")


def test_charts_are_drawn_for_every_kind(reference, current):
    result = drift(reference, current.assign(income=current["income"] * 1000), label="label")
    for column in (None, "income", "region", "note", "when"):
        assert result.chart(column).to_svg().startswith("<svg")
    with pytest.raises(InputError, match="There is no column in both batches 'incom'. Did you mean 'income'?"):
        result.chart("incom")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha": 2}, "The 'alpha' parameter of drift must be a number between 0 and 1. Got 2 instead."),
        ({"volume": 1.5}, "The 'volume' parameter of drift must be a number between 0 and 1, or None. Got 1.5"),
        ({"random_state": -1}, "The 'random_state' parameter of drift must be a whole number from 0. Got -1"),
        ({"label": "lable"}, "There is no label column 'lable'. Did you mean 'label'?"),
        ({"key": "id"}, "There is no key column 'id'."),
        ({"predictions": 3}, "The 'predictions' parameter of drift must be a column, a mapping"),
        ({"predictions": "pred"}, "There is no column of predictions 'pred'."),
        ({"predictions": {"scor": "x"}}, "There is no field of predictions 'scor'. Did you mean 'score'?"),
        ({"predictions": {"score": "nope"}}, "There is no column of predictions 'nope'."),
        ({"predictions": {"threshold": 0.5}}, "must be a mapping with label or score at least"),
        ({"predictions": {"score": "x", "threshold": "a"}}, "The \"predictions['threshold']\" parameter of drift must be a number"),
        ({"predictions": (pd.DataFrame({"label": [1]}),) * 2}, "There are 1 predictions for 40 reference rows."),
        ({"predictions": (pd.DataFrame({"a": [1] * 40}),) * 2}, "There is no column of predictions 'label'. Known: 'a'. Expected label or score."),
    ],
)  # fmt: skip
def test_bad_input_is_refused_in_a_sentence(options, message):
    frame = pd.DataFrame({"x": np.arange(40.0), "label": ["a", "b"] * 20})
    with pytest.raises(InputError) as raised:
        drift(frame, frame, **options)
    assert message in str(raised.value)


def test_the_command_exits_with_3_when_drift_is_found(tmp_path, reference, current):
    plain = [f[["income", "region", "label"]] for f in (reference, current)]
    files = [tmp_path / name for name in ("a.csv", "b.csv", "c.csv")]
    for frame, path in zip([*plain, plain[1].assign(income=plain[1]["income"] * 1000)], files, strict=True):
        frame.to_csv(path, index=False)
    run = CliRunner().invoke
    assert run(command, [str(files[0]), str(files[1]), "--label", "label"], standalone_mode=False).return_value == 0
    page = tmp_path / "out.html"
    result = run(command, [str(files[0]), str(files[2]), "--json", "-o", str(page)], standalone_mode=False)
    assert result.return_value == 3
    assert json.loads(result.stdout)["findings"][0]["detector"] == "unit"
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    refused = run(command, [str(files[0]), str(files[1]), "-o", "x.pdf"])
    assert "The result cannot be saved as 'x.pdf'" in str(refused.exception)


# ---------------------------------------------------------------- laws


def test_few_rows_are_counted_out():
    one, other = np.array([3, 0, 1, 0]), np.array([0, 3, 0, 1])
    found = compare_counts(one, other)
    assert found.test == "chi-squared over random tables"
    # The C(8, 4) = 70 ways to deal the eight rows, counted one by one.
    rows = [0, 0, 0, 1, 1, 1, 2, 3]

    def judge(picked):
        counts = np.bincount([rows[i] for i in picked], minlength=4)
        expected = np.array([3, 3, 1, 1]) / 2
        return ((counts - expected) ** 2 / expected).sum()

    seen = judge((0, 1, 2, 6))
    exact = np.mean([judge(p) >= seen - 1e-9 for p in combinations(range(8), 4)])
    assert abs(found.p - exact) < 4 * np.sqrt(exact * (1 - exact) / 9999)


def test_the_chance_of_a_new_value_is_exact():
    # All 3 rows of one of two values among the second 5 of 10 rows: C(5, 3) / C(10, 3), times 2.
    assert find_chance_of_new(np.array([0, 5]), np.array([3, 2]))[0] == pytest.approx(2 * 10 / 120)


def test_a_count_that_overflows_is_no_warning():
    random = np.random.default_rng(1)
    one, other = random.normal(size=(2, 55))
    for values in ((one, other), (np.round(one), np.round(other))):
        assert 0 < compare_numbers(*values).p <= 1


counts = st.lists(st.integers(0, 50), min_size=3, max_size=3).filter(sum).map(np.array)


@settings(max_examples=40, deadline=None)
@given(counts, counts)
def test_the_distance_is_symmetric_and_between_0_and_1(one, other):
    assert measure_shannon(one, other) == pytest.approx(measure_shannon(other, one))
    assert 0 <= measure_shannon(one, other) <= 1 + 1e-12
    assert compare_counts(one, other).p == pytest.approx(compare_counts(other, one).p, abs=0.05)


@settings(max_examples=25, deadline=None)
@given(st.floats(0.01, 100), st.floats(-50, 50))
def test_numbers_are_compared_whatever_their_unit(scale, offset):
    one, other = np.random.default_rng(0).normal(size=60), np.random.default_rng(1).normal(0.5, 2, size=50)
    plain, moved = compare_numbers(one, other), compare_numbers(one * scale + offset, other * scale + offset)
    assert moved.p == pytest.approx(plain.p)
    assert moved.effect == pytest.approx(plain.effect)


@pytest.mark.parametrize(
    ("one", "other"), [(" A", "a"), ("MÃ¼nchen", "münchen"), ("new_york", "New York"), ("ﬁn", "fin")]
)
def test_slips_of_writing_fold_to_one(one, other):
    assert fold(one) == fold(other)


def test_other_words_do_not_fold_to_one():
    assert fold("north") != fold("nord")


def test_columns_that_only_number_the_rows_are_no_drift_in_any_check() -> None:
    random = np.random.default_rng(0)
    rows = pd.DataFrame(
        {"x": random.normal(50, 10, 600), "c": random.choice(list("ab"), 600), "y": random.choice(list("uv"), 600)}
    )
    rows.insert(0, "id", np.arange(600))
    assert not drift(rows[:300], rows[300:], label="y").drifted
