"""Columns that give the label away, and rows that stand in two frames."""

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from dcai.base.errors import InputError
from dcai.findings.report import audit
from dcai.shells.cli_find import audit as command


def make(rows=1200, seed=0):
    draw = np.random.default_rng(seed)
    label = draw.choice(["cat", "dog", "owl"], rows)
    return pd.DataFrame(
        {
            "x": draw.normal(size=rows),
            "hint": draw.normal(size=rows) + 2.0 * (label == "cat"),  # a good feature is no leak
            "often": np.where(draw.random(rows) < 0.9, label, "cat"),
            "town": draw.choice(["Bonn", "Rome", "Oslo"], rows),
            "label": label,
        }
    )


def leaks(frame, label="label", **more):
    found = audit(frame, label, detectors="leakage", progress=False, **more)
    assert found.checks["status"].item() == "ran", found.checks["reason"].item()
    return found


def by_label(frame):
    return frame.sort_values("label", ignore_index=True)


@pytest.mark.parametrize(
    ("add", "how"),
    [
        (lambda f: f["label"].map({"cat": 3, "dog": 1, "owl": 2}), "by its size"),
        (lambda f: f["label"].map({"cat": "A", "dog": "B", "owl": "C"}), "each value goes with one class"),
        (lambda f: [f"data/{y}/{i}.png" for i, y in enumerate(f["label"])], "it holds the name of the class"),
        (lambda f: [f"{y[0].upper()}{i:05d}" for i, y in enumerate(f["label"])], "by the letters that it begins with"),
        (lambda f: pd.to_datetime("2020-01-01") + pd.to_timedelta(f["label"].map({"cat": 3, "dog": 900, "owl": 99}), unit="D"), "by the time"),
    ],
)  # fmt: skip
def test_a_column_that_gives_the_label_away_is_found(add, how):
    frame = make()
    found = leaks(frame.assign(leak=add(frame))).findings
    assert found["column"].tolist() == ["leak"]
    assert found["row"].tolist() == [-1]
    assert (
        f"'leak' alone foretells 'label' in > 99 % of 1,200 rows that it was not fitted to ({how})"
        in found["reason"].item()
    )


def test_numbers_in_the_order_of_a_sorted_file_give_it_away():
    frame = by_label(make()).assign(id=range(1200), code=[f"R-{i:04d}" for i in range(1200)])
    found = leaks(frame).findings
    assert set(found["column"]) == {"id", "code"}
    assert len(leaks(frame, key="id").findings) == 2
    said = leaks(frame, key="id").findings.set_index("column").loc["id", "reason"]
    assert said.endswith("It is no feature here; see to it that it stays none.")


def test_a_missing_cell_can_give_it_away():
    frame = make()
    frame = frame[frame["label"] != "owl"].reset_index(drop=True)
    frame["died"] = np.where(frame["label"] == "cat", np.nan, frame["x"])
    assert leaks(frame).findings["column"].tolist() == ["died"]


def test_good_features_and_noise_are_no_leaks():
    for seed in range(5):
        assert not len(leaks(make(seed=seed)))


def test_a_number_is_given_away_by_one_of_the_same_order():
    draw = np.random.default_rng(0)
    frame = pd.DataFrame({"c": draw.normal(size=500), "z": draw.normal(size=500)}).assign(f=lambda d: 1.8 * d["c"] + 32)
    found = leaks(frame, "f").findings
    assert found["column"].tolist() == ["c"]
    assert "rank correlation 1.00000" in found["reason"].item()


def test_without_label_and_test_frame_there_is_nothing_to_look_at():
    check = audit(make(), detectors="leakage", progress=False).checks.iloc[0]
    assert check["status"] == "skipped"
    assert "there is no label column" in check["reason"]
    assert "no second frame was given (test=...)" in check["reason"]
    few = leaks(make(40), test=make(seed=1)).checks["reason"].item()
    assert few.startswith("fewer than 50 rows have a label")


# ---------------------------------------------------------------- two frames


def test_equal_rows_in_both_frames_are_counted_and_listed():
    frame = make()
    held = pd.concat([make(400, seed=9), frame.iloc[[3, 70, 500]].assign(label=["dog", "dog", "dog"])])
    found = leaks(frame, test=held.sample(frac=1, random_state=0)).findings
    differ = sum(frame["label"].iloc[[3, 70, 500]] != "dog")
    assert sorted(found["peers"].item()) == [3, 70, 500]
    assert (
        found["reason"]
        .item()
        .startswith(
            f"3 of 1,200 rows (< 1 %) are equal to a test row in 4 feature columns, {differ} of them with another label"
        )
    )


def test_nearly_equal_rows_are_found():
    frame = make().assign(title=[f"The Tale of Number {i}" for i in range(1200)])
    held = frame.iloc[10:30].assign(title=lambda f: f["title"].str.upper() + "!", x=lambda f: f["x"] * (1 + 1e-9))
    found = leaks(frame, test=held).findings
    assert "are nearly equal to a test row in 5 feature columns" in found["reason"].item()
    assert len(set(found["peers"].item()) & set(range(10, 30))) >= 19  # a digit may just round the other way
    assert set(found["peers"].item()) <= set(range(10, 30))


