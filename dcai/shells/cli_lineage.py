"""The commands `trace` and `impact`: decode, call, encode."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from dcai.base.errors import InputError

if TYPE_CHECKING:
    from dcai.pipelines.origins.lineage_graph import Lineage

_JSON = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
_ROOT = click.option("--root", type=click.Path(file_okay=False), help="The repository (default: the one at hand).")
_HTML = click.option("--html", type=click.Path(dir_okay=False), metavar="FILE", help="Write a page with the graph too.")
_MOST = 20


@click.command()
@click.argument("path", type=click.Path())
@_HTML
@_ROOT
@_JSON
def trace(path: str, html: str | None, root: str | None, *, as_json: bool) -> None:
    """Say which run, commit, parameters, inputs and corrected labels made PATH."""
    from dcai.pipelines.lineage import trace as trace_file

    _show(trace_file(path, root=root), html, as_json=as_json)


@click.command()
@click.argument("path", type=click.Path())
@click.option("--key", "keys", multiple=True, metavar="K=V", help="Of a correction log: the key of a row in it.")
@click.option("--column", help="With --key: the corrected column (default: the row as a whole).")
@click.option("--content", metavar="SHA256", help="Only runs that read a file whose hash begins like this.")
@_HTML
@_ROOT
@_JSON
def impact(
    path: str,
    keys: tuple[str, ...],
    column: str | None,
    *,
    content: str | None,
    html: str | None,
    root: str | None,
    as_json: bool,
) -> None:
    """Say which runs and artifacts the file PATH, or a corrected cell of the log PATH, made stale."""
    from dcai.pipelines.lineage import impact as find_impact

    if column is not None and not keys:
        raise InputError("--column needs the row: add --key NAME=VALUE for each member of its key.")
    subject: Any = (path, _parse_key(keys), column) if keys else path
    _show(find_impact(subject, content=content, root=root), html, as_json=as_json)


def _parse_key(texts: tuple[str, ...]) -> dict[str, str]:
    key = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise InputError(f"--key needs NAME=VALUE. Got {text!r} instead.")
        key[name] = value
    return key


def _show(found: Lineage, html: str | None, *, as_json: bool) -> None:
    from dcai.pipelines.archive.ledger import one_line
    from dcai.pipelines.origins.lineage_views import NOBODY

    if html is not None:
        found.to_html(html)
    if as_json:
        click.echo(json.dumps(found.to_plain(), ensure_ascii=False))
        return
    for row in found.rows():
        facts = [row["kind"], row["name"], row["status"], (row["commit"] or row["sha256"] or "")[:12]]
        click.echo("  " * row["step"] + "  ".join(one_line(f) for f in facts if f))
    for one in found.logs:
        number = "lost" if one.applied is None else f"{len(one.applied)} corrections"
        click.echo(one_line(f"{one.path} as {one.run} read it: {number}"))
    for row in found.correction_rows(_MOST)[:_MOST]:
        click.echo(
            "  " + one_line(f"{row['key']} {row['column']}: {row['verdict']} {row['given']!r} -> {row['value']!r}")
        )
    for note in found.notes:
        click.echo(f"note: {one_line(note, 500)}", err=True)
    if found.forwards and not found.runs:
        click.echo(NOBODY)
