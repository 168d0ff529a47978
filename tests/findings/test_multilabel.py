"""Labels that are sets of classes: planted errors come back, clean sets stay quiet, a decision reaches the cell."""

import json

import numpy as np
import pandas as pd
import pytest
from cleanlab.multilabel_classification import get_label_quality_scores
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score

from dcai.base.errors import AlignmentError, InputError
from dcai.base.fingerprints import canonical
from dcai.corrections.files import apply_to_file
from dcai.corrections.log import CorrectionLog
from dcai.corrections.session import Review
from dcai.findings.labels.multilabel import judge_class, judge_classes
from dcai.findings.report import audit

NAMES = ["comedy", "crime", "drama", "love story", "war"]


def make_sets(rows=500, forgotten=0.15, added=0.02, seed=1):
    """Five classes that numbers decide, and memberships that were forgotten or added: features, truth, given."""
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(rows, 6))
    truth = x @ draw.normal(size=(6, 5)) - 1.0 + 0.3 * draw.logistic(size=(rows, 5)) > 0
    chance = draw.random((rows, 5))
    held = np.where(truth, chance >= forgotten, chance < added)
    return pd.DataFrame(x, columns=list("abcdef")), truth, held


def to_cells(held, form="list", names=NAMES):
    lists = [[names[k] for k in np.flatnonzero(row)] for row in held]
    forms = {
        "list": lambda its: its,
        "tuple": tuple,
        "set": set,
        "array": lambda its: np.array(its, dtype=object),
        "json": json.dumps,
        "text": lambda its: " | ".join(its) or None,
    }
    cells = np.empty(len(lists), dtype=object)
    for i, its in enumerate(lists):
        cells[i] = forms[form](its)
    return cells


def audit_sets(frame, **options):
    return audit(frame, "tags", detectors=["labels", "conflicts"], progress=False, **options)


def line(found, name="labels"):
    return found.checks.set_index("detector").loc[name]


@pytest.fixture(scope="module")
def planted():
    frame, truth, held = make_sets()
    frame["tags"] = to_cells(held)
    return frame, truth, held, audit_sets(frame)


def test_planted_errors_come_back_better_than_by_the_peers_scores(planted):
    frame, truth, held, found = planted
    wrong = (truth != held).any(axis=1)
    flagged = np.isin(np.arange(len(frame)), found.findings["row"])
    assert (flagged & wrong).sum() >= 0.85 * flagged.sum()
    assert (flagged & wrong).sum() >= 0.6 * wrong.sum()
    lists = [np.flatnonzero(row).tolist() for row in held]
    peer = 1 - get_label_quality_scores(lists, found.probabilities.to_numpy())
    ours = average_precision_score(wrong, found.scores["labels"])
    assert ours > average_precision_score(wrong, peer)
    assert found.expected_errors.low <= (truth != held).sum() <= found.expected_errors.high
    assert abs(found.expected_errors.estimate - (truth != held).sum()) < 0.25 * (truth != held).sum()


def test_suggestions_mend_the_set(planted):
    _, truth, _, found = planted
    mended = [
        set(json.loads(s)) == set(np.array(NAMES)[truth[r]])
        for r, s in zip(found.findings["row"], found.findings["suggested"], strict=True)
    ]
    assert np.mean(mended) > 0.75
    assert found.findings["part"].isna().all()
    assert found.findings["confidence"].between(0, 1).all()


def test_probabilities_are_of_each_class_and_sum_to_nothing_in_particular(planted):
    frame, _, _, found = planted
    assert list(found.probabilities.columns) == NAMES == list(found.classes)
    assert found.probabilities.shape == (len(frame), 5)
    assert found.probabilities.to_numpy().min() >= 0
    assert found.probabilities.sum(axis=1).std() > 0.2
    assert found.task == "multilabel"
    assert line(found)["reason"].startswith("multilabel (inferred: the cells hold lists), 5 classes judged one by one")
    assert line(found, "conflicts")["reason"] == "the label is a set of classes"