def test_rows_with_a_slip_of_the_pen_are_found():
    draw = np.random.default_rng(0)
    words = ["".join(draw.choice(list("abcdefghijklmnoprstu"), 7)) for _ in range(400)]
    frame = pd.DataFrame(
        {
            "title": [" ".join(draw.choice(words, 5)) for _ in range(800)],
            "maker": draw.choice(words, 800),
            "town": draw.choice(words[:30], 800),
            "year": draw.integers(1900, 2020, 800),
        }
    )
    held = frame.iloc[40:80].assign(title=lambda f: f["title"].str[:9] + "x" + f["title"].str[10:])
    other = frame.iloc[700:].assign(title=[" ".join(draw.choice(words, 5)) for _ in range(100)], maker="somebody")
    found = leaks(frame.iloc[:700], None, test=pd.concat([held, other])).findings
    assert len(found) == 1
    assert "in a few of their values only" in found["reason"].item()
    assert len(set(found["peers"].item()) & set(range(40, 80))) >= 36
    assert set(found["peers"].item()) <= set(range(40, 80))


def test_large_frames_are_not_compared_for_likeness_and_that_is_said(monkeypatch):
    monkeypatch.setattr("dcai.findings.tables.frames.LIKELY_ROWS", 1000)
    reason = leaks(make(), test=make(seed=3)).checks["reason"].item()
    assert "rows were not compared for likeness: together the frames have more than 1,000 rows" in reason


def test_the_same_key_in_both_is_found_whatever_else_differs():
    frame = make().assign(id=np.arange(1200))
    held = make(100, seed=5).assign(id=np.arange(1150, 1250))
    found = leaks(frame, key="id", test=held).findings
    assert found["column"].tolist() == ["id"]
    assert found["reason"].item().startswith("50 of 1,200 rows (4 %) are of a 'id' that stands in the test frame too.")
    assert sorted(found["peers"].item()) == list(range(1150, 1200))


def test_groups_in_both_are_found():
    frame = make().assign(who=np.arange(1200) // 10)
    held = make(100, seed=5).assign(who=np.arange(100) // 10 + 115)
    found = leaks(frame, groups="who", test=held).findings
    assert "50 of 1,200 rows (4 %) are of a 'who' that stands in the test frame too" in found["reason"].item()


def test_frames_that_share_nothing_but_chance_give_nothing():
    for seed in range(5):
        frame, held = make(seed=seed)[["x", "town", "label"]], make(seed=seed + 50)
        assert not len(leaks(frame, test=held))


def test_coincidence_in_columns_of_few_values_is_said_and_not_listed():
    draw = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"a": draw.integers(0, 20, 1200), "b": draw.integers(0, 30, 1200), "c": draw.choice(list("uvwxyz"), 1200)}
    )
    found = leaks(frame.head(800), None, test=frame.tail(400))
    assert not len(found)
    assert (
        "rows equal to a test row, no more than chance brings in columns of few values" in found.checks["reason"].item()
    )
    copied = leaks(frame.head(800), None, test=pd.concat([frame.tail(300), frame.head(100)]))
    assert set(range(100)) <= set(copied.findings["peers"].item())


def test_where_equal_rows_are_usual_they_say_nothing():
    frame = make()[["town", "often", "label"]]
    found = leaks(frame, test=frame.head(300))
    assert not len(found)
    assert (
        "of the rows of one frame repeat another one of it, so equal rows in both say nothing"
        in found.checks["reason"].item()
    )


def test_columns_that_are_in_one_frame_only_are_said():
    found = leaks(make(), test=make(seed=2)[["x", "hint"]])
    assert (
        "compared with 1,200 test rows in 2 feature columns ('often', 'town' not in the test frame)"
        in found.checks["reason"].item()
    )


def test_frames_of_other_columns_are_refused():
    with pytest.raises(
        InputError,
        match="shares no feature column with the audited frame. It has 'a', 'label'; expected some of 'x', 'hint'",
    ):
        leaks(make(), test=pd.DataFrame({"a": [1], "label": ["cat"]}))
    with pytest.raises(InputError, match="for the detector 'leakage', which was not asked for"):
        audit(make(), test=make(), detectors="duplicates", progress=False)


def test_the_command_line_takes_a_second_file(tmp_path):
    make(100).to_csv(tmp_path / "train.csv", index=False)
    make(100).head(20).to_csv(tmp_path / "test.csv", index=False)
    result = CliRunner().invoke(command, [str(tmp_path / "train.csv"), "--test", str(tmp_path / "test.csv")])
    assert result.exit_code == 0, result.output
    assert "About columns, groups and the table as a whole:" in result.stdout
    assert "leakage  table: 20 of 100 rows (20 %) are equal to a test row" in result.stdout
