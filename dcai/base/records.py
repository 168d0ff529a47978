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
    "running", "succeeded", "failed", "stopped", "invalid", "gate_failed", "kernel_died", "timed_out", "interrupted",
]  # fmt: skip


# ---------------------------------------------------------------- find


@dataclass(frozen=True)
class Finding:
    """One finding as a person sees it: a row of `Audit.findings`, in plain scalars.

    `doubt` and `confidence` are in 0..1; of a finding about a column, a group or the table `row` is -1 and `key` None.
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
    columns names them: `columns` (the label left out) and `label`, and in `veiled` those of them of which only keyed
    hashes are stored, each with the name of the key.
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
    veiled: dict[str, str] | None = None


@dataclass(frozen=True)
class Decision:
    """An intent sent by the browser, decided once for each `client_id`. Only Python makes a Correction of it.

    The value of a `merge` is the spelling that stays, then those that become it. `after` names the decision before it
    that has no answer yet: this one waits for that one, however they arrive. `by` is the reviewer whose view it was
    taken in; in another's review it is refused. `resolves` are the ids of disputed decisions (`Card.said`) that it settles.
    """

    seq: int
    client_id: str
    finding: str
    verdict: Verdict | Literal["redo", "accept", "merge"]
    value: Scalar | list[Scalar] = None
    column: str | None = None
    note: str = ""
    after: str = ""
    by: str = ""
    resolves: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Outlook:
    """Decisions a minute, wrong labels left (`low` to `high`), and how many of the `next` findings need a change; None is not known."""

    pace: float | None
    errors: float | None
    low: float | None
    high: float | None
    next: int
    worth: float | None


@dataclass(frozen=True)
class Progress:
    """How far a review is. `decided` + `left` = `total` findings of the queue.

    A finding about which reviewers disagree is open; `disputed` counts them. `by` is whose review it is.
    """

    total: int
    decided: int
    left: int
    corrections: int
    can_undo: bool
    can_redo: bool
    saved_to: str
    outlook: Outlook | None = None
    by: str = ""
    disputed: int = 0


@dataclass(frozen=True)
class Answer:
    """The id of the correction on disk, or why there is none; `decided` maps findings that changed to their state or None.

    A state is a verdict, or "disputed". It and `progress` are what is true when the answer is made, also where the
    decision was taken before; findings that others have decided meanwhile are among them. `told` says what an undo, a
    redo, a merge or an accepted group did, for people.
    """

    seq: int
    id: str | None = None
    error: str | None = None
    decided: dict[str, str | None] = field(default_factory=dict)
    progress: Progress | None = None
    told: str = ""


@dataclass(frozen=True)
class QueueItem:
    """One line of the review queue; `decided` is the verdict that stands, "disputed", or None where it is open."""

    finding: str
    row: int
    detector: str
    column: str | None
    given: Scalar
    suggested: Scalar
    doubt: float
    decided: str | None


@dataclass(frozen=True)
class Spelling:
    """One spelling of a value in its column, and how many rows have it."""

    value: Scalar
    rows: int


@dataclass(frozen=True)
class Cluster:
    """Spellings that seem to mean one value, the most frequent first; `keep` is the one that is suggested to stay.

    `says` tells what a merge of all of them would change, what it leaves out, and what of it was looked at.
    """

    column: str
    spellings: list[Spelling]
    keep: Scalar
    says: str = ""


@dataclass(frozen=True)
class Spread:
    """How many numbers or dates of a column lie in equal steps from `low` (0) to `high` (1).

    `at` is the place of the row's own value, `to` that of the suggested one; `share` of the column is smaller.
    """

    low: str
    high: str
    counts: list[int]
    at: float | None
    to: float | None = None
    share: float | None = None


@dataclass(frozen=True)
class Context:
    """The column around a doubted cell: its most frequent values, and how many rows have the given and suggested one."""

    rows: int
    empty: int
    distinct: int
    common: list[Spelling]
    given: int
    suggested: int | None


@dataclass(frozen=True)
class ClassChoice:
    """A class that a label may take; `given` says that the row's own set of classes holds it, where a label is a set."""

    name: Scalar
    probability: float | None
    meaning: str = ""
    given: bool = False


@dataclass(frozen=True)
class Definition:
    """What a class of the label means, with examples and borderline cases: an entry of `dcai.yaml`."""

    name: Scalar
    meaning: str = ""
    examples: list[str] = field(default_factory=list)
    borderline: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Terms:
    """What a review works under: the label's definitions and their version, the masked columns, what to know first.

    `classes` are all of the label's; `agreement` says how far reviewers agree where several decided, if they did.
    """

    definitions: list[Definition]
    version: str
    masked: list[str]
    blind: bool
    remarks: list[str]
    classes: list[Scalar] = field(default_factory=list)
    agreement: str = ""


@dataclass(frozen=True)
class Cell:
    """One cell of a shown row, as text cut for display; `kind` is the column's kind.

    `cut` says that `text` is not the whole value as it is; `missing` that there is none, so that "" is no empty text.
    """

    column: str
    text: str
    kind: str
    cut: bool
    spread: Spread | None = None
    missing: bool = False


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
class Said:
    """What one reviewer says in a dispute: a standing correction, by its `id`."""

    id: str
    by: str
    verdict: Verdict
    value: Scalar | list[Scalar]
    at: str
    note: str


@dataclass(frozen=True)
class Card:
    """Everything the widget shows about one finding; `label` is the row's own label, a set of classes if `several`.

    Where `decided` is "disputed", `said` holds who says what. `remark` tells of decisions that no longer count.
    """

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
    context: Context | None = None
    said: list[Said] = field(default_factory=list)
    remark: str = ""


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
    """What `promote` did: the files that it wrote (relative to the root) and the commit, if one was made.

    `diff` is what it changed; `undeclared` lists files that the check run used, by the field that should declare them.
    """

    name: str
    folder: str
    files: list[str]
    commit: str | None
    checked: bool
    notes: list[str]
    diff: str = ""
    undeclared: dict[str, list[str]] = field(default_factory=dict)


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
    """The truthful record of one run: `runs/<name>/<run>/run.json`.

    `code` are the files of its code. `resumed` is the run that this one went on from, `note` says what became of that.
    `purpose` is "run", "smoke" (on a sample), "retry" or "reproduction" of the run, or of the "sweep" `origin`. `upstream` are the
    last good runs ("pipeline/run") of the pipelines that its own one names.

    `corrections_known` says how it is known that the logs of `corrections` were read: its kernel was seen to open them
    ("opened"; "listed" where it looked through their folder as well, so that a further log counts), or nobody could see it,
    and they are those that its manifest declares ("declared") or its code names ("named"). `corrections_left` are the logs
    that were there and that it did not open.
    """

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
    resumed: str | None = None
    note: str | None = None
    code: list[FileHash] = field(default_factory=list)
    purpose: str = "run"
    origin: str | None = None
    upstream: list[str] = field(default_factory=list)
    corrections_known: str | None = None
    corrections_left: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class PipelineSummary:
    """One pipeline as the panel lists it. `parameters` is a JSON Schema object, `problem` says why it cannot be read."""

    name: str
    folder: str
    notebook: str
    parameters: dict[str, Any]
    runs: int
    last: RunRecord | None
    problem: str = ""


@dataclass(frozen=True)
class RunProgress:
    """A run under way or ended, as the panel polls it; `seconds_left` is what earlier runs make expect."""

    record: RunRecord
    cell: int | None
    cell_source: str
    folder: str
    seconds_left: float | None = None
