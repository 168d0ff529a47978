"""The audit of data that stays on disk: passes over its batches, and an account of what they could not look at."""

from __future__ import annotations

import time
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd
import psutil

from dcai.base.display import show_share
from dcai.base.errors import InputError
from dcai.findings.costs import estimate_passes
from dcai.findings.detectors import Detector
from dcai.findings.evidence import Settings, Unmet
from dcai.findings.labels.estimates import ErrorEstimate, estimate_errors
from dcai.findings.progress import Progress, expect
from dcai.findings.report import Audit
from dcai.findings.running import empty_findings, name_findings, rank_findings
from dcai.findings.shape import NOTE
from dcai.findings.streaming.inquiries import inquire
from dcai.findings.streaming.sources import STREAMED_BYTES, Source, write_size
from dcai.findings.streaming.work import SAMPLE_ROWS, Work, prepare_work
from dcai.findings.wording import TOO_PLAIN, count

Rows = npt.NDArray[np.int64]
Codes = npt.NDArray[np.intp]
Scores = npt.NDArray[np.float32]

MOST_FINDINGS = 50_000  # of one detector are listed, the worst; all are counted, and all rows have scores
_REFUSED = ("probabilities", "model", "rules", "test")


def audit_stored(
    source: Source,
    label: str | None,
    *,
    key: tuple[str, ...],
    settings: Settings,
    detectors: Mapping[str, Detector],
    memory: int,
    tell: Progress,
) -> Audit:
    """Audit Parquet data without ever holding it in memory.

    Parameters
    ----------
    source : Source
        The files.
    label, key : str, tuple of str
        As in `dcai.audit`.
    settings : Settings
        The other parameters of `dcai.audit`; those that need all rows at once are refused.
    detectors : mapping of str to Detector
        What to run.
    memory : int
        The bytes that the audit may take.
    tell : callable
        Told of the progress.

    Returns
    -------
    Audit
        Its table reads the files when it is asked; rows are positions in them, in the order of the files' names.
    """
    _check(source, label, key, settings)
    expect(tell, estimate_passes(source, _guess_kinds(source, label, key), detectors, min(len(source), SAMPLE_ROWS)))
    work = prepare_work(source, label, key, settings, tell)
    parts, checks = [], []
    for detector in detectors.values():
        start = time.perf_counter()
        line: dict[str, object] = {"detector": detector.name, "status": "ran", "rows": len(source)}
        try:
            found = inquire(work, detector, line, MOST_FINDINGS)
            reason = str(found.attrs.get(NOTE, ""))
            parts.append(found.assign(detector=detector.name))
        except Unmet as unmet:
            line |= {"status": "skipped", "rows": 0}
            reason = str(unmet)
        checks.append(line | {"reason": reason, "findings": 0, "seconds": round(time.perf_counter() - start, 3)})
    tell("done", len(detectors), len(detectors))
    return _report(work, parts, checks, detectors, memory)


def _guess_kinds(source: Source, label: str | None, key: tuple[str, ...]) -> list[str]:
    """Guess the kinds of the columns by their types alone, to say how long an audit will take."""
    import pyarrow.types as at

    apart = {label, *key}
    kinds = []
    for field in source.schema:
        if field.name not in apart:
            words = at.is_string(field.type) or at.is_large_string(field.type) or at.is_string_view(field.type)
            kinds.append("category" if at.is_dictionary(field.type) else "text" if words else "number")
    return kinds


def _check(source: Source, label: str | None, key: tuple[str, ...], settings: Settings) -> None:
    """Refuse what cannot be done in batches, before anything is read."""
    if not len(source):
        raise InputError("The frame of audit has no rows. Expected at least one row of data.")
    for what, names in (("label column", [label] if label is not None else []), ("key column", key)):
        for name in names:
            if name not in source.columns:
                raise InputError.unknown_name(what, name, source.columns)
    free = psutil.virtual_memory().available
    if STREAMED_BYTES * len(source) > free:
        raise InputError(
            f"{source.path.name!r} has {count(len(source), 'row')}: even read in batches an audit takes {STREAMED_BYTES} bytes for "
            f"each, and {write_size(free)} are free. Audit a part of the files."
        )
    if label in key:
        raise InputError(f"The column {label!r} cannot be both label and key. Name another key, or none.")
    named = source.path.name
    if source.refused:
        kinds = ", ".join(f"{name!r} ({source.schema.field(name).type})" for name in source.refused[:5])
        raise InputError(
            f"{named!r} is too large to be loaded, and read in batches only columns of numbers, booleans, dates and texts can "
            f"be audited. These are not: {kinds}. Leave them out of the file, or give audit(..., memory=...) at least "
            f"{write_size(source.need)} to load it."
        )
    for name in _REFUSED:
        if getattr(settings, name) is not None:
            refuse_parameter(source, name)
    if settings.features is not None and not isinstance(settings.features, (tuple, list, str)):
        refuse_parameter(source, "features")


