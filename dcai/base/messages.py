"""What the JupyterLab panel and its server say to each other: records that are sent and never written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dcai.base.records import NotebookParameters, PipelineSummary, Promotion, RunRecord


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
