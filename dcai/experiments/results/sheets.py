"""One table with a headline and notes, written as text, Markdown, LaTeX and HTML; each escapes what it is given."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dcai.base.display import align, show_text, to_block, to_table
from dcai.base.errors import InputError, MissingError

NOTE_LIMIT = 2000
ENDINGS = (".svg", ".png", ".html", ".md", ".tex")
_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "%": r"\%",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
}


@dataclass(frozen=True)
class Sheet:
    """Rows of plain cells for people: `rows` map each of `columns` to a cell; those named in `numbers` stand right."""

    headline: str
    columns: tuple[str, ...]
    rows: tuple[Mapping[str, object], ...]
    numbers: frozenset[str]
    notes: tuple[str, ...]

    def to_text(self) -> str:
        """Write headline, table in aligned columns, and notes as plain text."""
        cells = [list(self.columns), *([show_text(row[c]) for c in self.columns] for row in self.rows)]
        notes = [f"- {show_text(note, NOTE_LIMIT)}" for note in self.notes]
        return "\n".join([show_text(self.headline, NOTE_LIMIT), "", *align(cells), "", *notes])

    def to_markdown(self) -> str:
        """Write headline, table and notes as Markdown."""
        rule = "".join("---:|" if c in self.numbers else "---|" for c in self.columns)
        lines = ["| " + " | ".join(map(escape_markdown, self.columns)) + " |", "|" + rule]
        lines += ["| " + " | ".join(escape_markdown(row[c]) for c in self.columns) + " |" for row in self.rows]
        notes = [f"* {escape_markdown(note)}" for note in self.notes]
        return "\n".join([f"**{escape_markdown(self.headline)}**", "", *lines, "", *notes]) + "\n"

    def to_latex(self) -> str:
        """Write a table for LaTeX with the package `booktabs`; headline and notes are its caption and text below it."""
        kinds = "".join("r" if c in self.numbers else "l" for c in self.columns)
        body = [" & ".join(escape_latex(row[c]) for c in self.columns) + r" \\" for row in self.rows]
        notes = r" \\ ".join(escape_latex(note) for note in self.notes)
        return "\n".join(
            [
                r"\begin{table}",
                r"\centering",
                rf"\caption{{{escape_latex(self.headline)}}}",
                rf"\begin{{tabular}}{{{kinds}}}",
                r"\toprule",
                " & ".join(map(escape_latex, self.columns)) + r" \\",
                r"\midrule",
                *body,
                r"\bottomrule",
                r"\end{tabular}",
                rf"\par\medskip\begin{{minipage}}{{\linewidth}}\footnotesize {notes}\end{{minipage}}",
                r"\end{table}",
            ]
        ) + "\n"  # fmt: skip

    def to_html(self) -> str:
        """Write the block that a notebook shows."""
        marks = (' class="warn"' if note.startswith("WARNING") else "" for note in self.notes)
        notes = "".join(
            f"<li{mark}>{html.escape(show_text(note, NOTE_LIMIT))}</li>"
            for mark, note in zip(marks, self.notes, strict=True)
        )
        return to_block(
            f"<h3>{html.escape(show_text(self.headline, NOTE_LIMIT))}</h3>",
            to_table(self.rows, self.columns, self.numbers),
            f'<ul class="muted">{notes}</ul>',
        )


def escape_markdown(value: object) -> str:
    """Write a cell so that no character of it means anything to Markdown."""
    text = show_text(value, NOTE_LIMIT).replace("\n", " ")
    for mark in "\\`*_[]<>|#&":
        text = text.replace(mark, f"\\{mark}")
    return text


def escape_latex(value: object) -> str:
    r"""Write a cell so that no character of it means anything to LaTeX.

    Examples
    --------
    >>> escape_latex("50 % of a_b")
    '50 \\% of a\\_b'
    """
    return "".join(_LATEX.get(c, c) for c in show_text(value, NOTE_LIMIT).replace("\n", " "))


def show_range(value: float, low: float, high: float, sign: str = "") -> str:
    """Write a number with its interval.

    Examples
    --------
    >>> show_range(0.5, 0.4, 0.6, "+")
    '+0.500 (+0.400 to +0.600)'
    """
    if np.isnan(low):
        return f"{value:{sign}.3f} (no interval)"
    return f"{value:{sign}.3f} ({low:{sign}.3f} to {high:{sign}.3f})"


def show_p(value: float) -> str:
    """Write a p-value.

    Examples
    --------
    >>> show_p(0.0321), show_p(1e-9), show_p(float("nan"))
    ('0.032', '< 0.001', '')
    """
    if np.isnan(value):
        return ""
    return "< 0.001" if value < 0.001 else f"{value:.3f}"  # noqa: PLR2004 (three digits are shown)


def check_target(path: str | Path, what: str = "comparison", endings: Iterable[str] = ENDINGS) -> Path:
    """Return where something shall be saved, if it can be."""
    target = Path(path)
    if target.suffix.lower() not in endings:
        raise InputError(
            f"A {what} cannot be saved as {target.name!r}. Expected a name that ends in {', '.join(endings)}."
        )
    if not target.parent.is_dir():
        raise MissingError(f"There is no folder {str(target.parent)!r} to save {target.name!r} in. Make it first.")
    return target
