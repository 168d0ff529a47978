"""Lineage: which run, data and corrected labels made a file (`trace`), and what a bad file or cell made stale (`impact`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from dcai.base.errors import InputError, MissingError
from dcai.base.records import Correction, FileHash
from dcai.base.settings import find_settings
from dcai.pipelines.archive import contents, ledger
from dcai.pipelines.names import find_root, relative_to_root
from dcai.pipelines.origins import edits
from dcai.pipelines.origins.edits import Applied, LogStates
from dcai.pipelines.origins.lineage_graph import Graph, Lineage, Node, ReadLog
from dcai.pipelines.origins.provenance import Link, Provenance, name_of

# A cell whose correction came late: the log, the key of its row, its column (None: the row as a whole).
Cell = tuple[str | Path, Mapping[str, Any], str | None]


# ---------------------------------------------------------------- backwards


def trace(path: str | Path, *, root: str | Path | None = None) -> Lineage:
    """Say what made a file: run, commit, parameters, inputs and corrected labels, and what made the inputs.

    Parameters
    ----------
    path : str or Path
        A file that a run has made, or the folder of a run.
    root : str or Path, optional
        The repository; None takes the one that holds the file, or the current folder.

    Returns
    -------
    Lineage
        With `runs` (nearest first), `corrections` (those that stood, undisputed, in the logs that the runs opened, as they
        were then), `to_frame()` and a graph. Files are recognised by their content, wherever they were moved.

    Raises
    ------
    MissingError
        There is no such file, or no recorded run made it.

    Examples
    --------
    >>> trace("models/model.pkl").runs[0].commit  # doctest: +SKIP
    '4f1c2d...'
    """
    top, name = _locate(path, root)
    known, notes = _read_runs(top)
    file = contents.hash_file(top, name)
    maker, more = _find_maker(known, file, top)
    graph = Graph([Node("artifact", name, 0, file=file)])
    graph.places[file.path, file.sha256] = 0
    _walk_back(graph, known, maker)
    logs = _read_logs(top, graph.nodes)
    lost = [
        f"The log {one.path} as {one.run} read it is lost: neither the file nor git holds it any more."
        for one in logs
        if one.applied is None
    ]
    lost += [
        f"Which correction logs {name_of(one)} read is not known, for its kernel could not be watched: those count that its "
        "code names. Declare them: `corrections` in pipeline.yaml."
        for one in (n.run for n in graph.nodes)
        if one is not None and one.corrections_known == "named"
    ]
    sensitive = frozenset(find_settings(top).sensitive)
    return Lineage(name, tuple(graph.nodes), tuple(graph.edges), logs, (*more, *lost, *notes), sensitive)


def _walk_back(graph: Graph, known: Provenance, maker: str) -> None:
    runs: list[tuple[int, list[Link]]] = []
    for depth, name, links in known.walk([maker], forwards=False):
        record = known.runs[name]
        place = graph.place(name, Node("run", name, 2 * depth + 1, run=record))
        if not runs:
            graph.join(place, 0)
        runs.append((place, links))
        for kind, files in (("input", record.inputs), ("corrections", record.corrections)):
            for one in files:
                graph.join(graph.place((one.path, one.sha256), Node(kind, one.path, 2 * depth + 2, file=one)), place)
    for place, links in runs:
        for link in links:
            node = None if link.file is None else graph.places.get((link.file.path, link.file.sha256))
            graph.join(graph.places[link.maker], place if node is None else node)


def _locate(path: str | Path, root: str | Path | None) -> tuple[Path, str]:
    """Return the repository, and a file's name in it; seen from the current folder, else from the root."""
    near = Path(path).absolute()
    top = find_root(near if near.exists() else Path.cwd(), root)
    return top, relative_to_root(near if near.exists() or not (top / path).exists() else top / path, top)


def _read_runs(top: Path) -> tuple[Provenance, tuple[str, ...]]:
    found = ledger.history(root=top)
    return Provenance.of(found.records, ledger.lists_of(top)), found.problems


def _find_maker(known: Provenance, file: FileHash, top: Path) -> tuple[str, tuple[str, ...]]:
    """Return the run that made a file, and what must be said about that."""
    parts = Path(file.path).parts
    if parts[:1] == (ledger.RUNS,) and "/".join(parts[1:3]) in known.runs:
        return "/".join(parts[1:3]), ()
    maker = known.maker_of(file)
    if maker is not None:
        return maker, ()
    writers = known.writers_of(file.path)
    if writers:
        if all(not f"{file.path}/".startswith(f"{o.path}/") for n in writers for o in known.runs[n].outputs):
            said = f"is a folder in which {len(writers)} runs wrote"
        else:
            said = "is gone" if file.sha256 is None else "has changed since: this is not what the run wrote"
        return writers[-1], (f"{file.path} {said}. What follows is about what {writers[-1]} wrote.",)
    if not (top / file.path).exists():
        raise MissingError(f"There is no file {file.path!r} in {top}, and no run has made one. Check the path.")
    raise MissingError(
        f"No recorded run has made {file.path!r}. Name it in 'outputs' of the pipeline that makes it, and run that; "
        "see `dcai runs` for what is recorded."
    )


