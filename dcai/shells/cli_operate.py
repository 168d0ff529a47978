"""The commands `diff`, `reproduce`, `tag` and `due`: decode, call, encode."""

from __future__ import annotations

import json
from typing import Any

import click

from dcai.base.display import show_text

_JSON = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
_ROOT = click.option("--root", type=click.Path(file_okay=False), help="The repository (default: the one at hand).")
_LONGEST = 2000
# The exit code of `dcai due` when a run is due.
DUE, _UNREADABLE = 10, 2


@click.command()
@click.argument("run")
@click.argument("other", metavar="RUN")
@_ROOT
@_JSON
def diff(run: str, other: str, root: str | None, *, as_json: bool) -> None:
    """Say what two runs (ids, tags, run folders) differ in, the earlier one first."""
    from dcai.pipelines.archive.differences import diff as compare_runs

    found = compare_runs(run, other, root=root)
    if as_json:
        click.echo(json.dumps(found.to_dict(), ensure_ascii=False))
        return
    for one in found.changes:
        values = "" if one.before is None and one.after is None else f": {_show(one.before)} -> {_show(one.after)}"
        click.echo(show_text(f"{one.part}  {one.name}{values}", _LONGEST))
    for line in found.code.splitlines():
        click.echo(show_text(line, _LONGEST))
    if not found:
        click.echo("The runs differ in nothing but their moment.")


def _show(value: Any) -> str:
    return "none" if value is None else " ".join(str(value).splitlines())


@click.command()
@click.argument("run")
@click.option("-p", "--secret", "secrets", multiple=True, metavar="K=V", help="Give a secret, which is not recorded.")
@_ROOT
@_JSON
@click.pass_context
def reproduce(context: click.Context, run: str, secrets: tuple[str, ...], root: str | None, *, as_json: bool) -> None:
    """Make RUN once more: its commit, parameters, corrections and inputs. Exit 0: the same metrics; 1: others, or it failed; 2: missing."""
    from dcai.base.errors import InputError
    from dcai.pipelines.reproduction import reproduce as make_again

    if wrong := [s for s in secrets if "=" not in s]:
        raise InputError(f"-p needs NAME=VALUE. Got {wrong[0]!r} instead.")
    found = make_again(run, dict(s.split("=", 1) for s in secrets), root=root)
    if as_json:
        click.echo(json.dumps(found.to_dict(), ensure_ascii=False))
        context.exit(found.exit_code)
    for path in found.missing:
        click.echo(f"missing  {show_text(path)}: nothing has the content that the run read")
    for one in found.changes:
        click.echo(show_text(f"{one.part}  {one.name}: {_show(one.before)} -> {_show(one.after)}", _LONGEST))
    for path in found.outputs:
        click.echo(f"outputs  {show_text(path)} has other bytes")
    for note in found.notes:
        click.echo(f"note: {show_text(note, _LONGEST)}", err=True)
    if found.made is not None:
        click.echo(f"{found.verdict}  {show_text(str(found.made.folder), _LONGEST)}")
    context.exit(found.exit_code)


@click.command()
@click.argument("run")
@click.argument("name", required=False)
@click.option(
    "--restore",
    is_flag=True,
    help="Put what RUN has made back into place; what stands there is copied to its folder replaced/.",
)
@_ROOT
@_JSON
def tag(run: str, name: str | None, root: str | None, *, restore: bool, as_json: bool) -> None:
    """Give RUN the name NAME, which then stands wherever a run is asked for; what it has made is kept."""
    from dcai.pipelines.archive.tags import go_back
    from dcai.pipelines.archive.tags import tag as name_run
    from dcai.shells.cli_promote import show_warnings

    if restore == (name is not None):
        raise click.UsageError("Give a NAME for the run, or --restore to put its outputs back.")
    if name is None:
        paths = go_back(run, root=root)
        click.echo(json.dumps({"restored": paths}) if as_json else "\n".join(f"restored {show_text(p)}" for p in paths))
        return
    with show_warnings():
        one = name_run(run, name, root=root)
    facts = {"tag": name, "pipeline": one.pipeline, "run": one.run}
    click.echo(json.dumps(facts) if as_json else f"{name} is run {one.run} of {one.pipeline}")


@click.command()
@click.argument("name", required=False)
@click.option("--baseline", type=click.Path(), metavar="RUN.json", help="Compare with this record, in a fresh clone.")
@click.option(
    "-p", "--parameter", "parameters", multiple=True, metavar="K=V", help="A value that the run would be given."
)
@_ROOT
@_JSON
@click.pass_context
def due(
    context: click.Context,
    name: str | None,
    baseline: str | None,
    parameters: tuple[str, ...],
    root: str | None,
    *,
    as_json: bool,
) -> None:
    """Say whether NAME (or any pipeline) would run now, and why. Exit 0: nothing to do; 10: a run is due; 2: one cannot be read.

    What cannot be looked at (a warning says what) makes a run due: nobody knows that there is nothing to do.
    """
    from dcai.pipelines.triggers import due as find_due
    from dcai.pipelines.triggers import due_pipelines
    from dcai.shells.cli_promote import parse_values

    if name is None and (baseline is not None or parameters):
        raise click.UsageError("--baseline and -p need the NAME of a pipeline.")
    values = {} if name is None else parse_values(name, root, parameters)
    found = due_pipelines(root) if name is None else [find_due(name, values, root=root, baseline=baseline)]
    if as_json:
        click.echo(json.dumps([one.to_dict() for one in found], ensure_ascii=False))
    for one in () if as_json else found:
        click.echo(show_text(f"{one.pipeline}: {one.verdict}", _LONGEST))
        for reason in one.reasons:
            click.echo(show_text(f"  {reason.trigger}: {reason.message}", _LONGEST))
        for said in one.unknown:
            click.echo(show_text(f"warning: {said}", _LONGEST), err=True)
        for said in one.notes:
            click.echo(show_text(f"note: {said}", _LONGEST), err=True)
    # Of a pipeline that cannot be read nobody knows that there is nothing to do.
    context.exit(DUE if any(found) else 0 if all(one.readable for one in found) else _UNREADABLE)
