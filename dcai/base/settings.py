"""`dcai.yaml` at a repository's root: its datasets and their owners, sensitive columns, label definitions, artifact store."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dcai.base import git, store
from dcai.base.contract import to_json
from dcai.base.errors import InputError, shorten
from dcai.base.records import Definition, Scalar
from dcai.base.yaml_text import builtin, dump_yaml, parse_yaml, read_yaml

NAME = "dcai.yaml"
HEAD = "# What dcai knows of this repository. Edits and comments made here are kept.\n"
VERSION_DIGITS = 12
_FIELDS = ("datasets", "sensitive", "labels", "artifacts")
_DATASET = ("file", "owner", "description", "columns")
_COLUMN = ("description", "owner")
_DEFINITION = ("meaning", "examples", "borderline")


@dataclass(frozen=True)
class ColumnNote:
    """What is written down of a column: what it holds, and who answers for it where that is not the table's owner."""

    description: str = ""
    owner: str = ""


@dataclass(frozen=True)
class Dataset:
    """A table of the repository: its file, relative to the root, who answers for it, and what it and its columns hold."""

    file: str = ""
    owner: str = ""
    description: str = ""
    columns: Mapping[str, ColumnNote] = field(default_factory=dict)


@dataclass(frozen=True)
class Settings:
    """What `dcai.yaml` says; where there is no such file, nothing.

    Attributes
    ----------
    path : Path
        The file; it need not exist.
    datasets : dict of str to Dataset
        The tables of the repository.
    sensitive : tuple of str
        Columns, of whatever table, whose values must not be read in a log.
    labels : dict of str to tuple of Definition
        What the classes of a label column mean.
    artifacts : str
        Where runs store what they make.

    Examples
    --------
    >>> Settings(Path("dcai.yaml")).version("species")
    ''
    """

    path: Path
    datasets: Mapping[str, Dataset] = field(default_factory=dict)
    sensitive: tuple[str, ...] = ()
    labels: Mapping[str, tuple[Definition, ...]] = field(default_factory=dict)
    artifacts: str = ""

    def definitions(self, label: str | None) -> tuple[Definition, ...]:
        """Return what the classes of a label mean, as far as it is written down."""
        return self.labels.get(label, ()) if label is not None else ()

    def version(self, label: str | None) -> str:
        """Name the state of a label's definitions by a short hash; empty where there are none."""
        known = sorted(self.definitions(label), key=lambda d: (type(d.name).__name__, str(d.name)))
        if not known:
            return ""
        return hashlib.sha256(to_json(known).encode("utf-8", "surrogatepass")).hexdigest()[:VERSION_DIGITS]


def find_settings(start: str | Path) -> Settings:
    """Read the `dcai.yaml` of the repository that holds a folder, or of the folder itself outside of git.

    Raises
    ------
    InputError
        Where the file is malformed; says where.

    Examples
    --------
    >>> find_settings("/").sensitive
    ()
    """
    folder = git.root_of(start) or Path(start).absolute()
    path = folder / NAME
    return read_settings(path) if path.is_file() else Settings(path)


def read_settings(path: str | Path) -> Settings:
    """Read and check a `dcai.yaml`; unknown fields and values of the wrong form are refused."""
    source = Path(path)
    return _check(read_yaml(source, "dcai.yaml"), source)


def _check(found: Any, path: Path) -> Settings:
    if found is None:
        return Settings(path)
    _require(isinstance(found, dict), path, "the file", "a mapping", found)
    _know(found, _FIELDS, f"field of {path.name}")
    datasets = {}
    for name, about in _mapping(found.get("datasets"), path, "datasets").items():
        inner = _mapping(about, path, f"datasets.{name}")
        _know(inner, _DATASET, f"field of datasets.{name} in {path.name}")
        notes = _mapping(inner.get("columns"), path, f"datasets.{name}.columns")
        datasets[str(name)] = Dataset(
            **{k: _text(builtin(v), path, f"datasets.{name}.{k}") for k, v in inner.items() if k != "columns"},
            columns={str(c): _read_note(v, path, f"datasets.{name}.columns.{c}") for c, v in notes.items()},
        )
    labels = {
        str(label): tuple(
            _read_definition(n, d, path, f"labels.{label}.{n}") for n, d in _classes(classes, path, label)
        )
        for label, classes in _mapping(found.get("labels"), path, "labels").items()
    }
    sensitive = tuple(dict.fromkeys(_texts(found.get("sensitive"), path, "sensitive")))
    return Settings(path, datasets, sensitive, labels, _text(found.get("artifacts") or "", path, "artifacts"))


