"""A pipeline as its folder in a repository holds it: read, shown, listed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dcai.base import display, git
from dcai.base.errors import DcaiError, InputError, MissingError
from dcai.base.records import NotebookParameters, Parameter, PipelineSummary, Promotion
from dcai.base.yaml_text import builtin
from dcai.pipelines.archive import ledger
from dcai.pipelines.definitions import manifest
from dcai.pipelines.definitions.declarations import bytes_of
from dcai.pipelines.definitions.manifest import MANIFEST, PIPELINE_NOTEBOOK
from dcai.pipelines.names import find_root, relative_to_root, require_inside, require_name
from dcai.pipelines.notebooks import parameters as params
from dcai.pipelines.notebooks import schemas

FOLDER = "pipelines"


@dataclass(frozen=True)
class Pipeline:
    """A pipeline as its folder holds it; `promotion` says what `promote` did to make it.

    `parameters` is a JSON Schema object; `inputs`, `outputs` and `corrections` are relative to `root`. The forms of
    `gates`, `triggers`, `environment`, `retries`, `smoke` stand in `dcai.pipelines.definitions.declarations`.

    Examples
    --------
    >>> load_pipeline("train").outputs  # doctest: +SKIP
    ('models/model.pkl',)
    """

    name: str
    folder: Path
    root: Path
    kernel: str
    parameters: dict[str, Any]
    source: str = ""
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    corrections: tuple[str, ...] | None = None
    upstream: tuple[str, ...] = ()
    gates: dict[str, Any] = field(default_factory=dict)
    triggers: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    timeout: dict[str, float] = field(default_factory=dict)
    retries: dict[str, Any] = field(default_factory=dict)
    on_failure: tuple[str, ...] = ()
    smoke: dict[str, Any] = field(default_factory=dict)
    snapshots: bool = False
    output_limit: int | None = None
    promotion: Promotion | None = None

    @property
    def notebook(self) -> Path:
        """The pipeline's notebook."""
        return self.folder / PIPELINE_NOTEBOOK

    @property
    def found(self) -> NotebookParameters:
        """The parameters as the manifest has them, with the cell of the notebook that holds them."""
        return self.offer(params.find_parameters(self.notebook))

    def offer(self, found: NotebookParameters) -> NotebookParameters:
        """Return the parameters of a notebook as far as this pipeline offers them, with its own schemas."""
        known = {p.name: p for p in found.parameters}
        listed: list[Parameter] = []
        for name, schema in self.parameters.get("properties", {}).items():
            if name not in known:
                raise InputError.unknown_name(
                    f"parameter in {self.notebook}", name, known, "Promote the notebook again."
                )
            listed.append(replace(known[name], schema=dict(schema), settable=True))
        return replace(found, parameters=listed)

    def preset(self, found: NotebookParameters) -> dict[str, Any]:
        """Return the defaults that the manifest sets otherwise than the notebook; a run sets them like given values."""
        own = params.defaults_of(found)
        stated = params.defaults_of(self.offer(found))
        return {n: v for n, v in stated.items() if n not in own or own[n] != v}

    def __repr__(self) -> str:
        names = ledger.one_line(", ".join(self.parameters.get("properties", {})) or "none")
        return f"<Pipeline {self.name!r}: parameters {names}; {relative_to_root(self.folder, self.root)}>"

    def _repr_html_(self) -> str:
        rows = [
            {
                "parameter": name,
                "type": s.get("x-python", ""),
                "default": s.get("default", ""),
                "help": s.get("description", ""),
            }
            for name, s in self.parameters.get("properties", {}).items()
        ]
        made = self.promotion
        commit = "" if made is None else f"commit {made.commit[:10]}" if made.commit else "not committed"
        where = f"{relative_to_root(self.folder, self.root)} {commit}"
        notes = "".join(f'<p class="muted">{display.escape(n)}</p>' for n in (made.notes if made else []))
        table = display.to_table(rows, ("parameter", "type", "default", "help"))
        title = f"<h3>Pipeline {display.escape(self.name)}</h3>"
        return display.to_block(title, f'<p class="muted">{display.escape(where)}</p>', table, notes)


