"""Whether a table that a manifest names has drifted from another one: what gates and triggers ask."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dcai.pipelines.conditions.table_schemas import read_table

if TYPE_CHECKING:
    from dcai.experiments.batches.drifts import Drift

_SHOWN = 4


def measure_drift(root: Path, path: str, rule: Mapping[str, Any], home: Path | None = None) -> Drift:
    """Compare a table with its reference, as declared; `home` is where the table is, if not at the root as well.

    Raises
    ------
    DcaiError
        One of them is not there, or they cannot be compared.

    Examples
    --------
    >>> measure_drift(Path("/absent"), "new.csv", {"reference": "shop.sqlite#sales"})
    Traceback (most recent call last):
        ...
    dcai.base.errors.MissingError: There is no file 'shop.sqlite' in /absent. Make it first.
    """
    from dcai.experiments.shifts import drift

    reference, current = read_table(root, rule["reference"]), read_table(home or root, path)
    return drift(
        reference, current, label=rule.get("label"), alpha=rule.get("alpha", 0.01), key=rule.get("key"),
        groups=rule.get("groups"), volume=rule.get("volume"),
    )  # fmt: skip


def name_drift(found: Drift) -> str:
    """Name what has drifted: columns, or the kind of change where it is about the table; remarks do not count."""
    from dcai.experiments.batches.drifts import COUNTED

    table = found.findings[found.findings["doubt"] >= COUNTED]
    names = table["column"].where(table["column"].notna(), table["detector"])
    return ", ".join(map(str, names.drop_duplicates().head(_SHOWN)))
