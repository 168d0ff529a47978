"""What was decided stays decided: merges, imports, adopted lines and taken back lines leave it as it is."""

from __future__ import annotations

import csv
import dataclasses
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from dcai.base.errors import InputError, LogError, StaleError
from dcai.base.records import Correction
from dcai.base.settings import find_settings, mark_sensitive
from dcai.base.table import make_table
from dcai.corrections.exchange import export_log, import_decisions
from dcai.corrections.exhibits.views import Views
from dcai.corrections.formats.containers import said_of
from dcai.corrections.formats.renderings import restore
from dcai.corrections.log import CorrectionLog
from dcai.corrections.session import Review

from .conftest import audit_of

TOWNS = pd.DataFrame({"town": ["rome", "Rome", "rome", "rome", "ROME"], "y": ["a", "b", "a", "b", "a"]})


def change_sheet(path: Path, number: int, **fields: str) -> None:
    with path.open(encoding="utf-8", newline="") as stream:
        records = list(csv.DictReader(stream))
    records[number] |= fields
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(records[0]))
        writer.writeheader()
        writer.writerows(records)


# ---------------------------------------------------------------- merges


def test_a_merge_leaves_ones_own_decisions_as_they_are(log_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    frame = TOWNS.assign(n=range(5))
    Review(audit_of(frame), log_path, by="bob").decide(4, "keep", column="town")
    review = Review(audit_of(frame), log_path, by="ada")
    review.decide(0, "edit", "Rome, NY", column="town")
    review.decide(2, "exclude")
    review.decide(3, "unsure", column="town")
    with caplog.at_level(logging.WARNING, "dcai"):
        lines = review.merge("town", ["rome", "ROME"], "Rome")
    assert [(c.given, c.why["left_out"]) for c in lines] == [("rome", 2), ("ROME", 2)]
    assert caplog.messages == ["2 rows were merged; 2 were left out, as you have decided about them."]
    changed = review.log.apply(frame, stale="skip")
    assert changed["n"].tolist() == [0, 1, 3, 4]
    assert changed["town"].tolist() == ["Rome, NY", "Rome", "Rome", "ROME"]  # ada and bob disagree about the last one
    with pytest.raises(InputError, match="You have decided about all 4 rows that hold one of these spellings: nothing"):
        review.merge("town", ["rome", "ROME"], "Roma")


def test_a_merge_is_no_evidence_for_a_certificate(log_path: Path) -> None:
    frame = pd.DataFrame({"town": ["rome"] * 40 + ["ROME"] * 40 + ["Rome"] * 9, "n": range(89), "y": "a"})
    audit = audit_of(frame, found=[(row, "town", "Rome") for row in range(80)])
    review = Review(dataclasses.replace(audit, findings=audit.findings.assign(detector="variants")), log_path, by="ada")
    group = review.group("f0")
    assert group is not None
    assert group.size == 80
    review.merge("town", ["rome"], "Rome")
    proof = review.certificate(group)
    assert (proof.reviewed, proof.left, proof.valid) == (0, 40, False)  # nobody has looked at a row
    with pytest.raises(StaleError, match="Locked until some of its 80 members, drawn at random, have been reviewed"):
        review.accept(group)


# ---------------------------------------------------------------- what comes back


@pytest.fixture
def exported(pets: pd.DataFrame, log_path: Path, tmp_path: Path) -> tuple[CorrectionLog, Path]:
    """A log with one decision that superseded another, and its sheet."""
    review = Review(audit_of(pets), log_path, by="ada")
    review.decide(3, "relabel", "bird")
    review.decide(3, "relabel", "dog")
    out = tmp_path / "out.csv"
    export_log(review.log, out, "csv")
    return review.log, out


def test_a_second_import_does_not_revert_what_was_decided_since(
    exported: tuple[CorrectionLog, Path], pets: pd.DataFrame
) -> None:
    log, out = exported
    change_sheet(out, 0, value="spider")
    assert import_decisions(out, "csv", log).decided == 1
    review = Review(audit_of(pets), log.path, by="ada")
    review.decide(3, "relabel", "bird")
    assert import_decisions(out, "csv", review.log).decided == 0
    assert CorrectionLog.read(log.path).apply(pets)["y"].tolist()[3] == "bird"
    change_sheet(out, 0, note="after all")
    assert import_decisions(out, "csv", review.log).decided == 1


def test_a_change_back_to_an_earlier_decision_is_one(exported: tuple[CorrectionLog, Path], pets: pd.DataFrame) -> None:
    log, out = exported
    with out.open(encoding="utf-8", newline="") as stream:
        assert [r["value"] for r in csv.DictReader(stream)] == ['"dog"']  # what it superseded is no decision any more
    assert import_decisions(out, "csv", log).decided == 0
    change_sheet(out, 0, value="bird")
    assert import_decisions(out, "csv", log).decided == 1
    assert CorrectionLog.read(log.path).apply(pets)["y"].tolist()[3] == "bird"


@pytest.mark.parametrize(
    ("fields", "known", "message"),
    [
        ({"value": ""}, False, "'relabel' needs a value; use 'edit' to empty a cell. Nothing was imported"),
        ({"value": "[1, 2]"}, False, "'value' parameter of import must be one value for 'relabel'"),
        ({"value": "dgo"}, True, "no class 'dgo'. Did you mean 'dog'"),
        ({"value": ""}, True, "'relabel' needs a value"),
    ],
)
def test_an_import_is_checked_as_a_decision_is(
    exported: tuple[CorrectionLog, Path], pets: pd.DataFrame, fields: dict[str, str], known: bool, message: str
) -> None:
    log, out = exported
    change_sheet(out, 0, **fields)
    with pytest.raises(InputError, match=message):
        import_decisions(out, "csv", log, table=make_table(pets, "y") if known else None)
    assert len(CorrectionLog.read(log.path)) == 2


@pytest.mark.parametrize("known", [False, True])
def test_an_exclude_is_about_the_row(exported: tuple[CorrectionLog, Path], pets: pd.DataFrame, known: bool) -> None:
    log, out = exported
    change_sheet(out, 0, verdict="exclude")
    assert import_decisions(out, "csv", log, table=make_table(pets, "y") if known else None).decided == 1
    read = CorrectionLog.read(log.path)
    assert [(read.corrections[-1].column, read.corrections[-1].value)] == [(None, None)]
    assert len(read.apply(pets)) == 5


def test_the_key_of_corrected_data_is_that_of_the_source(
    exported: tuple[CorrectionLog, Path], pets: pd.DataFrame
) -> None:
    log, out = exported
    Review(audit_of(pets), log.path, by="ada").decide(3, "edit", 3, column="legs")
    log = CorrectionLog.read(log.path)
    export_log(log, out, "csv")
    change_sheet(out, 0, value="spider")
    done = import_decisions(out, "csv", log, table=make_table(log.apply(pets), "y"))
    assert (done.decided, done.problems) == (1, [])
    assert CorrectionLog.read(log.path).apply(pets)["y"].tolist()[3] == "spider"


def test_an_import_writes_no_sensitive_value_in_clear(
    pets: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    mark_sensitive(find_settings(tmp_path), "sound")
    path, out = tmp_path / "corrections" / "y.jsonl", tmp_path / "out.csv"
    review = Review(audit_of(pets), path, by="ada")
    review.decide(0, "keep", column="sound")
    export_log(review.log, out, "csv")
    change_sheet(out, 0, verdict="edit", value="purring")
    with pytest.raises(InputError, match="columns are marked as sensitive, so the data is needed"):
        import_decisions(out, "csv", review.log)
    with pytest.raises(InputError, match="'sound' is marked as sensitive"):
        import_decisions(out, "csv", review.log, table=make_table(pets, "y"))
    assert "purring" not in path.read_text()


# ---------------------------------------------------------------- what tools and spreadsheets make of it


def valued(value: Any, by: str = "ada") -> Correction:
    return Correction(
        v=1, id="", verdict="edit", key={"id": 1}, part=None, column="n", given=0, value=value, row="", by=by, at="",
        why={}, note="", undoes=None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("value", "shown", "back"),
    [
        (123456789012345678, 1.23457e17, 123456789012345678),
        (-123456789012345678, "-1,23457E+17", -123456789012345678),
        (120000000000000001, 1.2e17, 120000000000000001),
        (True, "TRUE", True),
        (False, "FALSE", False),
        (True, "FALSE", "FALSE"),
        (123456789012345678, 1.23458e17, 1.23458e17),
        (12345678901, 12345700000.0, 12345700000.0),
        ("TRUE", "true", "true"),
    ],
)
def test_what_a_spreadsheet_shows_is_the_value_itself(value: Any, shown: Any, back: Any) -> None:
    line = valued(value)
    found = restore(dataclasses.replace(said_of(line), value=shown), [line])
    assert (type(found.value), found.value) == (type(back), back)


def test_cut_digits_that_two_values_share_are_refused() -> None:
    lines = [valued(123456789012345678), valued(123456789012345679, "bob")]
    said = dataclasses.replace(said_of(lines[1]), value=1.23457e17)
    assert restore(said, lines).value == 123456789012345679
    with pytest.raises(InputError, match="may stand for 123456789012345678 or 123456789012345679: the spreadsheet has"):
        restore(dataclasses.replace(said, by="eva"), lines)


def test_a_sheet_that_a_spreadsheet_has_saved_changes_nothing(log_path: Path, tmp_path: Path) -> None:
    frame = pd.DataFrame({"n": [1, 2], "flag": [True, False], "y": ["a", "b"]})
    review, out = Review(audit_of(frame), log_path, by="ada"), tmp_path / "out.csv"
    review.decide(0, "edit", 123456789012345678, column="n")
    review.decide(1, "edit", True, column="flag")
    export_log(review.log, out, "csv")
    change_sheet(out, 0, value="1.23457E+17")
    change_sheet(out, 1, value="TRUE")
    assert import_decisions(out, "csv", review.log).decided == 0


@pytest.mark.parametrize("what", ["verdict", "note"])
def test_what_another_user_changes_is_that_users_word(
    exported: tuple[CorrectionLog, Path], pets: pd.DataFrame, tmp_path: Path, what: str
) -> None:
    log, out = exported[0], tmp_path / "tasks.json"
    Review(audit_of(pets), log.path, by="ada").decide(0, "keep", column="y")
    log = CorrectionLog.read(log.path)
    export_log(log, out, "label-studio")
    tasks = json.loads(out.read_text())
    annotation = tasks[1]["annotations"][0]
    annotation["completed_by"] = 7
    if what == "verdict":
        annotation["result"][0]["value"]["choices"] = ["unsure"]
    else:
        annotation["result"].append({"from_name": "dcai_note", "type": "textarea", "value": {"text": ["hm"]}})
    out.write_text(json.dumps(tasks))
    assert import_decisions(out, "label-studio", log).decided == 1
    line = CorrectionLog.read(log.path).corrections[-1]
    assert (line.by, line.verdict) == ("label-studio user 7", "unsure" if what == "verdict" else "keep")


# ---------------------------------------------------------------- the file


def test_lines_of_another_label_are_not_taken_over(pets: pd.DataFrame, tmp_path: Path) -> None:
    mine, other = (Review(audit_of(pets, label), tmp_path / f"{label}.jsonl", by="ada") for label in ("y", "sound"))
    mine.decide(0, "keep", column="legs")
    other.decide(1, "keep", column="legs")
    before = mine.log.path.read_bytes()
    with pytest.raises(LogError, match="are about the labels 'sound' and 'y'.*Nothing was written"):
        mine.log.adopt(other.log.corrections)
    assert mine.log.path.read_bytes() == before


def test_lines_without_what_names_their_columns_are_not_taken_over(pets: pd.DataFrame, tmp_path: Path) -> None:
    review = Review(audit_of(pets), tmp_path / "y.jsonl", by="ada")
    review.decide(0, "keep", column="legs")
    review.decide(1, "keep", column="legs")
    copy = CorrectionLog(tmp_path / "copy.jsonl")
    with pytest.raises(LogError, match="no line names the columns of the line .*Nothing was written"):
        copy.adopt(review.log.corrections[1:])
    assert not copy.path.exists()
    assert len(copy.adopt(review.log.corrections)) == 2


@pytest.mark.parametrize("act", [lambda r: r.do_once("m", list), lambda r: r.decide(5, "keep", column="y")])
def test_a_log_of_as_many_other_lines_is_another_log(
    pets: pd.DataFrame, log_path: Path, tmp_path: Path, act: Callable[[Review], Any]
) -> None:
    """As after git has checked out another branch, while the review is open."""
    audit = audit_of(pets, found=[(0, "y", "dog"), (1, "y", "cat")])
    review = Review(audit, log_path, by="ada")
    review.decide("f0", "relabel")
    other = Review(audit, tmp_path / "other.jsonl", by="ada")
    other.decide("f1", "relabel")
    log_path.write_bytes(other.log.path.read_bytes())
    act(review)
    assert (review.decided("f0"), review.decided("f1")) == (None, "relabel")


# ---------------------------------------------------------------- sensitive columns


@pytest.fixture
def marked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A log beside settings that mark the column `sound`."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    mark_sensitive(find_settings(tmp_path), "sound")
    return tmp_path / "corrections" / "y.jsonl"


def test_a_hidden_cell_that_was_filled_later_is_not_told(pets: pd.DataFrame, marked: Path) -> None:
    frame = pets.assign(id=range(6), sound=[None, *pets["sound"][1:]])
    review = Review(audit_of(frame, key="id"), marked, by="ada")
    review.decide(0, "keep", column="sound")
    assert review.log.check(frame)["status"].tolist() == ["fits"]
    checks = review.log.check(frame.assign(sound="purring"))
    assert checks["status"].tolist() == ["stale"]
    assert "purring" not in checks.to_json()


def test_an_undo_does_not_repeat_what_was_hidden_since(
    pets: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    path = tmp_path / "corrections" / "y.jsonl"
    frame = pets.assign(name=[f"secret-{n}" for n in range(6)])
    review = Review(audit_of(frame, key="name"), path, by="ada")
    review.decide(0, "keep", column="sound")
    review.mark_sensitive("name", "sound")
    review.undo()
    line = path.read_text().splitlines()[-1]
    assert "secret-0" not in line
    assert "meow" not in line
    again = Review(audit_of(frame, key="name"), path, by="ada")
    assert again.log.standing == []
    again.redo()
    assert "secret-0" not in path.read_text().splitlines()[-1]
    assert [c.verdict for c in again.log.standing] == ["keep"]


def test_a_hidden_label_is_no_filter(pets: pd.DataFrame) -> None:
    audit = audit_of(pets, found=[(0, "y", "dog"), (1, "y", "cat")])
    assert Views(audit.findings, audit.table, blind=False, masked=()).facets().pairs
    assert not Views(audit.findings, audit.table, blind=False, masked=("y",)).facets().pairs


# ---------------------------------------------------------------- soft labels


def test_stale_decisions_make_no_soft_label(pets: pd.DataFrame, log_path: Path) -> None:
    review = Review(audit_of(pets.assign(id=range(6)), key="id"), log_path, by="ada")
    review.decide(0, "relabel", "dog")
    review.decide(1, "relabel", "cat")
    frame = pets.assign(id=range(6), y=["spider", *pets["y"][1:]])
    soft = review.log.soft_labels(frame)
    assert soft.iloc[0].to_dict() == {"bird": 0.0, "cat": 0.0, "spider": 1.0}
    assert soft.iloc[1]["cat"] == 1.0
