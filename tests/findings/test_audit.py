"""The audit as a whole: a value that accounts for everything, moves with the rows, learns, and shows itself safely."""

import dataclasses
import json
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dcai.findings.detectors as registry
from dcai.base.errors import InputError, MissingError
from dcai.findings.detectors import Detector, make_findings
from dcai.findings.evidence import Unmet
from dcai.findings.report import audit
from dcai.findings.shape import COLUMNS

HOSTILE = "<script>alert(1)</script>\u202e\x07"


@pytest.fixture(scope="module")
def dirty(blobs):
    """Wrong labels, a stray class name, a misspelt city, a disguised empty and a duplicate in one table."""
    frame, _ = blobs
    frame = frame.assign(city=["Hamburg", "Bremen", "Leipzig"] * 40, age=[str(20 + i % 60) for i in range(120)])
    frame.iloc[8, 3] = "Hambrug"
    frame.iloc[9, 4] = "?"
    frame.iloc[10, 2] = "Cat "
    return pd.concat([frame, frame.iloc[[30]].set_axis(["copy"])])


@pytest.fixture(scope="module")
def found(dirty):
    return audit(dirty, "label", progress=False)


# ---------------------------------------------------------------- the value


def test_findings_have_the_agreed_columns_and_order(found, dirty):
    findings = found.findings
    assert tuple(findings.columns) == COLUMNS
    assert findings["doubt"].is_monotonic_decreasing
    assert findings["doubt"].between(0, 1).all()
    assert findings["finding"].is_unique
    assert {"labels", "label_names", "variants", "missing", "duplicates"} <= set(findings["detector"])
    for row, column, value in zip(findings["row"], findings["column"], findings["given"], strict=True):
        if column is not None:
            assert dirty[column].iloc[row] == value


def test_every_detector_is_accounted_for(found):
    checks = found.checks
    assert list(checks["detector"]) == list(registry.OURS)
    skipped = checks[checks["status"] != "ran"].set_index("detector")["reason"]
    assert set(skipped.index) == {"rules", "images"}
    assert "no rules were given" in skipped["rules"]
    assert "no column of pictures" in skipped["images"]
    counts = found.findings["detector"].value_counts()
    assert [counts.get(d, 0) for d in checks["detector"]] == checks["findings"].tolist()
    assert checks["rows"].tolist() == [0 if d in skipped.index else 121 for d in checks["detector"]]
    assert (checks["seconds"] >= 0).all()


def test_no_detector_fails_on_a_table_of_every_kind_of_cell():
    odd = pd.DataFrame(
        {
            "number": [1.5, np.inf, None, -1e300] * 10,
            "text": ["a b c d e", "", None, HOSTILE] * 10,
            "mixed": [1, "1", None, (1, 2)] * 10,
            "date": pd.to_datetime(["2020-01-01", None, "1900-01-01", "2021-05-05"] * 10),
            "zone": pd.to_datetime(["2020-01-01", None, "1900-01-01", "2021-05-05"] * 10, utc=True),
            "flag": [True, False, None, True] * 10,
            "same": ["x"] * 40,
            "none": [None] * 40,
            "nullable": pd.array([1, None, 3, 4] * 10, dtype="Int64"),
            "category": pd.Categorical(["u", "v", None, "u"] * 10),
            "bytes": [b"abc", b"", None, b"\x89PNG"] * 10,
            "span": pd.to_timedelta([1, 2, None, 3] * 10, unit="s"),
            "label": ["a", "b", "a", None] * 10,
        }
    )
    for frame in (odd, odd.sample(13, random_state=0), odd.head(1).assign(label="a")):
        label = "label" if frame["label"].dropna().unique().size > 1 else None
        checks = audit(frame, label, progress=False).checks
        assert not (checks["status"] == "failed").any(), checks[["detector", "reason"]].to_string()


def test_scores_keep_the_callers_index(found, dirty):
    assert found.scores.index.equals(dirty.index)
    assert (found.scores.dtypes == np.float32).all()
    assert {"labels", "conflicts", "duplicates"} <= set(found.scores.columns)


