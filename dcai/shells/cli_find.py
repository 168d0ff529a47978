"""`dcai audit`: look for wrong labels and values in a file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dcai.base.errors import InputError, MissingError

if TYPE_CHECKING:
    import pandas as pd

    from dcai.findings.report import Audit

ENDINGS = (".jsonl", ".csv", ".parquet", ".html")
ABOVE_LIMIT = 3
AS_JSON = ("key", "given", "suggested")
WORST = 200  # so many findings stand in the summary; a file holds them all


@click.command("audit")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--label", help="The column that holds the label.")
@click.option("--key", multiple=True, help="A column that identifies a row; may be given several times.")
@click.option("--groups", help="A column whose rows belong together and are never split over folds.")
@click.option("--rule", "rules", multiple=True, help='What must hold, such as "age >= 0"; may be given several times.')
@click.option("--test", type=click.Path(path_type=Path), help="A second file: report rows that stand in both.")
@click.option("--memory", help='What the audit may take, such as "2GB": Parquet that needs more is read in batches.')
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Write the findings: .jsonl, .csv, .parquet or .html."
)
@click.option("--log", type=click.Path(path_type=Path), help="A correction log: leave out what was decided.")
@click.option(
    "--fail-above",
    type=click.IntRange(min=0),
    help="Exit with 3 when there are more findings than this, or a check failed.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary and the worst findings as JSON.")
def audit(  # noqa: PLR0917 (click passes options by name)
    file: Path,
    label: str | None,
    key: tuple[str, ...],
    groups: str | None,
    rules: tuple[str, ...],
    test: Path | None,
    memory: str | None,
    output: Path | None,
    log: Path | None,
    fail_above: int | None,
    as_json: bool,  # noqa: FBT001 (click passes options by name)
) -> None:
    """Look for wrong labels and values in FILE (CSV, Parquet, or a folder of Parquet files)."""
    check_output(output)
    from dcai.findings import report
    from dcai.findings.summary import to_text

    decided = None if log is None else _read_log(log)
    found = report.audit(
        file, label, key=list(key) or None, groups=groups, rules=list(rules) or None, test=test, memory=memory
    )
    if decided is not None:
        found = found.without(decided)
    if output is not None:
        write_findings(found, output)
    click.echo(_to_json(found) if as_json else to_text(found))
    misses = [] if fail_above is None else find_misses(found, fail_above)
    for miss in misses:
        click.echo(miss, err=True)
    if misses:
        sys.exit(ABOVE_LIMIT)


def find_misses(found: Audit, limit: int) -> list[str]:
    """Say why an audit does not pass a limit: it found more, or a check failed, so that nobody knows what it would have found."""
    from dcai.findings.wording import count

    misses = []
    if len(found) > limit:
        misses.append(f"{count(len(found), 'finding', ('is', 'are'))} more than the limit of {limit:,}.")
    failed = found.checks.loc[found.checks["status"] == "failed", "detector"]
    if len(failed):
        misses.append(
            f"{count(len(failed), 'check')} failed ({', '.join(failed)}), so it is not known that there are at most "
            f"{count(limit, 'finding')}. The summary says why; mend or leave out what failed, and audit again."
        )
    return misses


def check_output(output: Path | None) -> None:
    """Refuse an ending that cannot be written, before the work starts."""
    if output is None:
        return
    if output.suffix.lower() not in ENDINGS:
        raise InputError(f"{output.name!r} has the ending {output.suffix!r}. Expected one of {', '.join(ENDINGS)}.")
    if output.is_dir():
        raise InputError(f"{str(output)!r} is a folder. Name a file in it.")


def _read_log(path: Path) -> Any:
    if not path.exists():
        raise MissingError(
            f"There is no correction log {str(path)!r}. Name the file that the review wrote, or leave --log out."
        )
    from dcai.corrections.log import CorrectionLog

    return CorrectionLog.read(path)


def write_findings(found: Audit, output: Path) -> None:
    """Write the findings as the file's ending says; `given`, `suggested` and `key` as JSON text in CSV and Parquet."""
    import io

    from dcai.base.store import write_atomic

    ending = output.suffix.lower()
    if ending == ".html":
        found.to_html(output)
    elif ending == ".jsonl":
        write_atomic(output, to_lines(found))
    elif ending == ".csv":
        write_atomic(output, _as_text(found).to_csv(index=False))
    else:
        stream = io.BytesIO()
        _as_text(found).to_parquet(stream, index=False)
        write_atomic(output, stream.getvalue())


def to_lines(found: Audit) -> str:
    """Write the findings as JSON Lines, one object each."""
    return "".join(f"{_dump(_plain(record))}\n" for record in found.findings.to_dict("records"))


def _plain(record: dict[Any, Any]) -> dict[str, Any]:
    from dcai.base.fingerprints import plain

    made = {str(k): v if k in ("key", "peers") else plain(v) for k, v in record.items()}
    return made | {"peers": [int(p) for p in record["peers"]]}


def _as_text(found: Audit) -> pd.DataFrame:
    frame = found.to_frame()
    for name in AS_JSON:
        frame[name] = frame[name].map(_dump).astype("str")
    frame["peers"] = frame["peers"].map(_dump).astype("str")
    frame["part"] = frame["part"].astype("Int64")
    return frame


def _dump(value: object) -> str:
    import json

    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _to_json(found: Audit) -> str:
    from dcai.findings.summary import describe_limits

    expected = found.expected_errors
    return _dump(
        {
            "rows": len(found.table),
            "label": found.label,
            "findings": len(found),
            "detectors": {str(k): int(v) for k, v in found.findings["detector"].value_counts().items()},
            "checks": found.checks.to_dict("records"),
            "expected_errors": None if expected is None else expected._asdict(),
            "caution": found.caution,
            "limits": describe_limits(found),
            "worst": [_plain(record) for record in found.findings.head(WORST).to_dict("records")],
            "hash": found.hash,
        }
    )