def load_pipeline(name_or_dir: str | Path, root: str | Path | None = None) -> Pipeline:
    """Read a pipeline by its name or its folder.

    Parameters
    ----------
    name_or_dir : str or Path
        A name below `pipelines/` of the root, or a folder with a `pipeline.yaml`.
    root : str or Path, optional
        The repository; None takes the one that holds the folder, or the current folder.

    Examples
    --------
    >>> load_pipeline("train")  # doctest: +SKIP
    <Pipeline 'train': parameters rate, trees; pipelines/train>
    """
    folder = Path(name_or_dir)
    if not (folder / MANIFEST).is_file():
        top = find_root(Path.cwd(), root)
        name = require_name(str(name_or_dir), "load_pipeline()")
        folder = top / FOLDER / name
        if not (folder / MANIFEST).is_file():
            known = sorted(p.parent.name for p in (top / FOLDER).glob(f"*/{MANIFEST}"))
            hint = f"Looked in {top / FOLDER}. Promote a notebook first: dcai promote NOTEBOOK."
            raise MissingError.unknown_name("pipeline", name, known, hint)
    folder = folder.resolve()
    if root is None and git.root_of(folder) is None and folder.parent.name == FOLDER:
        return read_definition(folder, folder.parent.parent)
    return read_definition(folder, find_root(folder, root))


def read_definition(folder: Path, root: Path) -> Pipeline:
    """Read the pipeline of a folder that has a manifest."""
    return define(manifest.read_manifest(folder / MANIFEST), folder, root)


def define(found: Any, folder: Path, root: Path) -> Pipeline:
    """Make a pipeline of a checked manifest."""
    name = require_name(found.get("name", folder.name), f"{folder / MANIFEST}")
    if name != folder.name:
        raise InputError(
            f"'name' in {folder / MANIFEST} is {name!r}, but its folder is {folder.name!r}. Make them equal."
        )
    if found.get("notebook", PIPELINE_NOTEBOOK) != PIPELINE_NOTEBOOK:
        got = found["notebook"]
        raise InputError(
            f"'notebook' in {folder / MANIFEST} must be {PIPELINE_NOTEBOOK!r}, beside it. Got {got!r} instead."
        )
    parameters = builtin(found.get("parameters", {}))
    if wrong := schemas.problem_of_schema(parameters):
        raise InputError(f"'parameters' in {folder / MANIFEST} is not a schema that can be used: {wrong}")
    corrections = found.get("corrections")
    return Pipeline(
        name=name,
        folder=folder,
        root=root,
        kernel=found.get("kernel", "python3"),
        parameters=parameters,
        source=found.get("source", ""),
        inputs=tuple(str(require_inside(p, "An input")) for p in found.get("inputs", [])),
        outputs=tuple(str(require_inside(p, "An output")) for p in found.get("outputs", [])),
        corrections=None if corrections is None else tuple(str(require_inside(p, "A log")) for p in corrections),
        upstream=tuple(map(str, found.get("upstream", []))),
        gates=builtin(found.get("gates", {})),
        triggers=builtin(found.get("triggers", {})),
        environment=builtin(found.get("environment", {})),
        timeout={str(k): float(v) for k, v in found.get("timeout", {}).items()},
        retries=builtin(found.get("retries", {})),
        on_failure=tuple(map(str, found.get("on_failure", []))),
        smoke=builtin(found.get("smoke", {})),
        snapshots=bool(found.get("snapshots", False)),
        output_limit=bytes_of(builtin(found["output_limit"])) if "output_limit" in found else None,
    )


def list_pipelines(root: str | Path | None = None) -> list[PipelineSummary]:
    """List the pipelines of a repository with their last runs; one that cannot be read says why in `problem`.

    Examples
    --------
    >>> list_pipelines("/usr/share")
    []
    """
    top = find_root(Path.cwd(), root)
    summaries = []
    for path in sorted((top / FOLDER).glob(f"*/{MANIFEST}")):
        folder = relative_to_root(path.parent, top)
        try:
            one = read_definition(path.parent, top)
            runs = ledger.history(one.name, root=top)
        except DcaiError as error:
            summaries.append(PipelineSummary(path.parent.name, folder, "", {}, 0, None, str(error)))
            continue
        last = runs[0] if len(runs) else None
        notebook = relative_to_root(one.notebook, top)
        summaries.append(PipelineSummary(one.name, folder, notebook, one.parameters, len(runs), last))
    return summaries
