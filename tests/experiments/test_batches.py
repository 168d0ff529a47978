"""`drift` on what batches are like: dates in text files, copies and groups of rows, predictions that outcomes follow later."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from dcai.base.errors import InputError
from dcai.experiments.dictionaries import profile
from dcai.experiments.samples.copies import number_copies
from dcai.experiments.shifts import drift
from dcai.findings.cells.dates import _FIGURES, _read_figures, is_dated, read_both, read_dates
from dcai.findings.cells.formats import read_moment
from dcai.shells.cli_drift import drift as command

CHECKS = {
    "schema", "volume", "duplicated_rows", "order", "draws", "values", "joint", "label", "concept", "performance",
    "label_quality", "predictions",
}  # fmt: skip


def make(rows, seed, month=1):
    """Draw a batch of one month; dates are texts, as a CSV file holds them."""
    random = np.random.default_rng(seed)
    x = random.normal(size=rows)
    days = pd.Timestamp(2024, month, 1) + pd.to_timedelta(np.sort(random.integers(0, 28, rows)), unit="D")
    return pd.DataFrame(
        {
            "x": x,
            "z": random.normal(size=rows),
            "town": random.choice(["Ulm", "Bonn", "Kiel"], rows),
            "when": days.strftime("%Y-%m-%d"),
            "label": np.where(x + random.normal(size=rows) > 0, "yes", "no"),
        }
    )


def found(result):
    return set(map(tuple, result.findings[["detector", "column"]].itertuples(index=False)))


def notes(result, check):
    return result.checks.set_index("detector").loc[check, "reason"]


def status(result, check):
    return result.checks.set_index("detector").loc[check, "status"]


# ---------------------------------------------------------------- dates in text files


def test_a_new_month_of_a_text_file_is_no_drift(tmp_path):
    files = [tmp_path / "january.csv", tmp_path / "february.csv"]
    for month, path in enumerate(files, 1):
        make(400, month, month).to_csv(path, index=False)
    result = CliRunner().invoke(command, [*map(str, files), "--label", "label", "--json"], standalone_mode=False)
    assert result.return_value == 0, result.stdout
    told = {c["detector"]: c["reason"] for c in json.loads(result.stdout)["checks"]}
    assert "most of their dates come after the reference" in told["values"]
    assert told["order"] == ""


def test_the_relation_of_the_label_is_compared_though_time_goes_on():
    before, now = make(900, 1), make(900, 2, month=2)
    assert "concept" not in {d for d, _ in found(drift(before, now, label="label"))}
    turned = now.assign(label=now["label"].map({"yes": "no", "no": "yes"}))
    assert ("concept", None) in found(drift(before, turned, label="label"))


def test_old_and_unordered_rows_of_a_text_file_are_found():
    before, now = make(400, 1, month=6), make(400, 2, month=6)
    mixed = now.sample(frac=1, random_state=0).reset_index(drop=True)
    assert found(drift(before, mixed)) == {("order", "when")}
    assert found(drift(before, make(400, 3, month=2))) == {("time", "when")}


@pytest.mark.parametrize(
    ("layout", "said"),
    [
        ("%d.%m.%Y", "DD.MM.YYYY"),
        ("%m/%d/%Y", "MM/DD/YYYY"),
        ("%d/%m/%Y %I:%M %p", "DD/MM/YYYY hh:mm PM"),
        ("%d %b %Y", "D Mon YYYY"),
        ("%Y-%m-%dT%H:%M:%SZ", "YYYY-MM-DDThh:mm:ssZ"),
    ],
)
def test_a_changed_format_of_dates_is_named_in_words_and_undone(layout, said):
    before, now = make(300, 1), make(300, 2)
    other = now.assign(when=pd.to_datetime(now["when"]).dt.strftime(layout))
    result = drift(before, other)
    assert found(result) == {("date_format", "when")}
    told = result.findings.iloc[0]
    assert (
        told["reason"]
        == f"Most of the dates of 'when' are written like {said}, in the reference written like YYYY-MM-DD."
    )
    assert (told["given"], told["suggested"]) == (said, "YYYY-MM-DD")
    assert told["peers"] == list(range(300))


def test_some_cells_that_are_no_dates_are_named_and_do_not_count_as_empty():
    before, now = make(400, 1), make(400, 2)
    wild = np.random.default_rng(0).random(400) < 0.2
    result = drift(before, now.assign(when=now["when"].mask(wild, "soon")))
    assert found(result) == {("date_format", "when")}
    assert "others are no dates" in result.findings["reason"].iloc[0]
    assert result.findings["peers"].iloc[0] == np.flatnonzero(wild).tolist()


def test_a_column_of_texts_that_became_dates_is_named_and_compared():
    before, now = make(300, 1), make(300, 2)
    typed = now.assign(when=pd.to_datetime(now["when"]))
    result = drift(before, typed)
    assert found(result) == {("retyped_column", "when")}
    assert result.findings["reason"].iloc[0] == "The column 'when' holds dates instead of dates written as texts."
    back = drift(typed, before)
    assert found(back) == {("retyped_column", "when")}
    assert "which can be read as dates" in back.findings["reason"].iloc[0]


days = st.dates(pd.Timestamp(1960, 1, 1).date(), pd.Timestamp(2040, 1, 1).date())


@settings(max_examples=30, deadline=None)
@given(
    st.lists(days, min_size=6, max_size=20),
    st.sampled_from(["%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d %B %Y", "%b %d, %Y", "%Y/%m/%d"]),
)
def test_dates_are_read_however_they_are_written(values, layout):
    # Two days that tell which number is the month.
    dates = [*pd.to_datetime(pd.Series(values)), pd.Timestamp(2001, 1, 31), pd.Timestamp(2001, 12, 30)]
    column = pd.Series([d.strftime(layout) for d in dates])
    assert is_dated(column)
    assert read_dates(column).dt.tz_convert(None).tolist() == dates


@given(st.from_regex(_FIGURES, fullmatch=True))
def test_figures_are_read_quickly_as_they_are_read_slowly(text):
    slow, quick = read_moment(text), _read_figures(text)
    assert quick == (None if slow is None else replace(slow, padded=None))


def test_the_order_of_day_and_month_is_told_by_the_other_batch_where_one_does_not():
    before = pd.Series(pd.date_range("2024-01-01", periods=60)).dt.strftime("%d/%m/%Y")
    now = pd.Series(pd.date_range("2024-03-01", periods=12)).dt.strftime("%d/%m/%Y")
    pair = read_both(before, now)
    assert pair is not None
    assert set(pair[1].dates.dt.month) == {3}
    assert set(pair[1].layouts) == {"DD/MM/YYYY"}


@pytest.mark.parametrize(
    "texts",
    [["1.26.14", "2.10.3"], ["10:30", "11:20"], ["AB-12", "CD-13"], ["Jan", "Feb"], ["12-05-33", "99-99-12"], ["a 5 Jan 2024 b"]],
)  # fmt: skip
def test_what_only_looks_like_a_date_is_none(texts):
    assert not is_dated(pd.Series(texts * 10))


def test_dates_of_other_things_are_no_renamed_column():
    random = np.random.default_rng(0)
    births = pd.Timestamp("1950-01-01") + pd.to_timedelta(random.integers(0, 15_000, 300), unit="D")
    orders = pd.Timestamp("2024-01-01") + pd.to_timedelta(random.integers(0, 300, 300), unit="D")
    before = make(300, 1).assign(born=births)
    told = found(drift(before, make(300, 2).assign(delivered=orders)))
    assert told == {("dropped_column", "born"), ("added_column", "delivered")}
    # The same dates under another name, and the next month under a name that is like the old one, are renamed.
    same = make(300, 2).assign(birthday=births[::-1])
    assert found(drift(before, same)) == {("renamed_column", "born")}
    following = make(300, 2, month=2).rename(columns={"when": "whence"})
    assert found(drift(make(300, 1), following)) == {("renamed_column", "when")}


def test_a_data_dictionary_calls_dates_dates():
    row = profile(make(200, 1)).columns.set_index("column").loc["when"]
    assert row["kind"] == "date"
    assert str(row["low"]).startswith("2024-01-01")
    assert str(row["high"]).startswith("2024-01-28")


# ---------------------------------------------------------------- copies and groups


def test_copies_count_once_and_are_no_drift_of_their_own():
    # Ten copies of each of 60 rows: as 600 rows of their own, luck would look like a change in nearly every draw.
    for seed in range(6):
        before, now = (make(60, 2 * seed + side).drop(columns="when") for side in (0, 1))
        both = [pd.concat([f] * 10, ignore_index=True) for f in (before, now)]
        result = drift(*both, label="label")
        assert not result.drifted, result.to_text()
        assert "copies of other rows count once: 60 of 600 reference rows, 60 of 600 current ones" in notes(
            result, "draws"
        )


def test_equal_rows_of_a_table_of_categories_are_no_copies():
    random = np.random.default_rng(0)
    before = pd.DataFrame({"a": random.choice(list("uvw"), 500), "b": random.choice(list("xy"), 500)})
    now = before.assign(a=np.where(random.random(500) < 0.3, "u", before["a"]))
    result = drift(before, now)
    assert ("shares", "a") in found(result)
    assert notes(result, "draws") == ""


def test_things_that_come_again_in_both_batches_are_no_copies():
    goods = pd.DataFrame({"price": np.random.default_rng(0).lognormal(size=100), "weight": np.arange(100.0)})
    before = goods.sample(1000, replace=True, random_state=1)
    dear = goods["price"].rank(pct=True) ** 3
    result = drift(before, goods.sample(1000, replace=True, random_state=2, weights=dear))
    assert ("values", "price") in found(result)
    assert number_copies(before, ["price", "weight"]) is not None  # alone, they cannot be told from copies


def draw_patients(seed, patients=40, rows=15, start=0):
    random = np.random.default_rng(seed)
    bonds = np.repeat(np.arange(patients), rows)
    level = random.normal(size=patients)[bonds]
    return pd.DataFrame(
        {
            "patient": bonds + start,
            "pulse": 70 + 8 * level + random.normal(size=len(bonds)),
            "ward": np.where(random.random(patients) < 0.5, "a", "b")[bonds],
            "label": np.where(level + 0.3 * random.normal(size=len(bonds)) > 0, "ill", "well"),
        }
    )


def test_rows_of_one_group_share_their_luck_and_new_groups_are_no_drift():
    alone = 0
    for seed in range(6):
        before, now = draw_patients(2 * seed), draw_patients(2 * seed + 1, start=1000)
        result = drift(before, now, label="label", groups="patient")
        assert not result.drifted, result.to_text()
        assert "one row of each 'patient' counts" in notes(result, "draws")
        assert result.current_rows == 600
        alone += drift(before.drop(columns="patient"), now.drop(columns="patient"), label="label").drifted
    assert alone >= 3  # the same rows, taken one by one
    moved = draw_patients(1, 80, start=1000).assign(pulse=lambda f: f["pulse"] + 15)
    told = drift(draw_patients(0, 80), moved.assign(ward=lambda f: f["ward"] + " "), groups="patient").findings
    assert {"values", "writing"} <= set(told["detector"])
    peers = told.set_index("detector").loc["writing", "peers"]
    assert max(peers) > 600  # positions of all rows, not of those that were tested
    assert len(set(moved["patient"].iloc[peers])) == len(peers) == 80


def test_an_unknown_column_of_groups_is_refused():
    with pytest.raises(InputError, match="There is no group column 'patients'. Did you mean 'patient'?"):
        drift(draw_patients(0), draw_patients(1), groups="patients")


# ---------------------------------------------------------------- nothing is passed over in silence


def test_every_check_is_accounted_for_whatever_is_given():
    frame, other = make(100, 1), make(100, 2)
    assert set(drift(frame, other).checks["detector"]) == CHECKS
    assert set(drift(frame, other, label="label", predictions="town").checks["detector"]) == CHECKS
    assert set(drift(frame, other.drop(columns="label"), label="label").checks["detector"]) == CHECKS
    sets = frame.assign(label=[["a", "b"], ["a"]] * 50)
    result = drift(sets, sets, label="label", predictions="town")
    assert set(result.checks["detector"]) == CHECKS
    assert "its task is" in notes(result, "concept")
    assert "there is nothing to hold them against" in notes(result, "predictions")
    tiny = drift(frame.head(8), other.head(8))
    assert status(tiny, "joint") == "skipped"
    assert "not checked: joint: fewer than 40 rows in one of the two" in tiny.to_text()
    assert notes(drift(frame[["x"]], other[["x"]]), "order") == "there is no column of dates"


def score(rows, seed, power=1.0):
    """Make scores that are true probabilities, and outcomes that come true with the score to a power."""
    random = np.random.default_rng(seed)
    chance = random.random(rows)
    came = random.random(rows) < chance**power
    return pd.DataFrame({"id": np.arange(rows), "score": chance, "label": np.where(came, "yes", "no")})


def test_a_column_of_scores_alone_is_held_against_outcomes():
    before, same, worse = score(1500, 1), score(1500, 2), score(1500, 3, power=4)
    assert not drift(before, same, label="label", predictions="score", key="id").drifted
    result = drift(before, worse, label="label", predictions="score", key="id")
    assert {("calibration", None), ("threshold", None)} <= found(result)
    assert notes(result, "predictions") == "the score was taken for that of 'yes', as the reference has it"
    turned = [f.assign(label=f["label"].map({"yes": "a", "no": "b"}), score=1 - f["score"]) for f in (before, same)]
    assert "taken for that of 'b'" in notes(drift(*turned, label="label", predictions="score", key="id"), "predictions")


@pytest.mark.parametrize(
    ("change", "options", "said"),
    [
        (lambda f: f.assign(score=np.random.default_rng(0).random(len(f))), {}, "the scores alone do not tell of which class they are"),
        (lambda f: f.assign(label=f["label"] + (f["id"] % 2).astype(str)), {}, "the scores alone do not tell of which class they are"),
        (lambda f: f, {"label": None}, "there is nothing to hold them against: no label was named"),
        (lambda f: f.assign(label=f["label"].where(f["id"] < 20)), {"predictions": {"score": "score", "positive": "yes"}}, "fewer than 30 reference rows have both"),
        (lambda f: f.assign(label=np.arange(len(f)) * 1.5), {}, "the label is a number, of which no score is a probability"),
    ],
)  # fmt: skip
def test_predictions_that_cannot_be_held_against_anything_are_said(change, options, said):
    before, now = change(score(300, 1)), change(score(300, 2))
    result = drift(before, now, **{"label": "label", "predictions": "score", "key": "id", **options})
    assert status(result, "predictions") == "skipped"
    assert said in notes(result, "predictions")
    assert "not checked: " in result.to_text()


def test_few_outcomes_leave_the_scores_to_tell():
    before, now = score(1500, 1), score(1500, 2)
    few = now.assign(label=now["label"].where(now["id"] < 20), score=0.4 + 0.2 * now["score"])
    given = {"score": "score", "positive": "yes"}
    result = drift(before, few, label="label", predictions=given, key="id")
    assert "fewer than 30 current rows have both a prediction and an outcome" in notes(result, "predictions")
    assert ("expected_performance", None) in found(result)


def test_numbers_that_are_predicted_without_outcomes_are_said():
    before, now = (score(300, s).assign(label=lambda f: f["id"] * 1.5, guess=lambda f: f["id"] * 1.4) for s in (1, 2))
    result = drift(before, now.drop(columns="label"), label="label", predictions={"label": "guess"}, key="id")
    assert "a predicted number tells nothing without them" in notes(result, "predictions")
    few = drift(
        before, now.assign(label=now["label"].where(now["id"] < 20)), label="label", predictions={"label": "guess"}
    )
    assert "fewer than 30 current rows have both a prediction and an outcome" in notes(few, "predictions")


# ---------------------------------------------------------------- predictions in tables of their own


def split(frame, seed):
    """Take predictions and outcomes apart, as a run that predicted, and the outcomes that came later in another order."""
    rows = frame.drop(columns="score").sample(frac=1, random_state=seed)
    return rows, frame[["id", "score"]].rename(columns={"id": "key"})


def test_predictions_are_joined_with_later_outcomes_by_key():
    before, now, worse = score(1200, 1), score(1200, 2), score(1200, 3, power=4)
    whole = drift(before, worse, label="label", predictions={"score": "score", "positive": "yes"}, key="id")
    (one, first), (other, second), (bad, third) = (split(f, s) for s, f in enumerate((before, now, worse)))
    tables = {"reference": first, "current": second, "positive": "yes", "threshold": 0.5}
    assert not drift(one, other, label="label", predictions=tables, key="id").drifted
    result = drift(one, bad, label="label", predictions=tables | {"current": third}, key="id")
    assert {("calibration", None), ("threshold", None)} <= found(result)
    effects = [r.tests.set_index("check").loc[["calibration", "threshold"], "effect"] for r in (whole, result)]
    pd.testing.assert_series_equal(*effects)


def test_rows_without_a_prediction_are_left_out_and_counted():
    (one, first), (other, second) = (split(score(600, s), s) for s in (1, 2))
    given = {"reference": first, "current": second[second["key"] % 3 > 0], "positive": "yes"}
    result = drift(one, other, label="label", predictions=given, key="id")
    assert "200 current rows have no prediction" in notes(result, "predictions")
    checks = set(result.tests["check"])
    assert {"calibration", "threshold"} <= checks
    assert not {d for d, _ in found(result)} & {"calibration", "threshold"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: {"reference": t}, "predictions has a table for one batch only. Expected both: reference, current."),
        (lambda t: (t, pd.concat([t, t.head(2)])), "2 predictions repeat a key of the current rows that another one has."),
        (lambda t: (t, t.assign(key=t["key"] + 9000)), "No prediction has the 'id' of a current row."),
        (lambda t: (t, t.head(5).drop(columns="key")), "There are 5 predictions for 60 current rows. Expected one for each row, in the same order, or a key= that both have."),
        (lambda t: (t, t.rename(columns={"score": "label"})), "One table of predictions has labels only, the other scores only."),
        (lambda t: {"reference": t, "current": t, "score": "chance"}, "There is no column of predictions 'chance'."),
    ],
)  # fmt: skip
def test_predictions_that_do_not_belong_to_the_rows_are_refused(change, message):
    rows, table = split(score(60, 1), 1)
    with pytest.raises(InputError) as raised:
        drift(rows, rows, label="label", predictions=change(table), key="id")
    assert message in str(raised.value)


def test_a_key_that_the_current_rows_lack_is_refused():
    rows, table = split(score(60, 1), 1)
    with pytest.raises(InputError, match="There is no key column of the current rows 'id'"):
        drift(rows, rows.drop(columns="id"), label="label", predictions=(table, table), key="id")


def test_the_command_takes_files_of_predictions_and_groups(tmp_path):
    (one, first), (bad, second) = (split(score(900, s, power=p), s) for s, p in ((1, 1), (3, 6)))
    paths = [tmp_path / f"{name}.csv" for name in "abcd"]
    for frame, path in zip((one.assign(who=one["id"]), bad.assign(who=bad["id"]), first, second), paths, strict=True):
        frame.to_csv(path, index=False)
    asked = [
        *map(str, paths[:2]),
        "--label",
        "label",
        "--key",
        "id",
        "--groups",
        "who",
        "--predictions",
        *map(str, paths[2:]),
    ]
    result = CliRunner().invoke(command, [*asked, "--positive", "yes", "--json"], standalone_mode=False)
    assert result.return_value == 3
    assert "calibration" in {f["detector"] for f in json.loads(result.stdout)["findings"]}


# ---------------------------------------------------------------- volume and charts


@pytest.mark.parametrize(("rows", "counts"), [(400, False), (470, False), (490, True), (330, False), (310, True)])
def test_the_number_of_rows_may_change_by_the_share_stated_both_ways(rows, counts):
    before, now = make(400, 1), make(500, 2).iloc[:rows]
    assert ("volume" in set(drift(before, now, volume=0.2).findings["detector"])) == counts


def test_facts_are_drawn():
    before = make(200, 1)
    result = drift(before, make(200, 2).drop(columns="z"))
    assert found(result) == {("dropped_column", "z")}
    drawn = result.chart().to_svg()
    assert "dropped_column: z" in drawn
    assert "a fact, without a size" in drawn


@pytest.mark.parametrize(
    ("late", "usual", "then"),
    [
        ("31/12/2023 24:00", "30/12/2023 23:00", "2024-01-01"),
        ("2024-01-31 24:00", "2024-01-30 23:00", "2024-02-01"),
        ("2024-01-31T24:00:00", "2024-01-30T23:00:00", "2024-02-01"),
        ("2024-01-31T24:00:00,000+00:00", "2024-01-30T23:00:00+00:00", "2024-02-01"),
        ("2024-01-31 24:30", "2024-01-30 23:00", None),
    ],
)
def test_the_midnight_at_the_end_of_a_day_begins_the_next_one(late, usual, then):
    read = read_dates(pd.Series([late, *[usual] * 19])).dt.tz_convert(None)
    assert read[0] == pd.Timestamp(then) if then else read.isna()[0]
    assert (read[1:].dt.hour == 23).all()