def test_the_callers_frame_is_never_changed(dirty):
    before = dirty.copy(deep=True)
    audit(dirty, "label", progress=False).to_html()
    pd.testing.assert_frame_equal(dirty, before)


def test_the_audit_cannot_be_changed(found):
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.findings = None
    copy = found.to_frame()
    copy["doubt"] = 2.0
    assert found.findings["doubt"].max() <= 1


def test_the_same_input_gives_the_same_audit(dirty, found):
    again = audit(dirty, "label", progress=False)
    pd.testing.assert_frame_equal(again.findings, found.findings)
    pd.testing.assert_frame_equal(again.scores, found.scores)
    assert again.hash == found.hash
    assert len(found.hash) == 32


@given(st.integers(0, 10**6))
@settings(max_examples=4, deadline=None)
def test_permuting_the_rows_moves_no_finding(dirty, found, seed):
    order = np.random.default_rng(seed).permutation(len(dirty))
    moved = audit(dirty.iloc[order], "label", progress=False)
    columns = ["finding", "doubt", "detector", "column", "given", "suggested", "reason"]
    # That the rows come sorted by the label is about their order, and is gone with it.
    assert set(found.by("non_iid").findings["row"]) == {-1}
    assert not len(moved.by("non_iid"))
    before, after = (a.findings[a.findings["detector"] != "non_iid"].reset_index(drop=True) for a in (found, moved))
    pd.testing.assert_frame_equal(after[columns], before[columns])
    alike = (before["detector"] != "duplicates") & (before["row"] >= 0)  # of two equal rows, either may stand first
    assert (order[after["row"]][alike] == before["row"][alike]).all()
    np.testing.assert_array_equal(moved.scores["labels"].to_numpy(), found.scores["labels"].to_numpy()[order])
    assert moved.hash == found.hash


def test_renaming_or_adding_rows_does_not_rename_findings(dirty, found):
    shown = found.by("variants").findings["finding"].tolist()
    other = audit(dirty.reset_index(drop=True).iloc[:100], detectors="variants", label="label", progress=False)
    assert other.findings["finding"].tolist() == shown


def test_a_key_identifies_rows_and_is_no_feature(blobs):
    frame = blobs[0].assign(id=np.arange(120) + (blobs[0]["label"] == "cat") * 1000)
    found = audit(frame, "label", key="id", progress=False)
    assert found.findings["key"].iloc[0] == {"id": int(frame["id"].iloc[found.findings["row"].iloc[0]])}
    assert blobs[1] <= set(found.findings["row"])


def test_narrowing_returns_a_new_audit(found):
    assert set(found.by("variants").findings["detector"]) == {"variants"}
    assert len(found.worst(2)) == 2
    assert len(found.worst(0)) == 0
    assert found.pipe(len) == len(found)
    assert found.pipe(lambda a, n: len(a.worst(n)), 3) == 3
    with pytest.raises(InputError, match="no detector in this audit 'variant'. Did you mean 'variants'"):
        found.by("variant")
    with pytest.raises(InputError, match="'n' parameter of Audit.worst must be a whole number from 0"):
        found.worst(-1)


def test_without_leaves_out_what_was_decided(found, verdicts):
    row = int(found.by("variants").findings["row"].iloc[0])
    assert "variants" not in set(found.without(verdicts((row, "city", "edit", "Hamburg"))).findings["detector"])
    assert row not in set(found.without(verdicts((row, None, "keep", None))).findings["row"])
    assert len(found.without(verdicts((row, "city", "unsure", None)))) == len(found)
    assert len(found.without(verdicts())) == len(found)


@pytest.mark.parametrize("kind", ["polars", "pyarrow", "csv", "parquet"])
def test_other_tables_are_read(kind, tmp_path, dirty):
    frame = dirty.reset_index(drop=True)
    if kind == "polars":
        source = pytest.importorskip("polars").from_pandas(frame)
    elif kind == "pyarrow":
        import pyarrow as pa

        source = pa.Table.from_pandas(frame)
    else:
        source = tmp_path / f"data.{kind}"
        (frame.to_csv if kind == "csv" else frame.to_parquet)(source, index=False)
    findings = audit(source, "label", detectors=["variants", "label_names"], progress=False).findings
    assert sorted(findings["given"]) == ["Cat ", "Hambrug"]


