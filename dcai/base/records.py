"""Every value that is written to a file or sent to a browser: frozen, plain scalars. The contract.

The JSON form of each record is made and checked by `dcai.base.contract`; the TypeScript types of the
front end are printed from these classes, and a test fails when the two differ.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    import pandas as pd

Scalar = str | int | float | bool | None
Key = dict[str, Scalar]
FINGERPRINT = "~fingerprint"

Verdict = Literal["keep", "relabel", "edit", "exclude", "ambiguous", "unsure", "undo"]
Fit = Literal["fits", "applied", "stale", "absent", "disputed"]
CheckStatus = Literal["ran", "skipped", "failed"]
RunStatus = Literal[
    "running",
    "succeeded",
    "failed",
    "stopped",
    "invalid",
    "gate_failed",
    "kernel_died",
    "timed_out",
    "interrupted",
]


# ---------------------------------------------------------------- find


@dataclass(frozen=True)
class Finding:
    """One finding as a person sees it: a row of `Audit.findings`, in plain scalars.

    `doubt` and `confidence` are in 0..1; `row` and `peers` are row positions; `row` is -1 and `key` None for
    a finding about a column, a group or the whole table.
    """

    finding: str
    row: int
    key: Key | None
    part: int | None
    column: str | None
    detector: str
    doubt: float
    given: Scalar
    suggested: Scalar
    confidence: float | None
    reason: str
    peers: list[int]


class Decisions(Protocol):
    """What `findings` may know of a correction log: which rows and cells of a frame a person has settled."""

    def settled(self, frame: pd.DataFrame, label: str | None) -> pd.DataFrame:
        """Return the decided cells of `frame`: columns `row`, `column`, `verdict`, `value`."""
        ...


# ---------------------------------------------------------------- fix


@dataclass(frozen=True)
class Correction:
    """One line of a correction log: who decided what about which cell, when and why.

    `given` is the value seen in the source data; `at` is RFC 3339 in UTC; `why` is an object. `row` is the hash of
    the source row, a colon, and the hash of the columns that it covers. The first line of a log that uses a set of
    columns names them: `columns` (the label left out) and `label`.
    """

    v: int
    id: str
    verdict: Verdict
    key: Key
    part: int | None
    column: str | None
    given: Scalar
    value: Scalar | list[Scalar]
    row: str
    by: str
    at: str
    why: dict[str, Any]
    note: str
    undoes: str | None = None
    resolves: list[str] | None = None
    columns: list[str] | None = None
    label: str | None = None


@dataclass(frozen=True)
class Decision:
    """An intent sent by the browser. Only Python makes a Correction of it.

    `client_id` is unique for each decision of a session, so that sending it twice decides once.
    """

    seq: int
    client_id: str
    finding: str
    verdict: Verdict | Literal["redo", "accept"]
    value: Scalar | list[Scalar] = None
    column: str | None = None
    note: str = ""


@dataclass(frozen=True)
class Progress:
    """How far a review is. `decided` + `left` = `total` findings of the queue."""

    total: int
    decided: int
    left: int
    corrections: int
    can_undo: bool
    can_redo: bool
    saved_to: str


@dataclass(frozen=True)
class Answer:
    """What Python answers to a Decision: the id of the correction on disk, or why there is none.

    `decided` maps each finding that this answer settles (or, by an undo, unsettles) to its verdict or None.
    """

    seq: int
    id: str | None = None
    error: str | None = None
    decided: dict[str, str | None] = field(default_factory=dict)
    progress: Progress | None = None


@dataclass(frozen=True)
class QueueItem:
    """One line of the review queue."""

    finding: str
    row: int
    detector: str
    column: str | None
    given: Scalar
    suggested: Scalar
    doubt: float
    decided: str | None


@dataclass(frozen=True)
class ClassChoice:
    """A class that a label may take, its out-of-sample probability (None where there is none), its definition.

    `given` says that the row's own set of classes holds it, where a label is a set.
    """

    name: Scalar
    probability: float | None
    meaning: str = ""
    given: bool = False


@dataclass(frozen=True)
class Cell:
    """One cell of a shown row, as text cut for display; `kind` is the column's kind."""

    column: str
    text: str
    kind: str
    cut: bool


@dataclass(frozen=True)
class Sentence:
    """The tokens around the one that a finding is about (`at`, from 0), with their tags; `cut` for display."""

    tokens: list[str]
    tags: list[Scalar]
    at: int
    cut: bool


@dataclass(frozen=True)
class ShownRow:
    """A row shown beside the card: a peer, a twin or a neighbour; `how` says which, where the finding does not."""

    row: int
    label: Scalar
    cells: list[Cell]
    how: str = ""


@dataclass(frozen=True)
class Group:
    """Findings of one kind that may be accepted together once enough random members were reviewed."""

    group: str
    title: str
    size: int
    decided: int
    certified: bool
    statement: str


@dataclass(frozen=True)
class Card:
    """Everything the widget shows about one finding; `label` is the row's own label, a set of classes if `several`."""

    finding: Finding
    cells: list[Cell]
    classes: list[ClassChoice]
    peers: list[ShownRow]
    decided: str | None
    note: str
    group: Group | None
    label: Scalar = None
    several: bool = False
    sentence: Sentence | None = None


@dataclass(frozen=True)
class Request:
    """A question from the browser that changes nothing.

    A page of the queue, one card, the card with the rows most like it, the next undecided finding from `start` on, or a
    group's next draw.
    """

    seq: int
    ask: Literal["page", "card", "near", "next", "draw"]
    start: int = 0
    count: int = 100
    finding: str = ""


