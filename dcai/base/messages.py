"""What a browser and Python say to each other, in the panel and in the review: records that are sent and never written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from dcai.base.records import (
    Card,
    Cluster,
    Definition,
    NotebookParameters,
    PipelineSummary,
    Progress,
    Promotion,
    QueueItem,
    RunRecord,
    Terms,
)

# ---------------------------------------------------------------- the review


@dataclass(frozen=True)
class Filter:
    """Which findings of the queue are shown, in which order; `column` and `pair` name a `Facet`, an empty field shows all."""

    detector: str = ""
    column: str = ""
    pair: str = ""
    state: Literal["", "open", "decided", "disputed"] = ""
    text: str = ""
    order: Literal["doubt", "row", "column", "kind"] = "doubt"


@dataclass(frozen=True)
class Facet:
    """One thing to filter by, as it is asked for and as people read it, and how many findings it has."""

    name: str
    title: str
    count: int


@dataclass(frozen=True)
class Facets:
    """What a queue can be filtered by, the most frequent first; `pairs` are changes of the label's class.

    `totals` says how many there are of each list by its name: where it is longer than the list, `Request.text` searches.
    """

    detectors: list[Facet]
    columns: list[Facet]
    pairs: list[Facet]
    totals: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Request:
    """A question from the browser that decides nothing; `dcai.shells.widget` answers each kind.

    Positions, such as `start`, count in the `view` that the reply to a filter named; 0 is the whole queue. `text` is
    what `find` looks for, and what the titles of `facets` must hold.
    """

    seq: int
    ask: Literal[
        "page", "card", "near", "next", "draw", "filter", "facets", "find", "cluster", "terms", "define", "people",
    ]  # fmt: skip
    start: int = 0
    count: int = 100
    finding: str = ""
    view: int = 0
    filter: Filter | None = None
    text: str = ""
    definition: Definition | None = None


@dataclass(frozen=True)
class Reply:
    """What Python replies to a Request. `start` is the queue position of the first item or of the card.

    `people` are sentences about the reviewers: their estimated error, anchoring and agreement.
    """

    seq: int
    start: int | None = None
    items: list[QueueItem] | None = None
    total: int | None = None
    card: Card | None = None
    progress: Progress | None = None
    error: str | None = None
    view: int | None = None
    facets: Facets | None = None
    cluster: Cluster | None = None
    terms: Terms | None = None
    people: list[str] | None = None


# ---------------------------------------------------------------- the panel


@dataclass(frozen=True)
class NotebookView:
    """What the promote dialog asks for; `root` is relative to the served folder, `git` tells if it is a repository."""

    root: str
    git: bool
    found: NotebookParameters


@dataclass(frozen=True)
class PromoteRequest:
    """An order to promote a notebook; `notebook` is relative to the folder that the server serves.

    With `preview`, nothing is written before a `PromoteDecision` says so.
    """

    notebook: str
    name: str
    check: bool
    commit: bool
    preview: bool = False


@dataclass(frozen=True)
class PromoteProgress:
    """A promotion under way (`promotion` is None) or done; `preview` is what it would do and waits to be told."""

    job: str
    seconds: float
    root: str
    promotion: Promotion | None = None
    preview: Promotion | None = None


@dataclass(frozen=True)
class PromoteDecision:
    """What becomes of a promotion: `go` lets it write what it has shown, otherwise it ends, its check run too."""

    job: str
    go: bool


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