def test_reasons_name_the_classes_in_doubt(planted):
    _, _, held, found = planted
    worst = found.findings.iloc[0]
    given_set, suggested = set(json.loads(worst["given"])), set(json.loads(worst["suggested"]))
    for name in given_set ^ suggested:
        assert repr(name) in worst["reason"]
    assert ("missing" in worst["reason"]) == bool(suggested - given_set)
    assert ("not belong here" in worst["reason"]) == bool(given_set - suggested)
    assert given_set == set(np.array(NAMES)[held[worst["row"]]])


def test_clean_sets_stay_quiet():
    frame, _, held = make_sets(forgotten=0, added=0)
    found = audit_sets(frame.assign(tags=to_cells(held)))
    assert len(found) <= 5
    assert found.expected_errors.estimate < 10


@pytest.mark.parametrize("form", ["tuple", "set", "array", "json", "text"])
def test_the_form_of_the_cells_does_not_matter(form):
    frame, _, held = make_sets(rows=200)
    held[:, 0] |= ~held.any(axis=1)  # text has no form for an empty set
    lists = audit_sets(frame.assign(tags=to_cells(held)))
    other = audit_sets(frame.assign(tags=to_cells(held, form)))
    if form != "text":  # an emptied text is no suggestion, but the same rows are found
        mended = [[sorted(json.loads(v)) for v in its.findings["suggested"]] for its in (lists, other)]
        assert mended[0] == mended[1]
    assert sorted(other.findings["row"]) == sorted(lists.findings["row"])
    np.testing.assert_allclose(other.probabilities, lists.probabilities, atol=0.02)


def test_permuting_rows_and_renaming_classes_change_nothing():
    frame, _, held = make_sets(rows=200)
    first = audit_sets(frame.assign(tags=to_cells(held)))
    order = np.random.default_rng(5).permutation(200)
    moved = audit_sets(frame.assign(tags=to_cells(held)).iloc[order].reset_index(drop=True))
    assert sorted(order[moved.findings["row"].astype(int)]) == sorted(first.findings["row"])
    np.testing.assert_allclose(moved.scores["labels"], first.scores["labels"].to_numpy()[order], atol=1e-6)
    renamed = audit_sets(frame.assign(tags=to_cells(held, names=["1a", "2b", "3c", "4d", "5e"])))
    np.testing.assert_allclose(renamed.probabilities.to_numpy(), first.probabilities.to_numpy(), atol=0.03)
    assert len(set(renamed.findings["row"]) ^ set(first.findings["row"])) <= 2


@pytest.mark.parametrize("form", ["list", "set", "array", "json", "text"])
def test_a_decision_reaches_the_cell_and_stays(form, tmp_path):
    frame, _, held = make_sets(rows=200)
    held[:, 0] |= ~held.any(axis=1)
    frame["tags"] = to_cells(held, form)
    review = Review(audit_sets(frame), tmp_path / "tags.jsonl", by="ada")
    queue = review.queue()
    queue = queue[queue["suggested"].notna()].reset_index(drop=True)
    for name in queue["finding"][:3]:
        assert review.decide(name, "relabel").verdict == "relabel"
    own = queue.iloc[3]
    assert review.decide(own["finding"], "relabel", ["war", "comedy"]).part is None
    review.decide(queue["finding"][4], "keep")
    once = review.log.apply(frame)
    twice = review.log.apply(once)
    for row in range(200):
        assert canonical(once["tags"].iloc[row]) == canonical(twice["tags"].iloc[row])
    for i in range(3):
        assert canonical(once["tags"].iloc[queue["row"][i]]) == canonical(queue["suggested"][i])
    parts = once["tags"].iloc[own["row"]]
    parts = {"text": lambda v: v.split(" | "), "json": json.loads}.get(form, list)(parts)
    assert sorted(parts) == ["comedy", "war"]
    assert type(once["tags"].iloc[own["row"]]) is type(frame["tags"].iloc[own["row"]])
    assert canonical(once["tags"].iloc[queue["row"][4]]) == canonical(frame["tags"].iloc[queue["row"][4]])


