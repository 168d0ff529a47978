"""Curve: what more rows, better labels and more reviews are worth on the data at hand. `curve` makes it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from dcai.base.display import to_page
from dcai.base.store import write_atomic
from dcai.experiments.prospects.efforts import RANDOM, Worth
from dcai.experiments.prospects.growth import Claim, RightSize
from dcai.experiments.results.sheets import Sheet, check_target, show_range
from dcai.experiments.scores.intervals import MEANING

if TYPE_CHECKING:
    from dcai.base.charts import OfflineChart


@dataclass(frozen=True, eq=False, repr=False)
class Curve:
    """Scores against the number of training rows, and against the number of reviewed rows.

    Attributes
    ----------
    sizes : pandas.DataFrame
        `data` (version of the training rows), `rows`, `score`, `low`, `high`: one row for each point of the curves.
    reviews : pandas.DataFrame
        `order`, `reviewed`, `score`, `low`, `high`, the gain over no review and what the order gains `over_random` order
        for as many reviews, each with its interval (paired: the same resamples); empty where nothing was corrected.
    claim : Claim or None
        Whether fewer rows of better labels do about as well as more rows of worse ones.
    worth : Worth or None
        What the last reviews brought, what as many more may bring, and where one could have stopped.
    right_size : RightSize or None
        How many rows of the best version do about as well as all; None where the metric has no value.
    notes : tuple of str
        How it was measured.
    metric : str
        The score.
    margin : float
        A smaller difference counts as none.
    test_rows : int
        How many rows were held out.

    See Also
    --------
    curve : makes it.
    """

    sizes: pd.DataFrame
    reviews: pd.DataFrame
    claim: Claim | None
    worth: Worth | None
    right_size: RightSize | None
    notes: tuple[str, ...]
    metric: str
    margin: float
    test_rows: int

    def to_frame(self) -> pd.DataFrame:
        """Return all points as one long table: `curve` ("sizes", "reviews"), `line`, `x`, score and interval."""
        parts = [
            self.sizes.rename(columns={"data": "line", "rows": "x"}).assign(curve="sizes"),
            self.reviews.rename(columns={"order": "line", "reviewed": "x"}).assign(curve="reviews"),
        ]
        columns = ["curve", "line", "x", "score", "low", "high"]
        return pd.concat([part[columns] for part in parts if len(part)], ignore_index=True)

    def to_metrics(self) -> dict[str, float | str | int]:
        """Return the numbers for `dcai.record(**curve.to_metrics())`."""
        found: dict[str, float | str | int] = {"metric": self.metric, "test_rows": self.test_rows}
        if self.right_size is not None:
            found["right_size"] = self.right_size.rows
        if self.claim is not None:
            found |= {"claim": self.claim.verdict, "claim_difference": self.claim.difference}
            found |= {"claim_low": self.claim.low, "claim_high": self.claim.high}
        if self.worth is not None:
            found |= {"last_reviews": self.worth.reviews, "last_reviews_gain": self.worth.gain}
            found |= {"last_reviews_gain_low": self.worth.low, "last_reviews_gain_high": self.worth.high}
            found |= {"next_reviews": self.worth.next_reviews, "next_reviews_gain": self.worth.next_gain}
            found |= {"next_reviews_gain_low": self.worth.next_low, "next_reviews_gain_high": self.worth.next_high}
        return {name: value for name, value in found.items() if value == value}  # noqa: PLR0124 (NaN)

    def chart(self, what: str = "sizes") -> OfflineChart:
        """Draw the curve against training rows ("sizes") or against reviewed rows ("reviews").

        Raises
        ------
        InputError
            For another name, or where nothing was reviewed.
        """
        from dcai.base.errors import InputError
        from dcai.experiments.prospects.curve_charts import draw_reviews, draw_sizes

        if what not in ("sizes", "reviews"):
            raise InputError.wrong_value("what", "chart", "'sizes' or 'reviews'", what)
        if what == "sizes":
            return draw_sizes(self)
        if not len(self.reviews):
            raise InputError("Nothing was reviewed, so there is no curve of reviews. Pass log= or truth= to curve.")
        return draw_reviews(self)

    @property
    def sheet(self) -> Sheet:
        """The points for people, with what they say as headline and notes."""
        rows = [
            {
                "against": "training rows" if point.curve == "sizes" else "reviewed rows",
                "line": point.line,
                "rows": f"{point.x:,}",
                "score": show_range(point.score, point.low, point.high),
            }
            for point in _rows(self.to_frame())
        ]
        columns = ("against", "line", "rows", "score")
        return Sheet(
            self._headline(), columns, tuple(rows), frozenset({"rows", "score"}), (*self._say(), MEANING, *self.notes)
        )

    def to_text(self) -> str:
        """Write the points and what they say as plain text."""
        return self.sheet.to_text()

    def to_markdown(self) -> str:
        """Write the points and what they say as Markdown."""
        return self.sheet.to_markdown()

    def to_latex(self) -> str:
        """Write the points for LaTeX with the package `booktabs`."""
        return self.sheet.to_latex()

    def to_html(self) -> str:
        """Write points and charts as a page that needs no network."""
        pictures = [self.chart().to_image()] + ([self.chart("reviews").to_image()] if len(self.reviews) else [])
        return to_page("Curve", self._repr_html_() + "".join(pictures))

    def save(self, path: str | Path) -> Path:
        """Write to a file: .html, .md and .tex hold the points, .svg and .png the chart of the training rows."""
        target = check_target(path, "curve")
        writers = {".md": self.to_markdown, ".tex": self.to_latex, ".html": self.to_html}
        ending = target.suffix.lower()
        return write_atomic(target, writers[ending]()) if ending in writers else self.chart().save(target)

    def __repr__(self) -> str:
        """Say in one line what the curves say."""
        return f"Curve({self._headline()})"

    def _repr_html_(self) -> str:
        return self.sheet.to_html()

    def _headline(self) -> str:
        if self.claim is not None:
            return str(self.claim)
        last = self.sizes.iloc[-1]
        return f"{self.metric} {last['score']:.3f} with {int(last['rows']):,} {last['data']} rows"

    def _say(self) -> Iterator[str]:
        if self.right_size is not None:
            yield str(self.right_size)
        if self.worth is not None:
            yield str(self.worth)
            last = self.reviews[self.reviews["reviewed"] == self.reviews["reviewed"].max()]
            told = [f"{r.order} {show_range(r.gain, r.gain_low, r.gain_high, '+')}" for r in _rows(last)]
            yield f"After {int(last['reviewed'].iloc[0]):,} reviewed rows: {'; '.join(told)}."
            for r in _rows(last[last["order"] != RANDOM]):
                yield (
                    f"The {r.order} gained {show_range(r.over_random, r.over_random_low, r.over_random_high, '+')} over random order "
                    "for as many reviews, on the same resamples."
                )
            yield (
                "In random order every training row is as likely to come next; rows that the log does not decide count as right, "
                "so errors that nobody has found are missing there."
            )


def _rows(frame: pd.DataFrame) -> Iterator[Any]:
    return iter(frame.itertuples())


def check_sizes(sizes: Sequence[Any], total: int) -> list[int]:
    """Return the numbers of training rows as given, sorted, or refuse them."""
    from dcai.base.errors import InputError

    given = list(sizes)
    whole = [isinstance(n, (int, np.integer)) and not isinstance(n, bool) and 2 <= n <= total for n in given]  # noqa: PLR2004 (two rows at least)
    if not given or not all(whole):
        raise InputError.wrong_value(
            "sizes", "curve", f"a list of integers from 2 to {total} (all training rows)", sizes
        )
    return sorted({int(n) for n in given})
