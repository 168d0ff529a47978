"""Each check of data that stays on disk: what batches, whole columns or a sample can answer of it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.display import show_share
from dcai.base.table import Table
from dcai.findings.detectors import Detector, is_ours
from dcai.findings.evidence import Evidence, Unmet
from dcai.findings.labels.classes import Labels
from dcai.findings.shape import NOTE, join_findings, make_findings
from dcai.findings.streaming import columns as wholes
from dcai.findings.streaming.judging import judge_labels
from dcai.findings.streaming.labelling import (
    Judged,
    check_learnable,
    narrow_labels,
    suggest_sure,
)
from dcai.findings.streaming.repetitions import (
    find_conflicts,
    find_duplicates,
    place_findings,
    spread_findings,
)
from dcai.findings.streaming.sources import write_size
from dcai.findings.streaming.work import Work
from dcai.findings.wording import count

Rows = npt.NDArray[np.int64]
Codes = npt.NDArray[np.intp]
Scores = npt.NDArray[np.float32]

# What looks at each row among all others, or at their order: a sample or a batch shows neither.
WHOLE_ONLY = {
    "near_duplicates": "it compares every row with all others, which takes the data in memory",
    "outliers": "it looks for the nearest of all rows, which takes the data in memory",
    "non_iid": "it looks at the order of all rows, which takes the data in memory",
    "images": "pictures are not read from data that stays on disk",
    "rules": "rules are not checked on data that stays on disk",
}
OF_COLUMNS = ("missing", "variants", "patterns", "ranges")
OF_SMALL = ("dependencies", "personal_data")


def inquire(work: Work, detector: Detector, line: dict[str, object], most: int) -> pd.DataFrame:
    """Ask one detector as far as batches, columns or a sample can answer."""
    name = detector.name
    work.tell(name, 0, 1)
    if not is_ours(detector):
        raise Unmet("detectors of others look at all rows at once, which takes the data in memory")
    if name in WHOLE_ONLY:
        raise Unmet(
            f"{WHOLE_ONLY[name]}: audit a part of it, or give audit(..., memory=...) {write_size(work.source.need)}"
        )
    if name in ("duplicates", "conflicts"):
        return _find_repeated(work, name)
    if name == "labels" and work.table.label is not None and work.sample.task == "classification":
        return _find_labels(work, line, most)
    if name in ("label_names", "class_imbalance"):
        return _find_classes(work, detector)
    if name in OF_COLUMNS:
        return _find_columns(work, detector)
    evidence = work.small if name in OF_SMALL else work.sample
    line["rows"] = len(evidence.table)
    return _find_sample(work, detector, evidence)


def _find_sample(work: Work, detector: Detector, evidence: Evidence) -> pd.DataFrame:
    """Ask a detector about the sample, or a part of it."""
    for need in detector.needs:
        getattr(evidence, need)
    found = detector.find(evidence)
    rows = work.sampled[: len(evidence.table)]
    note = f"a sample of {len(rows):,} of {count(len(work.source), 'row')}, drawn by content"
    if detector.score is not None:
        score = np.full(len(work.source), np.nan, dtype=np.float32)
        score[rows] = detector.score(evidence)
        work.scores[detector.name] = score
    placed = place_findings(found, rows)
    placed.attrs[NOTE] = "; ".join(filter(None, [note, str(found.attrs.get(NOTE, ""))]))
    return placed


def _find_repeated(work: Work, name: str) -> pd.DataFrame:
    size = len(work.source)
    if name == "duplicates":
        found, work.scores[name] = find_duplicates(work.like_content, size, work.survey.content)
    else:
        labels, classes = work.labels
        found, work.scores[name] = find_conflicts(work.like_features, work.survey, labels, classes, size)
    return found


def _find_labels(work: Work, line: dict[str, object], most: int) -> pd.DataFrame:
    """Judge every label, and list the worst that are flagged."""
    from threadpoolctl import threadpool_limits

    labels, classes = work.labels
    assert work.survey.labels is not None
    held, places = narrow_labels(labels, classes[work.survey.labels[work.sampled]])
    work.sample.__dict__["_labels"] = held
    check_learnable(held)
    with threadpool_limits(1):  # batches are small: threads cost more than they bring
        judged = judge_labels(
            work.source, work.survey, work.sample, work.sampled, places[classes], most, work.count("judging")
        )
    work.judged, found = judged, judged.found
    work.scores["labels"] = judged.doubt
    line["rows"] = judged.judged
    names = np.array([*held.names, None], dtype=object)[:-1]
    every = np.arange(len(found.rows))
    own, best = found.chances[every, found.given], found.chances[every, found.best]
    reasons = [
        f"A model that has not seen this row says {b!r} ({show_share(p)}), not {o!r} ({show_share(q)})."
        for b, p, o, q in zip(names[found.best], best, names[found.given], own, strict=True)
    ]
    cells = np.array([*labels.given, None], dtype=object)
    noise = work.sample.noise
    return make_findings(
        found.rows,
        found.doubt,
        reasons,
        column=work.table.label,
        given=cells[work.survey.labels[found.rows]],
        suggested=names[found.best],
        confidence=0.0 if noise.weak else suggest_sure(work.sample, found),
        note="; ".join(_describe_labels(work, judged, len(held.names), len(labels.names))),
    )


def _describe_labels(work: Work, judged: Judged, held: int, classes: int) -> list[str]:
    noise = work.sample.noise
    origin = "given" if work.settings.task else "inferred"
    parts = [f"classification ({origin}), {classes} classes", *judged.notes]
    parts.append(
        f"predicts {show_share(noise.agreement)} of the sample's labels, the commonest class alone would {show_share(noise.commonest)}"
    )
    if noise.weak:
        parts.append("WEAK: the columns say little about this label, so these findings are little more than guesses")
    if held < classes:
        parts.append(f"{classes - held:,} of the classes are so rare that the sample holds none, and were not judged")
    if judged.flagged > len(judged.found.rows):
        parts.append(f"{judged.flagged:,} labels are flagged, of which the {len(judged.found.rows):,} worst are listed")
    return parts


def _find_classes(work: Work, detector: Detector) -> pd.DataFrame:
    """Ask about the names and numbers of the classes: each distinct label stands for all rows that hold it."""
    labels, classes = work.labels
    numbers = work.survey.labels
    assert numbers is not None
    frame = pd.DataFrame({str(work.table.label): pd.Series(labels.given)})
    evidence = Evidence(Table(frame, work.table.label), np.arange(len(frame)), work.settings)
    distinct = Labels(labels.names, classes[:-1], labels.given, labels.variants)
    counts = np.bincount(numbers + 1, minlength=len(classes))[1:]
    distinct.__dict__["counts"] = np.bincount(classes[:-1], weights=counts, minlength=len(labels.names)).astype(np.intp)
    evidence.__dict__.update({"_labels": distinct, "task": "classification", "_aligned": None})
    found = detector.find(evidence)
    if detector.score is not None:
        work.scores[detector.name] = np.append(detector.score(evidence), 0.0).astype(np.float32)[numbers]
    return spread_findings(found, numbers)


def _find_columns(work: Work, detector: Detector) -> pd.DataFrame:
    """Ask about columns one by one: numbers by what was counted of them, categories whole, all others by the sample."""
    name, table, kinds = detector.name, work.table, work.table.known_kinds
    whole = [n for n in table.features if kinds[n] == "category" and n not in work.survey.tallies]
    rest = [n for n in table.features if n not in whole]
    numbers = [n for n in rest if n in work.survey.tallies and (name == "missing" or kinds[n] == "number")]
    numbers = numbers if name in ("missing", "ranges") else []
    found, notes = wholes.find_in_columns(name, work.source, table, whole)
    parts = [found]
    if name == "missing":
        parts += _find_missing(work, numbers)
        notes += [said] if (said := wholes.say_empty(work.survey, len(work.source))) else []
    if name == "ranges" and numbers:
        found, more = wholes.find_range_numbers(work.source, work.survey, work.sample.table.frame, numbers)
        parts, notes = [*parts, found], [*notes, *more]
    sampled = [n for n in rest if n not in numbers]
    if sampled:
        frame = work.sample.table.frame[sampled]
        try:
            its = detector.find(Evidence(Table(frame, name=table.name), np.arange(len(frame))))
            parts.append(place_findings(its, work.sampled))
            notes += [str(its.attrs[NOTE])] if its.attrs.get(NOTE) else []
        except Unmet:
            if not whole and not numbers:
                raise
    looked = wholes.say_columns([*whole, *numbers], sampled, len(work.sampled))
    if name == "ranges":
        notes.append("starts that come after ends were not looked for")
    return join_findings(parts, note="; ".join([*looked, *notes]))


def _find_missing(work: Work, numbers: list[str]) -> list[pd.DataFrame]:
    frame, size = work.sample.table.frame, len(work.source)
    parts = []
    for name in numbers:
        parts.append(wholes.find_missing_numbers(name, work.survey.tallies[name], size, frame[name]))
        if work.table.known_kinds[name] == "number":
            parts.append(wholes.find_default_numbers(name, work.small.table.frame[name], work.source))
    if work.table.label is not None and work.survey.labels is not None:
        classes = (
            work.labels[1] if work.sample.task == "classification" else np.append(np.arange(len(work.survey.names)), -1)
        )
        rows = np.flatnonzero(classes[work.survey.labels] < 0)
        parts.append(wholes.find_unlabelled_rows(work.table.label, rows, size))
    return parts