def refuse_parameter(source: Source, name: str) -> None:
    """Refuse a parameter that needs all rows in memory."""
    raise InputError(
        f"{source.path.name!r} is too large to be loaded, and the {name!r} parameter of audit needs all rows in memory. Leave it out, "
        f"audit a part of the rows, or give audit(..., memory=...) at least {write_size(source.need)} to load them."
    )


def _report(
    work: Work,
    parts: list[pd.DataFrame],
    checks: list[dict[str, object]],
    detectors: Mapping[str, Detector],
    memory: int,
) -> Audit:
    """Put everything into the caller's terms."""
    kept = []
    for part, check in zip(parts, [c for c in checks if c["status"] == "ran"], strict=True):
        if len(part) > MOST_FINDINGS:
            ties = work.survey.whole[np.maximum(part["row"].to_numpy(dtype=np.int64), 0)]
            order = np.lexsort((ties, -part["doubt"].to_numpy(dtype=np.float64)))
            check["reason"] = (
                f"{check['reason']}; {len(part):,} cells or rows were found, the {MOST_FINDINGS:,} worst are listed".lstrip(
                    "; "
                )
            )
            kept.append(part.iloc[order[:MOST_FINDINGS]])
        elif len(part):
            kept.append(part)
    findings = _name(work, kept)
    counts = findings["detector"].value_counts()
    for check in checks:
        check["findings"] = int(counts.get(str(check["detector"]), 0))
    scores = {"labels": np.full(len(work.source), np.nan, dtype=np.float32)} if work.table.label is not None else {}
    scores |= work.scores
    return Audit(
        table=work.table,
        findings=findings,
        scores=pd.DataFrame(scores, index=pd.RangeIndex(len(work.source)), copy=False),
        checks=pd.DataFrame(checks, columns=["detector", "status", "reason", "rows", "findings", "seconds"]),
        reading=None if work.table.label is None else work.sample.reading,
        settings=work.settings,
        detectors=detectors,
        expected_errors=_expect(work),
        caution=_caution(work, memory),
    )


def _name(work: Work, kept: list[pd.DataFrame]) -> pd.DataFrame:
    """Read the rows of the findings, which stay in memory, and give each finding its key and id."""
    if not kept:
        work.table.stored.held = work.table.stored.held.iloc[:0]
        return empty_findings()
    joined = pd.concat(kept, ignore_index=True)
    rows = joined["row"].to_numpy(dtype=np.int64)
    beside = [p for row, its in zip(rows.tolist(), joined["peers"], strict=True) if row < 0 for p in its]
    needed = np.unique(np.concatenate([rows[rows >= 0], np.array(beside, dtype=np.int64)]))
    work.table.stored.held = work.source.read_frame(needed).set_axis(pd.Index(needed), axis=0)
    return rank_findings(name_findings(work.table, joined))


def _expect(work: Work) -> ErrorEstimate | None:
    """Estimate the number of wrong labels from the sample's; the range is widened by what drawing a sample brings."""
    if work.judged is None:
        return None
    noise, codes = work.sample.noise, work.sample.labels.codes
    counted = estimate_errors(work.sample.probabilities, codes, noise.doubt, weak=noise.weak, evidence=noise.evidence)
    known = max(len(work.sample.labels.known), 1)
    scale = work.judged.judged / known
    low, high = (max(n + sign * 2 * np.sqrt(n), 0.0) for n, sign in ((counted.low, -1), (counted.high, 1)))
    if scale <= 1:
        low, high = counted.low, counted.high
    return ErrorEstimate(counted.estimate * scale, low * scale, min(high * scale, float(work.judged.judged)))


def _caution(work: Work, memory: int) -> str:
    said = (
        f"{work.source.path.name} was read in batches: in memory an audit would take about {write_size(work.source.need)}, and "
        f"{write_size(memory)} were allowed. Models learnt from {len(work.sampled):,} of {count(len(work.source), 'row')}; the checks say "
        "what was looked at in all rows, in a sample, or not at all."
    )
    if work.judged is None:
        return said
    noise = work.sample.noise
    agrees = f"The model predicts {show_share(noise.agreement)} of the sample's labels out of sample"
    if noise.weak:
        return f"{agrees}, hardly more than the commonest class alone ({show_share(noise.commonest)}): take what is found about labels as guesses. {said}"
    if noise.settled:
        return f"{agrees}. {TOO_PLAIN} {said}"
    return f"{agrees}. Where classes overlap by nature, part of its disagreement is no error: look before you accept a suggestion. {said}"
