"""The value that `trace` and `impact` return: runs and files, what links them, and the corrections that were read."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dcai.base import store
from dcai.base.display import to_page
from dcai.base.records import FileHash, RunRecord
from dcai.pipelines.archive import ledger
from dcai.pipelines.origins import lineage_views
from dcai.pipelines.origins.edits import Applied

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = ("step", "kind", "name", "status", "commit", "started", "sha256")
_CORRECTIONS = ("run", "log", "id", "key", "column", "verdict", "given", "value", "by", "at")


@dataclass(frozen=True)
class Node:
    """A run, a file, or what was asked about, `step` links away from it."""

    kind: str
    name: str
    step: int
    run: RunRecord | None = None
    file: FileHash | None = None


@dataclass(frozen=True)
class ReadLog:
    """A correction log as one run has read it; `applied` is None where its state of then is lost."""

    run: str
    path: str
    applied: Applied | None


@dataclass(frozen=True, eq=False)
class Lineage:
    """What made a file, or what a file or cell made stale: runs and files, and the links between them.

    Attributes
    ----------
    subject : str
        What was asked about.
    nodes : tuple of Node
        The subject first, then by distance.
    edges : tuple of (int, int)
        Positions in `nodes`: data went from the first to the second.
    logs : tuple of ReadLog
        The correction logs that the runs have read.
    notes : tuple of str
        What could not be found out, and why.
    forwards : bool
        Whether this is an `impact`.

    Examples
    --------
    >>> Lineage("model.pkl", ()).runs
    []
    """

    subject: str
    nodes: tuple[Node, ...]
    edges: tuple[tuple[int, int], ...] = ()
    logs: tuple[ReadLog, ...] = ()
    notes: tuple[str, ...] = ()
    hidden: frozenset[str] = frozenset()
    forwards: bool = False

    @property
    def runs(self) -> list[RunRecord]:
        """The records of the runs, nearest first."""
        return [n.run for n in self.nodes if n.run is not None]

    @property
    def artifacts(self) -> list[FileHash]:
        """The files that these runs made, or (of `trace`) read."""
        return [n.file for n in self.nodes[1:] if n.file is not None]

    @property
    def corrections(self) -> pd.DataFrame:
        """The corrections that stood in the logs when the runs read them, oldest first: a row for each and each run."""
        import pandas as pd

        return pd.DataFrame(self.correction_rows(), columns=list(_CORRECTIONS))

    def correction_rows(self, limit: int | None = None) -> list[dict[str, Any]]:
        """Return the corrections as rows, at most `limit` of each log of each run."""
        return [
            {"run": one.run, **row} for one in self.logs if one.applied for row in one.applied.rows(self.hidden, limit)
        ]

    def to_frame(self) -> pd.DataFrame:
        """Return one row for each run and file.

        Examples
        --------
        >>> list(Lineage("model.pkl", ()).to_frame().columns)[:3]
        ['step', 'kind', 'name']
        """
        import pandas as pd

        return pd.DataFrame(self.rows(), columns=list(_COLUMNS))

    def rows(self) -> list[dict[str, Any]]:
        """Return one row for each run and file."""
        return [_row(n) for n in self.nodes]

    def to_plain(self) -> dict[str, Any]:
        """Return everything as dicts and lists, for JSON."""
        return {
            "subject": self.subject,
            "direction": "impact" if self.forwards else "trace",
            "nodes": [_row(n) | _facts(n) for n in self.nodes],
            "edges": [list(e) for e in self.edges],
            "corrections": self.correction_rows(),
            "notes": list(self.notes),
        }

    def to_html(self, path: str | Path) -> Path:
        """Save as a page that needs no network."""
        return store.write_atomic(path, to_page(f"Lineage of {self.subject}", self._repr_html_()))

    def __repr__(self) -> str:
        found = f"{len(self.runs)} runs, {len(self.artifacts)} files"
        made = "made stale" if self.forwards else "stand behind it"
        return f"<Lineage of {ledger.one_line(self.subject)!r}: {found} {made}>"

    def _repr_html_(self) -> str:
        return lineage_views.to_html(self)


def _row(node: Node) -> dict[str, Any]:
    record = node.run
    facts = {} if record is None else {"status": record.status, "commit": record.commit, "started": record.started}
    sha256 = None if node.file is None else node.file.sha256
    return (
        dict.fromkeys(_COLUMNS) | {"step": node.step, "kind": node.kind, "name": node.name} | facts | {"sha256": sha256}
    )


def _facts(node: Node) -> dict[str, Any]:
    if node.run is None:
        return {}
    return {"dirty": node.run.dirty, "parameters": node.run.parameters, "metrics": node.run.metrics}


@dataclass
class Graph:
    """Nodes and edges while they are gathered; a file is one node for each content that it had."""

    nodes: list[Node]
    edges: dict[tuple[int, int], None] = field(default_factory=dict)
    places: dict[object, int] = field(default_factory=dict)

    def place(self, key: object, node: Node) -> int:
        """Return the position of a node; the first one of a key stays."""
        if key not in self.places:
            self.places[key] = len(self.nodes)
            self.nodes.append(node)
        return self.places[key]

    def join(self, first: int, second: int) -> None:
        """Say that data went from one node to another."""
        self.edges[first, second] = None