@pytest.mark.parametrize(
    ("form", "ending"), [("list", "parquet"), ("list", "csv"), ("json", "csv"), ("text", "csv"), ("text", "parquet")]
)
def test_the_way_through_files(form, ending, tmp_path):
    frame, _, held = make_sets(rows=200)
    frame["tags"] = to_cells(held, form)
    source = tmp_path / f"films.{ending}"
    frame.to_parquet(source) if ending == "parquet" else frame.to_csv(source, index=False)
    review = Review(audit(source, "tags", detectors="labels", progress=False), tmp_path / "tags.jsonl", by="ada")
    queue = review.queue()
    queue = queue[queue["suggested"].notna()]
    for name in queue["finding"][:4]:
        review.decide(name, "relabel")
    out = tmp_path / f"mended.{ending}"
    assert apply_to_file(source, review.log, out).changed == 4
    assert apply_to_file(out, review.log, tmp_path / f"again.{ending}").changed == 0
    mended = pd.read_parquet(out) if ending == "parquet" else pd.read_csv(out)
    log = CorrectionLog.read(tmp_path / "tags.jsonl")
    in_memory = log.apply(frame)
    assert [canonical(v) for v in mended["tags"]] == [canonical(v) for v in in_memory["tags"]]
    for row, wanted in zip(queue["row"][:4], queue["suggested"][:4], strict=True):
        assert canonical(mended["tags"][row]) == canonical(wanted)


def test_a_log_made_on_lists_fits_the_same_data_as_text(tmp_path):
    frame, _, held = make_sets(rows=200)
    review = Review(audit_sets(frame.assign(tags=to_cells(held))), tmp_path / "tags.jsonl", by="ada")
    review.decide(review.queue()["finding"][0], "relabel")
    as_json = frame.assign(tags=to_cells(held, "json"))
    assert review.log.check(as_json)["status"].tolist() == ["fits"]
    assert review.log.check(review.log.apply(as_json))["status"].tolist() == ["applied"]


def test_classes_are_shown_with_those_given_marked_and_groups_by_what_changes(planted, tmp_path):
    _, _, held, found = planted
    review = Review(found, tmp_path / "tags.jsonl", by="ada")
    first = review.queue().iloc[0]
    card = review.card(first["finding"])
    assert card.several
    assert {c.name for c in card.classes if c.given} == set(np.array(NAMES)[held[first["row"]]])
    assert card.group.title.startswith("with")
    titles = [review.group(name).title for name in review.queue()["finding"]]
    assert len(set(titles)) < len({*zip(review.queue()["given"], review.queue()["suggested"], strict=True)})


def test_a_class_that_is_none_is_refused(planted, tmp_path):
    review = Review(planted[3], tmp_path / "tags.jsonl", by="ada")
    with pytest.raises(InputError, match=r"There is no class 'dramma'. Did you mean 'drama'"):
        review.decide(review.queue()["finding"][0], "relabel", ["dramma", "war"])
    assert not (tmp_path / "tags.jsonl").exists()


def test_refining_learns_from_reviewed_sets(planted, tmp_path):
    _, _, _, found = planted
    review = Review(found, tmp_path / "tags.jsonl", by="ada")
    queue = review.queue()
    review.decide(queue["finding"][0], "relabel")
    review.decide(queue["finding"][1], "keep")
    refined = found.refine(review.log, progress=False)
    assert not {queue["finding"][0], queue["finding"][1]} & set(refined.findings["finding"])
    assert refined.scores["labels"][queue["row"][0]] == 1
    assert refined.scores["labels"][queue["row"][1]] == 0


def test_spellings_of_a_class_are_one_class_and_are_found():
    frame, _, held = make_sets(rows=200, forgotten=0, added=0)
    cells = to_cells(held)
    row = int(np.flatnonzero(held[:, 2])[0])
    cells[row] = [name if name != "drama" else "Drama " for name in cells[row]]
    found = audit_sets(frame.assign(tags=cells))
    assert list(found.classes) == NAMES
    own = found.findings.set_index("row").loc[row]
    assert "'Drama ' is another spelling of 'drama'" in own["reason"]
    assert "drama" in json.loads(own["suggested"])


