"""Schemas of pandera, where the user has it: what fails in them, cell by cell."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from dcai.base.errors import shorten
from dcai.findings.evidence import Evidence
from dcai.findings.rules.rulebook import Break
from dcai.findings.shape import make_findings


def find_failures(schema: Any, evidence: Evidence) -> tuple[list[Break], list[pd.DataFrame], list[str]]:
    """Validate a table by a schema: the cells and rows that fail, what fails as a whole, and a note."""
    from pandera.errors import SchemaError, SchemaErrors

    # The caller's index may name rows twice: positions do not. A schema may change what it validates: a copy.
    frame = evidence.table.frame.reset_index(drop=True).copy()
    notes = [
        f"pandera schema {shorten(str(getattr(schema, 'name', None) or getattr(schema, '__name__', 'without a name')), 60)}"
    ]
    try:
        schema.validate(frame, lazy=True)
    except SchemaErrors as errors:
        cases = errors.failure_cases
    except SchemaError as error:  # what cannot be collected is raised at once
        return [], [_find_whole(str(error), None)], notes
    else:
        return [], [], notes
    return *_split(cases, evidence), notes


def _split(cases: pd.DataFrame, evidence: Evidence) -> tuple[list[Break], list[pd.DataFrame]]:
    broken, tables = [], []
    for (column, check), its in cases.groupby(["column", "check"], dropna=False, sort=True):
        name = str(column) if isinstance(column, str) else ""
        shown = f"the check {shorten(str(check), 80)!r} of the schema"
        named = (name,) if name in evidence.table.frame.columns else ()
        at = pd.to_numeric(its["index"], errors="coerce").dropna().unique()
        if str(check) == "column_in_dataframe":
            missing = ", ".join(repr(str(v)) for v in its["failure_case"].head(5))
            tables.append(_find_whole(f"the schema expects {missing}, and the table has no such column", None))
            continue
        if not len(at):
            about = f" about {name!r}" if name else ""
            tables.append(
                _find_whole(
                    f"{shown}{about} fails: {shorten(str(its['failure_case'].iloc[0]))}", named[0] if named else None
                )
            )
            continue
        broken.append(Break(np.sort(at.astype(np.intp)), shown, named, len(evidence.table)))
    return broken, tables


def _find_whole(said: str, column: str | None) -> pd.DataFrame:
    sentence = shorten(said, 300)
    return make_findings([-1], 0.9, f"{sentence[:1].upper()}{sentence[1:]}.", column=column)
