"""What two runs differ in: parameters, metrics, data, corrections, code, environment, outputs, how they ended."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from dcai.base import display
from dcai.base.errors import DcaiError
from dcai.base.records import FileHash, RunRecord
from dcai.pipelines.archive import ledger, snapshots, tags
from dcai.pipelines.names import find_root
from dcai.pipelines.notebooks import documents

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = ("part", "name", "before", "after")
_HASH = 12


class Change(NamedTuple):
    """One thing in which two runs differ; `before` or `after` is None where a run has nothing of the kind."""

    part: str
    name: str
    before: Any
    after: Any


@dataclass(frozen=True)
class Difference:
    """What two runs differ in; `code` is the difference of their cells as a unified diff.

    Examples
    --------
    >>> Difference("one", "two", (Change("metrics", "accuracy", 0.9, 0.91),))
    <Difference of 'one' and 'two': metrics accuracy>
    """

    before: str
    after: str
    changes: tuple[Change, ...] = ()
    code: str = ""

    def __bool__(self) -> bool:
        """Tell whether there is any difference."""
        return bool(self.changes)

    def to_frame(self) -> pd.DataFrame:
        """Return one row for each change.

        Examples
        --------
        >>> list(Difference("one", "two").to_frame().columns)
        ['part', 'name', 'before', 'after']
        """
        import pandas as pd

        return pd.DataFrame(self.changes, columns=list(_COLUMNS))

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        changes = [c._asdict() for c in self.changes]
        return {"before": self.before, "after": self.after, "changes": changes, "code": self.code}

    def __repr__(self) -> str:
        said = ", ".join(f"{c.part} {c.name}" for c in self.changes) or "none"
        return f"<Difference of {self.before!r} and {self.after!r}: {ledger.one_line(said)}>"

    def _repr_html_(self) -> str:
        rows = [{k: "" if v is None else v for k, v in c._asdict().items()} for c in self.changes]
        title = f"<h3>{display.escape(self.before)} and {display.escape(self.after)}</h3>"
        table = display.to_table(rows, _COLUMNS) if rows else '<p class="muted">No difference.</p>'
        return display.to_block(title, table, f"<pre>{display.escape(self.code)}</pre>" if self.code else "")


def diff(run: str, other: str, *, root: str | Path | None = None) -> Difference:
    """Compare two runs.

    Parameters
    ----------
    run, other : str
        Runs, earlier one first: ids, tags, `pipeline/run`, or paths of run folders.
    root : str or Path, optional
        The repository; None takes the one that holds the current folder.

    Returns
    -------
    Difference
        With `changes`, `code`, `to_frame()`; false where the runs differ in nothing but their moment.

    Raises
    ------
    MissingError
        There is no such run.

    Examples
    --------
    >>> diff("production", "20260131T120000-000000-ab12cd")  # doctest: +SKIP
    <Difference of 'production' and '20260131T120000-000000-ab12cd': metrics accuracy, data data/train.csv>
    """
    top = find_root(Path.cwd(), root)
    (one, first), (two, second) = tags.find_run(run, top), tags.find_run(other, top)
    changes = [
        *compare_values("run", _facts(one), _facts(two)),
        *compare_values("parameters", one.parameters, two.parameters),
        *compare_values("metrics", one.metrics, two.metrics),
        *compare_values("data", _hashes(one.inputs), _hashes(two.inputs)),
        *_compare_logs(one, two, top),
        *compare_values("code", _hashes(one.code), _hashes(two.code)),
    ]
    cells = _compare_cells(first, second)
    numbers = sorted({n for n, _ in cells})
    changes += [Change("code", f"cell {n + 1}", None, None) for n in numbers]
    changes += compare_environments((one, first), (two, second))
    changes += compare_values("outputs", _made(one), _made(two))
    return Difference(run, other, tuple(changes), "\n".join(text for _, text in cells))


def _facts(one: RunRecord) -> dict[str, Any]:
    failed = None if one.error is None else f"{one.error.error}: {one.error.message}"
    return {"pipeline": one.pipeline, "status": one.status, "error": failed, "commit": one.commit, "dirty": one.dirty}


def _hashes(files: Sequence[FileHash]) -> dict[str, str | None]:
    return {f.path: None if f.sha256 is None else f.sha256[:_HASH] for f in files}


def _made(one: RunRecord) -> dict[str, str | None]:
    """Return what a run has made; artifacts by their names within its folder."""
    own = f"{ledger.RUNS}/{one.pipeline}/{one.run}/"
    return {path.removeprefix(own): made for path, made in _hashes(one.outputs).items()}


def compare_values(part: str, one: Mapping[str, Any], two: Mapping[str, Any]) -> Iterator[Change]:
    """Yield the names whose values differ.

    Examples
    --------
    >>> list(compare_values("metrics", {"n": 1}, {"n": 2}))
    [Change(part='metrics', name='n', before=1, after=2)]
    """
    for name in dict.fromkeys([*one, *two]):
        before, after = one.get(name), two.get(name)
        # True and 1 are equal for Python, and not for a reader.
        if (name in one) != (name in two) or type(before) is not type(after) or before != after:
            yield Change(part, name, before, after)


def compare_environments(one: tuple[RunRecord, Path], two: tuple[RunRecord, Path]) -> Iterator[Change]:
    """Yield what two runs had around them that differs: package by package, where both of their lists were kept."""
    before, after = dict(one[0].environment), dict(two[0].environment)
    lists = [_read_packages(folder / ledger.PACKAGES) for _, folder in (one, two)]
    if all(lists):
        before, after = ({**f, **packages} for f, packages in zip((before, after), lists, strict=True))
        del before["packages"], after["packages"]  # the hashes of the lists
    yield from compare_values("environment", before, after)


def _read_packages(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    return {name: version for name, _, version in (line.partition("==") for line in lines)}


def _compare_logs(one: RunRecord, two: RunRecord, root: Path) -> Iterator[Change]:
    """Compare correction logs: by their number of lines where today's log still begins as they were."""
    before, after = ({f.path: _count_lines(f, root) for f in r.corrections} for r in (one, two))
    hashes = {f.path: f.sha256 for f in one.corrections}, {f.path: f.sha256 for f in two.corrections}
    for name in dict.fromkeys([*before, *after]):
        if hashes[0].get(name) != hashes[1].get(name):
            yield Change("corrections", name, before.get(name), after.get(name))