def _read_logs(top: Path, nodes: Iterable[Node]) -> tuple[ReadLog, ...]:
    read = [(name_of(n.run), file) for n in nodes if n.run is not None for file in n.run.corrections]
    states = {p: LogStates.read(top, p, [f for _, f in read if f.path == p]) for p in {f.path for _, f in read}}
    found: dict[FileHash, Applied | None] = {}
    for _, file in read:
        if file not in found:
            found[file] = states[file.path].applied(file)
    return tuple(ReadLog(run, file.path, found[file]) for run, file in read)


# ---------------------------------------------------------------- forwards


def impact(path_or_cell: str | Path | Cell, *, content: str | None = None, root: str | Path | None = None) -> Lineage:
    """Say which runs and artifacts a bad file, or a correction that came late, made stale.

    Parameters
    ----------
    path_or_cell : str, Path or (log, key, column)
        A file that runs have read or made: stale is every run that read it, then or now, or read its present content
        elsewhere. Or a cell: the path of a correction log, the key of the row as the log has it, and the column (None:
        the row as a whole); stale is every run that read the log when it made something else of that cell than it
        does now.
    content : str, optional
        The beginning of a file's sha256: only runs that read this one content count.
    root : str or Path, optional
        The repository; None takes the one that holds the file, or the current folder.

    Returns
    -------
    Lineage
        With `runs` (nearest first), `artifacts` that they made, `to_frame()` and a graph. It follows files by their
        content, and pipelines to those that name them as `upstream`.

    Raises
    ------
    InputError, MissingError
        The cell has another form; nobody has decided about it; there is no such file and no run that read one.

    Examples
    --------
    >>> impact("data/customers.csv").artifacts  # doctest: +SKIP
    >>> impact(("corrections/label.jsonl", {"id": 17}, "label")).runs  # doctest: +SKIP
    """
    if isinstance(path_or_cell, (str, Path)):
        return _impact_of_file(path_or_cell, content, root)
    log, key, column = _require_cell(path_or_cell)
    top, name = _locate(log, root)
    known, notes = _read_runs(top)
    readers = [(n, f) for n, r in known.runs.items() for f in r.corrections if f.path == name]
    states = LogStates.read(top, name, (f for _, f in readers))
    if not states.now:
        raise MissingError(f"There is no correction log {name!r} in {top}. Check the path.")
    sensitive = frozenset(find_settings(top).sensitive)
    lines = edits.require_lines(states, key, column)
    stale, lost = _find_stale(readers, states, lines, key, column)
    shown = {k: edits.HIDDEN if k in sensitive else v for k, v in key.items()}
    subject = f"{column if column is not None else 'the row'} of {shown} in {name}"
    made = _walk_forth(Node("cell", subject, 0), known, stale)
    return replace(made, notes=(*lost, *notes), hidden=sensitive)


def _require_cell(cell: Any) -> Cell:
    match cell:
        case (str() | Path() as log, dict() as key, str() | None as column) if key:
            return log, key, column
    raise InputError.wrong_value(
        "path_or_cell", "impact()", "a path, or a cell as (log, key, column)", cell,
        "For example ('corrections/label.jsonl', {'id': 17}, 'label').",
    )  # fmt: skip


def _impact_of_file(path: str | Path, content: str | None, root: str | Path | None) -> Lineage:
    top, name = _locate(path, root)
    known, notes = _read_runs(top)
    file = contents.hash_file(top, name)
    stale = known.readers_of(name, file.sha256, content)
    if file.sha256 is None and not stale and not known.writers_of(name):
        raise MissingError(f"There is no file {name!r} in {top}, and no run has read or made one. Check the path.")
    return replace(_walk_forth(Node("file", name, 0, file=file), known, stale), notes=notes)


def _find_stale(
    readers: list[tuple[str, FileHash]],
    states: LogStates,
    lines: list[tuple[int, Correction]],
    key: Mapping[str, Any],
    column: str | None,
) -> tuple[list[str], tuple[str, ...]]:
    """Return the runs for which the log made something else of a cell than it does now, and those nobody can know about."""
    now = edits.outcome_at(lines, column, len(states.now))
    stale, lost = [], []
    for name, file in readers:
        state = states.state(file)
        if state is None:
            lost.append(f"{name} counts as stale: the log as it read it is lost, neither the file nor git holds it.")
            stale.append(name)
            continue
        known = lines if state.text is states.now else states.lines_of(key, state.text)
        if edits.outcome_at(known, column, state.size) != now:
            stale.append(name)
    return stale, tuple(lost)


def _walk_forth(subject: Node, known: Provenance, stale: list[str]) -> Lineage:
    graph = Graph([subject])
    if subject.file is not None:
        graph.places[subject.file.path, subject.file.sha256] = 0
    waiting: list[tuple[int, Link]] = []
    for depth, name, links in known.walk(stale, forwards=True):
        record = known.runs[name]
        place = graph.place(name, Node("run", name, 2 * depth + 1, run=record))
        if depth == 0:
            graph.join(0, place)
        for one in record.outputs:
            if one.sha256 is not None:
                graph.join(
                    place, graph.place((one.path, one.sha256), Node("artifact", one.path, 2 * depth + 2, file=one))
                )
        waiting += [(place, link) for link in links]
    for place, link in waiting:
        node = None if link.file is None else graph.places.get((link.file.path, link.file.sha256))
        graph.join(place if node is None else node, graph.places[link.reader])
    return Lineage(subject.name, tuple(graph.nodes), tuple(graph.edges), forwards=True)
