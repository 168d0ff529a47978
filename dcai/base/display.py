"""Plain rows to escaped HTML; it knows no dcai type."""

from __future__ import annotations

import html
import shutil
import textwrap
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

# Colours are those of JupyterLab where it states them, else made from the text's own: so any page, light or dark, is readable.
# `.dcai.dcai.dcai`: notebook pages set tables right with rules that weigh more than one class does.
STYLE = """
<style>
.dcai { font: 13px/1.45 system-ui, -apple-system, "Segoe UI", sans-serif;
  color: var(--jp-ui-font-color1, var(--vscode-foreground, inherit)); max-width: 1400px;
  --dcai-soft: var(--jp-ui-font-color2, color-mix(in srgb, currentColor 70%, transparent));
  --dcai-line: var(--jp-border-color2, color-mix(in srgb, currentColor 22%, transparent)); }
.dcai h3 { font-size: 15px; margin: 0 0 4px; font-weight: 600; color: inherit; }
.dcai p { margin: 2px 0 8px; color: inherit; max-width: 1100px; }
.dcai p.muted, .dcai .muted { color: var(--dcai-soft); }
.dcai p.warn, .dcai .warn { color: var(--jp-warn-color0, color-mix(in srgb, #e07000 65%, currentColor)); }
.dcai code { color: inherit; background: transparent; }
.dcai table { border-collapse: collapse; margin: 4px 0 12px; width: auto; }
.dcai.dcai.dcai th, .dcai.dcai.dcai td { text-align: left; padding: 3px 16px 3px 0; border: 0; border-bottom: 1px solid var(--dcai-line);
  vertical-align: top; background: transparent; color: inherit; max-width: 260px; overflow-wrap: break-word; font-size: 13px; }
.dcai.dcai.dcai tr { background: transparent; }
.dcai.dcai.dcai th { font-weight: 600; white-space: nowrap; color: var(--dcai-soft); }
.dcai.dcai.dcai td.wide { min-width: 20em; max-width: 640px; }
.dcai.dcai.dcai td.number, .dcai.dcai.dcai th.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.dcai bdi { unicode-bidi: isolate; }
.dcai svg.bar { width: 120px; height: 10px; vertical-align: middle; }
.dcai svg.bar rect { fill: var(--jp-brand-color1, #1976d2); }
.dcai svg.bar rect.whole { fill: var(--dcai-line); }
.dcai img { max-width: 72px; max-height: 72px; min-height: 32px; vertical-align: top; }
.dcai .space { border: 1px dotted currentColor; opacity: 0.7; }
.dcai svg.bar line { stroke: currentColor; stroke-width: 1.5; vector-effect: non-scaling-stroke; }
</style>
"""


_NARROWEST = 40


class Html(str):
    """A piece of HTML that this package has made, and that a table takes as it is."""

    __slots__ = ()


def to_bar(share: float, mark: float | None = None) -> Html:
    """Draw a share as a bar, and a second one as a line across it; no script and no network.

    Examples
    --------
    >>> to_bar(0.25).count("<rect")
    2
    """
    width = 100 * min(1.0, max(0.0, share))
    line = "" if mark is None or mark != mark else f'<line x1="{100 * mark:.1f}" x2="{100 * mark:.1f}" y1="0" y2="10"/>'  # noqa: PLR0124 (NaN)
    return Html(
        f'<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" role="img" aria-label="{show_share(share)}">'
        f'<rect class="whole" width="100" height="10"/><rect width="{width:.1f}" height="10"/>{line}</svg>'
    )


def escape(value: object, limit: int = 200) -> str:
    """Escape a cell for HTML: cut, control characters made visible, direction isolated.

    Examples
    --------
    >>> escape("<b>")
    '<bdi>&lt;b&gt;</bdi>'
    """
    return f"<bdi>{html.escape(show_text(value, limit))}</bdi>"