@pytest.mark.parametrize(
    ("frame", "label", "error", "message"),
    [
        (pd.DataFrame({"a": []}), None, InputError, "has no rows"),
        (pd.DataFrame({"a": [1]}), "b", InputError, "There is no label column 'b'"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), None, InputError, "several columns named 'a'"),
        ("missing.csv", None, MissingError, "There is no file"),
        ([1, 2], None, InputError, "must be a pandas, polars or pyarrow table"),
    ],
)
def test_bad_frames_are_refused(frame, label, error, message):
    with pytest.raises(error, match=message):
        audit(frame, label, progress=False)


# ---------------------------------------------------------------- display


def test_hostile_text_is_shown_and_never_obeyed(tmp_path):
    frame = pd.DataFrame(
        {HOSTILE: ["value one"] * 20 + ["value  one"], "label": [f"{HOSTILE}a", f"{HOSTILE}b"] * 10 + [f"{HOSTILE}a"]}
    )
    found = audit(frame, "label", progress=False)
    assert len(found.by("variants")) == 1
    path = found.to_html(tmp_path / "audit.html")
    for page in (found._repr_html_(), path.read_text(encoding="utf-8")):
        assert "<script" not in page
        assert "&lt;script&gt;" in page
        assert "\u202e" not in page
        assert "\x07" not in page
    from dcai.findings.summary import to_text

    assert "\x07" not in to_text(found)
    assert "\u202e" not in to_text(found)


def test_the_report_says_what_was_not_checked(cars):
    found = audit(cars, progress=False)
    page = found._repr_html_()
    assert "Not checked" in page
    assert "there is no label column" in page
    assert "No label was given" in page
    assert "vokswagen" in page
    assert repr(found).startswith("Audit(")
    assert "\n" not in repr(found)
    assert "skipped" in repr(found)


def test_the_report_names_the_expected_errors(found):
    assert "labels may be wrong" in found._repr_html_()
    assert str(found.to_html()).startswith("<!doctype html>")


def test_progress_goes_to_a_function(blobs):
    seen = []
    audit(blobs[0], "label", progress=lambda stage, done, total: seen.append((stage, done, total)))
    assert {"labels", "features", "trees", "done"} <= {stage for stage, _, _ in seen}
    assert all(0 <= done <= total for _, done, total in seen)


def test_progress_is_drawn_on_stderr_when_asked(blobs, capsys):
    audit(blobs[0], "label", detectors="duplicates", progress=True)
    out, err = capsys.readouterr()
    assert not out
    assert "duplicates" in err
    audit(blobs[0], "label", detectors="duplicates")
    assert capsys.readouterr() == ("", "")


