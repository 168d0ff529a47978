"""The command `sweep`: decode, call, encode."""

from __future__ import annotations

import csv
import json
import shutil
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from dcai.base.errors import InputError

if TYPE_CHECKING:
    from dcai.pipelines.variations.sweeps import Sweep


@click.command()
@click.argument("target", metavar="NAME|DIR|NOTEBOOK", type=click.Path())
@click.option(
    "-p", "--parameter", "parameters", multiple=True, metavar="K=V1,V2", help="Values of K; quote one that has commas."
)
@click.option("-f", "--file", type=click.Path(), metavar="SETS", help="Parameter sets from a .csv or .jsonl file.")
@click.option("--jobs", type=int, default=1, show_default=True, help="How many runs at once on this machine.")
@click.option("--on", metavar="tcp://HOST:PORT", help="A Dask scheduler whose workers see this repository.")
@click.option("--memory", metavar="SIZE", help="What a kernel may take, such as '2 GB'; one that takes more is ended.")
@click.option("--timeout", type=float, metavar="SECONDS", help="What a run may take.")
@click.option("--cell-timeout", type=float, metavar="SECONDS", help="What one cell may take.")
@click.option("--warm", is_flag=True, help="Import once, for all runs, what the notebook imports.")
@click.option(
    "--preload", multiple=True, metavar="MODULE", help="Like --warm, but MODULE (one or more) and nothing else."
)
@click.option("--id", "sweep_id", metavar="SWEEP", help="Go on with an earlier sweep: what has ended is not run again.")
@click.option("--chart", type=click.Path(dir_okay=False), metavar="FILE", help="Draw to .svg, .png or .html.")
@click.option("--quiet", is_flag=True, help="No progress.")
@click.option("--root", type=click.Path(file_okay=False), help="The repository (default: the one at hand).")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_context
def sweep(
    context: click.Context,
    /,
    target: str,
    parameters: tuple[str, ...],
    *,
    file: str | None,
    root: str | None,
    chart: str | None,
    quiet: bool,
    warm: bool,
    preload: tuple[str, ...],
    as_json: bool,
    **options: Any,
) -> None:
    """Run a pipeline with every combination of values; the exit code is that of the first run that did not succeed."""
    from dcai.pipelines.variations.sweeping import sweep as run_sweep

    if bool(parameters) == bool(file):
        raise InputError("A sweep needs values: give -p NAME=V1,V2 (one or more), or -f FILE with parameter sets.")
    grid: Any = file or _parse_grid(target, root, parameters)
    options["warm"] = preload or warm
    made = run_sweep(target, grid, root=root, progress=None if quiet else _Reporter(), **options)
    if chart is not None:
        made.chart().save(chart)
    if as_json:
        rows = [row | {"exit_code": made.code_of(place)} for place, row in enumerate(made.rows())]
        click.echo(json.dumps({"sweep": made.sweep, "pipeline": made.pipeline, "runs": rows}, ensure_ascii=False))
    else:
        _print_rows(made)
    context.exit(made.exit_code)


def _parse_grid(target: str, root: str | None, texts: tuple[str, ...]) -> dict[str, list[Any]]:
    """Read each value by the type of its parameter."""
    from dcai.pipelines.variations.grids import parse_set
    from dcai.pipelines.variations.sweeping import find_parameters

    found = find_parameters(target, root)
    grid: dict[str, list[Any]] = {}
    for text in texts:
        name, equals, values = text.partition("=")
        if not equals or not values:
            raise InputError(f"-p needs NAME=V1,V2. Got {text!r} instead.")
        if name in grid:
            raise InputError(f"-p gives the parameter {name!r} twice. Give it once, with all its values.")
        grid[name] = [parse_set({name: value}, found)[name] for value in next(csv.reader([values]))]
    return grid


def _print_rows(made: Sweep) -> None:
    from dcai.pipelines.archive.ledger import one_line

    for row in made.rows():
        facts = [row["run"], row["status"]]
        facts += [f"{k}={v}" for part in ("parameters", "metrics") for k, v in row[part].items()]
        facts += [f"{row['seconds']:.1f} s"] if row.get("seconds") is not None else []
        click.echo(one_line("  ".join([*facts, row.get("error", "")]).rstrip(), 500))


class _Reporter:
    """Writes to stderr a line for each run that ended, and on a terminal one that moves for the whole."""

    def __init__(self) -> None:
        self.told: set[str] = set()
        self.shown = False

    def __call__(self, made: Sweep) -> None:
        """Report where the sweep stands; a reader of stderr who has gone away does not end it."""
        with suppress(BrokenPipeError):
            self._report(made)

    def _report(self, made: Sweep) -> None:
        from dcai.pipelines.archive.ledger import one_line

        rows = made.rows()
        over = [r for r in rows if r["status"] not in ("waiting", "running")]
        for row in over:
            if row["run"] not in self.told:
                self.told.add(row["run"])
                given = ", ".join(f"{k}={v}" for k, v in row["parameters"].items())
                self._line(one_line(f"[{len(self.told)}/{len(rows)}] {row['status']}  {given}"))
        if sys.stderr.isatty() and len(over) < len(rows):
            at_work = ", ".join(f"{r['run'][-4:]} {r['cells']}" for r in rows if r["status"] == "running")
            text = one_line(f"{len(over)} of {len(rows)} done; cells of those that run: {at_work or 'none yet'}")
            click.echo(f"\r\x1b[K{text[: shutil.get_terminal_size().columns - 1]}", nl=False, err=True)
            self.shown = True

    def _line(self, text: str) -> None:
        click.echo(f"\r\x1b[K{text}" if self.shown else text, err=True)
        self.shown = False
