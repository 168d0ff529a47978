"""What will go wrong when a notebook is run from top to bottom by somebody else: found by reading it, not by running it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from dcai.base.errors import InputError, shorten
from dcai.base.records import Lint, NotebookParameters, Problem
from dcai.base.yaml_text import builtin, read_yaml
from dcai.pipelines.names import MANIFEST, PIPELINE_NOTEBOOK
from dcai.pipelines.notebooks.bindings import assignments
from dcai.pipelines.notebooks.documents import is_python, kernel_of, read_notebook
from dcai.pipelines.notebooks.parameters import broken_cells, find_in, parse_cells, words_after
from dcai.pipelines.notebooks.remarks import remark_on
from dcai.pipelines.notebooks.scopes import Scope, read_scope

_PRIVATE = re.compile(r"(?:/(?:home|Users|root|Volumes|scratch)/|~[/\\](?!\.)|[A-Za-z]:[\\/](?![\\/]))\S")
# Mount points: of one machine where code uses them, and the inside of a container where they are handed on.
_MOUNTED = re.compile(r"/(?:mnt|media|content|kaggle|dbfs|gdrive)/\S")
_LONGEST_PATH = 300
_SEEDS = frozenset(["seed", "manual_seed", "seed_everything", "set_seed", "set_random_seed"])
_DRAWS = frozenset(
    ["rand", "randn", "randint", "random", "random_sample", "choice", "shuffle", "permutation", "normal", "uniform",
     "sample", "randrange", "choices", "gauss", "binomial", "poisson", "beta", "gamma", "exponential", "standard_normal"]
)  # fmt: skip
_SPLITTERS = frozenset(["train_test_split", "ShuffleSplit", "StratifiedShuffleSplit", "GroupShuffleSplit"])
_FOLDS = frozenset(["KFold", "StratifiedKFold"])
# How a line of R assigns: `b$kind[b$kind == "x"] <- 0`.
_ASSIGNS_IN_R = re.compile(r"^[ \t]*[A-Za-z.][\w.$]*(?:\[.*\])? <- ", re.MULTILINE)

Cells = Mapping[int, tuple[ast.Module, str]]


def lint(notebook: str | Path) -> Lint:
    """Read a notebook for what would make its runs differ from what its author saw.

    Looks for parameters that are never read, overwritten, derived too early or not settable; names that no earlier
    cell gives (hidden state); cells that were executed out of order; absolute paths; randomness without a seed; in a
    pipeline's notebook, defaults that its manifest sets otherwise.

    Parameters
    ----------
    notebook : str or Path
        A notebook file of nbformat 4.

    Returns
    -------
    Lint
        The parameters, and the problems in the order of the cells; `cell` and `line` count from 1.

    Raises
    ------
    MissingError, InputError
        There is no such file, or it is not a notebook.

    Examples
    --------
    >>> lint("train.ipynb").problems[0].code  # doctest: +SKIP
    'unread-parameter'
    """
    found = lint_in(read_notebook(notebook), str(notebook))
    return replace(found, problems=[*_find_other_defaults(Path(notebook), found), *found.problems])


def _find_other_defaults(path: Path, found: Lint) -> Iterator[Problem]:
    """Yield the defaults that a pipeline's manifest sets otherwise than its notebook, which is all that plain papermill sees."""
    beside = path.with_name(MANIFEST)
    if path.name != PIPELINE_NOTEBOOK or not beside.is_file():
        return
    try:
        stated = builtin(read_yaml(beside, "pipeline"))["parameters"]["properties"]
        defaults = {name: schema["default"] for name, schema in stated.items() if "default" in schema}
    except (InputError, LookupError, TypeError, AttributeError):
        yield Problem(
            "unreadable-manifest", None, None, f"{MANIFEST} beside it cannot be read. Promote the notebook again."
        )
        return
    own = {p.name: p.schema for p in found.parameters}
    for name in defaults.keys() & own.keys():
        if defaults[name] != own[name].get("default"):
            yield Problem(
                "other-default", None, None,
                f"{MANIFEST} sets {name!r} to {shorten(repr(defaults[name]))}, and this notebook to "
                f"{shorten(repr(own[name].get('default')))}: plain papermill uses the notebook's. Promote again to write it here.",
            )  # fmt: skip


