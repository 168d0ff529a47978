"""Run detectors over the evidence, and account for each of them."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from itertools import chain, islice
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import xxhash

from dcai.base.display import show_share
from dcai.base.errors import DcaiError, InputError, shorten
from dcai.base.records import CheckStatus
from dcai.base.table import Table
from dcai.findings.costs import estimate_stages
from dcai.findings.detectors import Detector, is_ours
from dcai.findings.evidence import Evidence, Settings, Unmet, make_evidence
from dcai.findings.labels.estimates import ErrorEstimate
from dcai.findings.labels.noise import Noise
from dcai.findings.labels.prediction import check_model
from dcai.findings.memory import release_after
from dcai.findings.progress import Progress, expect
from dcai.findings.report import Audit
from dcai.findings.shape import COLUMNS, FOUND, NOTE
from dcai.findings.wording import TOO_PLAIN, say_apart

_TO_JSON = json.JSONEncoder(ensure_ascii=True, sort_keys=True, default=str).encode  # made once: names are many
# Those that look for wrong values, column by column.
_OF_CELLS = ("missing", "variants", "patterns", "dependencies", "ranges")
# Our detectors that see nothing but the features: what they say of a table holds whatever its labels are.
OF_FEATURES = ("near_duplicates", "variants", "patterns", "dependencies", "ranges", "outliers")


def run_detectors(
    shown: Table, table: Table, settings: Settings, detectors: Mapping[str, Detector], tell: Progress
) -> Audit:
    """Ask every detector about `table`, and report in terms of `shown`: the same rows as the caller gave them."""
    expect(tell, estimate_stages(table, detectors))
    tell("sorting", 0, 1)
    evidence = make_evidence(table, settings, tell)
    _check_label(evidence)
    back = np.argsort(evidence.positions, kind="stable")
    parts, checks = [], []
    scores: dict[str, npt.NDArray[np.float32]] = {}
    if shown.label is not None:
        scores["labels"] = np.full(len(shown), np.nan, dtype=np.float32)
    for done, detector in enumerate(detectors.values()):
        tell(detector.name, done, len(detectors))
        found, score, check = _run(detector, evidence)
        if found is not None:
            parts.append(found.assign(detector=detector.name))
        if score is not None:
            scores[detector.name] = score[back]
        checks.append(check)
        release_after(detector.name, evidence)
    tell("done", len(detectors), len(detectors))
    release_after("done", evidence)
    findings = finish_findings(shown, parts, evidence.positions)
    counts = findings["detector"].value_counts()
    for check in checks:
        check["findings"] = int(counts.get(check["detector"], 0))
    ran = {check["detector"]: check for check in checks if check["status"] == "ran"}
    collected = _collect(shown, evidence, back, ran["labels"]) if "labels" in ran else {}
    return Audit(
        table=shown,
        findings=findings,
        scores=pd.DataFrame(scores, index=shown.frame.index),
        checks=pd.DataFrame(checks, columns=["detector", "status", "reason", "rows", "findings", "seconds"]),
        reading=None if shown.label is None else evidence.reading,
        settings=settings,
        detectors=detectors,
        **collected,
    )


def _check_label(evidence: Evidence) -> None:
    """Refuse a label or a model that cannot be used, before any work starts."""
    if evidence.table.label is None:
        return
    kinds = {"classification": "labels", "regression": "targets", "multilabel": "sets", "token": "sentences"}
    getattr(evidence, kinds[evidence.task])
    if evidence.task == "regression" and evidence.settings.probabilities is not None:
        raise InputError(
            f"There are probabilities of classes, but the label column {evidence.table.label!r} is read as a number. "
            "Give task='classification' where its numbers are classes, or leave the probabilities out."
        )
    if evidence.table.hidden:
        _check_votes(evidence)
    if evidence.settings.model is not None:
        check_model(evidence.settings.model, evidence.task)


def _check_votes(evidence: Evidence) -> None:
    """Refuse annotators whose votes cannot be weighed: it would be found out after the models were trained."""
    from dcai.findings.labels.consensus import read_votes

    if evidence.task != "classification":
        raise InputError(
            f"There are annotators, but the label column {evidence.table.label!r} is audited with task={evidence.task!r}, and votes are weighed "
            "for one class a row only. Give task='classification' where it holds classes, or leave the annotators out."
        )
    read_votes(evidence, evidence.table.hidden)


def _collect(shown: Table, evidence: Evidence, back: npt.NDArray[np.intp], check: dict[str, object]) -> dict[str, Any]:
    """Collect what stands beside the findings about labels; a note about the annotators goes to their check."""
    index = shown.frame.index
    if evidence.task in ("multilabel", "token"):
        from dcai.findings.labels.part_findings import collect_parts

        return collect_parts(evidence, back, index)
    if evidence.task == "regression":
        from dcai.findings.labels.amounts import describe_fit

        caution = describe_fit(evidence.targets, evidence.predictions)
        return {
            "predictions": pd.Series(evidence.predictions[back], index=index, name=shown.label),
            "caution": caution,
        }
    from dcai.findings.labels.estimates import count_errors, describe_range

    noise = evidence.noise
    consensus = annotators = None
    found, counted = evidence.consensus, count_errors(evidence)
    notes = [str(check["reason"]), describe_range(counted, len(evidence.labels.known), weak=noise.weak)]
    if found is not None:
        consensus, annotators = found.rows.iloc[back].set_axis(index), found.people
        notes.append(found.note)
    check["reason"] = "; ".join(filter(None, notes))
    columns = pd.Index(list(evidence.labels.names), dtype=object)
    return {
        "probabilities": pd.DataFrame(evidence.probabilities[back], index=index, columns=columns),
        "expected_errors": ErrorEstimate(*counted),
        "caution": _caution(noise),
        "consensus": consensus,
        "annotators": annotators,
    }


def _caution(noise: Noise) -> str:
    """Say what the counts of wrong labels rest on, and when they rest on little."""
    agrees = f"The model predicts {show_share(noise.agreement)} of the labels out of sample"
    if noise.weak:
        return (
            f"{agrees}, hardly more than the commonest class alone ({show_share(noise.commonest)}). The columns say little about this "
            "label: take what is found about it as guesses."
        )
    if noise.settled:
        return f"{agrees}. {TOO_PLAIN}"
    return f"{agrees}. Where classes overlap by nature, part of its disagreement is no error: look before you accept a suggestion."


def _run(detector: Detector, evidence: Evidence) -> tuple[pd.DataFrame | None, Any, dict[str, object]]:
    """Run one detector: its findings, its scores, and its line in `checks`."""
    start = time.perf_counter()
    status: CheckStatus = "ran"
    found, score, reason = None, None, ""
    try:
        for need in detector.needs:
            getattr(evidence, need)
        found, score = _ask(detector, evidence)
        reason = str(found.attrs.get(NOTE, ""))
    except Unmet as unmet:
        status, reason = "skipped", str(unmet)
    except Exception as error:
        # Design rule 9: a detector that crashes must not take the audit with it, and is shown.
        if isinstance(error, DcaiError) and is_ours(detector):
            raise  # the user's input is at fault, and the message says how
        status, reason, found = "failed", f"{type(error).__name__}: {shorten(str(error))}", None
    if status != "failed" and detector.name in _OF_CELLS and is_ours(detector):
        reason = "; ".join(filter(None, [reason, *_say_apart(detector.name, evidence.table)]))
    line = {
        "detector": detector.name,
        "status": status,
        "reason": reason,
        "rows": _count_rows(detector, evidence) if status == "ran" else 0,
        "findings": 0,  # counted when all are in: of findings with the same id one stays
        "seconds": round(time.perf_counter() - start, 3),
    }
    return found, score, line


def _say_apart(detector: str, table: Table) -> list[str]:
    """Say which columns a detector of wrong values left out, for they identify rows or are somebody's answers."""
    groups = [table.groups] if table.groups is not None and detector != "missing" else []
    return say_apart({"key": table.key, "groups": groups, "annotators": table.hidden})


