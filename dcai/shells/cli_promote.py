"""The commands `promote`, `run` and `runs`: decode, call, encode."""

from __future__ import annotations

import json
import re
import sys
import warnings
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dcai.base.display import show_text
from dcai.base.errors import InputError

if TYPE_CHECKING:
    from dcai.base.records import RunRecord

_JSON = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
_ROOT = click.option("--root", type=click.Path(file_okay=False), help="The repository (default: the one at hand).")
_LONGEST_MESSAGE = 2000
_SHOWN_FACTS = ("run", "pipeline", "status", "seconds", "parameters", "metrics", "error")
_ARROW = re.compile(r"^-+> (\d+)", re.MULTILINE)


@click.command()
@click.argument("notebook", type=click.Path())
@click.option("--name", help="The pipeline's name (default: made of the file's name).")
@click.option("-p", "--parameter", "parameters", multiple=True, metavar="K[=V]", help="Offer K, with a new default V.")
@click.option("--input", "inputs", multiple=True, metavar="PATH", help="A file that must exist before a run.")
@click.option("--output", "outputs", multiple=True, metavar="PATH", help="A file that a run must make.")
@click.option(
    "--gate", "gates", multiple=True, metavar="'METRIC RULE'", help="For example 'accuracy >= 0.9', as one text."
)
@click.option("--commit", is_flag=True, help="Commit the pipeline's files, and nothing else.")
@click.option("--no-check", is_flag=True, help="Skip the run in a fresh kernel.")
@_ROOT
@_JSON
def promote(
    notebook: str,
    name: str | None,
    parameters: tuple[str, ...],
    inputs: tuple[str, ...],
    outputs: tuple[str, ...],
    gates: tuple[str, ...],
    *,
    commit: bool,
    no_check: bool,
    root: str | None,
    as_json: bool,
) -> None:
    """Make NOTEBOOK a pipeline: pipelines/NAME with a clean notebook and pipeline.yaml."""
    from dcai.base import contract
    from dcai.pipelines.ledger import one_line
    from dcai.pipelines.pipeline import promote as promote_notebook

    made = promote_notebook(
        notebook,
        name,
        parameters=_offered(notebook, parameters),
        inputs=inputs or None,
        outputs=outputs or None,
        gates=_gates(gates),
        commit=commit,
        check=not no_check,
        root=root,
    ).promotion
    assert made is not None
    if as_json:
        click.echo(contract.to_json(made))
        return
    for path in made.files:
        click.echo(f"wrote {one_line(path, _LONGEST_MESSAGE)}")
    click.echo(f"committed {made.commit[:10]}" if made.commit else "not committed")
    for note in made.notes:
        click.echo(f"note: {one_line(note, _LONGEST_MESSAGE)}", err=True)
    click.echo(f"run it with: dcai run {made.name}")


def _offered(notebook: str, texts: tuple[str, ...]) -> Mapping[str, Any] | list[str] | None:
    if not texts:
        return None
    if not any("=" in t for t in texts):
        return list(texts)
    from dcai.pipelines.parameters import find_parameters

    return _parse_assignments(texts, {p.name: p.schema for p in find_parameters(notebook).parameters})


def _gates(texts: tuple[str, ...]) -> dict[str, str] | None:
    gates = {}
    for text in texts:
        metric = re.split(r"[\s<>=!]", text.strip(), maxsplit=1)[0]
        gates[metric] = text.strip().removeprefix(metric).strip()
    return gates or None


@click.command()
@click.argument("target", metavar="NAME|DIR|NOTEBOOK", type=click.Path())
@click.option(
    "-p", "--parameter", "parameters", multiple=True, metavar="K=V", help="Set a parameter, read by its type."
)
@click.option(
    "-f", "--file", "files", multiple=True, type=click.Path(), metavar="PARAMS", help="Values from YAML or JSON."
)
@click.option("-o", "--output", type=click.Path(), help="Write the executed notebook here too.")
@click.option("--kernel", help="Another kernel than the notebook's.")
@click.option("--cwd", type=click.Path(), help="Another working directory than the repository root.")
@click.option("--cell-timeout", type=float, metavar="SECONDS", help="What one cell may take.")
@click.option("--timeout", type=float, metavar="SECONDS", help="What the whole run may take.")
@click.option("--run-id", help="The run's id (default: made of the time).")
@click.option("--quiet", is_flag=True, help="No progress.")
@_ROOT
@_JSON
@click.pass_context
def run(
    context: click.Context,
    /,
    target: str,
    parameters: tuple[str, ...],
    files: tuple[str, ...],
    *,
    quiet: bool,
    as_json: bool,
    root: str | None,
    **options: Any,
) -> None:
    """Run a pipeline or a notebook; the exit code says how it ended."""
    from dcai.base import contract
    from dcai.pipelines.ledger import one_line
    from dcai.pipelines.runs import carry_out

    values = _values(target, root, parameters, files)
    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = lambda message, *_, **__: click.echo(f"warning: {one_line(message, 500)}", err=True)
        done = carry_out(target, values, root=root, progress=None if quiet else _Reporter(), **options)
    if as_json:
        click.echo(contract.to_json(done.record))
    else:
        for name, value in done.metrics.items():
            click.echo(one_line(f"{name} = {value}"))
        click.echo(f"{done.status}  {one_line(done.folder, _LONGEST_MESSAGE)}")
    if done.record.error is not None:
        click.echo(explain(done.record), err=True)
    context.exit(done.exit_code)


