"""The pass that judges every label of data that stays on disk, by this process or by workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dcai.base.display import show_share
from dcai.findings.evidence import Unmet
from dcai.findings.streaming.judges import Views, fit_mixtures
from dcai.findings.streaming.labelling import Collector, Found, Judged, Verdicts, learn_verdicts, look_up
from dcai.findings.streaming.stretches import split_source
from dcai.findings.workers import count_workers, has_workers, spread

if TYPE_CHECKING:
    from dcai.findings.evidence import Evidence
    from dcai.findings.streaming.sources import Source
    from dcai.findings.streaming.survey import Survey

Rows = npt.NDArray[np.int64]
Codes = npt.NDArray[np.intp]
# The source, its views, which of them are needed, the rule, and the class of each distinct label.
Shared = tuple["Source", Views, list[str], Verdicts, Codes]
# Row groups, the first row, the label of each row by number, and which rows models have seen.
Task = tuple[Sequence[int] | None, int, npt.NDArray[np.int32], npt.NDArray[np.bool_]]
Said = tuple[int, npt.NDArray[np.float32], Found]


def judge_labels(  # noqa: PLR0917 (what a pass over all rows needs)
    source: Source,
    survey: Survey,
    evidence: Evidence,
    sampled: Rows,
    classes: Codes,
    most: int,
    tell: Callable[[int], None],
) -> Judged:
    """Judge every label.

    Parameters
    ----------
    source, survey : Source, Survey
        The data, and what the first pass counted.
    evidence : Evidence
        The sample, with its labels read.
    sampled : array of int
        Where the rows of the evidence stand in the source.
    classes : array of int
        The class, as the sample numbers it, of each distinct label; -1 for none, and as the last.
    most : int
        So many flagged rows are kept, the worst.
    tell : callable
        Told how many rows are judged.
    """
    assert survey.labels is not None
    labels = evidence.labels
    if not evidence.roles:
        raise Unmet("no column can serve as a feature")
    views = Views(evidence.roles, evidence.table.frame)
    cheap, dearer = fit_mixtures(evidence, views, len(labels.names))
    rule = learn_verdicts(evidence, cheap, dearer, len(source))
    doubt = np.zeros(len(source), dtype=np.float32)
    kept = Collector(most, survey.whole)
    apart = np.zeros(len(source), dtype=np.bool_)
    apart[sampled] = True
    copies = _find_copies(survey, sampled, apart)
    apart[copies] = True
    needed = list(dict.fromkeys([*cheap.views, *rule.full.views]))
    shared = source, views, needed, rule, classes
    for start, said, part in _judge_batches(shared, survey.labels, apart):
        doubt[start : start + len(said)] = said
        kept.add(part)
        tell(start + len(said))
    noise = evidence.noise
    _judge_known(rule, evidence, survey, sampled, copies, classes, doubt, kept)
    doubt[sampled] = noise.doubt
    doubt[classes[survey.labels] < 0] = np.nan  # no label, or a class that the sample does not hold
    found = kept.finish()
    judged = int((classes[survey.labels] >= 0).sum())
    return Judged(doubt, found, kept.flagged, judged, _describe(rule, len(sampled), len(copies)))


def _judge_batches(shared: Shared, labels: npt.NDArray[np.int32], apart: npt.NDArray[np.bool_]) -> Iterator[Said]:
    """Judge all batches: here one after the other, or by workers a stretch each."""
    if not has_workers():
        yield from _judge_stretch(shared, (None, 0, labels, apart))
        return
    tasks = [
        (stretch.groups, stretch.start, labels[stretch.rows], apart[stretch.rows])
        for stretch in split_source(shared[0], count_workers())
    ]
    for said in spread(_list_stretch, shared, tasks):
        yield from said


def _list_stretch(shared: Shared, task: Task) -> list[Said]:
    """Judge a stretch in a worker."""
    return list(_judge_stretch(shared, task))


def _judge_stretch(shared: Shared, task: Task) -> Iterator[Said]:
    """Judge the rows of a stretch, batch by batch: where each begins, its doubts, and what is flagged."""
    (source, views, needed, rule, classes), (groups, first, labels, apart) = shared, task
    for start, batch in source.read_batches(views.columns, groups):
        its = slice(start - first, start - first + batch.num_rows)
        doubt = np.zeros(batch.num_rows, dtype=np.float32)
        part = _judge_batch(rule, views.show(batch, needed), start, classes[labels[its]], apart[its], doubt)
        yield start, doubt, part


def _judge_batch(
    rule: Verdicts,
    shown: Mapping[str, Any],
    start: int,
    codes: Codes,
    apart: npt.NDArray[np.bool_],
    doubt: npt.NDArray[np.float32],
) -> Found:
    """Judge the rows of a batch that no model has seen; return those that are flagged."""
    rows = np.flatnonzero((codes >= 0) & ~apart)
    every = {name: view if len(rows) == len(codes) else view[rows] for name, view in shown.items()}
    given = codes[rows]
    chances = rule.cheap.predict(every) if len(rows) else np.zeros((0, rule.full.sampled.shape[1]))
    if rule.bar > 0:
        easy = 1 - chances[np.arange(len(rows)), given]
        doubt[rows] = look_up(easy, rule.first)
        its = np.flatnonzero(easy >= rule.bar)
        rows, given = rows[its], given[its]
        chances = rule.full.predict({name: view[its] for name, view in every.items()}) if len(its) else chances[its]
    elif rule.full is not rule.cheap and len(rows):
        chances = rule.full.predict(every)
    found, flagged, best = rule.look(chances, given)
    doubt[rows] = found
    its = np.flatnonzero(flagged)
    return Found(rows[its] + start, found[its], given[its], best[its], chances[its])


def _find_copies(survey: Survey, sampled: Rows, apart: npt.NDArray[np.bool_]) -> Rows:
    """Find the rows beside the sample whose features are those of a row of it: the models have seen them too."""
    again = survey.like_features[~apart[survey.like_features]]
    return again[np.isin(survey.features[again], survey.features[sampled])]


def _judge_known(  # noqa: PLR0917 (both kinds of rows that the models have seen)
    rule: Verdicts,
    evidence: Evidence,
    survey: Survey,
    sampled: Rows,
    copies: Rows,
    classes: Codes,
    doubt: npt.NDArray[np.float32],
    kept: Collector,
) -> None:
    """Judge the rows of the sample by the models that have not seen them, and copies as the row that they equal."""
    assert survey.labels is not None
    noise, codes = evidence.noise, evidence.labels.codes
    its = np.flatnonzero(noise.flagged)
    _, _, best = rule.look(rule.full.sampled[its], codes[its])
    kept.add(Found(sampled[its], noise.doubt[its], codes[its], best, rule.full.sampled[its]))
    given = classes[survey.labels[copies]]
    copies, given = copies[given >= 0], given[given >= 0]
    if len(copies):
        order = np.argsort(survey.features[sampled], kind="stable")
        twins = order[np.searchsorted(survey.features[sampled], survey.features[copies], sorter=order)]
        chances = rule.full.sampled[twins]
        found, flagged, best = rule.look(chances, given)
        doubt[copies] = found
        its = np.flatnonzero(flagged)
        kept.add(Found(copies[its], found[its], given[its], best[its], chances[its]))


def _describe(rule: Verdicts, sampled: int, copies: int) -> list[str]:
    notes = [f"models learnt from a sample of {sampled:,} rows, drawn by content, and judged all others"]
    if copies:
        notes.append(f"{copies:,} rows that equal one of the sample were judged as that one")
    if rule.bar > 0:
        notes.append(
            f"{rule.cheap.note} looked at every row, {rule.full.note} at the {show_share(rule.shown)} of rows that held "
            f"{show_share(rule.caught)} of what it flags in the sample"
        )
    else:
        notes.append(rule.full.note)
    notes.append("forests, kernels and neighbours were left out, for they cost too much a row")
    return notes
