"""The commands `promote` and `run`: decode, call, encode."""

from __future__ import annotations

import json
import re
import shutil
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dcai.base.display import show_text
from dcai.base.errors import InputError

if TYPE_CHECKING:
    from dcai.base.records import RunRecord

_JSON = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
_ROOT = click.option("--root", type=click.Path(file_okay=False), help="The repository (default: the one at hand).")
_LONGEST_MESSAGE, _LONGEST_NAMES = 2000, 100
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
@click.option("--schedule", metavar="CRON", help="When a run is due by the clock, such as '0 3 * * *', in UTC.")
@click.option("--ci", type=click.Choice(["github"]), help="Write a workflow that runs it, too.")
@click.option("--cell", type=int, metavar="N", help="The number of the cell that holds the parameters, from 1.")
@click.option("--commit", is_flag=True, help="Commit the pipeline's files, and nothing else.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask in a terminal whether the changes are wanted.")
@click.option("--no-check", is_flag=True, help="Skip the run in a fresh kernel.")
@_ROOT
@_JSON
def promote(  # noqa: PLR0913 (one argument for each option)
    notebook: str,
    name: str | None,
    parameters: tuple[str, ...],
    inputs: tuple[str, ...],
    outputs: tuple[str, ...],
    gates: tuple[str, ...],
    *,
    schedule: str | None,
    ci: str | None,
    cell: int | None,
    commit: bool,
    yes: bool,
    no_check: bool,
    root: str | None,
    as_json: bool,
) -> None:
    """Make NOTEBOOK a pipeline: pipelines/NAME with a clean notebook and pipeline.yaml."""
    from dcai.base import contract
    from dcai.pipelines.archive.ledger import one_line
    from dcai.pipelines.pipeline import promote as promote_notebook

    number = cell if cell is not None or yes or as_json else _ask_for_cell(notebook)
    made = promote_notebook(
        notebook,
        name,
        parameters=_offered(notebook, parameters, number),
        inputs=inputs or None,
        outputs=outputs or None,
        gates=_gates(gates),
        schedule=schedule,
        ci=ci,
        cell=number,
        commit=commit,
        check=not no_check,
        preview=None if as_json else lambda planned: _preview(planned.diff, ask=not yes),
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


_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


def _preview(diff: str, *, ask: bool) -> None:
    """Show what would be written; where a person sits in front of it, ask."""
    for line in diff.splitlines():
        is_head = line.startswith(("--- ", "+++ "))
        # click takes the colours away where the output is no terminal.
        click.secho(show_text(line, _LONGEST_MESSAGE), fg=None if is_head else _COLOURS.get(line[:1]), bold=is_head)
    asked = diff and ask and sys.stdin.isatty() and sys.stdout.isatty()
    if asked and not click.confirm("Write these changes?", default=True):
        click.echo("Nothing was written.", err=True)
        raise click.exceptions.Exit(1)


def _ask_for_cell(notebook: str) -> int | None:
    """Ask a person in a terminal which cell holds the parameters, where that is not sure; None leaves it to the notebook."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return None
    from dcai.pipelines.notebooks.documents import read_notebook
    from dcai.pipelines.notebooks.parameters import find_in, rank_cells

    read = read_notebook(notebook)
    rivals = rank_cells(read)
    if not rivals[1:]:
        return None
    click.echo("Several cells look like the one of parameters, and none is tagged 'parameters':")
    for index in rivals:
        names = ", ".join(p.name for p in find_in(read, notebook, index + 1).parameters)
        click.echo(f"  cell {index + 1}: {show_text(names, _LONGEST_NAMES)}")
    numbers = click.Choice([str(index + 1) for index in rivals])
    return int(click.prompt("Which one", type=numbers, default=str(rivals[0] + 1)))


def _offered(notebook: str, texts: tuple[str, ...], cell: int | None) -> Mapping[str, Any] | list[str] | None:
    """Read `-p K` and `-p K=V`; a name without a value keeps its default, and then only the names given are offered."""
    valued = tuple(t for t in texts if "=" in t)
    if not valued:
        return list(texts) or None
    from dcai.pipelines.notebooks.documents import read_notebook
    from dcai.pipelines.notebooks.parameters import find_in

    found = find_in(read_notebook(notebook), notebook, cell)
    values = _parse_assignments(valued, {p.name: p.schema for p in found.parameters})
    return dict.fromkeys((t for t in texts if "=" not in t), ...) | values


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
@click.option("--start-timeout", type=float, metavar="SECONDS", help="What the start of the kernel may take (60).")
@click.option("--resume", metavar="RUN", help="Go on from a run that did not succeed, in its kernel where it was kept.")
@click.option("--output-limit", metavar="SIZE", help="What its cells may put out, such as '2 GB' (512 MiB).")
@click.option("--keep-kernel", type=float, metavar="SECONDS", help="Keep the kernel after the run, for --resume.")
@click.option("--smoke", type=int, metavar="N", help="Try it on a sample of N rows first, as the manifest says.")
@click.option("--if-due", is_flag=True, help="Do nothing when nothing has changed, see `dcai due`.")
@click.option("--run-id", help="The run's id (default: made of the time).")
@click.option(
    "--on", metavar="tcp://HOST:PORT", help="Run on a worker of this Dask scheduler, which sees the repository."
)
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
    on: str | None,
    quiet: bool,
    as_json: bool,
    root: str | None,
    **options: Any,
) -> None:
    """Run a pipeline or a notebook; the exit code says how it ended."""
    from dcai.base import contract
    from dcai.pipelines.archive.ledger import one_line
    from dcai.pipelines.runs import carry_out

    values = parse_values(target, root, parameters, files)
    with show_warnings():
        report = None if quiet or on is not None else _Reporter()
        done = carry_out(target, values, root=root, on=on, progress=report, **options)
    if as_json:
        click.echo(contract.to_json(done.record))
    else:
        for name, value in done.metrics.items():
            click.echo(one_line(f"{name} = {value}"))
        skipped = "nothing is due; the last good run: " if done.skipped else ""
        click.echo(f"{skipped}{done.status}  {one_line(done.folder, _LONGEST_MESSAGE)}")
    if done.record.error is not None:
        click.echo(explain(done.record), err=True)
    context.exit(done.exit_code)


@contextmanager
def show_warnings() -> Iterator[None]:
    """Show each warning as one line of text."""
    from dcai.pipelines.archive.ledger import one_line

    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = lambda message, *_, **__: click.echo(f"warning: {one_line(message, 500)}", err=True)
        yield


def parse_values(target: str, root: str | None, texts: tuple[str, ...], files: tuple[str, ...] = ()) -> dict[str, Any]:
    """Read the values that a command line gives: of files, then (they win) one by one, by their types."""
    values: dict[str, Any] = {}
    for name in files:
        values |= _read_values(Path(name))
    if texts:
        values |= _parse_assignments(texts, _schemas(target, root))
    return values


def _schemas(target: str, root: str | None) -> dict[str, Any]:
    from dcai.pipelines.definitions.definition import load_pipeline
    from dcai.pipelines.notebooks.parameters import find_parameters

    found = find_parameters(target) if target.endswith(".ipynb") else load_pipeline(target, root).found
    return {p.name: p.schema for p in found.parameters}


def _parse_assignments(texts: tuple[str, ...], schemas: Mapping[str, Any]) -> dict[str, Any]:
    from dcai.pipelines.notebooks.parameters import parse_value

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
    from dcai.base.yaml_text import builtin, read_yaml

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
    """Writes the progress of a run to stderr: a line for each cell that ended, and on a terminal one that moves."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.total, self.number, self.source = 0, 0, ""
        self.shown = False

    def __call__(self, event: dict[str, Any]) -> None:
        """Report one event of the journal; a reader of stderr who has gone away does not end the run."""
        if event["event"] != "tick":
            self.events.append(event)
        with suppress(BrokenPipeError):
            self._report(event)

    def _report(self, event: dict[str, Any]) -> None:
        kind = event["event"]
        if kind == "start":
            self.total, self.number = event["cells"], 0  # a smoke run, or another attempt, begins at the first cell
        elif kind in ("note", "kernel_kept"):
            self._line(f"note: {show_text(event['message'])}")
        elif kind == "cell_reused":
            self.number += 1
        elif kind == "cell_started":
            self.number, self.source = self.number + 1, show_text(event["source"])
        elif kind == "cell_ended":
            mark = "" if event["ok"] else "  failed"
            left = self._left(event["at"]) if self.number < self.total else ""
            self._line(f"[{self.number}/{self.total}] {self.source}  {event['wall']:.1f} s{mark}{left}")
            self.source = ""
        if kind in ("cell_started", "tick") and sys.stderr.isatty() and self.source:
            self._move(event["at"])

    def _left(self, now: str) -> str:
        from dcai.pipelines.archive.estimates import seconds_left

        left = seconds_left(self.events, now)
        return "" if left is None else f", about {left:.0f} s left"

    def _move(self, now: str) -> None:
        """Show the cell that runs, on the last line of the terminal."""
        text = f"[{self.number}/{self.total}] {self.source}{self._left(now)}"
        click.echo(f"\r\x1b[K{text[: shutil.get_terminal_size().columns - 1]}", nl=False, err=True)
        self.shown = True

    def _line(self, text: str) -> None:
        """Write a line that stays, over the one that moves."""
        click.echo(f"\r\x1b[K{text}" if self.shown else text, err=True)
        self.shown = False


def explain(record: RunRecord) -> str:
    """Say why a run did not succeed, with the line of the notebook where it went wrong."""
    error = record.error
    assert error is not None
    from dcai.pipelines.archive.ledger import one_line

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
