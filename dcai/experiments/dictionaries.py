"""`profile`: a data dictionary of a table, with what the repository says of its columns."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from dcai.base.display import Html, escape, escape_value, show_share, to_bar, to_block, to_page, to_table
from dcai.base.fingerprints import canonicals, plain
from dcai.base.settings import ColumnNote, Dataset, find_settings
from dcai.base.store import write_atomic
from dcai.base.table import Table, make_table
from dcai.findings.cells.dates import is_dated, read_dates
from dcai.findings.masking import HIDDEN, Veil, make_veil
from dcai.findings.wording import count

if TYPE_CHECKING:
    from collections.abc import Mapping

EXAMPLES = 3
SEARCHED = 5_000  # rows looked at for personal data
COLUMNS = (
    "column", "kind", "dtype", "filled", "missing", "distinct", "low", "middle", "high", "examples", "sensitive",
    "owner", "description",
)  # fmt: skip
_ORDERED = ("number", "date")


@dataclass(frozen=True, eq=False, repr=False)
class Profile:
    """A data dictionary: what each column holds.

    Attributes
    ----------
    columns : pandas.DataFrame
        One row for each column: `column`, `kind`, `dtype`, `filled` (cells), `missing` (share), `distinct`, `low`,
        `middle` (median) and `high` of numbers and dates (of texts: of their lengths), `examples` (the most frequent),
        `sensitive`, `owner`, `description`. Values of sensitive columns are masked.
    rows : int
        The number of rows.
    name, owner, description : str
        What `dcai.yaml` says of the table; empty where it says nothing.
    notes : tuple of str
        What should be known about it.

    See Also
    --------
    profile : makes it.
    """

    columns: pd.DataFrame
    rows: int
    name: str
    owner: str
    description: str
    notes: tuple[str, ...]

    def __len__(self) -> int:
        """Return the number of columns."""
        return len(self.columns)

    def to_frame(self) -> pd.DataFrame:
        """Return a copy of the dictionary."""
        return self.columns.copy()

    def as_record(self) -> dict[str, Any]:
        """Return the dictionary as plain JSON values; sensitive values are masked."""
        rows = self.columns.to_dict(orient="records")
        return {
            "table": self.name, "rows": self.rows, "owner": self.owner, "description": self.description,
            "columns": [{str(k): _finite(v) for k, v in row.items()} for row in rows], "notes": list(self.notes),
        }  # fmt: skip

    def to_json(self) -> str:
        """Write `as_record` as JSON."""
        return json.dumps(self.as_record(), ensure_ascii=False, allow_nan=False, indent=2)

    def to_text(self) -> str:
        """Write the dictionary for a terminal."""
        from dcai.base.display import align, show_text

        shown = ["column", "kind", "missing", "distinct", "range", "description"]
        lines = [shown, *([show_text(_flat(row)[c], 48).replace("\n", " ") for c in shown] for row in self._rows())]
        return "\n".join([self._headline(), "", *align(lines), *([""] if self.notes else []), *self.notes])

    def to_html(self, path: str | Path | None = None) -> str | Path:
        """Write a page that needs no network; without a path, return its HTML."""
        page = to_page("dcai profile", self._repr_html_())
        return page if path is None else write_atomic(path, page)

    def __repr__(self) -> str:
        """Say in one line what it is of."""
        return f"Profile({self._headline()})"

    def _headline(self) -> str:
        named = "" if self.name == "table" else f"{self.name}: "
        return f"{named}{count(self.rows, 'row')}, {count(len(self.columns), 'column')}"

    def _rows(self) -> list[dict[str, Any]]:
        return [{str(k): v for k, v in row.items()} for row in self.columns.to_dict(orient="records")]

    def _repr_html_(self) -> str:
        about = ". ".join(t for t in (self.description.rstrip("."), f"Owner: {self.owner}" if self.owner else "") if t)
        rows = [
            {
                "column": escape_value(row["column"]),
                "kind": Html(f'{escape(row["kind"])} <span class="muted">{escape(row["dtype"])}</span>'),
                "filled": Html(f"{to_bar(1 - row['missing'])} {_show_filled(row['missing'])}"),
                "distinct": f"{row['distinct']:,}",
                "range": _flat(row)["range"],
                "examples": Html(", ".join(escape_value(e, 40) for e in row["examples"])),
                "owner": row["owner"],
                "description": row["description"],
            }
            for row in self._rows()
        ]
        wanted = ["column", "kind", "filled", "distinct", "range", "examples"]
        wanted += [c for c in ("owner", "description") if any(row[c] for row in rows)]
        table = to_table(rows, wanted, numbers=["distinct"], limit=400, wide=["examples", "description"])
        notes = "".join(f'<p class="muted">{escape(note, 600)}</p>' for note in self.notes)
        return to_block(
            f"<h3>{escape(self._headline())}</h3>", f"<p>{escape(about, 600)}</p>" if about else "", table, notes
        )


def profile(frame: Any, *, name: str | None = None) -> Profile:
    """Make a data dictionary of a table: kinds, ranges, gaps, examples, and what the repository says of each column.

    Descriptions and owners stand in `dcai.yaml` at the root of the repository, under ``datasets.<name>.columns``. Values
    of columns that it marks as sensitive, or that hold personal data, are masked.

    Parameters
    ----------
    frame : pandas.DataFrame or other table, or path to a CSV or Parquet file
        The data.
    name : str, optional
        The table's name in `dcai.yaml`; None takes the one whose file this is, else the stem of the file.

    Returns
    -------
    Profile

    Raises
    ------
    InputError
        Where the frame cannot be used, or `dcai.yaml` knows no such table.

    Examples
    --------
    >>> made = profile(pd.DataFrame({"age": [31, 44, None], "city": ["Ulm", "Ulm", "Bonn"]}))
    >>> made.columns[["column", "kind", "distinct"]].values.tolist()
    [['age', 'number', 2], ['city', 'category', 2]]
    """
    table = make_table(frame, caller="profile")
    known, dataset = _find_dataset(frame, table, name)
    veil = find_veil(table)
    rows = [_describe(table, str(c), veil, dataset) for c in table.frame.columns]
    notes = [veil.describe().replace("; audit.findings holds them in clear", "")] if veil.whole else []
    absent = [c for c in dataset.columns if c not in table.frame.columns]
    notes += [f"dcai.yaml describes columns that the table lacks: {', '.join(map(repr, absent))}."] if absent else []
    plain_ones = [row["column"] for row in rows if not row["description"]]
    if dataset.columns and plain_ones:
        notes.append(f"{count(len(plain_ones), 'column', ('has', 'have'))} no description in dcai.yaml.")
    return Profile(
        pd.DataFrame(rows, columns=list(COLUMNS)), len(table), known, dataset.owner, dataset.description, tuple(notes)
    )


def find_veil(table: Table) -> Veil:
    """Find the columns whose values must not be shown: those marked as sensitive, and those of personal data."""
    from dcai.findings.report import audit

    rows = np.linspace(0, len(table) - 1, min(len(table), SEARCHED)).astype(np.intp)
    return make_veil(audit(table.frame.iloc[rows], detectors="personal_data", progress=False))


def _find_dataset(frame: Any, table: Table, name: str | None) -> tuple[str, Dataset]:
    """Find what `dcai.yaml` says of a table: by its name, or by its file."""
    from dcai.base.errors import InputError

    path = Path(frame).absolute() if isinstance(frame, (str, Path)) else None
    # Outside of git the file's own folder need not be the one that holds dcai.yaml.
    starts = [Path.cwd()] if path is None else [path.parent, Path.cwd()]
    settings = next((one for start in starts if (one := find_settings(start)).datasets), find_settings(Path.cwd()))
    known: Mapping[str, Dataset] = settings.datasets
    if name is not None:
        if name not in known:
            raise InputError.unknown_name("dataset in dcai.yaml", name, known)
        return name, known[name]
    if path is not None:
        for its, dataset in known.items():
            if dataset.file and (settings.path.parent / dataset.file).resolve() == path.resolve():
                return its, dataset
    return table.name, known.get(table.name, Dataset())


def _describe(table: Table, name: str, veil: Veil, dataset: Dataset) -> dict[str, Any]:
    column = table.frame[name]
    kind = "date" if is_dated(column) else table.kinds[name]
    note = dataset.columns.get(name, ColumnNote())
    texts = (
        pd.Series(canonicals(column), dtype=object) if kind not in ("image", "other") else pd.Series([], dtype=object)
    )
    counts = texts.value_counts()
    sensitive = name in veil.whole
    low, middle, high = _find_range(column, kind)
    if sensitive:
        low, middle, high = (None if v is None else HIDDEN for v in (low, middle, high))
    filled = int(column.notna().sum())
    return {
        "column": name, "kind": kind, "dtype": str(column.dtype), "filled": filled,
        "missing": 1 - filled / len(column), "distinct": len(counts), "low": low, "middle": middle, "high": high,
        "examples": list(dict.fromkeys(str(veil.show(v, name)) for v in counts.index[:EXAMPLES])),
        "sensitive": sensitive, "owner": note.owner or dataset.owner, "description": note.description,
    }  # fmt: skip


def _find_range(column: pd.Series[Any], kind: str) -> tuple[Any, Any, Any]:
    """Return the smallest, middle and largest value; of texts those of their lengths."""
    from dcai.findings.features.vectors import to_numbers

    if kind == "number":
        values = to_numbers(column)
        values = values[~np.isnan(values)]
        return tuple(map(float, np.quantile(values, [0, 0.5, 1]))) if len(values) else (None, None, None)  # type: ignore[return-value]  # three of them
    if kind == "date":
        dates = read_dates(column).dropna().sort_values()
        picked = [dates.iloc[i] for i in (0, len(dates) // 2, -1)] if len(dates) else [None] * 3
        return tuple(plain(d.tz_convert(None)) if d is not None else None for d in picked)  # type: ignore[return-value]  # likewise
    if kind == "text":
        lengths = column.dropna().map(str).str.len()
        return int(lengths.min()), int(lengths.median()), int(lengths.max())
    return None, None, None


def _flat(row: dict[str, Any]) -> dict[str, str]:
    """Write one row of the dictionary as texts."""
    ends = [_write(row[c]) for c in ("low", "high")]
    shown = HIDDEN if HIDDEN in ends else f"{ends[0]} to {ends[1]}" if any(ends) else ""
    if row["kind"] == "text" and shown and shown != HIDDEN:
        shown += " characters"
    return {
        "column": row["column"], "kind": row["kind"], "missing": show_share(row["missing"]) if row["missing"] else "none",
        "distinct": f"{row['distinct']:,}", "range": shown, "description": row["description"] or "",
    }  # fmt: skip


def _write(value: Any) -> str:
    if value is None or value != value:  # noqa: PLR0124 (NaN)
        return ""
    return f"{value:.6g}" if isinstance(value, (int, float)) else str(value).removesuffix("T00:00:00")


def _show_filled(missing: float) -> str:
    return "all" if not missing else show_share(1 - missing)


def _finite(value: Any) -> Any:
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and not math.isfinite(value) else value
