"""Audits of Parquet data that stays on disk: the same findings as in memory, in bounded memory, and nothing unsaid."""

from __future__ import annotations

import datetime as dt
import decimal
import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dcai import Review, audit
from dcai.base.errors import InputError, MissingError
from dcai.base.table import Table
from dcai.findings.evidence import Settings, make_evidence
from dcai.findings.labels.flips import Flips
from dcai.findings.progress import tell_nobody
from dcai.findings.report import Audit
from dcai.findings.streaming.inquiries import WHOLE_ONLY
from dcai.findings.streaming.labelling import Unmixer, Verdicts, learn_verdicts
from dcai.findings.streaming.sources import open_source, read_memory, write_size
from dcai.findings.streaming.survey import choose_sample, find_repeated, survey_source

if TYPE_CHECKING:
    from dcai.findings.streaming.judges import Mixture

ROWS = 6_000
COPIES, CONFLICTS = 40, 30
EXACT = ["duplicates", "conflicts", "label_names", "class_imbalance", "missing"]


@cache
def make_frame(seed: int = 0) -> tuple[pd.DataFrame, frozenset[int]]:
    """Numbers, a category and a class with planted wrong labels, copies, conflicts and stand-ins for empty cells."""
    random = np.random.default_rng(seed)
    points = random.normal(size=(ROWS, 6))
    true = (points[:, 0] + points[:, 1] ** 2 - 1 + 0.1 * random.normal(size=ROWS) > 0).astype(int)
    wrong = random.choice(ROWS, ROWS // 25, replace=False)
    given = true.copy()
    given[wrong] = 1 - given[wrong]
    frame = pd.DataFrame({f"x{j}": points[:, j] for j in range(6)})
    frame["count"] = random.integers(1, 60, ROWS)
    frame["colour"] = random.choice(["red", "green", "blue"], ROWS)
    frame["label"] = np.array(["no", "yes"])[given]
    frame.loc[[5, 50], "label"] = "Yes"
    frame.loc[[10, 20], "x3"] = np.nan
    frame.loc[[30, 40, 60], "count"] = -999
    frame.loc[[70, 80], "colour"] = "n/a"
    frame.loc[[90, 91], "colour"] = "gren"
    frame.loc[[100, 101], "label"] = None
    copies = frame.iloc[200 : 200 + COPIES]
    opposed = frame.iloc[300 : 300 + CONFLICTS].assign(label=lambda f: f["label"].map({"no": "yes", "yes": "no"}))
    joined = pd.concat([frame, copies, opposed], ignore_index=True)
    return joined.sample(frac=1, random_state=seed).reset_index(drop=True), frozenset(wrong.tolist())


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The frame as a file of several row groups."""
    path = tmp_path_factory.mktemp("stored") / "rows.parquet"
    make_frame()[0].to_parquet(path, row_group_size=1000)
    return path


@pytest.fixture(scope="module")
def streamed(stored: Path) -> Audit:
    """The audit of the file in batches."""
    return audit(stored, "label", memory=1, progress=False)


@pytest.fixture(scope="module")
def loaded(stored: Path) -> Audit:
    """The audit of the file in memory, by what both can do."""
    return audit(stored, "label", detectors=["labels", *EXACT, "variants"], progress=False)


def compare(found: Audit, detector: str) -> list[tuple[Any, ...]]:
    its = found.by(detector).findings
    its = its[its["row"] >= 0]
    keys = [json.dumps(k, sort_keys=True) for k in its["key"]]
    cells = zip(
        its["finding"], its["row"], keys, its["column"], its["doubt"].round(9), its["given"].map(str), strict=True
    )
    return sorted((*c, r) for c, r in zip(cells, its["reason"], strict=True))


@pytest.mark.parametrize("detector", ["duplicates", "label_names", "variants"])
def test_what_is_counted_is_found_exactly_as_in_memory(streamed: Audit, loaded: Audit, detector: str) -> None:
    assert compare(loaded, detector)
    assert compare(streamed, detector) == compare(loaded, detector)


def test_conflicts_of_equal_rows_are_those_in_memory(streamed: Audit, loaded: Audit) -> None:
    equal = [c for c in compare(loaded, "conflicts") if "nearly" not in c[-1]]
    assert len(equal) >= 2 * CONFLICTS
    assert compare(streamed, "conflicts") == equal
    assert np.allclose(streamed.scores["conflicts"], loaded.scores["conflicts"])
    assert np.allclose(streamed.scores["duplicates"], loaded.scores["duplicates"])


def test_conflicts_in_batches_say_that_other_columns_part_rows(stored: Path) -> None:
    found = audit(stored, "label", features=["x0", "x1"], memory=1, detectors="conflicts", progress=False)
    assert "differ in other columns were not compared" in found.checks["reason"].item()


def test_empty_cells_are_those_in_memory(streamed: Audit, loaded: Audit) -> None:
    cells = [
        {(r, c) for r, c in zip(f["row"], f["column"], strict=True)}
        for f in (a.by("missing").findings for a in (streamed, loaded))
    ]
    assert cells[0] == cells[1]
    assert len(cells[0]) == 2 + 3 + 2 + 2


def test_wrong_labels_are_found_as_in_memory(streamed: Audit, loaded: Audit) -> None:
    flags = [set(a.by("labels").findings["row"]) for a in (streamed, loaded)]
    shared = len(flags[0] & flags[1]) / len(flags[0] | flags[1])
    assert shared > 0.6  # the models differ: forests and kernels are left out
    order = pd.Series(streamed.scores["labels"]).corr(loaded.scores["labels"], method="spearman")
    assert order > 0.8


def test_the_rule_for_stored_rows_flags_what_memory_flags() -> None:
    random = np.random.default_rng(0)
    chances = random.dirichlet([0.6, 0.6, 0.6], 3_000)
    true = np.array([random.choice(3, p=row) for row in chances])
    given = np.where(random.random(3_000) < 0.3, random.integers(0, 3, 3_000), true)
    table = Table(pd.DataFrame({"x": np.arange(3_000), "label": np.array(["a", "b", "c"])[given]}), "label")
    evidence = make_evidence(table, Settings(task="classification"), tell_nobody)
    sampled = chances[evidence.positions]
    model = cast("Mixture", SimpleNamespace(sampled=sampled, loss=1.0, note="a model", views=[]))
    rule = learn_verdicts(evidence, model, None, len(table))
    codes = evidence.labels.codes
    doubt, flagged, best = rule.look(sampled, codes)
    assert np.array_equal(flagged, evidence.noise.flagged)
    assert flagged.sum() > 300
    assert not (flagged & (sampled.argmax(axis=1) == codes) & (doubt < 0.5)).any()
    assert (best != codes).all()


@pytest.mark.parametrize(("weak", "likely", "flagged"), [(False, 2.0, [1]), (False, 0.0, [0, 1]), (True, 2.0, [])])
def test_a_row_that_the_models_agree_with_is_flagged_only_if_it_is_probably_wrong(
    weak: bool, likely: float, flagged: list[int]
) -> None:
    chances, codes = np.array([[0.51, 0.49], [0.49, 0.51]]), np.array([0, 0])
    line = np.array([0.0, 1.0])
    unmixer = Unmixer(np.full((2, 2), 0.5), Flips(np.full((2, 2), 0.5), 1.0, 0.0, 0.0))
    rule = Verdicts(
        cast("Mixture", None), cast("Mixture", None), unmixer, (line, line), (line, line),
        threshold=0.1, likely=likely, bar=0.0, weak=weak, shown=1.0, caught=1.0,
    )  # fmt: skip
    assert np.flatnonzero(rule.look(chances, codes)[1]).tolist() == flagged


def test_numbers_that_are_codes_are_no_stand_ins_on_disk_either(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"sign": random.choice([-1, 1], 5_000), "move": random.integers(-1, 2, 5_000)})
    frame["age"] = random.integers(0, 90, 5_000)
    frame.loc[[3, 4_000], "age"] = -1
    frame["label"] = np.where(random.random(5_000) < 0.5, "None", "some")
    frame.to_parquet(tmp_path / "codes.parquet")
    found = audit(tmp_path / "codes.parquet", "label", memory=1, detectors=["missing", "label_names"], progress=False)
    assert set(found.findings[["row", "column"]].itertuples(index=False, name=None)) == {(3, "age"), (4_000, "age")}
    assert "2 classes" in found.checks.set_index("detector").loc["label_names", "reason"]


def test_planted_label_noise_is_found(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    points = random.normal(size=(60_000, 5))
    true = (points[:, 0] * points[:, 1] + points[:, 2] > 0).astype(int)
    planted = random.random(60_000) < 0.05
    frame = pd.DataFrame(points, columns=list("abcde")).assign(y=np.where(planted, 1 - true, true))
    path = tmp_path / "planted.parquet"
    frame.to_parquet(path, row_group_size=7_000)
    found = audit(path, "y", memory="1MB", detectors="labels", progress=False)
    rows = found.findings["row"].to_numpy()
    assert planted[rows].mean() > 0.8
    assert planted[rows].sum() > 0.8 * planted.sum()
    seen = found.scores["labels"].to_numpy()
    assert seen.dtype == np.float32
    assert seen[planted].mean() > 10 * seen[~planted].mean()
    expected = found.expected_errors
    assert expected is not None
    assert expected.low <= planted.sum() <= expected.high
    assert (found.findings["suggested"].to_numpy() == true[rows]).mean() > 0.8


def test_every_check_is_accounted_for(streamed: Audit) -> None:
    checks = streamed.checks.set_index("detector")
    assert set(checks.loc[list(WHOLE_ONLY), "status"]) == {"skipped"}
    assert (checks["reason"].str.len() > 0)[checks["status"] == "skipped"].all()
    assert not (checks["status"] == "failed").any()
    assert checks.loc["labels", "rows"] == len(make_frame()[0]) - 2
    assert "read in batches" in streamed.caution
    assert "1 bytes were allowed" in streamed.caution
    assert len(streamed.scores) == len(make_frame()[0])


def test_order_of_rows_and_files_changes_nothing(stored: Path, streamed: Audit, tmp_path: Path) -> None:
    frame = pd.read_parquet(stored)
    order = np.random.default_rng(5).permutation(len(frame))
    for place, rows in enumerate(np.array_split(order, 3)):
        part = tmp_path / "parts" / f"day={place}"
        part.mkdir(parents=True)
        frame.iloc[rows].to_parquet(part / f"part-{place}.parquet", row_group_size=500, index=False)
    (tmp_path / "parts" / "_SUCCESS.parquet").touch()
    other = audit(tmp_path / "parts", "label", memory=1, progress=False)
    for name in ("labels", "conflicts", "duplicates"):
        mine, its = streamed.scores[name].to_numpy()[order], other.scores[name].to_numpy()
        if name == "duplicates":  # which of two equal rows repeats the other depends on their order
            assert mine.sum() == pytest.approx(its.sum())
        else:
            assert np.allclose(mine, its, atol=1e-4, equal_nan=True)  # rows without a label have no doubt
    ids = [set(a.by("labels", "missing", "variants").findings["finding"]) for a in (streamed, other)]
    assert ids[0] == ids[1]


def test_a_folder_that_fits_is_loaded(stored: Path, tmp_path: Path) -> None:
    frame = pd.read_parquet(stored).head(1000)
    for place in (0, 1):
        frame.iloc[500 * place : 500 * (place + 1)].to_parquet(tmp_path / f"{place}.parquet", index=False)
    whole = audit(frame, "label", detectors=["missing", "duplicates"], progress=False)
    parts = audit(tmp_path, "label", detectors=["missing", "duplicates"], progress=False)
    assert parts.findings["finding"].tolist() == whole.findings["finding"].tolist()
    assert not parts.caution
    assert parts.table.name == tmp_path.name


def test_keys_are_those_of_the_key_columns(tmp_path: Path) -> None:
    frame = make_frame()[0].assign(id=lambda f: np.arange(len(f))[::-1])
    path = tmp_path / "keyed.parquet"
    frame.to_parquet(path, index=False)
    streamed, loaded = (
        audit(path, "label", key="id", detectors=["duplicates", "missing"], memory=m, progress=False) for m in (1, None)
    )
    cells = [[c for c in compare(a, "missing") if c[3] != "label"] for a in (streamed, loaded)]
    assert cells[0]
    assert cells[0] == cells[1]
    assert compare(streamed, "duplicates") == compare(loaded, "duplicates")
    assert all(
        k == {"id": len(frame) - 1 - r} for k, r in zip(streamed.findings["key"], streamed.findings["row"], strict=True)
    )


def test_a_finding_can_be_explained_and_reviewed(streamed: Audit, loaded: Audit, tmp_path: Path) -> None:
    worst = streamed.by("labels").findings.iloc[0]
    explained = streamed.explain(worst["finding"])
    assert worst["finding"] in set(explained.facts["finding"])
    assert len(explained.nearest)
    assert streamed.explain(0).row == 0
    review = Review(streamed, tmp_path / "label.jsonl", by="ada")
    line = review.decide(worst["finding"], "relabel")
    assert line.key == worst["key"]
    twin = streamed.by("duplicates").findings.iloc[0]
    review.decide(twin["finding"], "exclude")
    other = next(r for r in range(100) if r not in set(streamed.findings["row"]))
    review.decide(other, "keep")
    again = Review(streamed, tmp_path / "label.jsonl", by="ada")
    assert again.progress.decided == review.progress.decided
    # The log fits the same rows in memory.
    checked = again.log.check(loaded.table.frame)
    assert set(checked["status"]) == {"fits"}
    assert sorted(checked["row"]) == sorted([worst["row"], twin["row"], other])
    assert "rows.parquet" in str(streamed.table.name + ".parquet")
    assert streamed.to_html().count("<table")  # type: ignore[union-attr]  # without a path it is the text


def test_fingerprints_are_those_of_the_table_in_memory(streamed: Audit, loaded: Audit) -> None:
    rows = list(range(0, len(loaded.table), 7))
    assert streamed.table.keys_of(rows) == loaded.table.keys_of(rows)
    twins = find_repeated(streamed.table.digests)[:50].tolist()  # type: ignore[attr-defined]  # it is a stored table
    assert streamed.table.keys_of(twins) == loaded.table.keys_of(twins)


def test_what_needs_all_rows_is_refused(streamed: Audit, stored: Path) -> None:
    with pytest.raises(InputError, match=r"Audit\.ask needs all rows in memory, and this audit has left them on disk"):
        streamed.ask(2)
    with pytest.raises(InputError, match=r"Audit\.refine needs all rows in memory"):
        streamed.refine(None)  # type: ignore[arg-type]  # refused before the log is looked at
    for name, value in (("groups", "colour"), ("annotators", ["colour"]), ("rules", ["x0 > 0"]), ("test", stored)):
        with pytest.raises(InputError, match=f"the '{name}' parameter of audit needs all rows in memory"):
            audit(stored, "label", memory=1, progress=False, **{name: value})


def test_columns_of_lists_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "lists.parquet"
    pq.write_table(pa.table({"tags": [["a"], ["b", "c"]], "x": [1, 2]}), path)
    with pytest.raises(InputError, match=r"'lists.parquet' is too large to be loaded.*'tags' \(list<.*Leave them out"):
        audit(path, memory=1, progress=False)


def test_files_of_different_columns_are_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"x": [1, 2], "y": ["a", "b"]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"x": [1.5, 2.0], "z": ["a", "b"]}), tmp_path / "b.parquet")
    with pytest.raises(
        InputError,
        match=r"'a.parquet' and 'b.parquet' do not have the same columns: 'x' is int64 and double; 'a.parquet' has no 'z'; 'b.parquet' has no 'y'",
    ):
        audit(tmp_path, progress=False)


def test_paths_that_hold_nothing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="There is no file"):
        audit(tmp_path / "none.parquet", memory=1, progress=False)
    with pytest.raises(MissingError, match="holds no Parquet file"):
        audit(tmp_path, memory=1, progress=False)
    (tmp_path / "no.parquet").write_text("text")
    with pytest.raises(InputError, match=r"'no.parquet' cannot be read as Parquet"):
        audit(tmp_path / "no.parquet", memory=1, progress=False)
    pq.write_table(pa.table({"x": pa.array([], pa.int64())}), tmp_path / "no.parquet")
    with pytest.raises(InputError, match="has no rows"):
        audit(tmp_path / "no.parquet", memory=1, progress=False)


def test_names_and_keys_are_checked(stored: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"There is no label column 'lable'. Did you mean 'label'"):
        audit(stored, "lable", memory=1, progress=False)
    with pytest.raises(InputError, match="does not tell the rows apart"):
        audit(stored, "label", key="x0", memory=1, progress=False)
    with pytest.raises(InputError, match="cannot be both label and key"):
        audit(stored, "label", key="label", memory=1, progress=False)
    with pytest.raises(InputError, match="is missing in 2 rows"):
        audit(stored, "label", key="x3", memory=1, progress=False)


def test_text_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    make_frame()[0].to_csv(path, index=False)
    with pytest.raises(
        InputError, match=r"'rows.csv' is too large to be loaded.*Only Parquet can be read in batches: convert it"
    ):
        audit(path, "label", memory="10 kB", progress=False)


@pytest.mark.parametrize("wrong", [0, -1, "much", "2 PB", True, 1.5])
def test_memory_must_be_a_size(stored: Path, wrong: Any) -> None:
    with pytest.raises(InputError, match="The 'memory' parameter of audit must be a number of bytes"):
        audit(stored, memory=wrong, progress=False)


def test_sizes_are_read_and_written() -> None:
    assert read_memory("2gb") == 2 * 10**9
    assert read_memory("1.5 MB") == 1_500_000
    assert read_memory("300") == 300
    assert 0 < read_memory(None) <= 4 * 2**30
    assert write_size(1_500_000) == "1.5 MB"


def test_the_sample_is_drawn_by_content(stored: Path, tmp_path: Path) -> None:
    frame = pd.read_parquet(stored)
    order = np.random.default_rng(2).permutation(len(frame))
    frame.iloc[order].to_parquet(tmp_path / "other.parquet", index=False)
    drawn = []
    for path in (stored, tmp_path / "other.parquet"):
        source = open_source(path)
        names = [c for c in source.columns if c != "label"]
        survey = survey_source(source, names, "label", (), (), lambda _: None)
        rows = choose_sample(survey, 500, 0)
        assert len(rows) == 500
        assert len(source.read_rows(rows)) == 500
        drawn.append(sorted(map(str, source.read_frame(rows).itertuples(index=False, name=None))))
    assert drawn[0] == drawn[1]


def test_a_repeated_row_does_not_fill_the_sample(tmp_path: Path) -> None:
    same = np.zeros(20_000)
    other = np.random.default_rng(0).normal(size=20_000)
    pd.DataFrame({"x": np.append(same, other)}).to_parquet(tmp_path / "x.parquet")
    source = open_source(tmp_path / "x.parquet")
    survey = survey_source(source, ["x"], None, (), (), lambda _: None)
    rows = choose_sample(survey, 1000, 0)
    assert abs((rows < 20_000).mean() - 0.5) < 0.06


def test_numbers_out_of_range_are_found_in_all_rows(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    x, y = random.normal(50, 5, 120_000), random.exponential(1.0, 120_000)
    planted = random.choice(120_000, 60, replace=False)
    x[planted[1:]] *= 1000
    x[planted[0]] = np.inf
    frame = pd.DataFrame({"x": x, "y": y, "z": random.normal(size=120_000)})
    frame.to_parquet(tmp_path / "x.parquet")
    streamed, loaded = (audit(tmp_path / "x.parquet", detectors="ranges", memory=m, progress=False) for m in (1, None))
    assert set(loaded.findings["row"]) == set(planted.tolist())
    assert set(streamed.findings["row"]) == set(planted.tolist())
    assert set(streamed.findings["column"]) == {"x"}


def test_every_kind_of_column_is_read(tmp_path: Path) -> None:
    random, size = np.random.default_rng(0), 1200
    yes = random.random(size) < 0.5
    day = pd.Timestamp("2020-01-01")
    columns: dict[str, Any] = {
        "float": random.normal(size=size) + 2 * yes,
        "single": random.normal(size=size).astype(np.float32),
        "small": pa.array(random.integers(-5, 5, size), pa.int8()),
        "large": pa.array(random.integers(0, 2**63, size).astype(np.uint64)),
        "flag": pa.array([bool(v < 0.5) if v > 0.01 else None for v in random.random(size)]),
        "day": pa.array([(day + pd.Timedelta(days=int(v))).date() for v in random.integers(0, 900, size)]),
        "moment": pa.array(day + pd.to_timedelta(random.integers(0, 10**6, size), unit="s")),
        "zoned": pa.array(day.tz_localize("UTC") + pd.to_timedelta(random.integers(0, 10**6, size), unit="s")),
        "grade": pa.array(random.choice(["a1", "b2", "c3"], size)).dictionary_encode(),
        "text": pa.array([" ".join(random.choice(["good", "bad", "fine", "poor"], 6)) for _ in range(size)]),
        "nothing": pa.nulls(size),
        "money": pa.array(
            [decimal.Decimal(int(v)) / 100 for v in random.integers(0, 10**5, size)], pa.decimal128(12, 2)
        ),
        "written": pa.array([str(round(v, 2)) for v in random.normal(size=size)]),
        "with.dot": random.normal(size=size),
        "hour": pa.array([dt.time(int(h)) for h in random.integers(0, 24, size)]),
        "y": pa.array(yes),
    }
    table = pa.table(columns)
    pq.write_table(pa.concat_tables([table, table.slice(0, 20)]), tmp_path / "kinds.parquet", row_group_size=500)
    streamed = audit(tmp_path / "kinds.parquet", "y", memory=1, progress=False)
    loaded = audit(tmp_path / "kinds.parquet", "y", detectors=["duplicates", "missing", "patterns"], progress=False)
    assert not (streamed.checks["status"] == "failed").any()
    for name in ("duplicates", "missing", "patterns"):
        assert set(streamed.by(name).findings["finding"]) == set(loaded.by(name).findings["finding"])
    assert len(streamed.by("duplicates")) == 20
    rows = list(range(0, size, 9))
    assert streamed.table.keys_of(rows) == loaded.table.keys_of(rows)
    with_frame = streamed.table.frame
    assert with_frame.iloc[[3, 1]].index.tolist() == [3, 1]
    assert with_frame.iloc[5]["small"] == loaded.table.frame.iloc[5]["small"]


def test_what_was_reviewed_can_be_left_out(streamed: Audit, tmp_path: Path) -> None:
    review = Review(streamed, tmp_path / "label.jsonl", by="ada")
    row = int(streamed.by("labels").findings["row"].iloc[0])
    review.decide(row, "keep")
    left = streamed.without(review.log)
    assert row not in set(left.findings["row"])
    assert len(left) < len(streamed)


def test_classes_that_the_sample_lacks_are_not_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dcai.findings.streaming.work.SAMPLE_ROWS", 2000)
    random = np.random.default_rng(0)
    x = random.normal(size=(20_000, 2))
    label = np.where(x[:, 0] > 0, "plus", "minus").astype(object)
    label[:2] = "rarest"
    pd.DataFrame(x, columns=["a", "b"]).assign(y=label).to_parquet(tmp_path / "rare.parquet")
    found = audit(tmp_path / "rare.parquet", "y", memory=1, detectors=["labels", "class_imbalance"], progress=False)
    checks = found.checks.set_index("detector")
    assert "1 of the classes are so rare that the sample holds none" in checks.loc["labels", "reason"]
    assert found.scores["labels"].isna().sum() == 2
    assert checks.loc["labels", "rows"] == 19_998
    rare = found.by("class_imbalance").findings
    assert rare["given"].tolist() == ["rarest"]
    assert rare["peers"].tolist() == [[0, 1]]


def test_only_the_worst_are_listed(stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dcai.findings.streaming.audits.MOST_FINDINGS", 25)
    found = audit(stored, "label", memory=1, detectors=["labels", "duplicates"], progress=False)
    checks = found.checks.set_index("detector")
    assert checks["findings"].tolist() == [25, 25]
    assert "the 25 worst are listed" in checks.loc["labels", "reason"]
    assert "40 cells or rows were found, the 25 worst are listed" in checks.loc["duplicates", "reason"]
    listed = found.by("labels").findings
    assert listed["doubt"].min() >= np.sort(found.scores["labels"])[-60]


def test_rows_that_equal_many_others_are_scored_but_not_read(stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = audit(stored, "label", memory=1, detectors=["duplicates", "conflicts"], progress=False)
    monkeypatch.setattr("dcai.findings.streaming.repetitions.MOST_COMPARED", 30)
    found = audit(stored, "label", memory=1, detectors=["duplicates", "conflicts"], progress=False)
    checks = found.checks.set_index("detector")
    assert (
        "look equal to others by a hash of 64 bits, and are scored but not listed" in checks.loc["duplicates", "reason"]
    )
    assert checks.loc["duplicates", "findings"] == 15
    assert np.allclose(np.sort(found.scores["duplicates"]), np.sort(whole.scores["duplicates"]))
    assert np.allclose(found.scores["conflicts"], whole.scores["conflicts"])


def test_labels_that_cannot_be_learnt_are_skipped(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": np.arange(500.0), "y": [f"name {i}" for i in range(500)]})
    frame.to_parquet(tmp_path / "names.parquet")
    found = audit(tmp_path / "names.parquet", "y", memory=1, detectors="labels", progress=False)
    assert "looks like an identifier" in found.checks["reason"].iloc[0]
    frame.assign(x=1.0, y=frame["x"] % 2 > 0).to_parquet(tmp_path / "same.parquet")
    found = audit(tmp_path / "same.parquet", "y", memory=1, detectors="labels", progress=False)
    assert found.checks["status"].tolist() == ["skipped"]


def test_more_rows_than_hashes_fit_are_refused(stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dcai.findings.streaming.audits.STREAMED_BYTES", 10**12)
    with pytest.raises(InputError, match="even read in batches an audit takes"):
        audit(stored, "label", memory=1, progress=False)


def test_labels_that_are_no_classes_are_judged_in_a_sample(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(3000, 3))
    frame = pd.DataFrame(x, columns=list("abc")).assign(y=x @ [1, 2, 3] + 0.1 * random.normal(size=3000))
    frame.to_parquet(tmp_path / "y.parquet")
    found = audit(tmp_path / "y.parquet", "y", memory=1, detectors=["labels", "conflicts"], progress=False)
    checks = found.checks.set_index("detector")
    assert checks.loc["labels", "status"] == "ran"
    assert checks.loc["labels", "reason"].startswith("a sample of 3,000 of 3,000 rows")
    assert checks.loc["conflicts", "status"] == "skipped"


def test_the_command_line_takes_the_same_way(stored: Path, tmp_path: Path) -> None:
    from click.testing import CliRunner

    from dcai.shells.cli_find import audit as command

    done = CliRunner().invoke(
        command, [str(stored), "--label", "label", "--memory", "1kB", "--json", "-o", str(tmp_path / "found.parquet")]
    )
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert "read in batches" in said["caution"]
    assert said["findings"] == len(pd.read_parquet(tmp_path / "found.parquet")) > 300
    assert {c["detector"] for c in said["checks"] if c["status"] == "skipped"} >= set(WHOLE_ONLY)


BOUNDED = """
import resource, sys
import numpy as np, pyarrow as pa, pyarrow.parquet as pq
path = sys.argv[1]
random = np.random.default_rng(0)
with pq.ParquetWriter(path, pa.schema([*[(f"x{j}", pa.float64()) for j in range(10)], ("y", pa.string())])) as writer:
    for _ in range(10):
        x = random.normal(size=(100_000, 10))
        y = np.where(x[:, 0] > 0, "yes", "no")
        y[:2000] = np.where(x[:2000, 0] > 0, "no", "yes")
        writer.write_table(pa.table({**{f"x{j}": x[:, j] for j in range(10)}, "y": y}))
import dcai
found = dcai.audit(path, label="y", memory="100MB", progress=False)
flags = found.by("labels").findings["row"].to_numpy() % 100_000
print(len(found.scores), len(flags), int((flags < 2000).sum()), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def test_memory_stays_bounded(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", BOUNDED, str(tmp_path / "big.parquet")], capture_output=True, text=True, check=True
    )
    rows, flagged, right, megabytes = map(int, done.stdout.split())
    assert rows == 1_000_000
    assert right > 0.9 * 20_000
    assert right > 0.8 * flagged
    # In memory the frame is 100 MB and its audit 1.2 GB; a third of this is the libraries.
    assert megabytes < 900
