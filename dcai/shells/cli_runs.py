"""The command `runs`: decode, call, encode."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dcai.base.errors import InputError, MissingError

if TYPE_CHECKING:
    from dcai.pipelines.archive.ledger import History

_LONGEST_MESSAGE = 2000
_SHOWN_FACTS = ("run", "pipeline", "status", "seconds", "parameters", "metrics", "error")


@click.command()
@click.argument("name", required=False, metavar="[NAME|OUT|FOLDER]")
@click.option(
    "--gone", metavar="RUN", help="First settle RUN, whose machine is dead: what stood at its outputs comes back."
)
@click.option("--prune", is_flag=True, help="First remove kept contents that no record names any more.")
@click.option("--root", type=click.Path(file_okay=False), help="The repository (default: the one at hand).")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def runs(name: str | None, root: str | None, *, gone: str | None, prune: bool, as_json: bool) -> None:
    """List the runs of a repository, newest first; runs that were killed are settled on the way.

    OUT.ipynb or a folder (such as .) lists what `papermill --engine dcai` has written beside its outputs.
    """
    from dcai.base import contract
    from dcai.pipelines.archive.ledger import declare_gone, one_line, shown
    from dcai.pipelines.archive.tags import find_run, names_of
    from dcai.pipelines.names import find_root

    if gone is not None:
        declare_gone(find_run(gone, find_root(Path.cwd(), root))[1])
    if prune:
        _prune(find_root(Path.cwd(), root))
    found = _find_runs(name, root)
    names = names_of(find_root(Path.cwd(), root))
    if as_json:
        click.echo(json.dumps([contract.to_plain(r) for r in found], ensure_ascii=False))
    for one in () if as_json else found:
        facts = {fact: one_line(value) for fact, value in shown(one).items()}
        facts["seconds"] += " s"
        if own := names.get((one.pipeline, one.run)):
            facts["run"] += f" [{', '.join(map(one_line, own))}]"
        if one.purpose != "run":
            facts["status"] += f" ({one.purpose})"
        click.echo("  ".join(facts[f] for f in _SHOWN_FACTS).rstrip())
    if not as_json and not found:
        click.echo("There are no runs yet.", err=True)
    for problem in found.problems:
        click.echo(f"warning: {one_line(problem, _LONGEST_MESSAGE)}", err=True)


def _find_runs(name: str | None, root: str | None) -> History:
    """Return the runs of a pipeline or repository, or those beside the outputs of papermill."""
    from dcai.pipelines.archive.ledger import History, history
    from dcai.pipelines.runtime.beside import read_beside, records_beside

    if name is not None and name.endswith(".ipynb"):
        return History((read_beside(Path(name)),))
    if name is not None and (name in (".", "..") or "/" in name or os.sep in name):
        if not Path(name).is_dir():
            raise MissingError(f"There is no folder {name!r}. Name a pipeline, a folder, or an output of papermill.")
        records, problems = records_beside(Path(name))
        return History(tuple(records), tuple(problems))
    return history(name, root=root)


def _prune(root: Path) -> None:
    """Remove what is kept by content for runs that are no more; a record that cannot be read might name anything."""
    from dcai.base import store
    from dcai.pipelines.archive import ledger, snapshots
    from dcai.pipelines.runtime.custody import guard_runs

    with store.lock(guard_runs(root)):  # a run that began after its records were listed would lose what it names
        found = ledger.history(root=root)
        if found.problems:
            raise InputError(f"Nothing was removed, for a record cannot be read: {found.problems[0]}")
        named = (name for one in found for name in ledger.names_of(one))
        freed = snapshots.prune(root / ledger.RUNS, named, ledger.lists_of(root))
    click.echo(f"{freed / 1e6:.1f} MB of kept contents were removed.", err=True)