def escape_value(value: object, limit: int = 200) -> Html:
    """Escape a value of which each character counts: spaces at its ends are shown.

    Examples
    --------
    >>> escape_value("a ")
    '<bdi>a<span class="space">␣</span></bdi>'
    >>> escape_value(4.148 * 10)
    '<bdi>41.48</bdi>'
    """
    text = "" if value is None else f"{value:.12g}" if isinstance(value, float) else str(value)
    if len(text) > limit or text == text.strip(" "):
        return Html(escape(value, limit))
    inner = text.strip(" ")
    before = len(text) - len(text.lstrip(" ")) if inner else 0
    after = len(text) - before - len(inner)
    marks = [f'<span class="space">{"␣" * n}</span>' if n else "" for n in (before, after)]
    return Html(f"<bdi>{marks[0]}{html.escape(show_text(inner, limit))}{marks[1]}</bdi>")


def show_text(value: object, limit: int = 200) -> str:
    """Write a cell as harmless text: control and direction marks visible, lone surrogates replaced, long text cut."""
    text = "" if value is None else str(value)
    cut = text[:limit] + ("…" if len(text) > limit else "")
    return "".join(_visible(c) for c in cut)


def _visible(character: str) -> str:
    if character in "\n\t ":
        return character
    if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co"):
        return f"\\u{ord(character):04x}"
    return character


def show_share(share: float) -> str:
    """Write a probability for people.

    Examples
    --------
    >>> show_share(0.983), show_share(0.9999), show_share(0.0)
    ('98 %', '> 99 %', '< 1 %')
    """
    if share > 0.99:  # noqa: PLR2004 (rounding would say that it is certain)
        return "> 99 %"
    return "< 1 %" if share < 0.01 else f"{100 * share:.0f} %"  # noqa: PLR2004 (likewise)


def to_table(
    rows: Iterable[Mapping[str, object]],
    columns: Sequence[str],
    numbers: Iterable[str] = (),
    limit: int = 200,
    wide: Iterable[str] = (),
) -> str:
    """Write rows as an HTML table; cells but `Html` are escaped and cut at `limit`.

    Columns named in `numbers` are set right, those in `wide` hold sentences.
    """
    right, long = set(numbers), set(wide)
    mark = {c: ' class="number"' if c in right else ' class="wide"' if c in long else "" for c in columns}
    head = "".join(f"<th{mark[c]}>{html.escape(show_text(c))}</th>" for c in columns)
    body = "".join(
        "<tr>" + "".join(f"<td{mark[c]}>{_to_cell(row.get(c), limit)}</td>" for c in columns) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _to_cell(value: object, limit: int) -> str:
    return value if isinstance(value, Html) else escape(value, limit)


def align(lines: Sequence[Sequence[str]]) -> list[str]:
    """Set rows of texts in columns, for a terminal.

    Examples
    --------
    >>> align([["value", "rows"], ["a", "12"]])
    ['value  rows', 'a      12']
    """
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return ["  ".join(t.ljust(w) for t, w in zip(line, widths, strict=True)).rstrip() for line in lines]


def wrap(text: str, width: int | None = None) -> str:
    """Break the lines of a text at a width, that of the terminal without one; what is broken off is set in.

    Examples
    --------
    >>> print(wrap("  a first line", 10))
      a first
          line
    """
    size = max(shutil.get_terminal_size().columns, _NARROWEST) if width is None else width
    broken = []
    for line in text.split("\n"):
        bare = line.lstrip(" ")
        inner = " " * (len(line) - len(bare))
        lines = textwrap.wrap(
            bare,
            size,
            initial_indent=inner,
            subsequent_indent=f"{inner}    ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        broken += lines if len(line) > size else [line]
    return "\n".join(broken)


def to_block(*parts: str) -> str:
    """Wrap parts of HTML in dcai's block, with its style."""
    return f'{STYLE}<div class="dcai">{"".join(parts)}</div>'


def to_page(title: str, body: str) -> str:
    """Wrap a block as a whole HTML document that needs no network."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        # The page takes the reader's theme; the block within takes the page's colours.
        '<meta name="color-scheme" content="light dark"><style>:root { color-scheme: light dark; } '
        "body { margin: 20px 28px; background: Canvas; color: CanvasText; } "
        "@media (prefers-color-scheme: dark) { body { background: #1b1b1b; color: #e6e6e6; } }</style>"
        f"<title>{html.escape(title)}</title></head><body>{body}</body></html>\n"
    )