def lint_in(notebook: Any, where: str) -> Lint:
    """Lint a notebook that has been read already."""
    found = find_in(notebook, where)
    if not is_python(notebook):
        return Lint(
            where, found.parameters, [Problem("not-python", None, None, sentence) for sentence in found.problems]
        )
    cells = parse_cells(notebook)
    broken = broken_cells(notebook, cells)
    in_r = next((i for i in broken if _ASSIGNS_IN_R.search(notebook.cells[i].source)), None)
    if in_r is not None:
        # Some of R's lines are Python too, but mean something else: nothing can be said of them.
        said = f"Cell {in_r + 1} is R, though the notebook says it is Python. Choose the R kernel and save it."
        return Lint(where, found.parameters, [Problem("not-python", in_r + 1, None, said)])
    problems = [
        Problem("not-python", index + 1, None, f"Cell {index + 1} is not valid Python: every run stops there.")
        for index in broken
    ]
    if found.cell in cells:
        # In a cell that nobody has tagged, what cannot be set is no parameter.
        meant = [p for p in found.parameters if p.settable or found.tagged]
        problems += remark_on(meant, cells, found.cell, words_after(notebook, cells, found.cell))
    # What a broken cell would give to those after it cannot be told.
    sound = {i: cell for i, cell in cells.items() if not broken or i < broken[0]}
    problems += [*_find_hidden_state(sound, _given_by_kernel(notebook), whole=not broken), *_find_disorder(notebook)]
    problems += [*_find_paths(cells, found), *_find_chance(cells)]
    return Lint(where, found.parameters, sorted(problems, key=lambda p: (p.cell or 0, p.line or 0, p.code)))


def _given_by_kernel(notebook: Any) -> set[str]:
    """Return the names that the kernel of a notebook gives beyond Python's own."""
    return {"spark", "sc", "sqlContext"} if "spark" in kernel_of(notebook).lower() else set()


def _find_hidden_state(cells: Cells, given: set[str], *, whole: bool) -> Iterator[Problem]:
    """Yield the names that are read where no earlier cell (for functions: no cell at all) has given them."""
    scopes = {index: read_scope(tree) for index, (tree, _) in cells.items()}
    ever = given.union(*(s.gives for s in scopes.values()))
    # A function may be called when a later cell has given names that no syntax shows.
    told_late = whole and not any(s.opaque for s in scopes.values())
    known = set(given)
    told: set[str] = set()
    for index, scope in scopes.items():
        if scope.opaque:
            return  # from here on names may exist that no syntax shows
        for need in scope.needs:
            if need.name in told or need.name in (ever if need.late else known) or (need.late and not told_late):
                continue
            told.add(need.name)
            yield Problem("hidden-state", index + 1, need.line, _tell_hidden(need.name, index, scopes))
        known |= scope.gives


def _tell_hidden(name: str, index: int, scopes: Mapping[int, Scope]) -> str:
    later = next((i for i, scope in scopes.items() if i >= index and name in scope.gives), None)
    if later is None:
        return f"{name!r} is read in cell {index + 1}, but no cell defines it."
    if later == index:
        return f"{name!r} is read in cell {index + 1} before it is defined further down in it."
    return f"{name!r} is read in cell {index + 1}, but defined only in cell {later + 1}. Move the definition up."


def _find_disorder(notebook: Any) -> Iterator[Problem]:
    counts = [c.execution_count for c in notebook.cells if c.cell_type == "code" and c.source.strip()]
    done = [n for n in counts if isinstance(n, int)]
    if done != sorted(done):
        yield Problem(
            "out-of-order", None, None,
            "The cells were last executed in another order than they stand in. Restart the kernel and run all cells.",
        )  # fmt: skip


