"""The rules of the house: imports go down one staircase, nothing heavy loads early, names mean one thing."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import dcai

ROOT = Path(__file__).parents[1]
STAIRS = ["base", "findings", "corrections", "experiments", "pipelines", "shells"]
# Within a stage its packages, and the modules beside them, stand on stairs of their own.
FLIGHTS = {
    "corrections": [
        "certificate", "exhibits", "decisions", "values", "log", "files", "formats", "reviews", "exchange", "session",
        "outlook",
    ],
    "experiments": [
        "planting", "dictionaries", "samples", "scores", "results", "comparison", "saving", "batches", "shifts", "failures",
        "prospects", "scorecards",
    ],
    "pipelines": [
        "names", "masking", "notebooks", "processes", "archive", "origins", "lineage", "definitions", "conditions",
        "runtime", "engine", "course", "triggers", "variations", "runs", "promotion", "pipeline", "reproduction",
    ],
}  # fmt: skip
# Of the pipelines only these look further down than the base: gates, triggers, and the corrections behind a file. The
# others read and execute anybody's notebook.
DEEP = {"conditions", "origins", "triggers"}
HEAVY = {
    "pandas",
    "numpy",
    "sklearn",
    "scipy",
    "cleanlab",
    "papermill",
    "nbclient",
    "nbformat",
    "altair",
    "anywidget",
    "ipywidgets",
    "pyarrow",
}
LINES = 400
FUNCTION = 60
MODULES = sorted((ROOT / "dcai").rglob("*.py"))


def imports_of(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    return names | {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.module and not n.level}


def names_from_the_top(path: Path) -> set[str]:
    """What a module takes from `dcai` itself; `import dcai` counts as taking everything."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    whole = {"*" for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names if a.name == "dcai"}
    froms = [n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.module == "dcai"]
    stages = {a.name for n in froms for a in n.names if a.name in STAIRS}
    assert not stages, f"{path.name}: write 'from dcai.{min(stages)} import ...', so that the stairs are seen"
    return whole | {a.name for n in froms for a in n.names}


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_down_the_stairs(path: Path) -> None:
    parts = path.relative_to(ROOT / "dcai").parts
    if len(parts) == 1:
        return
    step = STAIRS.index(parts[0])
    for name in imports_of(path):
        # The top of the package loads every stage: nothing below may lean on it but for its version.
        assert name != "dcai" or parts[0] == "shells" or not names_from_the_top(path) - {"__version__"}
        if name.startswith("dcai."):
            target = name.split(".")[1]
            assert STAIRS.index(target) <= step, f"{path.name} imports {name}, which stands above it"
            if parts[0] == "pipelines" and parts[1].removesuffix(".py") not in DEEP:
                assert target in ("base", "pipelines")


@pytest.mark.parametrize("stage", FLIGHTS)
def test_the_places_of_a_stage_go_down_its_own_stairs(stage: str) -> None:
    flight = FLIGHTS[stage]
    folder = ROOT / "dcai" / stage
    modules = [path for path in MODULES if path.is_relative_to(folder) and path != folder / "__init__.py"]
    assert {path.relative_to(folder).parts[0].removesuffix(".py") for path in modules} == set(flight)
    packages = {place for place in flight if (folder / place).is_dir()}
    assert not packages & {*dcai.__all__, *(path.stem for path in modules)}, "one name, one thing"
    for path in modules:
        own = path.relative_to(folder).parts[0].removesuffix(".py")
        above = {place for place in flight[flight.index(own) :] if place != own} & _places_of(path, stage)
        assert not above, f"{own}/{path.name} imports of {sorted(above)}, which stand above it"


def _places_of(path: Path, stage: str) -> set[str]:
    """The places of a stage that a module imports from, at its top or inside of functions."""
    froms = [n for n in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(n, ast.ImportFrom)]
    names = imports_of(path) | {f"{n.module}.{a.name}" for n in froms for a in n.names}
    return {name.split(".")[2] for name in names if name.startswith(f"dcai.{stage}.")}


