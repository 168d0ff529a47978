"""Notebooks that are not Python: their parameters, and values written in their language.

Parameters are found in a cell tagged `parameters` only: lines that give a name one plain value. Types are as near as
JSON has them (`int`, `float`, `bool`, `str` by the default's look, `any` otherwise); a parameter is a secret where its
comment says `secret`. Values are written by papermill's translators, with quoting of our own where theirs is not safe.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from typing import Any

from dcai.base.errors import InputError
from dcai.base.records import Parameter
from dcai.pipelines.masking import SECRET
from dcai.pipelines.notebooks.documents import kernel_of

# `x = 1`, `x <- 1`, `val x = 1`, `$x = 1;`: one name, one value, perhaps a comment.
_LINE = re.compile(
    r"^(?:(?:val|var|let|const|local|export)\s+)?\$?(?P<name>[A-Za-z][A-Za-z0-9_]*)\s*(?:<-|=(?!=))\s*"
    r"(?P<value>\"(?:[^\"\\]|\\.)*\"|'[^']*'|[^\s#;]*)\s*;?\s*(?:(?:\#|//|%)\s*(?P<help>.*))?$"
)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_BOOLEANS = {"true": True, "false": False, "$true": True, "$false": False}
# How each language reads an environment variable, which is how a secret comes in.
_ENVIRONMENT = {
    "bash": '"${}"', "r": 'Sys.getenv("{}")', "julia": 'ENV["{}"]', "scala": 'sys.env("{}")', "matlab": 'getenv("{}")',
    "c#": 'System.Environment.GetEnvironmentVariable("{}")', "powershell": "$env:{}",
}  # fmt: skip
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def language_of(notebook: Any) -> str:
    """Return the language of a notebook as papermill's translators name it."""
    spec, info = notebook.metadata.get("kernelspec", {}), notebook.metadata.get("language_info", {})
    return str(spec.get("language") or info.get("name") or kernel_of(notebook))


def find_assignments(source: str) -> list[Parameter]:
    r"""Return the parameters of a tagged cell, in their order; a name given twice has its last value.

    Examples
    --------
    >>> [(p.name, p.schema["default"]) for p in find_assignments("rate=0.1  # learning rate\nname='a b'")]
    [('rate', 0.1), ('name', 'a b')]
    """
    found: dict[str, Parameter] = {}
    for line in source.splitlines():
        match = _LINE.match(line.strip())
        if match is None:
            continue
        name, text, said = match["name"], match["value"], (match["help"] or "").strip()
        schema = _schema_of(text, said)
        found.pop(name, None)
        found[name] = Parameter(name, {**schema, **({"description": said} if said else {})}, True, text, said)  # noqa: FBT003 (fields in their order)
    return list(found.values())


def _schema_of(text: str, said: str) -> dict[str, Any]:
    if said.lower().startswith("secret"):
        return {"type": "string", "writeOnly": True, "x-python": "secret"}
    if text[:1] in ("'", '"'):
        return {"type": "string", "x-python": "str", "default": text[1:-1]}
    if text.lower() in _BOOLEANS:
        return {"type": "boolean", "x-python": "bool", "default": _BOOLEANS[text.lower()]}
    for kind, name, python in ((int, "integer", "int"), (float, "number", "float")):
        try:
            return {"type": name, "x-python": python, "default": kind(text.removesuffix("L"))}
        except ValueError:
            continue
    return {"x-python": "any"}


def write_assignment(notebook: Any, name: str, value: Any, *, secret: bool = False) -> str:
    """Return the line of code that sets a name in the language of a notebook; what it cannot hold is refused.

    Examples
    --------
    >>> import nbformat.v4 as v4
    >>> bash = v4.new_notebook(metadata={"kernelspec": {"name": "bash", "display_name": "B", "language": "bash"}})
    >>> write_assignment(bash, "name", "$(rm -rf x)")
    "name='$(rm -rf x)'"
    """
    from papermill.exceptions import PapermillException
    from papermill.translators import papermill_translators

    language = language_of(notebook)
    try:
        translator = _mend(papermill_translators.find_translator(kernel_of(notebook), language))
    except PapermillException as error:
        raise InputError(
            f"Nobody knows how to write the parameter {name!r} in {language!r}. Run the notebook without parameters."
        ) from error
    if not _NAME.fullmatch(name):
        raise InputError(f"The parameter {name!r} is no name in {language!r}, so no notebook can hold it.")
    if secret:
        pattern = _ENVIRONMENT.get(language.lower())
        if pattern is None:
            raise InputError(
                f"Secrets cannot be handed to notebooks in {language!r}. Read an environment variable there."
            )
        return str(translator.assign(name, pattern.format(SECRET + name)))
    _require_plain(name, value, language)
    try:
        return str(translator.assign(name, translator.translate(value)))
    except NotImplementedError as error:
        raise InputError(f"The parameter {name!r} cannot be written in {language!r}: {error}.") from error


def _require_plain(name: str, value: Any, language: str) -> None:
    """Refuse what a language has no form for; what is left is for its translator."""
    if isinstance(value, str) and "\0" in value:
        raise InputError(f"The parameter {name!r} must be a text without the character NUL.")
    if isinstance(value, float) and value - value != 0:
        raise InputError(f"The parameter {name!r} must be a finite number. Got {value!r} instead.")
    for one in value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ():
        if language == "bash" and isinstance(one, (list, Mapping)):
            raise InputError(f"The parameter {name!r} is nested, which 'bash' has no form for. Give a plain list.")
        _require_plain(name, one, language)


def _mend(translator: Any) -> Any:
    """Return papermill's translator with safe texts: three of its languages look into quoted ones for code."""
    from papermill import translators

    known: dict[Any, Callable[[str], str]] = {
        translators.BashTranslator: _quote_for_bash,
        translators.JuliaTranslator: lambda text: str(translator.translate_escaped_str(text)).replace("$", r"\$"),
        translators.PowershellTranslator: lambda text: (
            "'" + re.sub("['\u2018\u2019\u201a\u201b]", r"\g<0>\g<0>", text) + "'"
        ),
    }
    if translator not in known:
        return translator
    quote = known[translator]

    class Mended(translator):  # type: ignore[misc]  # papermill has no type hints that mypy follows
        """The same with texts that stay texts."""

        @classmethod
        def translate_str(cls, val: str) -> str:
            return quote(val)

    return Mended


def _quote_for_bash(text: str) -> str:
    """Quote a text for a shell that reads from a terminal: control characters would be keys there."""
    if not _CONTROL.search(text):
        return shlex.quote(text)
    kept = text.replace("\\", "\\\\").replace("'", "\\'")
    return "$'" + _CONTROL.sub(lambda m: f"\\{ord(m[0]):03o}", kept) + "'"
