"""Lineage as people see it: a graph without any script, and tables."""

from __future__ import annotations

import html
from collections import defaultdict
from typing import TYPE_CHECKING

from dcai.base import display

if TYPE_CHECKING:
    from dcai.pipelines.origins.lineage_graph import Lineage, Node

_WIDTH, _HEIGHT, _ACROSS, _DOWN, _LETTERS = 210, 40, 70, 12, 28
_MOST_NODES, _MOST_ROWS = 60, 50
_FACTS = ("run", "status", "commit", "started", "parameters", "metrics")
_SHOWN = ("run", "log", "key", "column", "verdict", "given", "value", "by", "at")
# Said where nothing stands on a file: it is no all-clear.
NOBODY = (
    "No recorded run stands on it. Runs record the inputs that their pipelines declare, and the correction logs that they were "
    "seen to open; what else a notebook reads is not known."
)


def _summary(lineage: Lineage) -> str:
    if lineage.forwards and not lineage.runs:
        return f"<p>{NOBODY}</p>"
    files = len(lineage.artifacts)
    said = f"{len(lineage.runs)} runs and {files} files" + (" are stale." if lineage.forwards else " stand behind it.")
    return f'<p class="muted">{said}</p>'


def _facts(node: Node) -> dict[str, object]:
    record = node.run
    assert record is not None
    dirty = " (with changes that were not committed)" if record.dirty else ""
    return {
        "run": node.name,
        "status": record.status,
        "commit": f"{(record.commit or 'none')[:10]}{dirty}",
        "started": record.started[:19].replace("T", " "),
        "parameters": ", ".join(f"{k}={v}" for k, v in record.parameters.items()),
        "metrics": ", ".join(f"{k}={v}" for k, v in record.metrics.items()),
    }


def _corrections(lineage: Lineage) -> str:
    if not lineage.logs:
        return ""
    number = sum(len(one.applied) for one in lineage.logs if one.applied is not None)
    rows = lineage.correction_rows(_MOST_ROWS)[:_MOST_ROWS]
    for row in rows:
        row["key"] = ", ".join(f"{k}={v}" for k, v in row["key"].items())
    each = "" if len(lineage.runs) == 1 else ", each run's counted"
    title = f"<h3>{number} corrections stood in the logs that were read{each}</h3>"
    more = (
        f'<p class="muted">The first {len(rows)} are shown; see <code>.corrections</code>.</p>'
        if number > len(rows)
        else ""
    )
    return title + (display.to_table(rows, _SHOWN, limit=60) if rows else "") + more


def draw(lineage: Lineage) -> str:
    """Draw the graph, data going from left to right; text is escaped, and nothing is loaded."""
    shown = lineage.nodes[:_MOST_NODES]
    places = _arrange(shown, forwards=lineage.forwards)
    if not shown:
        return ""
    wide = max(x for x, _ in places) + _WIDTH + 2
    high = max(y for _, y in places) + _HEIGHT + 2
    lines = [_line(places[a], places[b]) for a, b in lineage.edges if max(a, b) < len(shown)]
    boxes = [_box(node, *place) for node, place in zip(shown, places, strict=True)]
    more = len(lineage.nodes) - len(shown)
    said = (
        f'<p class="muted">The graph shows the nearest {len(shown)}; {more} more stand in the table.</p>'
        if more
        else ""
    )
    return (
        f'<svg class="lineage" viewBox="0 0 {wide} {high}" width="{wide}" height="{high}" role="img" '
        f'aria-label="Graph of {len(shown)} runs and files">{"".join(lines)}{"".join(boxes)}</svg>{said}'
    )


_STYLE = """<style>
.dcai svg.lineage { max-width: 100%; height: auto; color: inherit; }
.dcai svg.lineage rect { fill: transparent; stroke: var(--dcai-line); }
.dcai svg.lineage .run rect { fill: color-mix(in srgb, var(--jp-brand-color1, #1976d2) 18%, transparent);
  stroke: var(--jp-brand-color1, #1976d2); }
.dcai svg.lineage .bad rect { stroke: var(--jp-warn-color0, #e07000); stroke-dasharray: 4 3; }
.dcai svg.lineage text { fill: currentColor; font: 12px system-ui, sans-serif; }
.dcai svg.lineage text.muted { fill: var(--dcai-soft); font-size: 11px; }
.dcai svg.lineage path { fill: none; stroke: var(--dcai-soft); }
</style>"""


def to_html(lineage: Lineage) -> str:
    """Write a lineage as a block of HTML: the graph, the runs, the corrections, and what is not known."""
    made = "What stands on" if lineage.forwards else "What made"
    parts = [_STYLE, f"<h3>{made} {display.escape(lineage.subject)}</h3>", _summary(lineage), draw(lineage)]
    runs = [_facts(n) for n in lineage.nodes if n.run is not None]
    if runs:
        parts.append(display.to_table(runs[:_MOST_ROWS], _FACTS, wide=("parameters",)))
    parts.append(_corrections(lineage))
    parts += [f'<p class="warn">{display.escape(note, 500)}</p>' for note in lineage.notes]
    return display.to_block(*parts)


def _arrange(nodes: tuple[Node, ...], *, forwards: bool) -> list[tuple[int, int]]:
    """Return the corner of each node: a column for each step, what was asked about on the side where data begins or ends."""
    last = max((n.step for n in nodes), default=0)
    filled: dict[int, int] = defaultdict(int)
    places = []
    for node in nodes:
        column = node.step if forwards else last - node.step
        places.append((1 + column * (_WIDTH + _ACROSS), 1 + filled[column] * (_HEIGHT + _DOWN)))
        filled[column] += 1
    return places


def _line(first: tuple[int, int], second: tuple[int, int]) -> str:
    x1, y1 = first[0] + _WIDTH, first[1] + _HEIGHT // 2
    x2, y2 = second[0], second[1] + _HEIGHT // 2
    middle = (x1 + x2) // 2
    return f'<path d="M{x1} {y1} C{middle} {y1} {middle} {y2} {x2} {y2}"/>'


def _box(node: Node, x: int, y: int) -> str:
    kind = "run" if node.run is not None else "file"
    bad = " bad" if node.run is not None and node.run.status != "succeeded" else ""
    below = node.kind
    if node.run is not None:
        below = f"{node.run.status} {node.run.started[:16].replace('T', ' ')}"
    elif node.file is not None:
        below = f"{node.kind} {(node.file.sha256 or 'not there')[:12]}"
    name = node.run.pipeline if node.run is not None else node.name
    return (
        f'<g class="{kind}{bad}"><title>{_text(node.name, 300)}</title>'
        f'<rect x="{x}" y="{y}" width="{_WIDTH}" height="{_HEIGHT}" rx="5"/>'
        f'<text x="{x + 10}" y="{y + 17}">{_text(_shorten(name), 100)}</text>'
        f'<text class="muted" x="{x + 10}" y="{y + 32}">{_text(below, 100)}</text></g>'
    )


def _shorten(name: str) -> str:
    """Keep the end of a name, where paths differ."""
    return name if len(name) <= _LETTERS else f"…{name[1 - _LETTERS :]}"


def _text(value: str, limit: int) -> str:
    return html.escape(display.show_text(value, limit))
