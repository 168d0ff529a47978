"""The commands `export`, `import` and `forget`: decode, call, encode."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from dcai.base.table import Table

_FORMAT = click.option(
    "--format",
    "form",
    required=True,
    type=click.Choice(["label-studio", "argilla", "csv", "xlsx"]),
    help="The tool's format.",
)
_DATA = click.option("--data", type=click.Path(path_type=Path), help="The data that was reviewed, CSV or Parquet.")
_LABEL = click.option("--label", help="The label column, where the log is new.")
_KEY = click.option("--key", multiple=True, help="A column that identifies the rows, where the log is new.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")


@click.command()
@click.argument("log", type=click.Path(path_type=Path))
@_FORMAT
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="The file to write.")
@_DATA
@_JSON
def export(log: Path, form: str, out: Path, data: Path | None, *, as_json: bool) -> None:
    """Write the decisions of LOG for Label Studio, Argilla or a spreadsheet; with --data people see the rows."""
    from dcai.base.contract import to_json
    from dcai.corrections.exchange import export_log
    from dcai.corrections.log import CorrectionLog

    known = CorrectionLog.read(log)
    done = export_log(known, out, form, table=_read_table(data, known, None, ()))
    click.echo(to_json(done) if as_json else f"{done.path}: decisions about {done.rows} rows, {done.lines} lines.")


@click.command(name="import")
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("log", type=click.Path(path_type=Path))
@_FORMAT
@_DATA
@_LABEL
@_KEY
@click.option("--by", help="Who decided, where FILE does not say.")
@_JSON
def import_(
    file: Path,
    log: Path,
    *,
    form: str,
    data: Path | None,
    label: str | None,
    key: tuple[str, ...],
    by: str | None,
    as_json: bool,
) -> None:
    """Read decisions that were made elsewhere into LOG; what was not changed there is written once, as it was."""
    from dcai.base.contract import to_json
    from dcai.base.display import show_text
    from dcai.corrections.exchange import import_decisions
    from dcai.corrections.log import CorrectionLog

    known = CorrectionLog.read_or_new(log)
    done = import_decisions(file, form, known, table=_read_table(data, known, label, key), by=by)
    if as_json:
        click.echo(to_json(done))
        return
    click.echo(
        f"{done.path}: {done.adopted} lines added, {done.known} known already, {done.decided} decisions made elsewhere."
    )
    for problem in done.problems:
        click.echo(show_text(problem), err=True)


@click.command()
@click.argument("log", type=click.Path(path_type=Path))
@click.argument("columns", nargs=-1, required=True)
@_DATA
@_JSON
def forget(log: Path, columns: tuple[str, ...], data: Path | None, *, as_json: bool) -> None:
    """Say what LOG and git hold of COLUMNS, and how it is taken out; --data has more values looked for. Changes nothing."""
    from dcai.base.contract import to_json
    from dcai.base.display import show_text
    from dcai.corrections.log import CorrectionLog

    found = CorrectionLog.read(log).forget(*columns, frame=data)
    if as_json:
        click.echo(to_json(found))
        return
    for sentence in found.sentences:
        click.echo(show_text(sentence, 2000))


def _read_table(data: Path | None, log: object, label: str | None, key: tuple[str, ...]) -> Table | None:
    """Read the data with the roles that the log knows, or that were named."""
    from dcai.base.records import FINGERPRINT
    from dcai.base.table import make_table
    from dcai.corrections.decisions.matching import key_names
    from dcai.corrections.log import CorrectionLog

    if data is None:
        return None
    assert isinstance(log, CorrectionLog)
    names = key_names(log.corrections)
    known = tuple(key) if names is None else () if names == (FINGERPRINT,) else names
    return make_table(data, label or log.label, key=known or None, caller="import")