def test_an_interrupt_is_passed_on(blobs):
    def stop(stage, done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        audit(blobs[0], "label", progress=stop)


# ---------------------------------------------------------------- detectors of others


def test_a_foreign_detector_runs_beside_ours(dirty):
    def find(evidence):
        rows = np.flatnonzero((evidence.table.frame["city"] == "Leipzig").to_numpy())[:1]
        return make_findings(rows, 0.7, "It is Leipzig.", column="city", given="Leipzig")

    found = audit(dirty, detectors=["variants", Detector("leipzig", find)], progress=False)
    row = found.by("leipzig").findings["row"].item()
    assert dirty["city"].iloc[row] == "Leipzig"
    assert found.checks["status"].tolist() == ["ran", "ran"]


def boom(evidence):
    raise ZeroDivisionError(HOSTILE)


@pytest.mark.parametrize(
    ("find", "status", "reason"),
    [
        (boom, "failed", "ZeroDivisionError: <script>"),
        (lambda e: None, "failed", "TypeError: it returned no findings"),
        (lambda e: make_findings([10**6], 0.5, "x"), "failed", "IndexError: it named rows outside"),
        (lambda e: make_findings([0], 0.5, "x").assign(doubt=7.0), "failed", "ValueError: it gave doubts outside 0..1"),
    ],
)
def test_a_detector_that_crashes_is_shown_and_takes_nothing_with_it(dirty, find, status, reason):
    found = audit(dirty, detectors=[Detector("foreign", find), "variants"], progress=False)
    line = found.checks.iloc[0]
    assert line["status"] == status
    assert line["reason"].startswith(reason)
    assert found.checks["status"].iloc[1] == "ran"
    assert found.findings["given"].tolist() == ["Cat ", "Hambrug"]
    assert "foreign failed" in found._repr_html_().replace("<bdi>", "").replace("</bdi>", "")


def test_an_unmet_need_is_stated(dirty):
    def decline(evidence):
        raise Unmet("it rains")

    found = audit(dirty, detectors=[Detector("a", decline), Detector("b", decline, needs=("labels",))], progress=False)
    assert found.checks[["status", "reason"]].to_numpy().tolist() == [
        ["skipped", "it rains"],
        ["skipped", "there is no label column"],
    ]


def test_entry_points_of_other_packages_are_loaded(dirty, monkeypatch):
    from importlib.metadata import EntryPoint

    mine = Detector("rainbow", lambda e: make_findings([0], 0.5, "x"))
    monkeypatch.setattr(EntryPoint, "load", lambda self: mine if self.name == "rainbow" else 42)
    points = [EntryPoint("rainbow", "pkg:detector", "dcai.detectors"), EntryPoint("wrong", "pkg:x", "dcai.detectors")]
    monkeypatch.setattr(registry.metadata, "entry_points", lambda group: points if group == "dcai.detectors" else [])
    assert len(audit(dirty, detectors=["rainbow"], progress=False)) == 1
    check = audit(dirty, detectors=["rainbow", "wrong"], progress=False).checks.iloc[1]
    assert check["status"] == "failed"
    assert re.search("entry point 'wrong' .* Expected a dcai.findings.detectors.Detector", check["reason"])


def test_every_file_of_a_detector_is_in_the_table():
    import pathlib

    files = {p.stem for p in pathlib.Path(registry.__file__).parent.glob("*.py")} - {"__init__"}
    assert files == set(registry.OURS)
    assert [d.name for d in registry.load_detectors().values()][: len(registry.OURS)] == list(registry.OURS)


# ---------------------------------------------------------------- learning


def test_ask_names_different_rows_that_are_worth_a_look(found):
    rows = found.ask(6)
    assert len(set(rows)) == 6
    assert found.ask(6) == rows
    assert set(rows[:3]) <= set(found.findings["row"])
    with pytest.raises(InputError, match="'n' parameter of Audit.ask must be a whole number from 1"):
        found.ask(0)


def test_ask_names_rows_of_unlike_kinds_first(found):
    asked = found.ask(5)
    kinds = found.findings[found.findings["row"].isin(asked)]["detector"]
    assert kinds.nunique() >= 4


def test_reviewed_labels_are_the_truth_of_the_next_audit(digits, digits_audit, verdicts):
    frame, planted, truth = digits
    rows = digits_audit.ask(30)
    said = [(r, "digit", "relabel", int(truth[r])) if r in planted else (r, "digit", "keep", None) for r in rows]
    wiser = digits_audit.refine(verdicts(*said), progress=False)
    assert not set(wiser.findings["row"]) & set(rows)
    assert [wiser.scores["labels"].iloc[r] for r in rows] == [float(r in planted) for r in rows]
    left = planted - set(rows)
    assert left <= set(wiser.by("labels").findings["row"])
    assert not set(wiser.ask(10)) & set(rows)
    assert wiser.expected_errors.low <= len(left) <= wiser.expected_errors.high
    assert wiser.expected_errors.estimate < digits_audit.expected_errors.estimate
    assert frame["digit"].iloc[rows[0]] == digits_audit.table.frame["digit"].iloc[rows[0]]


def test_an_edit_shows_what_to_do_with_cells_written_alike(verdicts):
    frame = pd.DataFrame(
        {"size": [f"{n} oz" for n in range(10, 60)] + ["7"], "count": [f"{n},{n:03d}" for n in range(1, 52)]}
    )
    found = audit(frame, progress=False)
    log = verdicts(
        (3, "size", "edit", "13"), (3, "count", "edit", "4004"), (3, None, "keep", None), (50, None, "keep", None)
    )
    wiser = found.refine(log)
    learnt = wiser.findings[wiser.findings["detector"] == "patterns"].set_index(["row", "column"])
    assert learnt.loc[(0, "size"), "suggested"] == "10"
    assert "written like '13 oz', which was edited to '13'" in learnt.loc[(0, "size"), "reason"]
    assert len(learnt.loc[(slice(None), "size"), :]) == 49
    # Row 50 was kept as it stands, so commas are not wrong as such there.
    assert (50, "count") not in learnt.index


def test_an_edit_that_contradicts_kept_cells_is_not_generalised(verdicts):
    frame = pd.DataFrame({"name": [f"item {n} Inc" for n in range(30)]})
    log = verdicts((0, "name", "edit", "item 0"), *[(n, None, "keep", None) for n in (0, 5, 6, 7, 8)])
    left = audit(frame, progress=False).refine(log).findings
    assert left[["row", "detector"]].to_numpy().tolist() == [[0, "reviewed"]]


def test_verdicts_about_a_kind_of_finding_move_the_others_of_its_kind(verdicts):
    towns = ["Hamburg", "Leipzig", "Dresden", "Rostock", "Potsdam", "Cottbus"]
    slips = ["Hambrug", "Leipizg", "Drseden", "Rotsock", "Postdam", "Cotbtus"]
    frame = pd.DataFrame({"town": [t for t in towns for _ in range(20)] + slips})
    found = audit(frame, detectors="variants", progress=False)
    assert len(found) == 6
    rows = range(120, 123)
    trusted = found.refine(verdicts(*[(r, "town", "edit", towns[r - 120]) for r in rows]))
    doubted = found.refine(verdicts(*[(r, "town", "keep", None) for r in rows]))
    before = found.findings.set_index("finding")["doubt"]
    others = trusted.by("variants").findings
    assert (others.set_index("finding")["doubt"] > before.loc[others["finding"]]).all()
    assert trusted.findings["detector"].value_counts().to_dict() == {"variants": 3, "reviewed": 3}
    assert (doubted.findings["doubt"] < 0.35).all()
    more = found.refine(verdicts(*[(r, "town", "keep", None) for r in range(120, 125)]))
    assert len(more) == 0 or more.findings["doubt"].max() < 0.25


def test_refining_with_an_empty_log_changes_nothing(found, verdicts):
    assert found.refine(verdicts()) is found


def test_excluded_rows_teach_no_model(blobs, verdicts):
    frame, planted = blobs
    found = audit(frame, "label", progress=False)
    row = min(planted)
    wiser = found.refine(verdicts((row, None, "exclude", None)), progress=False)
    assert row not in set(wiser.findings["row"])
    assert planted - {row} <= set(wiser.findings["row"])


def test_excluding_a_row_changes_neither_types_nor_ids_of_the_other_findings(digits, digits_audit, verdicts):
    row, other = digits_audit.findings["row"].iloc[:2]
    value = int(digits[2][other])
    told = verdicts((row, None, "exclude", None), (other, "digit", "relabel", value))
    wiser = digits_audit.refine(told, progress=False)
    given = wiser.findings.loc[wiser.findings["column"] == "digit", "given"]
    assert len(given)
    assert {type(v) for v in given} == {int}
    assert {type(c) for c in wiser.classes} == {int}
    before = digits_audit.findings.set_index(["row", "column"])["finding"]
    after = wiser.findings.set_index(["row", "column"])["finding"]
    both = before.index.intersection(after.index)
    assert len(both) > 20
    assert before[both].tolist() == after[both].tolist()


def test_findings_can_be_written_as_json(found):
    for record in found.findings.to_dict("records"):
        json.dumps(record, allow_nan=True, default=int)


def test_importing_the_audit_loads_no_learning_library():
    import subprocess
    import sys

    code = "import sys, dcai.findings.report; sys.exit(any(m in sys.modules for m in ('sklearn', 'cleanlab', 'scipy', 'PIL', 'tqdm')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
