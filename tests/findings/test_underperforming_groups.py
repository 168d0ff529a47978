"""Groups in which the model is right less often than elsewhere: planted ones are found, noise gives none."""

import numpy as np
import pandas as pd
import pytest

from dcai.findings.detectors.underperforming_groups import interval
from dcai.findings.report import audit

CLASSES = ["u", "v", "w"]


def make(seed, rows=2000, bad=None):
    """A table whose given probabilities are right in 80 % of all rows, and in 40 % of those where `bad` says so."""
    draw = np.random.default_rng(seed)
    frame = pd.DataFrame({f"x{i}": draw.normal(size=rows) for i in range(5)})
    frame["site"] = draw.choice(["north", "south", "east", "west"], rows)
    frame["code"] = draw.zipf(1.6, rows).clip(max=30).astype(str)
    frame["gap"] = np.where(draw.random(rows) < 0.2, np.nan, draw.lognormal(size=rows))
    label = draw.integers(0, 3, rows)
    sure = np.full(rows, 0.8) if bad is None else np.where(bad(frame), 0.4, 0.8)
    shown = np.where(draw.random(rows) < sure, label, (label + draw.integers(1, 3, rows)) % 3)
    chance = np.full((rows, 3), 0.1)
    chance[np.arange(rows), shown] = 0.8
    return frame.assign(label=np.array(CLASSES)[label]), pd.DataFrame(chance, columns=CLASSES)


def judge(frame, chance):
    found = audit(frame, "label", probabilities=chance, detectors="underperforming_groups", progress=False)
    assert found.checks["status"].item() == "ran", found.checks["reason"].item()
    return found


@pytest.mark.parametrize(
    ("bad", "column", "said"),
    [
        (lambda f: f["site"] == "west", "site", "Where site == 'west' ("),
        (lambda f: f["gap"].isna(), "gap", "Where missing(gap) ("),
        (lambda f: f["x2"] > 0.9, "x2", "Where x2 >= "),
        (lambda f: (f["x0"] > -0.2) & (f["x0"] < 0.2), "x0", " <= x0 < "),
    ],
)
def test_a_planted_group_is_found_and_nothing_else(bad, column, said):
    frame, chance = make(1, 4000, bad)
    found = judge(frame, chance).findings
    assert found["column"].iloc[0] == column
    reason = found["reason"].iloc[0]
    assert said in reason
    assert "surer there than it is right (80 %)" in reason
    peers = found["peers"].iloc[0]
    assert bad(frame).iloc[peers].mean() > 0.8
    inside = bad(frame)
    assert all(bad(frame).iloc[p].mean() > inside.mean() for p in found["peers"])


def test_a_group_that_is_as_unsure_as_it_is_wrong_is_no_reproach_to_labels():
    frame, chance = make(2, 4000, lambda f: f["site"] == "west")
    chance.loc[frame["site"] == "west"] = chance.loc[frame["site"] == "west"] ** 0.1
    chance = chance.div(chance.sum(axis=1), axis=0)
    found = judge(frame, chance).findings
    assert "no surer there than it is right" in found["reason"].iloc[0]
    assert found["doubt"].iloc[0] == pytest.approx(0.3)


def test_noise_gives_no_group():
    alarms = [len(judge(*make(seed, 800))) for seed in range(100, 140)]
    assert sum(map(bool, alarms)) <= 2  # one in a hundred is allowed for; of forty, three would be one in 10,000


def test_equal_rows_count_once():
    frame, chance = make(3, 200)
    repeated = np.random.default_rng(0).integers(0, 200, 4000)
    assert not len(judge(frame.iloc[repeated].reset_index(drop=True), chance.iloc[repeated].reset_index(drop=True)))


def test_numbers_by_the_hundred_are_measurements_of_one_thing():
    frame, chance = make(4, 300)
    wide = pd.concat(
        [pd.DataFrame(np.random.default_rng(0).normal(size=(300, 40))).add_prefix("p"), frame["label"]], axis=1
    )
    check = judge(wide, chance).checks.iloc[0]
    assert "40 columns of numbers were grouped together only, as clusters" in check["reason"]


def test_few_rows_are_not_judged():
    frame, chance = make(5, 50)
    found = audit(frame, "label", probabilities=chance, detectors="underperforming_groups", progress=False)
    assert found.checks["reason"].item() == "fewer than 60 rows have a label"


def test_the_interval_is_wilsons():
    assert interval(0.0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)
    assert interval(0.8, 50) == pytest.approx((0.6696, 0.8876), abs=1e-4)