def _ask(detector: Detector, evidence: Evidence) -> tuple[pd.DataFrame, npt.NDArray[np.float32] | None]:
    """Ask a detector for its findings and scores; one of ours that does not look at the label may know them already."""

    def ask() -> tuple[pd.DataFrame, npt.NDArray[np.float32] | None]:
        return _check_shape(detector, detector.find(evidence), evidence), _score(detector, evidence)

    if detector.name in OF_FEATURES and is_ours(detector):
        return evidence.recall(detector.name, ask)
    return ask()


def _score(detector: Detector, evidence: Evidence) -> npt.NDArray[np.float32] | None:
    if detector.score is None:
        return None
    try:
        scores = np.asarray(detector.score(evidence), dtype=np.float32)
    except Unmet:
        return None  # it judges cells here, not rows; its note says why
    if scores.shape != (len(evidence.table),):
        raise ValueError(f"it gave scores of shape {scores.shape} for {len(evidence.table)} rows")
    return scores


def _count_rows(detector: Detector, evidence: Evidence) -> int:
    if detector.name != "labels" or evidence.table.label is None:
        return len(evidence.table)
    return len(evidence.known)


def _check_shape(detector: Detector, found: Any, evidence: Evidence) -> pd.DataFrame:
    """Hold a detector, above all a stranger's, to the shape of findings."""
    lost = [c for c in FOUND if c not in getattr(found, "columns", ())]
    if lost:
        raise TypeError(f"it returned no findings: the columns {', '.join(lost)} are missing (use make_findings)")
    rows = found["row"].to_numpy()
    if len(rows) and (rows.min() < -1 or rows.max() >= len(evidence.table)):
        raise IndexError(f"it named rows outside 0..{len(evidence.table) - 1}")
    doubt = found["doubt"].to_numpy(dtype=np.float64)
    if not ((doubt >= 0) & (doubt <= 1)).all():
        raise ValueError("it gave doubts outside 0..1")
    peers = [p for its in found["peers"] for p in its]
    if peers and (min(peers) < 0 or max(peers) >= len(evidence.table)):
        raise IndexError(f"it named peers outside 0..{len(evidence.table) - 1}")
    if is_ours(detector):
        return found  # type: ignore[no-any-return]  # what make_findings made
    return found[list(FOUND)]  # type: ignore[no-any-return]  # checked above


