"""The commands `dcai drift`, `dcai slices`, `dcai scorecard` and `dcai profile`: decode, call, encode."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dcai.base.errors import InputError

if TYPE_CHECKING:
    from dcai.experiments.batches.drifts import Drift
    from dcai.experiments.dictionaries import Profile
    from dcai.experiments.failures.segments import Slices
    from dcai.experiments.results.grades import Scorecard

FOUND = 3  # the exit code of a gate that does not pass
_JSON = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
_OUTPUT = click.option("-o", "--output", default=None, help="Also save it: .html the page, .json the record.")
_KEY = click.option("--key", multiple=True, help="A column that identifies a row; may be given several times.")


@click.command("drift")
@click.argument("reference")
@click.argument("current")
@click.option("--label", default=None, help="The label column; CURRENT may lack it.")
@click.option(
    "--predicted", default=None, help="The column of the predicted label, in both files of rows or of predictions."
)
@click.option("--score", default=None, help="The column of its score, likewise.")
@click.option("--positive", default=None, help="The class that the score is of.")
@click.option("--threshold", default=0.5, show_default=True, help="The score from which on the class was decided for.")
@click.option("--alpha", default=0.01, show_default=True, help="The chance of a false alarm.")
@click.option("--volume", default=None, type=float, help="Count a change of the number of rows from this share on.")
@click.option("--groups", default=None, help="A column that says which rows belong together: one of each is tested.")
@click.option(
    "--predictions",
    nargs=2,
    default=None,
    help="Two files of predictions, of REFERENCE and CURRENT; with --key by key.",
)
@_KEY
@_JSON
@_OUTPUT
def drift(
    reference: str,
    current: str,
    key: tuple[str, ...],
    as_json: bool,  # noqa: FBT001 (click passes every option by name)
    output: str | None,
    **options: Any,
) -> int:
    """Compare current data with a reference, and name what changed. Exits with 3 when drift is found.

    REFERENCE and CURRENT are CSV or Parquet files.
    """
    from dcai.experiments.shifts import drift

    target = _check_output(output)
    tables, score = options.pop("predictions"), options.pop("score")
    given = {
        "label": options.pop("predicted"),
        "score": score,
        **dict(zip(("reference", "current"), tables or (), strict=False)),
    }
    named = {name: value for name, value in given.items() if value is not None}
    decided = {"threshold": options.pop("threshold"), "positive": options.pop("positive")}
    found = drift(reference, current, key=list(key) or None, predictions=named | decided if named else None, **options)
    _tell(found, target, as_json=as_json)
    return FOUND if found.drifted else 0


@click.command("slices")
@click.argument("frame")
@click.option("--label", required=True, help="The label column.")
@click.option("--by", multiple=True, help="Report every value of this column; may be given several times.")
@click.option("--positive", default=None, help="Of two classes the one that recall is about; default the rarer one.")
@click.option("--reference", default=None, help="A file of earlier rows: which groups have grown?")
@click.option("--groups", default=None, help="A column that says which rows belong together.")
@_KEY
@_JSON
@_OUTPUT
def slices(  # noqa: PLR0917 (click passes every option by name)
    frame: str,
    label: str,
    by: tuple[str, ...],
    positive: str | None,
    reference: str | None,
    groups: str | None,
    key: tuple[str, ...],
    as_json: bool,  # noqa: FBT001 (click passes every option by name)
    output: str | None,
) -> None:
    """Find the groups of rows in which a model fails, why, and what helps.

    FRAME is a CSV or Parquet file.
    """
    from dcai.experiments.failures.partitions import slices

    target = _check_output(output)
    found = slices(frame, label, by=by, positive=positive, reference=reference, groups=groups, key=list(key) or None)
    _tell(found, target, as_json=as_json)


@click.command("scorecard")
@click.argument("frame")
@click.option("--label", default=None, help="The label column.")
@click.option("--log", default=None, help="A correction log, applied first.")
@click.option("--production", default=None, help="A file with the last batch from production.")
@click.option("--groups", default=None, help="A column that says which rows belong together.")
@click.option("--size/--no-size", default=True, show_default=True, help="Measure the right size, which takes longest.")
@click.option("--gate", is_flag=True, help="Exit with 3 unless every part is good.")
@_KEY
@_JSON
@_OUTPUT
def scorecard(  # noqa: PLR0917 (click passes every option by name)
    frame: str,
    label: str | None,
    log: str | None,
    production: str | None,
    groups: str | None,
    size: bool,  # noqa: FBT001 (click passes every option by name)
    gate: bool,  # noqa: FBT001 (likewise)
    key: tuple[str, ...],
    as_json: bool,  # noqa: FBT001 (likewise)
    output: str | None,
) -> int:
    """Ask whether data are good: consistent, covering what matters, like production's, of the right size.

    FRAME is a CSV or Parquet file.
    """
    from dcai.experiments.scorecards import scorecard

    target = _check_output(output)
    found = scorecard(
        frame, label, log=log, production=production, groups=groups, size=size, key=list(key) or None
    )  # fmt: skip
    _tell(found, target, as_json=as_json)
    return FOUND if gate and not found.good else 0


@click.command("profile")
@click.argument("frame")
@click.option("--name", default=None, help="The table's name in dcai.yaml; default the one whose file this is.")
@_JSON
@_OUTPUT
def profile(frame: str, name: str | None, as_json: bool, output: str | None) -> None:  # noqa: FBT001 (click passes every option by name)
    """Write a data dictionary: kinds, ranges, gaps, examples, and what dcai.yaml says of each column.

    FRAME is a CSV or Parquet file.
    """
    from dcai.experiments.dictionaries import profile

    target = _check_output(output)
    _tell(profile(frame, name=name), target, as_json=as_json)


def _check_output(output: str | None) -> Path | None:
    """Refuse a name that nothing can be saved under before the work, not after it."""
    if output is None:
        return None
    target = Path(output)
    if target.suffix.lower() not in (".html", ".json"):
        raise InputError(f"The result cannot be saved as {target.name!r}. Expected a name that ends in .html or .json.")
    return target


def _tell(found: Drift | Slices | Scorecard | Profile, target: Path | None, *, as_json: bool) -> None:
    """Print a result, and save it where that was asked for."""
    from dcai.base.store import write_atomic

    click.echo(found.to_json() if as_json else found.to_text())
    if target is not None:
        write_atomic(target, found.to_json() if target.suffix.lower() == ".json" else str(found.to_html()))
        click.echo(f"Saved to {target}.", err=True)
