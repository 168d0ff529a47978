"""What the checks of one audit share: the first pass, the sample, and what follows from them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.kinds import kind_of
from dcai.base.table import Table
from dcai.findings.evidence import Evidence, Settings, Unmet, make_evidence
from dcai.findings.labels.classes import Labels
from dcai.findings.progress import Progress
from dcai.findings.streaming.labelling import (
    Judged,
    read_stored_labels,
)
from dcai.findings.streaming.repetitions import (
    Repeated,
    read_repeated,
)
from dcai.findings.streaming.sources import Source
from dcai.findings.streaming.survey import Survey, choose_sample, survey_source
from dcai.findings.streaming.tables import StoredFrame, StoredTable, check_stored_key

Rows = npt.NDArray[np.int64]
Codes = npt.NDArray[np.intp]
Scores = npt.NDArray[np.float32]

SAMPLE_ROWS = 40_000
SMALL_ROWS = 10_000


@dataclass(eq=False)
class Work:
    """What the detectors of one audit share; each part is made when it is first asked for."""

    source: Source
    table: StoredTable
    survey: Survey
    sampled: Rows
    sample: Evidence
    settings: Settings
    tell: Progress
    scores: dict[str, Scores] = field(default_factory=dict)
    judged: Judged | None = None

    @cached_property
    def labels(self) -> tuple[Labels, Codes]:
        """The classes of all rows, and the class of each distinct label."""
        if self.table.label is None:
            raise Unmet("there is no label column")
        if self.sample.task != "classification":
            _ = self.sample.labels  # says why
        if self.survey.labels is None:
            raise Unmet("the label has too many different values to be classes")
        frame = self.sample.table.frame
        return read_stored_labels(self.survey, self.table.label, frame[self.table.label].dtype)

    @cached_property
    def small(self) -> Evidence:
        """A part of the sample, for checks that compare its columns; canonical order is as good as chance."""
        return replace(self.sample, table=self.sample.table.take(np.arange(min(len(self.sampled), SMALL_ROWS))))

    @cached_property
    def like_content(self) -> Repeated:
        """The rows that look equal in all columns but the key."""
        return self._read_repeated(self.survey.like_content, self.survey.content)

    @cached_property
    def like_features(self) -> Repeated:
        """The rows that look equal in all features."""
        return self._read_repeated(self.survey.like_features, self.survey.features)

    def _read_repeated(self, rows: Rows, digests: npt.NDArray[np.uint64]) -> Repeated:
        return read_repeated(self.source, self.table, self.settings, rows, digests, self.tell)

    def count(self, stage: str) -> Callable[[int], None]:
        """Tell how far a pass is."""
        size = len(self.source)
        return lambda done: self.tell(stage, done, size)


def prepare_work(source: Source, label: str | None, key: tuple[str, ...], settings: Settings, tell: Progress) -> Work:
    """Read everything once, draw the sample, and read it."""
    apart = {label, *key}
    seen = [name for name in source.columns if name not in apart]
    size = len(source)
    survey = survey_source(source, seen, label, key, (), lambda done: tell("reading", done, size))
    if survey.keys is not None:
        check_stored_key(source, key, survey.keys)
    tell("sampling", 0, 1)
    sampled = choose_sample(survey, SAMPLE_ROWS, settings.random_state)
    frame = source.read_frame(sampled)
    name = source.path.stem
    held = frame.set_axis(pd.Index(sampled), axis=0)
    evidence = _order_sample(Table(frame, label, key, (), name), survey, sampled, settings, tell)
    sampled = sampled[evidence.positions]
    # The sample's rows are a table of their own: their positions in the source stand in `sampled`.
    evidence = replace(evidence, positions=np.arange(len(sampled)))
    vars(evidence)["copies"] = np.unique(survey.features[sampled], return_inverse=True)[1]
    identity = survey.features if survey.keys is None else survey.features + survey.keys
    labels = survey.content - survey.features
    kinds = {str(column): kind_of(frame[column]) for column in frame.columns}
    stored: Any = StoredFrame(source, held)
    table = StoredTable(stored, label, key, (), name, None, identity, labels, kinds)
    return Work(source, table, survey, sampled, evidence, settings, tell)


def _order_sample(table: Table, survey: Survey, sampled: Rows, settings: Settings, tell: Progress) -> Evidence:
    """Sort a sample by its content: as in memory where it holds all rows, else as digests tell, which are there already."""
    if len(sampled) == len(survey.whole):
        return make_evidence(table, settings, tell)
    order = np.argsort(survey.whole[sampled], kind="stable")
    return Evidence(table.take(order), order, settings, tell)
