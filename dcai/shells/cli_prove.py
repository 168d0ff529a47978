"""The commands `dcai compare` and `dcai curve`: decode, call, encode."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import asdict
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal

import click

SOON = 2.0  # seconds until the fits so far tell how long the others take
LONG = 120.0

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from dcai.experiments.prospects.curves import Curve
    from dcai.experiments.results.outcomes import Comparison


@click.command("compare")
@click.argument("train")
@click.argument("test", required=False)
@click.option("--label", default=None, help="The label column; default that of the log.")
@click.option("--log", default=None, help="The correction log of the training rows.")
@click.option("--other-log", default=None, help="Another version of the corrections: compared with --log.")
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
    "--models",
    multiple=True,
    help="A default model by its name (such as 'trees'); may be given several times, the first is the fixed one.",
)
@click.option("--groups", default=None, help="Hold out whole groups of this column: does it hold elsewhere?")
@click.option("--time", default=None, help="Hold out the latest rows by this column: does it hold later?")
@click.option(
    "--budget", default=12, show_default=True, type=click.IntRange(min=1), help="Models and settings tried at most."
)
@click.option(
    "--repeats", default=5, show_default=True, type=click.IntRange(min=2), help="Resamples of the training rows."
)
@click.option(
    "--scoring",
    "--metric",
    multiple=True,
    help="A scikit-learn scorer; may be given several times, the first counts most.",
)
@click.option(
    "--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Decides split, resamples and models."
)
@click.option("--json", "form", flag_value="json", help="Print the result as JSON.")
@click.option("--markdown", "form", flag_value="markdown", help="Print table and notes as Markdown.")
@click.option("--latex", "form", flag_value="latex", help="Print table and notes for LaTeX.")
@click.option(
    "-o", "--output", default=None, help="Also save it: .svg or .png the chart, .html, .md or .tex table and notes."
)
@click.option("--save-model", default=None, help="Save the model trained on corrected rows (.joblib), with its card.")
@click.option("--by", multiple=True, help="A column: the card says how good the model is for each of its values.")
def compare(  # noqa: PLR0913, PLR0917 (click passes every option by name)
    train: str,
    test: str | None,
    label: str | None,
    log: str | None,
    other_log: str | None,
    test_log: str | None,
    stale: Literal["raise", "skip"],
    key: tuple[str, ...],
    models: tuple[str, ...],
    groups: str | None,
    time: str | None,
    budget: int,
    repeats: int,
    scoring: tuple[str, ...],
    seed: int,
    form: str | None,
    output: str | None,
    save_model: str | None,
    by: tuple[str, ...],
) -> None:
    """Measure what corrections gain over the data as given, and what another model gains.

    TRAIN and TEST are CSV or Parquet files; without TEST, about a quarter of TRAIN is held out.
    """
    from dcai.experiments.comparison import compare
    from dcai.experiments.results.cards import check_model_path
    from dcai.experiments.results.sheets import check_target

    # Before the work, not after it.
    if output is not None:
        check_target(output)
    if save_model is not None:
        check_model_path(save_model)
    comparison = compare(
        train,
        test,
        label,
        log,
        other_log=other_log,
        test_log=test_log,
        stale=stale,
        key=key or None,
        models=list(models) or None,
        groups=groups,
        time=time,
        budget=budget,
        repeats=repeats,
        scoring=list(scoring) or None,
        random_state=seed,
        progress=_Teller(),
    )
    _print(comparison, form)
    if output is not None:
        click.echo(f"Saved to {comparison.save(output)}.", err=True)
    if save_model is not None:
        click.echo(f"Saved the model to {comparison.save_model(save_model, by=by)}.", err=True)


@click.command("curve")
@click.argument("frame")
@click.option("--label", default=None, help="The label column; default that of the log.")
@click.option("--log", default=None, help="The correction log.")
@click.option("--test", default=None, help="A file of held-out rows; default about a quarter of the rows.")
@click.option("--truth", default=None, help="A column of true labels, where they are known.")
@click.option(
    "--noise",
    default=None,
    type=float,
    help="Plant this share of wrong labels in a further version; default 0.2, 0 for none.",
)
@click.option("--model", default=None, help="A default model by its name, such as 'trees'.")
@click.option("--key", multiple=True, help="A column that identifies a row; may be given several times.")
@click.option("--groups", default=None, help="Hold out whole groups of this column.")
@click.option("--time", default=None, help="Hold out the latest rows by this column.")
@click.option(
    "--ratio",
    default=3.0,
    show_default=True,
    help="How many times as many worse rows the better ones are held against.",
)
@click.option("--step", default=50, show_default=True, type=click.IntRange(min=1), help="Reviews judged at a time.")
@click.option("--margin", default=0.01, show_default=True, help="A smaller difference of scores counts as none.")
@click.option("--repeats", default=5, show_default=True, type=click.IntRange(min=2), help="Random orders.")
@click.option("--scoring", "--metric", default=None, help="A scikit-learn scorer.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Decides split and orders.")
@click.option("--json", "form", flag_value="json", help="Print the result as JSON.")
@click.option("--markdown", "form", flag_value="markdown", help="Print the points as Markdown.")
@click.option("--latex", "form", flag_value="latex", help="Print the points for LaTeX.")
@click.option(
    "-o", "--output", default=None, help="Also save it: .svg or .png the chart, .html, .md or .tex the points."
)
def curve(frame: str, key: tuple[str, ...], seed: int, form: str | None, output: str | None, **options: Any) -> None:
    """Measure scores against the number of training rows and of reviewed rows.

    FRAME is a CSV or Parquet file of the rows as given.
    """
    from dcai.experiments.prospects.learning import curve
    from dcai.experiments.results.sheets import check_target

    if output is not None:
        check_target(output, "curve")
    found = curve(frame, key=key or None, random_state=seed, progress=_Teller(), **options)
    _print(found, form)
    if output is not None:
        click.echo(f"Saved to {found.save(output)}.", err=True)


def _print(result: Comparison | Curve, form: str | None) -> None:
    """Print a result in one of its forms, after the line of progress has gone."""
    click.echo("\r\033[K" if sys.stderr.isatty() else "", err=True, nl=False)
    if form == "json":
        click.echo(json.dumps(_plain(result), ensure_ascii=False, allow_nan=False, indent=2))
    else:
        writers = {None: result.to_text, "markdown": result.to_markdown, "latex": result.to_latex}
        click.echo(writers[form]())


class _Teller:
    """Shows progress on standard error: one line that is written over in a terminal, two lines elsewhere.

    Both say how long the rest will take, from the fits so far: the second line once they tell something.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._started = clock()
        self._told = False

    def __call__(self, done: int, total: int, model: str) -> None:
        spent = self._clock() - self._started
        left = _say_seconds(spent / done * (total - done)) if done and spent >= SOON else ""
        if sys.stderr.isatty():
            rest = f", at most {left} left" if left else ""
            click.echo(f"\r\033[K{done} of at most {total} fits{rest}: {model}", err=True, nl=False)
        elif done == 0:
            click.echo(f"Fitting at most {total} models.", err=True)
        elif left and not self._told:
            self._told = True
            click.echo(f"{done} fitted; the others take at most {left}.", err=True)


