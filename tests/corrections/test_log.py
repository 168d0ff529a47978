"""The correction log as a file: what is written, what is refused, what survives."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import json
import logging
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

from dcai.base import store
from dcai.base.errors import InputError, LogError, MissingError, StaleError
from dcai.base.table import read_frame
from dcai.corrections.log import CorrectionLog
from dcai.corrections.session import Review

from .conftest import audit_of

FIELDS = ["v", "id", "verdict", "key", "part", "column", "given", "value", "row", "by", "at", "why", "note"]


def lines_of(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


# ---------------------------------------------------------------- format


def test_a_line_has_the_fields_in_their_order(review: Review) -> None:
    review.decide("f0", "relabel")
    review.decide(0, "keep")
    first, second = lines_of(review.log.path)
    assert list(first)[:13] == FIELDS
    assert list(first)[13:] == ["columns", "label"]
    assert list(second) == FIELDS  # columns are named once
    assert first["verdict"] == "relabel"
    assert first["given"] == "cat"
    assert first["value"] == "bird"
    assert first["why"]["detector"] == "labels"
    assert first["by"] == "ada"
    assert first["at"].endswith("Z")
    assert first["at"] < second["at"]
    assert first["id"] < second["id"]


def test_numbers_stay_numbers_and_missing_is_null(log_path: Path) -> None:
    frame = pd.DataFrame({"n": [1, 2], "x": [0.5, np.nan], "y": ["a", "b"]})
    review = Review(audit_of(frame), log_path, by="ada")
    review.decide(0, "edit", 3, column="n")
    review.decide(1, "edit", 0.25, column="x")
    one, two = lines_of(log_path)
    assert (one["given"], one["value"]) == (1, 3)
    assert (two["given"], two["value"]) == (None, 0.25)
    clean = review.log.apply(frame)
    assert clean["n"].tolist() == [3, 2]
    assert clean["n"].dtype == np.int64
    assert clean["x"].tolist() == [0.5, 0.25]


def test_a_lone_surrogate_is_kept(pets: pd.DataFrame, log_path: Path) -> None:
    review = Review(audit_of(pets), log_path, by="ada")
    review.decide(0, "keep", note="\ud800 broken \u2028")
    assert CorrectionLog.read(log_path).corrections == review.log.corrections
    assert len(log_path.read_bytes().splitlines()) == 1


def test_git_attributes_are_written_in_the_folder_of_logs_only(pets: pd.DataFrame, tmp_path: Path) -> None:
    Review(audit_of(pets), tmp_path / "corrections" / "y.jsonl", by="ada").decide(0, "keep")
    assert "*.jsonl merge=union" in (tmp_path / "corrections" / ".gitattributes").read_text()
    Review(audit_of(pets), tmp_path / "elsewhere" / "y.jsonl", by="ada").decide(0, "keep")
    assert not (tmp_path / "elsewhere" / ".gitattributes").exists()


# ---------------------------------------------------------------- refused


def test_a_missing_log_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"There is no correction log .*y\.jsonl.*made by the first decision"):
        CorrectionLog.read(tmp_path / "y.jsonl")


def test_a_folder_is_no_log(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="cannot be read"):
        CorrectionLog.read(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.replace('"bird"', '"dog"'), r"Line 1 of y\.jsonl was edited after it was written"),
        (lambda t: "not json\n" + t, r"Line 1 of y\.jsonl is not JSON.*Restore the file from git"),
        (lambda t: "[1]\n" + t, r"Line 1 of y\.jsonl must be a JSON object"),
        (lambda t: t.replace('"v":1', '"v":2'), r"format version 2; this dcai reads up to 1\. Update dcai"),
        (
            lambda t: t.replace('"note":""', '"nota":""'),
            r"no field of Line 1 of y\.jsonl named 'nota'\. Did you mean 'note'",
        ),
        (lambda t: t.replace('"by":"ada",', ""), r"Line 1 of y\.jsonl lacks the field 'by'"),
        (lambda t: t.replace('"verdict":"relabel"', '"verdict":"drop"'), r"verdict must be one of 'keep'.*Got 'drop'"),
        (lambda t: t.replace('"value":"bird"', '"value":NaN'), r"Line 1 of y\.jsonl is not JSON: NaN"),
    ],
)
def test_a_malformed_line_is_named(review: Review, change, message: str) -> None:
    review.decide("f0", "relabel")
    path = review.log.path
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises((LogError, InputError), match=message):
        CorrectionLog.read(path)


def test_an_undo_of_a_lost_line_is_refused(review: Review) -> None:
    review.decide(0, "keep")
    review.decide(1, "keep")
    review.undo()
    path = review.log.path
    lines = path.read_text().splitlines(keepends=True)
    path.write_text(lines[0] + lines[2])
    with pytest.raises(LogError, match="speaks of .* which is not in the log. Restore the file from git"):
        CorrectionLog.read(path)


def test_two_keys_in_one_log_are_refused(pets: pd.DataFrame, log_path: Path) -> None:
    frame = pets.assign(id=range(6))
    Review(audit_of(frame, key="id"), log_path, by="ada").decide(0, "keep")
    with pytest.raises(LogError, match="identifies rows by the key 'id', this audit by their content"):
        Review(audit_of(frame), log_path, by="ada")
    other = log_path.with_name("other.jsonl")
    Review(audit_of(frame), other, by="ada").decide(0, "keep")
    log_path.write_bytes(log_path.read_bytes() + other.read_bytes())
    with pytest.raises(LogError, match="One log has one key"):
        CorrectionLog.read(log_path)


def test_a_log_of_another_label_or_other_columns_is_refused(review: Review, pets: pd.DataFrame) -> None:
    review.decide("f0", "relabel")
    with pytest.raises(LogError, match="was made for the label 'y', this audit has 'sound'"):
        Review(audit_of(pets, "sound"), review.log.path, by="ada")
    with pytest.raises(LogError, match="the columns 'legs', 'sound'; this data lacks 'sound'"):
        review.log.apply(pets.drop(columns="sound"))
    with pytest.raises(LogError, match="corrects the columns 'y', which this data lacks"):
        review.log.check(pets.drop(columns="y"))


def test_a_log_whose_columns_are_lost_is_refused(review: Review, pets: pd.DataFrame) -> None:
    review.decide(0, "keep")
    review.decide(1, "keep")
    path = review.log.path
    path.write_text(path.read_text().splitlines(keepends=True)[1])
    with pytest.raises(LogError, match="No line of the log names its columns"):
        CorrectionLog.read(path).check(pets)


def test_wrong_arguments_are_refused(review: Review, pets: pd.DataFrame) -> None:
    review.decide(0, "keep")
    with pytest.raises(
        InputError, match="'stale' parameter of CorrectionLog.apply must be 'raise' or 'skip'. Got 'ignore'"
    ):
        review.log.apply(pets, stale="ignore")
    with pytest.raises(InputError, match="no column 'label'.*maps old names to new"):
        review.log.check(pets, rename={"y": "label"})
    with pytest.raises(InputError, match="must be a pandas, polars or pyarrow table"):
        review.log.apply([1, 2])


# ---------------------------------------------------------------- durability


def test_a_torn_tail_is_reported_and_removed(
    review: Review, pets: pd.DataFrame, caplog: pytest.LogCaptureFixture
) -> None:
    review.decide("f0", "relabel")
    path, whole = review.log.path, review.log.path.read_bytes()
    path.write_bytes(whole + whole[: len(whole) // 2])
    with caplog.at_level(logging.WARNING, "dcai"):
        log = CorrectionLog.read(path)
    assert len(log) == 1
    assert log.torn == whole[: len(whole) // 2]
    assert "not written to its end" in caplog.text
    again = Review(audit_of(pets), path, by="ada")
    again.decide(0, "keep")
    assert path.read_bytes().startswith(whole)
    assert len(CorrectionLog.read(path)) == 2
    assert CorrectionLog.read(path).torn == b""


def test_a_whole_last_line_without_its_newline_counts(review: Review, pets: pd.DataFrame) -> None:
    review.decide("f0", "relabel")
    path = review.log.path
    path.write_bytes(path.read_bytes().removesuffix(b"\n"))
    assert len(CorrectionLog.read(path)) == 1
    Review(audit_of(pets), path, by="ada").decide(0, "keep")
    assert len(CorrectionLog.read(path)) == 2


def test_a_full_disk_is_an_error_and_leaves_nothing_half_written(
    review: Review, monkeypatch: pytest.MonkeyPatch
) -> None:
    review.decide("f0", "relabel")
    whole = review.log.path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(LogError, match="could not be saved to .*No space left on device. Nothing was written"):
        review.decide(0, "keep")
    monkeypatch.undo()
    assert review.log.path.read_bytes() == whole
    assert len(review.log) == 1
    review.decide(0, "keep")
    assert len(CorrectionLog.read(review.log.path)) == 2


def test_threads_and_sessions_lose_nothing(pets: pd.DataFrame, log_path: Path) -> None:
    reviews = [Review(audit_of(pets), log_path, by=f"r{i}") for i in range(3)]

    def work(review: Review) -> None:
        for i in range(10):
            review.decide(i % 6, "keep", note=f"{review.by}-{i}")

    threads = [threading.Thread(target=work, args=(r,)) for r in reviews for _ in range(2)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    log = CorrectionLog.read(log_path)
    assert len(log) == 60
    assert len({c.id for c in log.corrections}) == 60
    times = [c.at for c in log.corrections]
    assert times == sorted(set(times))


def test_what_was_returned_survives_a_kill(tmp_path: Path) -> None:
    script = (
        "import sys, pandas as pd\nfrom dcai.base.table import make_table\nfrom dcai.corrections.session import Review\n"
        "from tests.corrections.conftest import audit_of\n"
        "frame = pd.DataFrame({'x': range(500), 'y': ['a', 'b'] * 250})\n"
        f"review = Review(audit_of(frame), {str(tmp_path / 'y.jsonl')!r}, by='ada')\n"
        "for i in range(500):\n    print(review.decide(i, 'keep').id, flush=True)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    confirmed = [process.stdout.readline().strip() for _ in range(20)]
    process.kill()
    confirmed += process.stdout.read().split()
    process.wait()
    process.stdout.close()
    saved = [c.id for c in CorrectionLog.read(tmp_path / "y.jsonl").corrections]
    assert saved[: len(confirmed)] == confirmed
    assert len(saved) - len(confirmed) <= 1  # one may be on disk that had not been told yet


def test_a_held_lock_is_said(log_path: Path) -> None:
    said: list[str] = []

    def wait() -> None:
        try:
            with store.lock(log_path, timeout=0.1):
                said.append("locked twice")
        except store.LockedError as error:
            said.append(str(error))

    log_path.parent.mkdir()
    with store.lock(log_path):
        other = threading.Thread(target=wait)
        other.start()
        other.join()
    assert said[0].startswith(f"Another process has been writing to {log_path.parent} for more than 0.1 s.")


# ---------------------------------------------------------------- check and apply


def test_each_status_of_check(pets: pd.DataFrame, log_path: Path) -> None:
    frame = pets.assign(id=range(6))
    review = Review(audit_of(frame, key="id"), log_path, by="ada")
    for row in range(4):
        review.decide(row, "edit", "moo", column="sound")
    changed = frame.drop(index=13).reset_index(drop=True)
    changed.loc[1, "sound"] = "moo"
    changed.loc[2, "sound"] = "caw"
    checks = review.log.check(changed)
    assert checks["status"].tolist() == ["fits", "applied", "stale", "absent"]
    assert checks["row"].tolist() == [0, 1, 2, -1]
    assert "holds 'caw'; expected 'tweet' (as reviewed) or 'moo' (as corrected)" in checks["why"][2]
    with pytest.raises(
        StaleError, match=r"1 of 4 standing corrections .*\(1 stale\), and nothing was applied.*stale='skip'"
    ):
        review.log.apply(changed)
    assert review.log.apply(changed, stale="skip")["sound"].tolist() == ["moo", "moo", "caw", "", ""]


def test_without_a_key_an_absent_row_raises(review: Review, pets: pd.DataFrame) -> None:
    review.decide(1, "relabel", "cat")
    part = pets.drop(index=11)
    with pytest.raises(StaleError, match="1 absent"):
        review.log.apply(part)
    assert review.log.restrict(part).apply(part).equals(part)


def test_restricting_keeps_what_is_there(review: Review, pets: pd.DataFrame) -> None:
    review.decide(0, "relabel", "dog")
    review.decide(3, "relabel", "bird")
    part = pets.iloc[3:]
    restricted = review.log.restrict(part)
    assert len(restricted) == 1
    assert restricted.apply(part)["y"].tolist() == ["bird", "spider", "spider"]


def test_an_added_column_makes_nothing_stale(review: Review, pets: pd.DataFrame) -> None:
    review.decide("f0", "relabel")
    review.decide(5, "exclude")
    review.decide(0, "keep")
    wider = pets.assign(new=range(6))
    assert review.log.check(wider)["status"].tolist() == ["fits", "fits", "fits"]
    more = Review(audit_of(wider), review.log.path, by="ada")
    more.decide(1, "relabel", "cat")
    assert more.log.apply(wider)["y"].tolist() == ["cat", "cat", "bird", "bird", "spider"]
    assert more.log.check(pets.iloc[[1]].assign(new=1))["status"].tolist()[-1] == "fits"


def test_a_renamed_column_is_found_by_its_new_name(review: Review, pets: pd.DataFrame) -> None:
    review.decide("f0", "relabel")
    renamed = pets.rename(columns={"y": "label", "sound": "noise"})
    clean = review.log.apply(renamed, rename={"y": "label", "sound": "noise"})
    assert clean["label"].tolist()[3] == "bird"
    assert list(clean.columns) == list(renamed.columns)


def test_index_order_and_types_are_kept(log_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "i": np.array([1, 2, 3], dtype="int32"),
            "c": pd.Categorical(["a", "b", "a"]),
            "d": pd.to_datetime(["2020-01-01", "2020-01-02", "2020-01-03"]),
            "b": [True, False, True],
            "y": ["x", "y", "x"],
        },
        index=["r", "s", "t"],
    )
    review = Review(audit_of(frame), log_path, by="ada")
    review.decide(0, "edit", 7, column="i")
    review.decide(1, "edit", "new", column="c")
    review.decide(2, "edit", "2021-05-05", column="d")
    review.decide(0, "edit", False, column="b")
    before = frame.copy(deep=True)
    clean = review.log.apply(frame)
    pd.testing.assert_frame_equal(frame, before)
    assert clean.index.tolist() == ["r", "s", "t"]
    assert clean["i"].tolist() == [7, 2, 3]
    assert clean["i"].dtype == np.int32
    assert clean["c"].tolist() == ["a", "new", "a"]
    assert clean["d"].dtype == frame["d"].dtype
    assert clean["d"].iloc[2] == pd.Timestamp("2021-05-05")
    assert clean["b"].tolist() == [False, False, True]
    assert clean["b"].dtype == bool


def test_an_integer_column_that_becomes_empty_turns_to_float(log_path: Path) -> None:
    frame = pd.DataFrame({"i": [1, 2], "big": [2**60, 5], "y": ["a", "b"]})
    review = Review(audit_of(frame), log_path, by="ada")
    review.decide(0, "edit", None, column="i")
    review.decide(1, "edit", None, column="big")
    clean = review.log.apply(frame)
    assert str(clean["i"].dtype) == "float64"
    assert clean["big"].iloc[0] == 2**60  # not rounded
    pd.testing.assert_frame_equal(review.log.apply(clean), clean)


def test_a_value_that_its_column_cannot_hold_is_named(log_path: Path) -> None:
    text = pd.DataFrame({"n": ["1", "2"], "y": ["a", "b"]})
    review = Review(audit_of(text), log_path, by="ada")
    review.decide(0, "edit", "many", column="n")
    with pytest.raises(InputError, match="'n' holds int64 and cannot take 'many'. Convert the column to text first"):
        review.log.apply(text.astype({"n": int}))


def test_polars_and_arrow_keep_every_untouched_column(log_path: Path) -> None:
    import pyarrow as pa

    frame = pl.DataFrame({"i": [2**60 + 1, None, 3], "d": [dt.date(2020, 1, 1)] * 3, "y": ["a", "b", "a"]})
    review = Review(audit_of(read_frame(frame)), log_path, by="ada")
    review.decide(0, "relabel", "b")
    review.decide(2, "exclude")
    clean = review.log.apply(frame)
    assert clean.schema == frame.schema
    assert clean.to_dict(as_series=False) == {"i": [2**60 + 1, None], "d": [dt.date(2020, 1, 1)] * 2, "y": ["b", "b"]}
    table = pa.table({"i": pa.array([2**60 + 1, None, 3]), "d": [dt.date(2020, 1, 1)] * 3, "y": ["a", "b", "a"]})
    changed = review.log.apply(table)
    assert changed.schema == table.schema
    assert changed["i"].to_pylist() == [2**60 + 1, None]


def test_an_integer_column_with_large_numbers_takes_no_fraction(log_path: Path) -> None:
    frame = pd.DataFrame({"i": [2**60 + 1, 2], "small": np.array([1, 2], dtype="int8"), "y": ["a", "b"]})
    review = Review(audit_of(frame), log_path, by="ada")
    with pytest.raises(InputError, match="'i' holds int64 and cannot take 0.5"):
        review.decide(1, "edit", 0.5, column="i")
    review.decide(0, "edit", 300, column="small")
    assert review.log.apply(frame)["small"].tolist() == [300, 2]


@pytest.mark.parametrize(
    ("cells", "value"),
    [
        ([dt.date(2020, 1, 1), None], "soon"),
        ([decimal.Decimal("1.5"), None], "soon"),
        (pd.to_datetime(["2020-01-01", "2020-01-02"], utc=True), "soon"),
        ([1.5, 2.5], "inf"),
        ([1.5, 2.5], "1e400"),
        ([1, 2], "nan"),
        (["a", "b"], "\ud800"),
    ],
)
def test_what_a_column_cannot_hold_is_refused_when_it_is_decided(log_path: Path, cells, value: str) -> None:
    review = Review(audit_of(pd.DataFrame({"c": cells, "y": ["a", "b"]})), log_path, by="ada")
    with pytest.raises(InputError, match="'c' holds"):
        review.decide(0, "edit", value, column="c")
    assert not log_path.exists()


def test_a_date_without_zone_is_read_in_the_columns_zone(log_path: Path) -> None:
    frame = pd.DataFrame({"t": pd.to_datetime(["2020-01-01", "2020-01-02"], utc=True), "y": ["a", "b"]})
    review = Review(audit_of(frame), log_path, by="ada")
    review.decide(0, "edit", "2021-01-01", column="t")
    assert review.log.apply(frame)["t"].iloc[0] == pd.Timestamp("2021-01-01", tz="UTC")


def test_keeping_a_corrected_cell_confirms_the_correction(log_path: Path) -> None:
    frame = pd.DataFrame({"id": [1, 2, 3, 4], "x": [1, 2, 3, 4], "y": list("abab")})
    review = Review(audit_of(frame, key="id"), log_path, by="ada")
    review.decide(0, "relabel", "b")
    clean = review.log.apply(frame)
    second = Review(audit_of(clean, key="id"), log_path, by="ada")
    assert second.decide(0, "keep", column="y").value == "b"
    other = Review(audit_of(clean, key="id"), log_path, by="bob")
    other.decide(0, "keep", column="y")
    assert other.log.apply(frame)["y"].tolist() == ["b", "b", "a", "b"]
    assert set(other.log.check(clean)["status"]) == {"applied"}


def test_a_decision_taken_back_later_is_taken_back_in_corrected_data_too(log_path: Path) -> None:
    frame = pd.DataFrame({"id": [1, 2], "y": list("ab")})
    review = Review(audit_of(frame, key="id"), log_path, by="ada")
    review.decide(0, "relabel", "b")
    clean = review.log.apply(frame)
    review.decide(0, "keep", column="y")
    assert review.log.apply(clean)["y"].tolist() == ["a", "b"]
    assert review.log.apply(frame)["y"].tolist() == ["a", "b"]


def test_a_row_that_changed_upstream_can_be_decided_again(log_path: Path) -> None:
    frame = pd.DataFrame({"id": [1, 2], "x": [1, 2], "y": list("ab")})
    Review(audit_of(frame, key="id"), log_path, by="ada").decide(0, "keep")
    newer = frame.assign(x=[99, 2], z=0)
    review = Review(audit_of(newer, key="id"), log_path, by="ada")
    review.decide(0, "exclude")
    assert len(review.log.apply(newer)) == 1
    review.decide(1, "edit", 5, column="z")
    review.decide(1, "keep")
    assert review.log.check(review.log.apply(newer))["status"].tolist() == ["applied", "applied", "fits"]


def test_a_log_of_another_table_with_the_same_key_is_refused(log_path: Path) -> None:
    frame = pd.DataFrame({"id": [1, 2], "x": [1, 2], "y": list("ab")})
    Review(audit_of(frame, key="id"), log_path, by="ada").decide(0, "relabel", "b")
    other = pd.DataFrame({"id": [1, 2], "colour": ["r", "g"], "size": [1, 2], "y": list("ab")})
    with pytest.raises(LogError, match="this data lacks 'x'"):
        Review(audit_of(other, key="id"), log_path, by="ada")
    with pytest.raises(LogError, match="this data lacks 'x'"):
        CorrectionLog.read(log_path).apply(other)


def test_a_log_replaced_by_one_of_the_same_size_is_read_anew(review: Review, pets: pd.DataFrame) -> None:
    review.decide(0, "keep", note="a")
    path = review.log.path
    other = path.with_name("other.jsonl")
    Review(audit_of(pets), other, by="ada").decide(1, "keep", note="b")
    assert other.stat().st_size == path.stat().st_size
    other.replace(path)
    review.decide(2, "keep")
    assert [c.note for c in CorrectionLog.read(path).corrections] == ["b", ""]


def test_a_restricted_log_is_written_whole(review: Review, pets: pd.DataFrame) -> None:
    review.decide(0, "relabel", "dog")
    review.decide(3, "relabel", "bird")
    restricted = review.log.restrict(pets.iloc[3:])
    grown = restricted.append(dataclasses.replace(review.log.corrections[0], note="again"))
    assert len(grown) == 3


def test_polars_in_polars_out(review: Review, pets: pd.DataFrame) -> None:
    review.decide("f0", "relabel")
    clean = review.log.apply(pl.from_pandas(pets))
    assert isinstance(clean, pl.DataFrame)
    assert clean["y"].to_list()[3] == "bird"


# ---------------------------------------------------------------- people


def two_reviewers(pets: pd.DataFrame, path: Path) -> tuple[Review, Review]:
    return Review(audit_of(pets), path, by="ada"), Review(audit_of(pets), path, by="bob")


def test_reviewers_who_disagree_are_disputed_until_settled(pets: pd.DataFrame, log_path: Path) -> None:
    ada, bob = two_reviewers(pets, log_path)
    one = ada.decide(0, "relabel", "dog")
    two = bob.decide(0, "keep", column="y")
    assert bob.log.check(pets)["status"].tolist() == ["disputed", "disputed"]
    with pytest.raises(StaleError, match="Reviewers disagree .ada: relabel 'dog'; bob: keep"):
        bob.log.apply(pets)
    with pytest.raises(InputError, match="'nothing' is not in this log"):
        bob.decide(0, "relabel", "dog", resolves=["nothing"])
    bob.decide(0, "relabel", "dog", resolves=[one.id, two.id])
    log = bob.log
    assert log.check(pets)["status"].tolist() == ["fits"]
    assert log.apply(pets)["y"].tolist()[0] == "dog"


def test_reviewers_who_agree_are_not_disputed(pets: pd.DataFrame, log_path: Path) -> None:
    ada, bob = two_reviewers(pets, log_path)
    ada.decide(0, "relabel", "dog")
    bob.decide(0, "relabel", "dog")
    bob.decide(1, "unsure", column="y")
    ada.decide(1, "relabel", "cat")
    assert set(ada.log.check(pets)["status"]) == {"fits"}


def test_an_exclusion_against_a_keep_is_disputed(pets: pd.DataFrame, log_path: Path) -> None:
    ada, bob = two_reviewers(pets, log_path)
    ada.decide(0, "exclude")
    bob.decide(0, "keep")
    assert set(bob.log.check(pets)["status"]) == {"disputed"}


def test_a_reviewers_later_decision_replaces_the_earlier(review: Review, pets: pd.DataFrame) -> None:
    review.decide(0, "relabel", "dog")
    review.decide(0, "relabel", "bird")
    review.decide(1, "exclude")
    review.decide(1, "relabel", "cat")  # takes the exclusion back
    assert review.log.apply(pets)["y"].tolist() == ["bird", "cat", "bird", "cat", "spider", "spider"]


def test_two_branches_merge_in_git(pets: pd.DataFrame, tmp_path: Path) -> None:
    def git(*words: str) -> None:
        subprocess.run(["git", "-C", str(tmp_path), *words], check=True, capture_output=True)

    path = tmp_path / "corrections" / "y.jsonl"
    git("init", "-q", "-b", "main")
    git("config", "user.email", "t@example.org")
    git("config", "user.name", "t")
    Review(audit_of(pets), path, by="ada").decide(5, "keep")
    git("add", ".")
    git("commit", "-qm", "start")
    git("checkout", "-qb", "bob")
    Review(audit_of(pets), path, by="bob").decide(0, "relabel", "dog")
    git("commit", "-qam", "bob")
    git("checkout", "-q", "main")
    Review(audit_of(pets), path, by="ada").decide(1, "relabel", "cat")
    git("commit", "-qam", "ada")
    git("merge", "-q", "bob")
    assert CorrectionLog.read(path).apply(pets)["y"].tolist() == ["dog", "cat", "bird", "cat", "spider", "spider"]
