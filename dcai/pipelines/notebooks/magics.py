"""IPython's magics in a cell's source: what runs as Python in the notebook itself, and what other words may read names."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from dcai.pipelines.notebooks.documents import parse_cell

# Cell magics that run their body where every other cell runs, so that what it binds stays.
_BODY_RUNS_HERE = frozenset(["time", "capture", "prun", "memit", "snakeviz", "debug", "notify"])
_CELL_MAGIC = re.compile(r"\A(?P<before>\s*)%%(?P<name>\w+)(?P<line>[^\n]*)(?P<body>(?:\n.*)?)\Z", re.DOTALL)
# Line magics that run what follows them in the same way.
_LINE_MAGIC = re.compile(r"^([ \t]*)%(?:time|prun|memit)[ \t]+(?=[^\s-])", re.MULTILINE)
# Cell magics whose body is another program's text: it reads no name of the notebook.
_FOREIGN = frozenset(
    ["bash", "sh", "script", "writefile", "file", "html", "HTML", "javascript", "js", "latex", "markdown", "svg", "SVG",
     "perl", "ruby", "cmd", "system", "sx"]
)  # fmt: skip
# What a cell of one line may begin with to be a magic though it has no percent sign.
_AUTOMAGIC = frozenset(
    ["pip", "conda", "mamba", "uv", "cd", "ls", "ll", "pwd", "cat", "less", "more", "mkdir", "rmdir", "rm", "cp", "mv",
     "man", "who", "whos", "run", "load", "load_ext", "env", "time", "matplotlib", "history"]
)  # fmt: skip
_ONE_LINE = re.compile(r"(\w+)(?:[ \t]+(?![=(.,])\S[^\n]*)?")
_SHELLS = frozenset(["system", "getoutput"])
# A name in a shell line, where it is replaced by its value.
_EXPANDED = re.compile(r"[{$]\{?([^\W\d]\w*)")
_WORD = re.compile(r"[^\W\d]\w*")


def parse_code(source: str) -> tuple[ast.Module, str] | None:
    r"""Parse a cell as `parse_cell` does, with the code that `%%time`, `%%capture` and `%time` run in the notebook.

    Examples
    --------
    >>> tree, _ = parse_code("%%time\nx = 1")
    >>> ast.unparse(tree)
    'x = 1'
    """
    line = _ONE_LINE.fullmatch(source.strip())
    if line is not None and line[1] in _AUTOMAGIC:
        return parse_cell(f"%{line[0]}")
    found = _CELL_MAGIC.match(source)
    if found is None or found["name"] not in _BODY_RUNS_HERE:
        return parse_cell(source if found else _LINE_MAGIC.sub(r"\1", source))
    names = [w for w in found["line"].split() if w.isidentifier()] if found["name"] == "capture" else []
    # The magic's line is replaced, not cut, so that the numbers of the others stay.
    first = f"{names[0]} = get_ipython()" if names else ""
    return parse_code("\n" * found["before"].count("\n") + first + found["body"])


def words_read(tree: ast.AST) -> set[str]:
    """Return the words in the text of magics that may be names of the notebook, such as those in an SQL query."""
    return {word for text, pattern in _texts(tree) for word in pattern.findall(text)}


def _texts(tree: ast.AST) -> Iterator[tuple[str, re.Pattern[str]]]:
    """Yield the texts of magics, each with the form that a name has in it."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or (way := way_to_kernel(node)) is None:
            continue
        texts = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
        is_foreign = way in _SHELLS or texts[:1] == [] or texts[0] in _FOREIGN
        # The first text of a magic is its own name.
        for text in texts if way in _SHELLS else texts[1:]:
            yield text, _EXPANDED if is_foreign else _WORD


def way_to_kernel(call: ast.Call) -> str | None:
    """Return `run_line_magic` of `get_ipython().run_line_magic(...)`, None for any other call."""
    owner = call.func.value if isinstance(call.func, ast.Attribute) else None
    if isinstance(owner, ast.Call) and isinstance(owner.func, ast.Name) and owner.func.id == "get_ipython":
        assert isinstance(call.func, ast.Attribute)
        return call.func.attr
    return None


def words_of(text: str) -> set[str]:
    """Return every word of a text that is no Python: each may be a name."""
    return set(_WORD.findall(text))