def _say_seconds(seconds: float) -> str:
    """Say how long something takes, no finer than anybody wants to know.

    Examples
    --------
    >>> _say_seconds(42.3), _say_seconds(600.0)
    ('about 42 s', 'about 10 min')
    """
    return f"about {seconds:.0f} s" if seconds < LONG else f"about {seconds / 60:.0f} min"


def _plain(result: Comparison | Curve) -> dict[str, Any]:
    """Return a result as plain JSON: tables as lists of rows, what has no value as null."""
    from dcai.experiments.prospects.curves import Curve

    found: dict[str, Any] = {"metric": result.metric, "test_rows": result.test_rows, "notes": list(result.notes)}
    if isinstance(result, Curve):
        parts = {"claim": result.claim, "worth": result.worth, "right_size": result.right_size}
        told = {name: None if part is None else {**asdict(part), "says": str(part)} for name, part in parts.items()}
        if result.claim is not None:
            told["claim"] = {**(told["claim"] or {}), "verdict": result.claim.verdict}
        return found | told | {"sizes": _list_rows(result.sizes), "reviews": _list_rows(result.reviews)}
    return found | {
        "estimates": _list_rows(result.to_frame()),
        "by_model": _list_rows(result.model_gains),
        "versions": _list_rows(result.versions),
        "origin": dict(result.origin),
    }


def _list_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    def plain(value: Any) -> Any:
        return None if isinstance(value, float) and not math.isfinite(value) else value

    return [{str(k): plain(v) for k, v in row.items()} for row in table.to_dict(orient="records")]