def _classes(found: Any, path: Path, label: object) -> Iterable[tuple[Scalar, Any]]:
    """Go through the classes of a label; their names may be numbers."""
    for name, about in _mapping(found, path, f"labels.{label}").items():
        kinds = (bool, int, float, str)
        _require(isinstance(name, kinds), path, f"a class of labels.{label}", "a text or a number", name)
        yield next(kind(name) for kind in kinds if isinstance(name, kind)), about


def _read_note(about: Any, path: Path, where: str) -> ColumnNote:
    if isinstance(about, str):  # the short form: only what it holds
        return ColumnNote(str(about))
    inner = _mapping(about, path, where)
    _know(inner, _COLUMN, f"field of {where} in {path.name}")
    return ColumnNote(**{k: _text(inner.get(k) or "", path, f"{where}.{k}") for k in _COLUMN})


def _read_definition(name: Scalar, about: Any, path: Path, where: str) -> Definition:
    if isinstance(about, str):  # the short form: only what it means
        return Definition(name, str(about))
    inner = _mapping(about, path, where)
    _know(inner, _DEFINITION, f"field of {where} in {path.name}")
    return Definition(
        name,
        _text(inner.get("meaning") or "", path, f"{where}.meaning"),
        _texts(inner.get("examples"), path, f"{where}.examples"),
        _texts(inner.get("borderline"), path, f"{where}.borderline"),
    )


def _mapping(value: Any, path: Path, where: str) -> Mapping[Any, Any]:
    _require(value is None or isinstance(value, dict), path, where, "a mapping", value)
    return value or {}


def _texts(value: Any, path: Path, where: str) -> list[str]:
    _require(value is None or isinstance(value, list), path, where, "a list of texts", value)
    return [_text(v, path, where) for v in value or ()]


def _text(value: Any, path: Path, where: str) -> str:
    _require(isinstance(value, str), path, where, "a text", value, "Put it in quotes.")
    return str(value)


def _require(good: bool, path: Path, where: str, expected: str, got: Any, hint: str = "Correct it by hand.") -> None:  # noqa: FBT001 (an assertion with words)
    if not good:
        raise InputError(f"{where} in {path} must be {expected}. Got {shorten(repr(got), 80)} instead. {hint}")


def _know(found: Mapping[Any, Any], fields: tuple[str, ...], what: str) -> None:
    for name in found:
        if name not in fields:
            raise InputError.unknown_name(what, name, fields, "Correct it by hand.")


# ---------------------------------------------------------------- write


def write_definition(settings: Settings, label: str, definition: Definition) -> Settings:
    """Write what a class means into `dcai.yaml`; the rest of the file, comments too, stays as it is.

    Examples
    --------
    >>> import tempfile
    >>> empty = Settings(Path(tempfile.mkdtemp()) / "dcai.yaml")
    >>> write_definition(empty, "species", Definition("cat", "A small feline.")).definitions("species")[0].meaning
    'A small feline.'
    """

    def change(document: Any) -> None:
        classes = _enter(_enter(document, "labels"), label)
        if not isinstance(classes.get(definition.name), dict):
            classes[definition.name] = {}
        entry = classes[definition.name]
        for name in _DEFINITION:
            value = getattr(definition, name)
            if value:
                entry[name] = value
            else:
                entry.pop(name, None)

    return _rewrite(settings.path, change)


def mark_sensitive(settings: Settings, *columns: str) -> Settings:
    """Mark columns as sensitive in `dcai.yaml`.

    Examples
    --------
    >>> import tempfile
    >>> mark_sensitive(Settings(Path(tempfile.mkdtemp()) / "dcai.yaml"), "mail").sensitive
    ('mail',)
    """

    def change(document: Any) -> None:
        if document.get("sensitive") is None:
            document["sensitive"] = []
        document["sensitive"].extend(c for c in columns if c not in document["sensitive"])

    return _rewrite(settings.path, change)


def _enter(document: Any, name: str) -> Any:
    """Return an inner mapping of a document, made where it is lacking."""
    if document.get(name) is None:
        document[name] = {}
    return document[name]


def _rewrite(path: Path, change: Any) -> Settings:
    """Change a `dcai.yaml` as it is on disk now; what would not be read again is not written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with store.lock(path):
        document = read_yaml(path, NAME) if path.is_file() else None
        text = "" if document is not None else HEAD
        _check(document, path)
        if document is None:
            from ruamel.yaml.comments import CommentedMap

            document = CommentedMap()
        change(document)
        text += dump_yaml(document)
        made = _check(parse_yaml(text, path), path)
        store.write_atomic(path, text)
    return replace(made, path=path)