def _values(target: str, root: str | None, texts: tuple[str, ...], files: tuple[str, ...]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name in files:
        values |= _read_values(Path(name))
    if texts:
        values |= _parse_assignments(texts, _schemas(target, root))
    return values


def _schemas(target: str, root: str | None) -> dict[str, Any]:
    from dcai.pipelines.definition import load_pipeline
    from dcai.pipelines.parameters import find_parameters

    found = find_parameters(target) if target.endswith(".ipynb") else load_pipeline(target, root).found
    return {p.name: p.schema for p in found.parameters}


def _parse_assignments(texts: tuple[str, ...], schemas: Mapping[str, Any]) -> dict[str, Any]:
    from dcai.pipelines.parameters import parse_value

    values = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise InputError(f"-p needs NAME=VALUE. Got {text!r} instead.")
        if name not in schemas:
            raise InputError.unknown_name("parameter", name, schemas)
        if name in values:
            raise InputError(f"-p gives the parameter {name!r} twice. Give it once.")
        values[name] = parse_value(schemas[name], value, name)
    return values


def _read_values(path: Path) -> dict[str, Any]:
    from dcai.pipelines.manifest import builtin, read_yaml

    try:
        is_json = path.suffix == ".json" and path.is_file()
        found = (
            json.loads(path.read_text("utf-8"), object_pairs_hook=_unique)
            if is_json
            else read_yaml(path, "parameter file")
        )
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} is not valid JSON: {error}.") from error
    if found is None:
        return {}
    if not isinstance(found, dict) or not all(isinstance(k, str) for k in found):
        raise InputError(f"{path} must hold a mapping of parameter names to values.")
    return {name: builtin(value) for name, value in found.items()}


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make a mapping of JSON's pairs; a name that stands there twice is an error, as it is in YAML."""
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(n for n in names if names.count(n) > 1)!r} stands there twice")
    return found


class _Reporter:
    """Writes the progress of a run to stderr, a line for each cell that ended."""

    def __init__(self) -> None:
        self.total, self.number, self.source = 0, 0, ""

    def __call__(self, event: dict[str, Any]) -> None:
        """Report one event of the journal; a reader of stderr who has gone away does not end the run."""
        with suppress(BrokenPipeError):
            self._report(event)

    def _report(self, event: dict[str, Any]) -> None:
        if event["event"] == "start":
            self.total = event["cells"]
        elif event["event"] == "cell_started":
            self.number, self.source = self.number + 1, show_text(event["source"])
            if sys.stderr.isatty():
                click.echo(f"[{self.number}/{self.total}] {self.source}\r", nl=False, err=True)
        elif event["event"] == "cell_ended":
            mark = "" if event["ok"] else "  failed"
            click.echo(f"[{self.number}/{self.total}] {self.source}  {event['wall']:.1f} s{mark}", err=True)


def explain(record: RunRecord) -> str:
    """Say why a run did not succeed, with the line of the notebook where it went wrong."""
    error = record.error
    assert error is not None
    from dcai.pipelines.ledger import one_line

    # What follows the first line of a message is set in, so that it cannot be taken for a line of ours.
    message = "\n".join(f"    {line}" for line in f"{error.error}: {error.message}".splitlines()).strip()
    lines = [f"{record.status}: {show_text(message, _LONGEST_MESSAGE)}"]
    if error.cell is not None:
        source = error.source.splitlines()
        match = _ARROW.search(error.traceback)
        number = int(match[1]) if match and 0 < int(match[1]) <= len(source) else 0
        text = source[number - 1] if number else next(iter(source), "")
        lines.append(f"  cell {error.cell + 1}{f', line {number}' if number else ''}: {one_line(text.strip())}")
    return "\n".join(lines)


@click.command()
@click.argument("name", required=False)
@_ROOT
@_JSON
def runs(name: str | None, root: str | None, *, as_json: bool) -> None:
    """List the runs of a repository, newest first."""
    from dcai.base import contract
    from dcai.pipelines.ledger import history, one_line, shown

    found = history(name, root=root)
    if as_json:
        click.echo(json.dumps([contract.to_plain(r) for r in found], ensure_ascii=False))
    for one in () if as_json else found:
        facts = {fact: one_line(value) for fact, value in shown(one).items()}
        facts["seconds"] += " s"
        click.echo("  ".join(facts[f] for f in _SHOWN_FACTS).rstrip())
    if not as_json and not found:
        click.echo("There are no runs yet.", err=True)
    for problem in found.problems:
        click.echo(f"warning: {one_line(problem, _LONGEST_MESSAGE)}", err=True)
