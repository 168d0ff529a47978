"""The order of the rows: planted dependence is found in every form, shuffled rows and noise give nothing."""

import numpy as np
import pandas as pd
import pytest

from dcai.findings.report import audit

ROWS = 2000


def noise(seed, rows=ROWS):
    draw = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "x": draw.normal(size=rows),
            "wild": draw.standard_cauchy(rows),
            "few": draw.zipf(1.7, rows).clip(max=40),
            "name": draw.choice(list("abcd"), rows, p=[0.7, 0.2, 0.07, 0.03]),
            "gap": np.where(draw.random(rows) < 0.3, np.nan, draw.normal(size=rows)),
            "text": [" ".join(draw.choice(["red", "green", "blue", "grey", "pink"], 4)) for _ in range(rows)],
            "label": draw.choice(["u", "v", "w"], rows, p=[0.8, 0.15, 0.05]),
        }
    )


def judge(frame, label="label", **more):
    found = audit(frame, label, detectors="non_iid", progress=False, **more)
    assert found.checks["status"].item() == "ran", found.checks["reason"].item()
    return found


def walk(frame):
    return frame.assign(x=np.random.default_rng(0).normal(size=len(frame)).cumsum())


def drift(frame):
    return frame.assign(wild=frame["x"] + np.linspace(0, 3, len(frame)))


def sessions(frame):
    people = np.random.default_rng(0).normal(size=(len(frame) // 4, 2)).repeat(4, axis=0)
    return frame.assign(x=people[:, 0], gap=people[:, 1])


@pytest.mark.parametrize(
    ("plant", "said"),
    [
        (lambda f: f.sort_values("label"), "The rows come sorted by 'label'"),
        (lambda f: f.sort_values("name"), "'name' comes sorted"),
        (walk, "'x'"),
        (drift, "'wild' rises"),
        (sessions, "'x' comes in stretches, 'gap' comes in stretches"),
        (lambda f: sessions(f)[["x", "gap", "label"]], "Rows that stand near each other are more alike than chance"),
    ],
)
def test_a_planted_order_is_found_and_gone_when_shuffled(plant, said):
    frame = plant(noise(0))
    found = judge(frame).findings
    assert found["row"].tolist()[:1] == [-1]
    assert said in found["reason"].iloc[0]
    assert not len(judge(frame.sample(frac=1, random_state=1)))


def test_noise_has_no_order():
    assert sum(len(judge(noise(seed))) for seed in range(20)) == 0
    assert not len(judge(noise(1, 9000)))


def test_columns_that_number_the_rows_are_said_and_not_taken_for_content():
    frame = noise(0).assign(id=range(ROWS), when=pd.date_range("2020-01-01", periods=ROWS, freq="h"))
    found = judge(frame)
    assert not len(found)
    assert "not judged, for it numbers the rows: 'id', 'when'" in found.checks["reason"].item()


def test_equal_rows_have_no_order_of_their_own():
    draw = np.random.default_rng(0)
    frame = pd.DataFrame({"a": draw.choice(list("ab"), 1000), "b": draw.choice(list("xy"), 1000), "c": 1})
    assert not len(judge(frame, None))


def test_a_stretch_from_another_source_is_named_with_its_rows():
    frame = noise(0, 4000)
    frame["height"] = np.random.default_rng(1).normal(170, 8, 4000)
    frame.loc[1000:1399, "height"] /= 2.54
    frame.loc[1000:1399, "name"] = "z"
    found = judge(frame).findings
    stretch = found[found["reason"].str.startswith("Rows 1,000 to 1,399 (about) are unlike the rest")]
    assert len(stretch) == 1
    reason, peers = stretch["reason"].item(), stretch["peers"].item()
    assert "'height' is 66." in reason
    assert "elsewhere" in reason
    assert "'name' is 'z' in > 99 % of the rows there and in < 1 % elsewhere" in reason
    assert min(peers) >= 1000
    assert max(peers) <= 1399
    assert len(peers) == 400


def test_time_that_is_not_the_order_of_the_file_is_judged_too():
    draw = np.random.default_rng(0)
    days = draw.integers(0, 1000, ROWS)
    frame = noise(0).assign(day=(pd.Timestamp("2020-01-01") + pd.to_timedelta(days, unit="D")).strftime("%Y-%m-%d"))
    assert not len(judge(frame))
    found = judge(frame.assign(price=days / 300 + draw.normal(size=ROWS)))
    assert "In the order of 'day' 'price' rises." in found.findings["reason"].item()
    assert "also by time: 'day'" in found.checks["reason"].item()


def test_given_features_are_compared():
    frame = noise(0)
    found = judge(frame, features=np.random.default_rng(0).normal(size=(ROWS, 3)).cumsum(axis=0))
    assert "are more alike than chance" in found.findings["reason"].iloc[0]


def test_the_order_is_no_part_of_the_hash():
    frame = noise(0).sort_values("label")
    one, other = judge(frame), judge(frame.sample(frac=1, random_state=0))
    assert len(one) != len(other)
    assert one.hash == other.hash


def test_few_rows_are_not_judged():
    check = audit(noise(0, 50), "label", detectors="non_iid", progress=False).checks.iloc[0]
    assert (check["status"], check["reason"]) == ("skipped", "fewer than 100 rows: chance explains most orders")
