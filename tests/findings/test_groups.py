"""Rows of one group are never split over folds."""

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from dcai.base.errors import InputError
from dcai.findings.labels.grouping import deal_groups, join_groups
from dcai.findings.report import audit
from dcai.shells.cli_find import audit as command


@pytest.fixture(scope="module")
def patients():
    """Sixty patients of twenty rows each; the features tell the patient, and the patient's diagnosis is a coin's."""
    draw = np.random.default_rng(0)
    who = np.repeat(np.arange(60), 20)
    sick = np.arange(60) % 2
    draw.shuffle(sick)
    signature = draw.normal(size=(60, 4))[who] + 0.1 * draw.normal(size=(1200, 4))
    return pd.DataFrame(signature, columns=list("abcd")).assign(
        patient=[f"p{i}" for i in who], state=np.where(sick[who], "sick", "well")
    )


def said(found):
    return found.checks.set_index("detector")["reason"]["labels"]


def test_a_model_is_not_tested_on_the_patients_that_it_knows(patients):
    knowing = audit(patients.drop(columns="patient"), "state", detectors="labels", progress=False)
    fair = audit(patients, "state", groups="patient", detectors="labels", progress=False)
    agrees = [(a.probabilities.idxmax(axis=1) == patients["state"]).mean() for a in (knowing, fair)]
    assert agrees[0] > 0.99
    assert agrees[1] < 0.65
    assert "WEAK" in said(fair)
    assert "rows of one 'patient' were never split over folds (60 groups), and 'patient' is no feature" in said(fair)


def test_it_holds_for_numbers_too(patients):
    frame = patients.assign(state=np.where(patients["state"] == "sick", 1.0, 0.0) + patients.index / 1e6)
    knowing = audit(frame.drop(columns="patient"), "state", detectors="labels", progress=False)
    fair = audit(frame, "state", groups="patient", detectors="labels", progress=False)
    errors = [(a.predictions - frame["state"]).abs().mean() for a in (knowing, fair)]
    assert errors[0] < 0.1 < 0.4 < errors[1]
    assert "rows of one 'patient' were never split" in said(fair)


def test_a_class_of_one_group_is_not_judged_and_said(patients):
    frame = patients.copy()
    frame.loc[frame["patient"] == "p7", "state"] = "new"
    found = audit(frame, "state", groups="patient", detectors="labels", progress=False)
    assert "1 class stands in one group only, so its labels cannot be judged from other groups" in said(found)
    assert not set(found.findings["row"]) & set(np.flatnonzero(frame["patient"] == "p7"))


@given(st.integers(0, 10**6), st.integers(2, 6), st.integers(6, 40))
@settings(max_examples=60, deadline=None)
def test_no_group_is_split_and_no_fold_is_empty(seed, folds, groups):
    draw = np.random.default_rng(seed)
    mine = np.concatenate([np.arange(groups), draw.integers(0, groups, 200)])
    codes = draw.integers(-1, 3, len(mine))
    codes[:groups] = draw.integers(0, 3, groups)
    dealt = deal_groups(codes, mine, folds, seed)
    known = codes >= 0
    assert (dealt[~known] == -1).all()
    assert len(set(zip(mine[known], dealt[known], strict=True))) == len(set(mine[known]))
    assert set(dealt[known]) == set(range(folds))


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), min_size=1, max_size=30))
@settings(max_examples=100, deadline=None)
def test_what_is_joined_in_either_way_is_together(pairs):
    one, other = (np.array(side) for side in zip(*pairs, strict=True))
    joined = join_groups(one, other)
    for i in range(len(pairs)):
        for j in range(len(pairs)):
            if one[i] == one[j] or other[i] == other[j]:
                assert joined[i] == joined[j]
    again = join_groups(joined, joined)
    assert len(set(zip(joined, again, strict=True))) == len(set(joined))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"groups": "patients"}, "There is no group column 'patients'. Did you mean 'patient'?"),
        ({"groups": "state"}, "The column 'state' cannot be both label and groups"),
        (
            {"groups": "three"},
            "holds 3 groups with labels, too few for 5 folds: a group is never split. Lower folds to 3, or name a column with at least 5",
        ),
        ({"groups": "one"}, "holds 1 group with labels, too few for 5 folds: a group is never split. Name a column"),
        ({"groups": "patient", "label": None}, "The 'groups' parameter of audit speaks of a label"),
        ({"groups": "patient", "probabilities": np.full((1200, 2), 0.5)}, "either groups or probabilities, not both"),
    ],
)
def test_groups_that_cannot_be_are_refused(patients, options, message):
    frame = patients.assign(three=np.arange(1200) % 3, one="x")
    with pytest.raises(InputError) as error:
        audit(frame, **{"label": "state", **options}, progress=False)
    assert message in str(error.value)


def test_the_command_line_takes_groups(tmp_path, patients):
    path = tmp_path / "patients.csv"
    patients.head(200).assign(patient=np.arange(200) // 10).to_csv(path, index=False)
    result = CliRunner().invoke(command, [str(path), "--label", "state", "--groups", "patient"])
    assert result.exit_code == 0, result.output
    assert "rows of one 'patient' were never split over folds (20 groups)" in result.stdout