def _find_paths(cells: Cells, found: NotebookParameters) -> Iterator[Problem]:
    """Yield the paths of one machine; the default of a parameter is none, for a run can set another."""
    settable = {p.name for p in found.parameters if p.settable}
    for index, (tree, _) in cells.items():
        own = [a.value for a in assignments(tree) if a.value is not None and a.name in settable]
        exempt = {id(n) for value in own for n in ast.walk(value)} if index == found.cell else set()
        used = {id(n) for part in _used_paths(tree) for n in ast.walk(part)}
        for node in ast.walk(tree):
            if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or id(node) in exempt:
                continue
            text = node.value
            if len(text) > _LONGEST_PATH or "\n" in text:
                continue
            if _PRIVATE.match(text) or (_MOUNTED.match(text) and id(node) in used):
                yield Problem(
                    "absolute-path", index + 1, node.lineno,
                    f"{text!r} is a path of one machine. Use a path relative to the repository root, or a parameter.",
                )  # fmt: skip


def _used_paths(tree: ast.Module) -> Iterator[ast.expr]:
    """Yield the expressions whose text Python itself uses: arguments of calls, and what plain names are bound to."""
    yield from (part for n in ast.walk(tree) if isinstance(n, ast.Call) for part in n.args)
    yield from (k.value for n in ast.walk(tree) if isinstance(n, ast.Call) for k in n.keywords)
    yield from (a.value for a in assignments(tree) if a.value is not None and not isinstance(a.value, ast.Dict))


def _find_chance(cells: Cells) -> Iterator[Problem]:
    """Yield the calls that draw at random although nothing before them has set a seed."""
    seeded: set[str] = set()
    told: set[tuple[int, int, str]] = set()
    names: dict[str, str] = {}  # what a name stands for: `np` for `numpy`, `choice` for `random.choice`
    for index, (tree, _) in cells.items():
        for node in sorted(_placed(tree), key=lambda n: (n.lineno, n.col_offset)):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                names |= _imported(node)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                names.pop(node.id, None)
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and node.attr in _SEEDS:
                seeded |= {"numpy", "random"}  # the settings of a library that seeds everything
            elif isinstance(node, ast.Call) and (where := _resolve(node.func, names)):
                if where.rpartition(".")[2] in _SEEDS:
                    seeded |= {where.partition(".")[0]} & {"numpy", "random"} or {"numpy", "random"}
                elif (source := _chance_of(node, where)) and source not in seeded:
                    if (place := (index, node.lineno, where)) in told:
                        continue
                    told.add(place)
                    yield Problem(
                        "unpinned-randomness", index + 1, node.lineno,
                        f"{ast.unparse(node.func)}() draws at random without a seed, so no two runs agree. {_ADVICE[source]}",
                    )  # fmt: skip


def _placed(tree: ast.Module) -> list[ast.stmt | ast.expr]:
    return [node for node in ast.walk(tree) if isinstance(node, (ast.stmt, ast.expr))]


def _imported(node: ast.Import | ast.ImportFrom) -> dict[str, str]:
    if isinstance(node, ast.Import):
        return {
            a.asname or a.name.partition(".")[0]: a.name if a.asname else a.name.partition(".")[0] for a in node.names
        }
    return {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}


def _resolve(node: ast.expr, names: Mapping[str, str]) -> str:
    """Return `numpy.random.rand` of `np.random.rand`; "" where the name was not imported."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    first = names.get(node.id, "") if isinstance(node, ast.Name) else ""
    return ".".join([first, *reversed(parts)]) if first else ""


_ADVICE = {
    "numpy": "Give it random_state=0, or call np.random.seed(0) first.",
    "random": "Call random.seed(0) first.",
    "generator": "Give it a seed: default_rng(0).",
}


def _chance_of(call: ast.Call, where: str) -> str | None:
    """Say which source of randomness a call draws from; None where it draws from none, or names its own seed."""
    module, _, name = where.rpartition(".")
    if any(k.arg in ("random_state", "seed", None) for k in call.keywords):
        return None
    if where == "numpy.random.default_rng":
        return None if call.args else "generator"
    if module.startswith("sklearn.") and (name in _SPLITTERS or (name in _FOLDS and _is_shuffled(call))):
        return "numpy"
    if name in _DRAWS and module in ("random", "numpy.random"):
        return module.partition(".")[0]
    return None


def _is_shuffled(call: ast.Call) -> bool:
    given = (k.value for k in call.keywords if k.arg == "shuffle")
    return any(isinstance(v, ast.Constant) and bool(v.value) for v in given)
