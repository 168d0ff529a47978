"""The command `dcai compare`: decode, call, encode."""

from __future__ import annotations

import json
import math
import sys
from typing import TYPE_CHECKING, Any, Literal

import click

if TYPE_CHECKING:
    from dcai.experiments.comparison import Comparison


@click.command("compare")
@click.argument("train")
@click.argument("test", required=False)
@click.option("--label", default=None, help="The label column; default that of the log.")
@click.option("--log", default=None, help="The correction log of the training rows.")
@click.option("--test-log", default=None, help="A correction log of the test rows: scores then stand side by side.")
@click.option(
    "--stale",
    type=click.Choice(["raise", "skip"]),
    default="raise",
    show_default=True,
    help="What to do with corrections that no longer fit the rows.",
)
@click.option("--key", multiple=True, help="A column that identifies a row; may be given several times.")
@click.option(
    "--repeats", default=5, show_default=True, type=click.IntRange(min=2), help="Resamples of the training rows."
)
@click.option(
    "--scoring", multiple=True, help="A scikit-learn scorer; may be given several times, the first counts most."
)
@click.option(
    "--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Decides split, resamples and models."
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.option(
    "-o", "--output", default=None, help="Also save it: .svg or .png the chart, .html or .md table and notes."
)
def compare(  # noqa: PLR0917 (click passes every option by name)
    train: str,
    test: str | None,
    label: str | None,
    log: str | None,
    test_log: str | None,
    stale: Literal["raise", "skip"],
    key: tuple[str, ...],
    repeats: int,
    scoring: tuple[str, ...],
    seed: int,
    output: str | None,
    *,
    as_json: bool,
) -> None:
    """Measure what corrections gain over the data as given, and what another model gains.

    TRAIN and TEST are CSV or Parquet files; without TEST, about a quarter of TRAIN is held out.
    """
    from dcai.experiments.comparison import check_target, compare

    if output is not None:
        check_target(output)  # before the work, not after it
    comparison = compare(
        train,
        test,
        label,
        log,
        test_log=test_log,
        stale=stale,
        key=key or None,
        repeats=repeats,
        scoring=list(scoring) or None,
        random_state=seed,
        progress=_tell,
    )
    click.echo("\r\033[K" if sys.stderr.isatty() else "", err=True, nl=False)
    click.echo(_to_json(comparison) if as_json else comparison.to_text())
    if output is not None:
        click.echo(f"Saved to {comparison.save(output)}.", err=True)


def _tell(done: int, total: int, model: str) -> None:
    """Show progress on standard error: one line that is written over in a terminal, few lines elsewhere."""
    if sys.stderr.isatty():
        click.echo(f"\r\033[K{done} of at most {total} fits: {model}", err=True, nl=False)
    elif done == 0:
        click.echo(f"Fitting at most {total} models.", err=True)


def _to_json(comparison: Comparison) -> str:
    def plain(value: Any) -> Any:
        return None if isinstance(value, float) and not math.isfinite(value) else value

    rows = [{k: plain(v) for k, v in row.items()} for row in comparison.to_frame().to_dict(orient="records")]
    return json.dumps(
        {"metric": comparison.metric, "test_rows": comparison.test_rows, "estimates": rows, "notes": list(comparison.notes)},
        ensure_ascii=False, allow_nan=False, indent=2,
    )  # fmt: skip
