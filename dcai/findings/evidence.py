"""Evidence: what detectors look at, computed once, when first asked for.

All of it is in *canonical order*: the rows sorted by the hash of their content. So nothing depends on the order in
which the caller's rows happen to stand, and permuting them moves no finding.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt
from xxhash import xxh3_64_hexdigest

from dcai.base.errors import InputError
from dcai.base.identity import number_hashes
from dcai.base.table import Table
from dcai.findings.cache import CACHE, make_key
from dcai.findings.labels import models
from dcai.findings.labels.classes import Labels, read_labels
from dcai.findings.labels.noise import Noise, estimate_noise
from dcai.findings.progress import Progress, tell_nobody

if TYPE_CHECKING:
    from dcai.findings.cells.relations import Relations
    from dcai.findings.cells.resemblance import Resemblance
    from dcai.findings.features.compact import Compact
    from dcai.findings.labels.alignment import Aligned
    from dcai.findings.labels.amounts import Amounts
    from dcai.findings.labels.consensus import Consensus
    from dcai.findings.labels.multilabel import JudgedSets, Sets
    from dcai.findings.labels.tasks import Reading
    from dcai.findings.labels.tokens import JudgedTags, Sentences

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]
T = TypeVar("T")
Task = Literal["classification", "regression", "multilabel", "token"]

TASKS = ("classification", "regression", "multilabel", "token")
NEIGHBOURS = 10
LARGEST = 1e120  # labels beyond it are judged as if they were it
NEIGHBOUR_ROWS = 20_000  # each row is compared with at most this many;
FEWEST_COMPARED = 1_000  # with fewer, down to this many,
COMPARISONS = 100_000_000  # where that would take more than so many comparisons
FULL_ROWS = 8_000  # above, features are seen in single precision, and by models that cost little for what they find


NO_CLASS = {"multilabel": "the label is a set of classes", "token": "the label is a tag for each token"}
# A label column of which more than this share occurs once is no class.
MOSTLY = 0.5


class Unmet(Exception):  # noqa: N818 (not an error: the word that a detector's need is not met)
    """A detector's need cannot be met; the text says why."""


@dataclass(frozen=True)
class Settings:
    """How the evidence is to be made: the parameters of `audit`, checked."""

    task: Task | None = None
    model: Any = None
    features: Any = None
    probabilities: Any = None
    folds: int = 5
    random_state: int = 0
    rules: Any = None
    test: Any = None


