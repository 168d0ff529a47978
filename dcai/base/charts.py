"""Charts that need no network: pictures in the notebook, scripts inlined in pages."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Container
from dataclasses import dataclass
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

from dcai.base.display import to_page
from dcai.base.errors import InputError
from dcai.base.store import write_atomic

SCALE = 2  # pixels of a PNG for each point, for sharp screens
ENDINGS = (".svg", ".png", ".html")
_EXPORTS = "window.vegaEmbed = vegaEmbed;"


@dataclass(frozen=True, eq=False)
class OfflineChart:
    """An Altair chart that shows itself as a picture, wherever a notebook is opened.

    Plain Altair charts load scripts from the network, and JupyterLab draws older versions of the format only; a picture
    also stays in the saved notebook and on web sites that show notebooks.

    Attributes
    ----------
    chart : altair.TopLevelMixin
        The Altair chart, for further changes.
    title : str
        Said to people who cannot see the picture.

    Examples
    --------
    >>> import altair, pandas
    >>> bars = altair.Chart(pandas.DataFrame({"x": [1, 2]})).mark_bar().encode(x="x:Q")
    >>> OfflineChart(bars, "Two bars").to_svg().startswith("<svg")
    True
    """

    chart: Any
    title: str

    def to_svg(self) -> str:
        """Draw the chart as SVG."""
        stream = StringIO()
        self.chart.save(stream, format="svg")
        return stream.getvalue()

    def to_png(self) -> bytes:
        """Draw the chart as PNG."""
        stream = BytesIO()
        self.chart.save(stream, format="png", scale_factor=SCALE)
        return stream.getvalue()

    def to_image(self) -> str:
        """Write an HTML image that holds the picture itself, so that no script or style of the chart can reach a page."""
        data = base64.b64encode(self.to_svg().encode("utf-8")).decode("ascii")
        return f'<img alt="{html.escape(self.title)}" style="max-width: 100%" src="data:image/svg+xml;base64,{data}">'

    def to_html(self) -> str:
        """Write a page with the living chart and every script that it needs."""
        import vl_convert

        # The converter's own page pastes the data as they are; a cell with "</script>" would end the script.
        spec = json.dumps(self.chart.to_dict()).replace("<", "\\u003c")
        options = json.dumps({"renderer": "svg", "actions": False})
        body = (
            f'<div id="chart" role="img" aria-label="{html.escape(self.title)}"></div>'
            f"<script>{vl_convert.javascript_bundle(_EXPORTS)}</script>"
            f'<script>vegaEmbed("#chart", {spec}, {options});</script>'
        )
        return to_page(self.title, body)

    def save(self, path: str | Path) -> Path:
        """Save as .svg, .png or .html (with the scripts inlined)."""
        target = Path(path)
        ending = target.suffix.lower()
        if ending not in ENDINGS:
            raise InputError(
                f"A chart cannot be saved as {target.name!r}. Expected a name that ends in {', '.join(ENDINGS)}."
            )
        if ending == ".png":
            return write_atomic(target, self.to_png())
        return write_atomic(target, self.to_svg() if ending == ".svg" else self.to_html())

    def _repr_mimebundle_(
        self, include: Container[str] | None = None, exclude: Container[str] | None = None
    ) -> dict[str, str]:
        bundle = {
            "text/plain": f"OfflineChart({self.title!r})",
            "image/svg+xml": self.to_svg(),
            "image/png": base64.b64encode(self.to_png()).decode("ascii"),
        }
        return {
            kind: made
            for kind, made in bundle.items()
            if (not include or kind in include) and (not exclude or kind not in exclude)
        }