def _count_lines(one: FileHash, root: Path) -> str | None:
    if one.sha256 is None or one.size is None:
        return None
    begun = snapshots.read_beginning(root / one.path, one)
    lines = "" if begun is None else f"{len(begun.splitlines())} lines, "
    return lines + one.sha256[:_HASH]


def _compare_cells(first: Path, second: Path) -> list[tuple[int, str]]:
    """Return the difference of each cell that changed, came or went, by its number in the later notebook."""
    (one, _), (two, numbers) = (_cells_of(folder / ledger.NOTEBOOK) for folder in (first, second))
    found = []
    for kind, i1, i2, j1, j2 in difflib.SequenceMatcher(a=one, b=two, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        for step in range(max(i2 - i1, j2 - j1)):
            old = one[i1 + step].splitlines() if i1 + step < i2 else []
            new = two[j1 + step].splitlines() if j1 + step < j2 else []
            number = numbers[min(j1 + step, len(two) - 1)] if two else 0
            label = f"cell {number + 1}"
            found.append((number, "\n".join(difflib.unified_diff(old, new, label, label, lineterm=""))))
    return found


def _cells_of(path: Path) -> tuple[list[str], list[int]]:
    """Return the sources of a notebook's cells of code and their numbers, as its pipeline has them.

    The cell that sets values is none of them: what it holds are parameters.
    """
    try:
        notebook = documents.read_notebook(path)
    except DcaiError:
        return [], []  # a run that never came to its notebook
    cells = [c for c in notebook.cells if not documents.is_tagged(c, documents.INJECTED)]
    code = [(c.source, i) for i, c in enumerate(cells) if c.cell_type == "code"]
    return [source for source, _ in code], [number for _, number in code]