@dataclass(frozen=True, eq=False)
class Evidence:
    """A table, and what can be known about it.

    Attributes
    ----------
    table : Table
        The rows in canonical order.
    positions : array of int, shape (n,)
        The caller's position of each row.
    settings : Settings
        How to make the rest.
    """

    table: Table
    positions: Rows
    settings: Settings = field(default_factory=Settings)
    progress: Progress = field(default=tell_nobody)

    # ---------------------------------------------------------------- labels

    @cached_property
    def task(self) -> Task:
        """What the label is: a class or a number."""
        return self.reading.task

    @cached_property
    def reading(self) -> Reading:
        """What the label was taken for, and why."""
        from dcai.findings.labels.tasks import read_task

        if self.table.label is None:
            raise Unmet("there is no label column")
        names = self.settings.features
        return read_task(self.table, self.settings.task, names if isinstance(names, tuple) else None)

    @cached_property
    def labels(self) -> Labels:
        """The given labels as classes."""
        if self.task != "classification" or self.table.label is None:
            raise Unmet(NO_CLASS.get(self.task, "the label is a number, not a class"))
        return self._labels if self._aligned is None else replace(self._labels, names=self._aligned.names)

    @cached_property
    def _labels(self) -> Labels:
        return read_labels(self.table.frame[str(self.table.label)], str(self.table.label))

    @cached_property
    def _aligned(self) -> Aligned | None:
        """The user's own probabilities, in canonical order; None where there are none."""
        if self.settings.probabilities is None:
            return None
        from dcai.findings.labels.alignment import align_probabilities

        # The caller's rows and probabilities are compared as given: that is the order that has to be proven.
        back = np.argsort(self.positions, kind="stable")
        asked = replace(self._labels, codes=self._labels.codes[back], given=self._labels.given[back])
        index, column = self.table.frame.index[back], str(self.table.label)
        found = align_probabilities(self.settings.probabilities, asked, index, column)
        return found._replace(probabilities=found.probabilities[self.positions])

    @cached_property
    def targets(self) -> Floats:
        """The label column as numbers, NaN where there is none."""
        from dcai.findings.features.vectors import to_numbers

        if self.task != "regression" or self.table.label is None:
            raise Unmet(NO_CLASS.get(self.task, "the label is a class, not a number"))
        values = to_numbers(self.table.frame[self.table.label])
        if np.isnan(values).all():
            raise InputError(
                f"The label column {self.table.label!r} holds no numbers. Expected numbers for task='regression'."
            )
        # What is squared on the way must stay a number; so far out, nothing is less wild for being nearer.
        return np.clip(values, -LARGEST, LARGEST)

    @cached_property
    def sets(self) -> Sets:
        """The given labels as sets of classes."""
        from dcai.findings.labels.multilabel import read_sets

        if self.task != "multilabel" or self.table.label is None:
            raise Unmet("the label is no set of classes")
        return read_sets(self.table.frame[self.table.label], self.reading.separator, self.table.label)

    @cached_property
    def sentences(self) -> Sentences:
        """The given labels as a tag for each token."""
        from dcai.findings.labels.tokens import read_sentences

        if self.task != "token":
            raise Unmet("the label is no list of tags")
        return read_sentences(self)

    @property
    def known(self) -> Rows:
        """The rows that have a label, whatever it is."""
        if self.task == "classification":
            return self.labels.known
        if self.task == "regression":
            return np.flatnonzero(~np.isnan(self.targets))
        return self.sets.known if self.task == "multilabel" else self.sentences.rows

    # ---------------------------------------------------------------- features

    def recall(self, what: str, make: Callable[[], T]) -> T:
        """Return what was made of the same features before, or make it; the label must have no part in it."""
        return CACHE.get(self.mark and f"{what} {self.mark}", make)

    @cached_property
    def mark(self) -> str | None:
        """What the features are, in canonical order; None where their cells alone do not tell."""
        table, given = self.table, self.settings.features
        if any(table.kinds[name] == "image" for name in table.features):
            return None  # the files may change
        if isinstance(given, np.ndarray):
            given = given.shape, str(given.dtype), xxh3_64_hexdigest(given[self.positions].tobytes())
        return make_key(table.frame, table.features, given, len(table))

    @cached_property
    def roles(self) -> dict[str, str]:
        """How each feature column is read."""
        given = tuple(names) if isinstance(names := self.settings.features, (list, tuple)) else None
        return self.recall("roles", lambda: models.roles_of(self.table, given))

    @cached_property
    def features(self) -> Any:
        """The features as one matrix, dense or sparse, shape (n, d)."""
        from dcai.findings.features.vectors import Vectoriser

        if isinstance(self.settings.features, np.ndarray):
            return self.settings.features[self.positions]
        if not self.roles:
            raise Unmet("no column can serve as a feature")
        self.progress("features", 0, 1)
        made = Vectoriser(self.roles).fit_transform(self.table.frame)
        self.progress("features", 1, 1)
        return made

    @cached_property
    def compact(self) -> Compact:
        """The features in single precision, as models for many rows see them."""
        from dcai.findings.features.compact import compact_columns, compact_vectors

        if isinstance(self.settings.features, np.ndarray):
            return compact_vectors(self.features)
        if not self.roles:
            raise Unmet("no column can serve as a feature")
        self.progress("features", 0, 1)
        made = self.recall("compact", lambda: compact_columns(self.table.frame, self.roles))
        self.progress("features", 1, 1)
        return made

    @cached_property
    def texts(self) -> Any:
        """The text columns alone, as a sparse matrix."""
        from dcai.findings.features.vectors import Vectoriser

        roles = {name: role for name, role in self.roles.items() if role == "text"}
        return self.features if roles == self.roles else Vectoriser(roles).fit_transform(self.table.frame)

    @cached_property
    def dense(self) -> Floats:
        """The features compressed to a few dense columns, shape (n, d); in single precision where rows are many."""
        from dcai.findings.features.vectors import Dense

        if len(self.table) > FULL_ROWS and not isinstance(self.settings.features, np.ndarray):
            return np.asarray(self.compact.linear)
        return np.asarray(Dense().fit_transform(self.features), dtype=np.float64)

    @cached_property
    def points(self) -> Any:
        """The features without those of texts, whose distances say little about single rows, shape (n, d)."""
        others = {name: role for name, role in self.roles.items() if role != "text"}
        if isinstance(self.settings.features, np.ndarray) or others == self.roles:
            return self.dense
        if not others:
            raise Unmet("distances between texts say little about single rows")
        if len(self.table) > FULL_ROWS:
            return self.compact.linear[:, : self.compact.wordless]
        from dcai.findings.features.compact import compact_columns

        return compact_columns(self.table.frame, others).linear

    @cached_property
    def relations(self) -> Relations:
        """What the columns settle in each other, and the cells that break it."""
        from dcai.findings.cells.relations import relate_columns

        return self.recall("relations", lambda: relate_columns(self.table))

    @cached_property
    def resemblance(self) -> Resemblance:
        """The pairs of rows that are nearly equal."""
        from dcai.findings.cells.resemblance import find_resemblance

        return self.recall("resemblance", lambda: find_resemblance(self.table, self.relations))

    @cached_property
    def copies(self) -> Rows:
        """A number for each row, the same for rows that agree in all columns but label and key, shape (n,)."""
        return self.recall("copies", lambda: number_hashes(self.table.hash_over(self.table.features)))

    @cached_property
    def twins(self) -> Rows:
        """A number for each row, the same for rows that no fold may part: alike to a model, or of one group, shape (n,)."""
        if self.table.groups is None:
            return self.alike
        from dcai.findings.labels.grouping import join_groups, number_groups

        return join_groups(self.alike, number_groups(self.table))

    @cached_property
    def alike(self) -> Rows:
        """A number for each row, the same for rows that look the same to a model, shape (n,)."""
        given = self.settings.features
        if given is None:
            return self.copies
        if isinstance(given, np.ndarray):
            return np.asarray(np.unique(given[self.positions], axis=0, return_inverse=True)[1].ravel(), dtype=np.intp)
        return number_hashes(self.table.hash_over(given))

    @property
    def compared(self) -> int:
        """With how many rows, spread over all, each row is compared."""
        rows = max(len(self.table), 1)
        return min(rows, int(np.clip(COMPARISONS // rows, FEWEST_COMPARED, NEIGHBOUR_ROWS)))

    @cached_property
    def neighbours(self) -> tuple[Floats, Rows]:
        """Distances to and positions of each row's nearest other rows, shape (n, k) each."""
        from dcai.findings.features.nearness import find_nearest

        if self.compared < 2:  # noqa: PLR2004 (a row and another one)
            raise Unmet("there are too few rows to have neighbours")
        return self.recall("neighbours", lambda: find_nearest(self.points, self.compared, NEIGHBOURS))

    # ---------------------------------------------------------------- predictions

    @cached_property
    def probabilities(self) -> Floats:
        """Out-of-sample probabilities of the classes, shape (n, K)."""
        return self._predicted[0] if self._aligned is None else self._aligned.probabilities

    @cached_property
    def model_note(self) -> str:
        """Say where the probabilities come from."""
        return self._predicted[1] if self._aligned is None else self._aligned.note

    @cached_property
    def _predicted(self) -> tuple[Floats, str]:
        from dcai.findings.labels.prediction import predict_classes

        counts = self.labels.counts
        if counts[counts == 1].sum() > MOSTLY * counts.sum():
            raise Unmet(
                f"most of the {counts.sum():,} labels occur only once ({len(counts):,} classes): the column looks like an identifier or free text. "
                "Name another label column"
            )
        found, note = predict_classes(self)
        if self.table.groups is None:
            return found, note
        from dcai.findings.labels.grouping import spare_lone_classes

        return spare_lone_classes(found, self.labels.codes, self.twins), f"{note}; {self.group_note}"

    @property
    def group_note(self) -> str:
        """Say how groups were kept together; empty where there are none."""
        if self.table.groups is None:
            return ""
        from dcai.findings.labels.grouping import describe_groups, number_groups

        known = self.labels.codes if self.task == "classification" else np.full(len(self.table), -1, dtype=np.intp)
        if self.task != "classification":
            known[self.known] = 0
        return describe_groups(known, number_groups(self.table), self.table.groups)

    @cached_property
    def judged_sets(self) -> JudgedSets:
        """What the model says of each row's set of classes."""
        from dcai.findings.labels.multilabel import judge_sets

        return judge_sets(self)

    @cached_property
    def judged_tags(self) -> JudgedTags:
        """What the model says of each token's tag."""
        from dcai.findings.labels.tokens import judge_tags

        return judge_tags(self)

    @cached_property
    def consensus(self) -> Consensus | None:
        """What several annotators say; None where there are none."""
        from dcai.findings.labels.consensus import find_consensus

        return find_consensus(self, self.table.hidden) if self.table.hidden else None

    @cached_property
    def noise(self) -> Noise:
        """How likely each label is wrong."""
        return estimate_noise(self.probabilities, self.labels.codes)

    @cached_property
    def predictions(self) -> Floats:
        """Out-of-sample predictions of a label that is a number, shape (n,)."""
        return self.amounts.predicted

    @cached_property
    def amounts(self) -> Amounts:
        """What the model says of each label that is a number."""
        from dcai.findings.labels.amounts import judge_amounts

        return judge_amounts(self)


def make_evidence(table: Table, settings: Settings, progress: Progress) -> Evidence:
    """Sort a table into canonical order."""
    if "row_hashes" not in vars(table):
        key = make_key(table.frame, table.identifying, "rows")
        vars(table)["row_hashes"] = CACHE.get(key, lambda: table.row_hashes)
    keys = np.column_stack([table.row_hashes, table.label_hashes])
    order = np.lexsort(keys.T[::-1])
    return Evidence(table.take(order), order, settings, progress)
