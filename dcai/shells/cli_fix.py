"""The commands `apply` and `check`: decode, call, encode."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import click

from dcai.base.errors import InputError

EXIT_STALE = 4

renamed = click.option(
    "--rename", multiple=True, metavar="OLD=NEW", help="A column that was renamed since the review; may be repeated."
)


def read_renames(texts: Iterable[str]) -> dict[str, str]:
    """Read what `--rename` says: the old name of each column, and its new one."""
    names = [text.partition("=") for text in texts]
    for old, mark, new in names:
        if not (old and mark and new):
            raise InputError.wrong_value(
                "--rename", "dcai", "OLD=NEW, the old and the new name of a column", old + mark + new
            )
    return {old: new for old, _, new in names}


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("log", type=click.Path(path_type=Path))
@click.option(
    "-o", "--out", required=True, type=click.Path(path_type=Path), help="The corrected copy, CSV or Parquet as FILE is."
)
@click.option(
    "--stale",
    type=click.Choice(["raise", "skip"]),
    default="raise",
    help="What to do with corrections that do not fit.",
)
@renamed
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def apply(
    file: Path, log: Path, out: Path, stale: Literal["raise", "skip"], rename: tuple[str, ...], *, as_json: bool
) -> None:
    """Write a corrected copy of FILE; cells that no correction of LOG touches stay byte-identical."""
    from dcai.base.contract import to_json
    from dcai.corrections.files import apply_to_file
    from dcai.corrections.log import CorrectionLog

    done = apply_to_file(file, CorrectionLog.read(log), out, stale=stale, rename=read_renames(rename))
    if as_json:
        click.echo(to_json(done))
        return
    click.echo(
        f"{done.path}: {done.changed} cells changed, {done.dropped} rows left out, {done.already} corrections were applied already."
    )
    if done.skipped:
        click.echo(
            f"{done.skipped} corrections did not fit and were skipped; `dcai check {file} {log}` says why.", err=True
        )


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("log", type=click.Path(path_type=Path))
@renamed
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a correction.")
def check(file: Path, log: Path, rename: tuple[str, ...], *, as_json: bool) -> None:
    """Say of each standing correction of LOG whether it fits FILE, is applied, stale, absent or disputed.

    The exit code is 4 where `dcai apply` would refuse.
    """
    from dcai.base.display import show_text
    from dcai.base.table import read_file
    from dcai.corrections.log import CorrectionLog

    corrections = CorrectionLog.read(log)
    renames = read_renames(rename)
    checks = corrections.check(read_file(file), rename=renames)
    for line in corrections.mask(checks, renames).to_dict("records"):
        if as_json:
            click.echo(json.dumps(line, ensure_ascii=False))
        else:
            place = f"row {line['row']}" if line["row"] >= 0 else "no row"
            click.echo(
                f"{line['status']:9} {line['verdict']:9} {place}, {show_text(line['column'] or 'whole row', 40)}: {show_text(line['why'])}"
            )
    if not as_json:
        counts = ", ".join(f"{n} {s}" for s, n in checks["status"].value_counts().items())
        click.echo(f"{len(checks)} standing corrections: {counts or 'none'}")
    if len(corrections.misfits(checks)):
        click.get_current_context().exit(EXIT_STALE)