def test_ones_own_probabilities_are_aligned_by_name():
    frame, truth, held = make_sets()
    frame["tags"] = to_cells(held)
    chance = pd.DataFrame(
        np.clip(truth + np.random.default_rng(0).normal(0, 0.2, truth.shape), 0.01, 0.99), columns=NAMES
    )
    found = audit_sets(frame, probabilities=chance[NAMES[::-1]])
    pd.testing.assert_frame_equal(found.probabilities, chance, check_names=False, check_column_type=False)
    assert "probabilities as given, alignment proven" in line(found)["reason"]
    flagged = np.isin(np.arange(len(frame)), found.findings["row"])
    assert (flagged == (truth != held).any(axis=1)).mean() > 0.95
    for spoilt, told in (
        (chance.iloc[::-1].reset_index(drop=True), "in another order: in reverse"),
        (chance.sample(frac=1, random_state=1), "in another order: ordered by their index"),
        (chance.set_axis(NAMES[1:] + NAMES[:1], axis=1), "columns of the probabilities seem to be in another order"),
        (chance.sample(frac=1, random_state=1).to_numpy(), "no better than chance"),
        (chance[NAMES[:4]], r"have no column for the classes 'war'"),
        (chance.to_numpy()[:, :3], r"have the shape \(500, 3\), but there are 5 classes"),
        (chance[:-1], "have 499 rows, the frame has 500"),
        (chance + 1, "lie outside 0 to 1, first in row 0"),
    ):
        with pytest.raises(AlignmentError, match=told):
            audit_sets(frame, probabilities=spoilt)


def test_ones_own_model_is_asked_once_for_each_class():
    frame, _, held = make_sets(rows=200)
    found = audit_sets(frame.assign(tags=to_cells(held)), model=LogisticRegression())
    assert "model LogisticRegression, one for each class" in line(found)["reason"]


def test_rows_without_a_set_are_not_judged_and_counted():
    frame, _, held = make_sets(rows=200)
    cells = to_cells(held)
    cells[7] = cells[9] = None
    found = audit_sets(frame.assign(tags=cells))
    assert "2 rows have no set of classes and were not judged" in line(found)["reason"]
    assert line(found)["rows"] == 198
    assert not {7, 9} & set(found.findings["row"])


def test_a_class_that_one_row_has_is_named_as_not_judged():
    frame, _, held = make_sets(rows=100)
    cells = to_cells(held)
    cells[3] = [*cells[3], "musical"]
    found = audit_sets(frame.assign(tags=cells))
    assert "not judged were the classes that nearly all rows have or nearly none: 'musical'" in line(found)["reason"]


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        ([["a", "b"], "a", ["b"]], r"1 cells of the label column 'tags' are no lists, for example 'a'"),
        ([["a"], ["a"], []], "holds one class only"),
        ([[], [], []], "holds no class in any row"),
        (["a", "b", "a"], "No cell of the label column 'tags' holds several classes"),
        (["a|b", "a;b", "a"], r"may be separated by '\|' or by ';'"),
    ],
)
def test_cells_that_are_no_sets_are_refused(cells, told):
    column = np.empty(3, dtype=object)
    column[:] = pd.Series(cells, dtype=object)
    with pytest.raises(InputError, match=told):
        audit_sets(pd.DataFrame({"x": [1.0, 2.0, 3.0], "tags": column}), task="multilabel")


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.0, 0.4), st.floats(0.0, 0.1))
def test_doubts_are_probabilities_that_follow_the_model(seed, forgotten, added):
    draw = np.random.default_rng(seed)
    odds = np.sort(draw.normal(0, 4, 300))
    truth = draw.random(300) < 1 / (1 + np.exp(-odds))
    held = np.where(truth, draw.random(300) >= forgotten, draw.random(300) < added).astype(int)
    doubt, errors = judge_class(1 / (1 + np.exp(-odds)), held)
    assert ((doubt >= 0) & (doubt <= 1)).all()
    assert min(errors) >= 0
    assert max(errors) <= 0.5
    # The surer the model is of a class, the less a row that has it is in doubt, and the more one that has it not.
    assert (np.diff(doubt[held == 1]) <= 1e-9).all()
    assert (np.diff(doubt[held == 0]) >= -1e-9).all()


def test_the_share_of_forgotten_memberships_is_recovered():
    draw = np.random.default_rng(0)
    odds = draw.normal(0, 4, (4000, 3))
    truth = draw.random(odds.shape) < 1 / (1 + np.exp(-odds))
    held = np.where(truth, draw.random(odds.shape) >= 0.2, False)
    doubt = judge_classes(1 / (1 + np.exp(-odds)), held.astype(int), np.arange(3))
    assert abs(doubt.sum() - (truth != held).sum()) < 0.15 * (truth != held).sum()
