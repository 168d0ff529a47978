"""Why a group is worse and what helps; groups of rows asked for; figures of fairness, copies and rows that belong together."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator

from dcai.base.errors import InputError
from dcai.base.table import make_table
from dcai.experiments.failures.judgements import Group, Judged, compare_choices, measure_share
from dcai.experiments.failures.partitions import _deal, slices
from dcai.experiments.failures.remedies import Outside, _measure_growth, _say_odd, _Scene


def make(rows, seed=0, share=0.25, rule="same", noise=0.0):
    """Draw rows of which a group follows a rule of its own, with some of its labels turned."""
    random = np.random.default_rng(seed)
    x, z = random.normal(size=(2, rows))
    x = np.where(np.abs(x) < 0.3, np.sign(x) * 0.3 + x, x)
    inside = random.random(rows) < share
    own = {"same": x, "turned": -x, "stripes": np.floor(2 * x) % 2 - 0.5}[rule]
    side = np.where(inside, own, x)
    wrong = inside & (random.random(rows) < noise)
    label = np.where((side > 0) ^ wrong, "yes", "no")
    return pd.DataFrame({"x": x, "z": z, "group": np.where(inside, "b", "a"), "label": label})


def find_cause(frame, **options):
    worse = slices(frame, "label", by="group", **options).worse.set_index("slice")
    return tuple(worse.loc["group == 'b'", ["cause", "fix"]])


# ---------------------------------------------------------------- causes


def test_a_rule_of_its_own_in_few_rows_is_scarcity_and_more_rows_mend_it():
    few = make(1500, 1, share=0.1, rule="stripes")
    cause, fix = find_cause(few)
    assert cause == "scarcity"
    assert "the last doubling of its rows made" in fix
    # What it says is true: with as many rows more the group is right more often.
    more = pd.concat(
        [few, make(8000, 2, share=0.1, rule="stripes").query("group == 'b'").head(4 * (few["group"] == "b").sum())]
    )
    rates = [
        slices(f, "label", by="group").table.set_index("slice").loc["group == 'b'", "accuracy"] for f in (few, more)
    ]
    assert rates[1] > rates[0] + 0.05


def test_a_large_group_with_a_rule_of_its_own_is_not_told_to_grow():
    cause, fix = find_cause(make(2400, 3, share=0.4, rule="turned", noise=0.2))
    assert cause == "overlap"
    assert "by twice as many of its rows no more of them were surely right" in fix


def test_wrong_labels_are_noise():
    cause, fix = find_cause(make(1600, 4, noise=0.35))
    assert cause == "noise"
    assert "Review labels" in fix


def blunt(noise, seed=0):
    """Draw rows whose classes overlap everywhere, so that no model is ever sure, with labels of one site turned."""
    random = np.random.default_rng(seed)
    x, z = random.normal(size=(2, 1600))
    site = random.choice(list("abcd"), 1600)
    wrong = (site == "b") & (random.random(1600) < noise)
    label = np.where((x + random.normal(size=1600) > 0) ^ wrong, "yes", "no")
    return pd.DataFrame({"x": x, "z": z, "group": site, "label": label})


def test_wrong_labels_are_noise_where_no_model_is_sure_too():
    cause, fix = find_cause(blunt(0.45))
    assert cause == "noise", fix
    assert "a model of all other rows counts on being right in" in fix
    assert not slices(blunt(0.0), "label", by="group").table.query("slice == \"group == 'b'\"")["worse"].any()


class Memory(BaseEstimator):
    """Says what the last patient with this number had; to be seen, it needs nothing else."""

    steps = ()

    def fit(self, frame, labels):
        self.classes_ = np.unique(labels)
        self.known_ = dict(zip(frame["number"], labels, strict=True))
        return self

    def predict_proba(self, frame):
        said = [self.known_.get(n, self.classes_[0]) for n in frame["number"]]
        return (np.array(said)[:, None] == self.classes_).astype(float)


def bond(rows, size):
    return np.repeat(np.arange(rows // size), size)


def test_a_group_is_judged_from_outside_without_the_other_rows_of_its_patients():
    bonds = bond(200, 4)
    frame = pd.DataFrame({"number": bonds, "label": np.where(bonds % 2 == 0, "yes", "no")})
    inside = np.arange(200) % 4 == 0  # one row of each patient
    given = frame["label"].to_numpy(dtype=object)
    judged = Judged(
        np.ones(200, dtype=bool), np.ones(200, dtype=bool), np.zeros(200, dtype=bool), given, given, "accuracy"
    )
    alone, together = (_Scene(judged, make_table(frame, "label"), Memory(), b) for b in (None, bonds))
    assert alone.judge_from_outside(inside)[1].all()  # it has learnt them by heart from their own other rows
    half = inside & (bonds < 25)
    assert together.judge_from_outside(half).right.mean() < 0.6
    assert not set(bonds[together._find_others(half)]) & set(bonds[half])


def scene_of(doubtful, bonds):
    none = np.full(len(doubtful), "", dtype=object)
    judged = Judged(~doubtful, np.ones(len(doubtful), dtype=bool), doubtful, none, none, "accuracy")
    return _Scene(judged, make_table(pd.DataFrame({"x": range(len(doubtful))})), None, bonds)


def test_labels_of_one_patient_are_contradicted_together():
    random = np.random.default_rng(0)
    bonds, counts = bond(600, 15), np.zeros(2, dtype=int)
    for _ in range(200):
        doubtful = (random.random(40) < 0.2)[bonds]  # all labels of a patient, or none
        inside = (random.permutation(40) < 20)[bonds]
        group = Group("site", (), inside)
        found = Outside(doubtful[inside], ~doubtful[inside], np.zeros(inside.sum()))
        counts += [bool(_say_odd(scene_of(doubtful, b), group, inside, found)) for b in (None, bonds)]
    assert counts[0] > 40  # as single rows
    assert counts[1] <= 8
    sure = np.repeat([True, False], 300)
    half = np.arange(300) % 2 == 0
    scene = scene_of(sure & (np.arange(600) % 2 == 0), bonds)
    assert "contradicts, where it is sure, 150 labels of the 300" in _say_odd(
        scene, Group("site", (), sure), sure, Outside(half, ~half, np.zeros(300))
    )


def test_a_group_that_grew_by_one_patient_has_not_grown():
    frame = pd.DataFrame({"site": ["a"] * 60 + ["b"] * 540, "patient": [0] * 60 + list(range(1, 541)), "label": "x"})
    earlier = frame.assign(site=["a"] * 20 + ["b"] * 580, patient=range(600, 1200))
    group = Group("site == 'a'", ("site",), (frame["site"] == "a").to_numpy())
    table, reference = make_table(frame, "label", groups="patient"), make_table(earlier)
    assert _measure_growth(group, table, reference, None) == (20 / 600, 60 / 600)
    assert _measure_growth(group, table, reference, frame["patient"].to_numpy()) is None


# ---------------------------------------------------------------- copies


def test_copies_of_rows_share_their_luck():
    worse = np.zeros(2, dtype=int)
    for seed in range(8):
        random = np.random.default_rng(seed)
        rows = pd.DataFrame({"x": random.normal(size=100), "group": random.choice(["a", "b"], 100)})
        rows["label"] = np.where(rows["x"] > 0, "yes", "no")
        wrong = random.random(100) < 0.25
        chance = np.where(wrong ^ (rows["label"] == "yes"), 0.9, 0.1)
        said = pd.DataFrame({"no": 1 - chance, "yes": chance})
        for place, times in enumerate((1, 10)):
            both = [pd.concat([f] * times, ignore_index=True) for f in (rows, said)]
            found = slices(both[0], "label", probabilities=both[1], by="group")
            worse[place] += len(found.worse)
            assert any("Copies of a row count as one draw of luck: 100 of 1,000" in n for n in found.notes) == (
                times > 1
            )
    assert worse[1] <= worse[0] + 1


# ---------------------------------------------------------------- groups asked for


def test_every_value_asked_for_is_reported_and_few_rows_are_said():
    frame = make(900, 5)
    frame["town"] = [f"t{n // 12}" for n in range(888)] + ["small"] * 3 + [None] * 9
    found = slices(frame, "label", by="town")
    assert (found.table["origin"] == "asked").sum() == 74 + 2
    few = found.table.set_index("slice")["few"]
    assert few["town == 'small'"]
    assert few["missing(town)"]
    assert "Fewer than 30 rows with a known label, so that their figures say little" in " ".join(found.notes)
    assert "  ? town == 'small'" in found.to_text()
    assert "few rows" in found.to_html()


def test_more_values_than_can_be_shown_are_counted():
    frame = make(3000, 6)
    frame["shop"] = [f"s{n // 5}" for n in range(3000)]
    frame["code"] = [f"code {n:05}" for n in range(3000)]
    found = slices(frame, "label", by=["shop", "code"])
    assert "Only the 500 most frequent values of 'shop' were taken: 500 rows have others." in found.notes
    assert "'code' makes no groups: hardly any value comes twice, and all are of one length." in found.notes


@pytest.mark.parametrize(
    "values",
    [
        20190101 + np.arange(400) % 90,
        100001 + np.arange(400) % 100,
        1e9 + np.arange(400) % 7,
        5 + 1e-9 * np.arange(400),
    ],
)
def test_numbers_that_differ_late_make_ranges_all_the_same(values):
    frame = make(400, 7).assign(day=values)
    asked = slices(frame, "label", by="day").table.query("origin == 'asked'")
    assert len(asked) == 5
    assert asked["rows"].sum() == 400
    assert asked["rows"].min() > 40
    assert asked["slice"].is_unique


def test_a_column_of_one_value_is_one_group_with_nothing_beside_it():
    found = slices(make(300, 8).assign(country="DE", year=2024), "label", by=["country", "year"])
    asked = found.table.query("origin == 'asked'").set_index("slice")
    assert asked["accuracy"].tolist() == pytest.approx([found.accuracy] * 2)
    assert asked[["elsewhere", "gap", "p"]].isna().all(axis=None)
    for text in (found.to_text(), found.to_html(), found.to_json()):
        assert "nan" not in text.casefold()


def test_a_value_whose_labels_are_all_unknown_is_reported_as_such():
    frame = make(400, 9).assign(town=["x", "y"] * 200)
    frame.loc[frame["town"] == "y", "label"] = None
    asked = slices(frame, "label", by="town").table.set_index("slice")
    assert asked.loc["town == 'y'", "rows"] == 0
    assert asked.loc["town == 'y'", "few"]


# ---------------------------------------------------------------- fairness


def test_rates_of_a_found_group_are_of_the_rows_that_confirmed_it():
    frame = make(1600, 10, noise=0.4)
    random = np.random.default_rng(0)
    chance = np.where((frame["x"] > 0) ^ (random.random(1600) < 0.02), 0.95, 0.05)
    found = slices(frame, "label", probabilities=pd.DataFrame({"no": 1 - chance, "yes": chance}), positive="yes")
    its = found.worse.set_index("slice").loc["group == 'b'"]
    assert its["origin"] == "found"
    second = _deal(1600, None, 0) & (frame["group"] == "b").to_numpy()
    said, true = chance > 0.5, (frame["label"] == "yes").to_numpy()
    assert its["rows"] == second.sum()
    assert its["chosen"] == pytest.approx(said[second].mean())
    assert its["recall"] == pytest.approx(said[second & true].mean())
    assert its["false_alarms"] == pytest.approx(said[second & ~true].mean())
    assert len(found.rows("group == 'b'")) == (frame["group"] == "b").sum()


def test_intervals_of_rates_hold_the_truth_as_often_as_stated():
    random = np.random.default_rng(1)
    held = np.zeros(2)
    for _ in range(300):
        bonds = bond(400, 10)
        chosen = random.random(400) < random.beta(3, 1, 40)[bonds]  # three in four, shared by rows of one number
        given = np.where(random.random(400) < 0.5, "yes", "no").astype(object)
        judged = Judged(chosen, chosen, ~chosen, given, np.where(chosen, "yes", "no").astype(object), "accuracy")
        rates = [compare_choices(np.ones(400, dtype=bool), judged, "yes", b) for b in (bonds, None)]
        held += [r["recall_low"] <= 0.75 <= r["recall_high"] for r in rates]
    assert held[0] >= 275
    assert held[1] < 265  # single rows promise too much
    assert all(map(np.isnan, measure_share(np.zeros(0, dtype=bool))))


def test_rates_are_shown_with_their_intervals():
    found = slices(make(800, 11, noise=0.2), "label", by="group", positive="yes")
    its = found.table.set_index("slice").loc["group == 'a'"]
    assert its["recall_low"] <= its["recall"] <= its["recall_high"]
    line = next(line for line in found.to_text().splitlines() if "group == 'a'" in line)
    assert "; recall " in line
    assert "; false alarms " in line
    page = found.to_html()
    assert page.count("<img") == 3
    for title in ("recall", "false alarms", "predicted yes"):
        assert f">{title}</th>" in page
        assert page.index(">what helps</th>") < page.index(f">{title}</th>"), "what helps is cut off last"
    assert "In which groups is yes found?" in found.chart("recall").to_svg()
    assert "Which groups are predicted yes?" in found.chart("chosen").to_svg()
    with pytest.raises(InputError, match="There is no figure of the groups 'recal'. Did you mean 'recall'?"):
        found.chart("recal")