@dataclass(frozen=True)
class Reply:
    """What Python replies to a Request. `start` is the queue position of the first item or of the card."""

    seq: int
    start: int | None = None
    items: list[QueueItem] | None = None
    total: int | None = None
    card: Card | None = None
    progress: Progress | None = None
    error: str | None = None


# ---------------------------------------------------------------- promote


@dataclass(frozen=True)
class Parameter:
    """One parameter of a notebook, found by `ast`. `schema` is its JSON Schema with `x-python`.

    `settable` is False for a default that is an expression without annotation; `source` is its text.
    """

    name: str
    schema: dict[str, Any]
    settable: bool
    source: str
    help: str = ""


@dataclass(frozen=True)
class Problem:
    """What a person should mend in a notebook before relying on it: a stable code, where (from 1), and a sentence."""

    code: str
    cell: int | None
    line: int | None
    message: str


@dataclass(frozen=True)
class Lint:
    """What reading a notebook found: its parameters, and its problems in the order of the cells."""

    notebook: str
    parameters: list[Parameter]
    problems: list[Problem]


@dataclass(frozen=True)
class NotebookParameters:
    """What the promote dialog shows: the cell (index, None if there is none) and the parameters found in it."""

    notebook: str
    suggested_name: str
    cell: int | None
    tagged: bool
    parameters: list[Parameter]
    problems: list[str]


@dataclass(frozen=True)
class Promotion:
    """What `promote` did: the files that it wrote (relative to the root) and the commit, if one was made."""

    name: str
    folder: str
    files: list[str]
    commit: str | None
    checked: bool
    notes: list[str]


@dataclass(frozen=True)
class FileHash:
    """A file that a run read or made. `path` is relative to the root; `sha256` is None where it is missing."""

    path: str
    sha256: str | None
    size: int | None


@dataclass(frozen=True)
class RunFailure:
    """Why a run did not succeed: the error's class, the cell (index in the notebook), its source, the message."""

    error: str
    cell: int | None
    source: str
    message: str
    traceback: str = ""


@dataclass(frozen=True)
class CellTiming:
    """Resources of one executed cell: seconds of wall time and CPU, bytes of peak memory of the kernel."""

    cell: int
    wall: float
    cpu: float | None
    peak_memory: int | None


@dataclass(frozen=True)
class Resources:
    """Resources of a whole run: seconds of wall time and CPU, bytes of peak memory of the kernel."""

    wall: float
    cpu: float | None
    peak_memory: int | None
    cells: list[CellTiming]


@dataclass(frozen=True)
class RunRecord:
    """The truthful record of one run: `runs/<name>/<run>/run.json`."""

    v: int
    run: str
    pipeline: str
    notebook: str
    status: RunStatus
    exit_code: int
    parameters: dict[str, Any]
    commit: str | None
    dirty: bool | None
    inputs: list[FileHash]
    outputs: list[FileHash]
    corrections: list[FileHash]
    metrics: dict[str, Any]
    gates: list[dict[str, Any]]
    resources: Resources | None
    environment: dict[str, str]
    started: str
    ended: str | None
    error: RunFailure | None
    cells_total: int
    cells_done: int
    pid: int | None = None
    host: str | None = None


@dataclass(frozen=True)
class PipelineSummary:
    """One pipeline as the panel lists it. `parameters` is a JSON Schema object.

    `problem` says why a pipeline cannot be read; the other fields hold what is known then.
    """

    name: str
    folder: str
    notebook: str
    parameters: dict[str, Any]
    runs: int
    last: RunRecord | None
    problem: str = ""


@dataclass(frozen=True)
class RunProgress:
    """A run under way or ended, as the panel polls it."""

    record: RunRecord
    cell: int | None
    cell_source: str
    folder: str


# ---------------------------------------------------------------- the JupyterLab panel


@dataclass(frozen=True)
class NotebookView:
    """What the promote dialog asks the server for; `root` is relative to the folder that the server serves.

    `git` tells whether the root is a git repository, so that the promotion can be committed.
    """

    root: str
    git: bool
    found: NotebookParameters


@dataclass(frozen=True)
class PromoteRequest:
    """An order to promote a notebook; `notebook` is relative to the folder that the server serves."""

    notebook: str
    name: str
    check: bool
    commit: bool


@dataclass(frozen=True)
class PromoteProgress:
    """A promotion under way (`promotion` is None) or done."""

    job: str
    seconds: float
    root: str
    promotion: Promotion | None = None


@dataclass(frozen=True)
class PipelineList:
    """The pipelines of one root, as the panel lists them."""

    root: str
    git: bool
    pipelines: list[PipelineSummary]


@dataclass(frozen=True)
class RunList:
    """The latest runs of one pipeline, newest first, and how many there are in all."""

    runs: list[RunRecord]
    total: int


@dataclass(frozen=True)
class RunRequest:
    """An order to run a pipeline; parameters that are left out keep their defaults."""

    root: str
    pipeline: str
    parameters: dict[str, Any]


@dataclass(frozen=True)
class RunName:
    """Which run: of which pipeline, in which root. The answer to a RunRequest, and the order to cancel."""

    root: str
    pipeline: str
    run: str


@dataclass(frozen=True)
class Refusal:
    """What the server answers instead of a value: a sentence, and the parameter that it is about."""

    error: str
    field: str | None = None