def finish_findings(table: Table, parts: list[pd.DataFrame], positions: npt.NDArray[np.intp]) -> pd.DataFrame:
    """Put findings into the caller's terms: positions, keys, stable ids, worst first."""
    filled = [p for p in parts if len(p)]
    if not filled:
        return empty_findings()
    joined = pd.concat(filled, ignore_index=True)
    rows = joined["row"].to_numpy(dtype=np.int64)
    joined["row"] = np.where(rows >= 0, positions[np.maximum(rows, 0)], -1)
    joined["peers"] = pd.Series(_place_peers(list(joined["peers"]), positions), dtype=object)
    return rank_findings(name_findings(table, joined))


def _place_peers(peers: list[list[int]], positions: npt.NDArray[np.intp]) -> list[list[int]]:
    """Say where peers stand in the caller's order, all of them at once."""
    flat = np.fromiter(chain.from_iterable(peers), dtype=np.intp)
    placed = iter(positions[flat].tolist())
    return [list(islice(placed, len(its))) if its else its for its in peers]  # most have none


def name_findings(table: Table, found: pd.DataFrame) -> pd.DataFrame:
    """Add keys and ids; of several findings with the same id, the worst stays."""
    named_rows = {int(r) for r in found["row"] if r >= 0} | {
        p for row, its in zip(found["row"], found["peers"], strict=True) if row < 0 for p in its
    }
    rows = sorted(named_rows)
    keys = dict(zip(rows, table.keys_of(rows), strict=True))
    found["key"] = pd.Series([keys[r] if r >= 0 else None for r in found["row"]], dtype=object, index=found.index)
    named = zip(found["detector"], found["key"], found["part"], found["column"], found["given"], strict=True)
    # A finding about a column or the table has no row to tell it apart: what it says, and of which rows, does.
    more = [
        () if row >= 0 else (reason, sorted(_to_json(keys[p]) for p in peers))
        for row, reason, peers in zip(found["row"], found["reason"], found["peers"], strict=True)
    ]
    found["finding"] = [
        xxhash.xxh3_64_hexdigest(_to_json((*parts, *extra)).encode("ascii"))
        for parts, extra in zip(named, more, strict=True)
    ]
    return found.sort_values("doubt", ascending=False, kind="stable").drop_duplicates("finding")


def _to_json(value: object) -> str:
    return _TO_JSON(value)


def rank_findings(found: pd.DataFrame) -> pd.DataFrame:
    """Sort findings worst first; equal doubts by id, so that the order never depends on the rows' order."""
    ranked = found.sort_values(["doubt", "finding"], ascending=[False, True], kind="stable", ignore_index=True)
    return ranked[list(COLUMNS)]


def empty_findings() -> pd.DataFrame:
    """Make a table of findings that holds none."""
    types = {"row": np.int64, "doubt": np.float64, "confidence": np.float64}
    return pd.DataFrame({c: pd.Series([], dtype=types.get(c, object)) for c in COLUMNS})