def test_detectors_know_nothing_of_each_other() -> None:
    folder = ROOT / "dcai" / "findings"
    for path in folder.rglob("*.py"):
        others = {n for n in imports_of(path) if n.startswith("dcai.findings.detectors.")}
        # What two detectors share stands below them; the audit of stored tables asks whole detectors, and no parts.
        shared = path.parent.name in ("streaming", "detectors") and path.name in ("repetitions.py", "__init__.py")
        assert not others or shared, f"{path.name} imports {sorted(others)}"


@pytest.mark.parametrize(("lower", "upper"), [("cells", "rules"), ("rules", "detectors"), ("labels", "learning")])
def test_packages_of_findings_do_not_lean_on_each_other(lower: str, upper: str) -> None:
    for path in (ROOT / "dcai" / "findings" / lower).rglob("*.py"):
        assert not {n for n in imports_of(path) if n.startswith(f"dcai.findings.{upper}")}, path


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_modules_and_functions_stay_small(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    limit = 550 if path.name == "records.py" else LINES  # the contract stands in one place
    assert len(text.splitlines()) <= limit
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            documented = ast.get_docstring(node) is not None
            start = node.body[0].end_lineno if documented and node.body[0].end_lineno else node.lineno
            assert (node.end_lineno or 0) - start <= FUNCTION, f"{node.name} is too long"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_the_library_does_not_print_and_catches_what_it_names(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"^\s*print\(", text, re.MULTILINE)
    broad = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.ExceptHandler) and _is_broad(n)]
    crossings = path.parent.name == "shells" or path.name in ("running.py", "execution.py", "beside.py")
    assert not broad or crossings, (
        "a broad except belongs to the few named crossings: the shells, a detector, the engine"
    )


def _is_broad(handler: ast.ExceptHandler) -> bool:
    """Whether a handler catches everything and does not raise it again."""
    named = isinstance(handler.type, ast.Name) and handler.type.id in ("Exception", "BaseException")
    return (handler.type is None or named) and not any(isinstance(n, ast.Raise) and n.exc is None for n in handler.body)


def test_importing_dcai_loads_nothing_heavy() -> None:
    code = "import sys, dcai, json; dcai.__version__; print(json.dumps(sorted(sys.modules)))"
    loaded = json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
    assert not HEAVY & {name.split(".")[0] for name in loaded}


def test_help_loads_nothing_heavy() -> None:
    code = "import sys\nfrom dcai.shells.cli import main\ntry:\n    main(['--help'])\nfinally:\n    print(sorted(sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "Commands:" in done.stdout
    assert not HEAVY & set(re.findall(r"'(\w+)'", done.stderr))


def test_public_names_are_there_and_documented() -> None:
    for name in dcai.__all__:
        value = getattr(dcai, name)
        assert name in dir(dcai)
        if inspect.isfunction(value):
            text = inspect.getdoc(value) or ""
            assert "Examples\n--------" in text, f"{name} has no example"
            assert "Parameters\n----------" in text or not inspect.signature(value).parameters, (
                f"{name} has no parameters"
            )
    with pytest.raises(AttributeError, match="module 'dcai' has no attribute 'adit'. Public names: Audit"):
        _ = dcai.adit


def test_no_name_is_both_module_and_function() -> None:
    for path in MODULES:
        package = importlib.import_module(".".join(path.parent.relative_to(ROOT).parts))
        if path.stem != "__init__" and not path.stem.startswith("_"):
            assert not inspect.isfunction(vars(package).get(path.stem)), path
    for name in dcai.__all__:
        assert name == "detectors" or not (ROOT / "dcai" / f"{name}.py").exists()


def test_the_project_speaks_of_itself_alone() -> None:
    files = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\n")
    for name in files:
        path = ROOT / name
        if path.suffix in (".py", ".ts", ".tsx", ".md", ".json", ".toml", ".yml", ".sh", ".ipynb") and path.is_file():
            text = path.read_text(encoding="utf-8")
            assert "/home/" not in text or path == Path(__file__), f"{name} holds a machine's path"
            assert not re.search(r'"resolved": *"http', text), f"{name} holds a registry's address"
