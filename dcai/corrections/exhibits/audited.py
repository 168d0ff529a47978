"""What a review needs to know of an audit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import pandas as pd

from dcai.base.table import Table
from dcai.findings.labels.tasks import Reading


class Audited(Protocol):
    """What a review needs to know of an audit."""

    @property
    def table(self) -> Table:
        """The data that was audited."""
        ...

    @property
    def findings(self) -> pd.DataFrame:
        """The findings, worst first."""
        ...

    @property
    def probabilities(self) -> pd.DataFrame | None:
        """Out-of-sample probabilities, a column for each class."""
        ...

    @property
    def reading(self) -> Reading | None:
        """What the label was taken for."""
        ...

    @property
    def hash(self) -> str:
        """Hash of the data and the findings."""
        ...


# A finding: the values of its row, by the names of the columns of findings.
Found = Mapping[str, Any]


def list_values(column: pd.Series[Any]) -> list[Any]:
    """Return the values of a column of findings; going through a column of Arrow texts one by one takes twenty times as long."""
    values: list[Any] = column.to_numpy(dtype=object).tolist()
    return values
