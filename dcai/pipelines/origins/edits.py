"""The corrections that a run has read: its log as it was then, found by its hash, and what stood in it."""

from __future__ import annotations

import hashlib
import io
import json
import re
import tempfile
from collections.abc import Hashable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dcai.base import contract, history, store
from dcai.base.errors import MissingError
from dcai.base.records import Correction, FileHash
from dcai.pipelines.archive import snapshots
from dcai.pipelines.archive.ledger import RUNS

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

# Where standing lines begin in a log with this hash; no value of any cell stands there.
INDEX = ".index"
HIDDEN = "(hidden)"
# Where a line begins, the line, and the text of its key.
Skimmed = tuple[int, Correction, str]


@dataclass(frozen=True)
class State:
    """A log as it was: the first `size` bytes of a text."""

    text: bytes = field(repr=False)
    size: int


@dataclass(frozen=True, eq=False)
class LogStates:
    """A correction log as it is now and as runs have read it: nearly always a beginning of what it is now.

    Examples
    --------
    >>> LogStates(Path("/"), "corrections/none.jsonl").now
    b''
    """

    root: Path
    path: str
    now: bytes = field(default=b"", repr=False)
    _known: dict[str, State | None] = field(default_factory=dict, repr=False)

    @classmethod
    def read(cls, root: Path, path: str, states: Iterable[FileHash] = ()) -> LogStates:
        """Read a log, and find those of its states that it begins with, in one pass; one that is gone is empty."""
        target = root / path
        made = cls(root, path, target.read_bytes() if target.is_file() else b"")
        digest, done = hashlib.sha256(), 0
        wanted = {s.sha256: s.size for s in states if s.sha256 is not None and s.size is not None}
        for sha256, size in sorted(wanted.items(), key=lambda item: item[1]):
            if size > len(made.now):
                break
            digest.update(memoryview(made.now)[done:size])
            done = size
            if digest.hexdigest() == sha256:
                made._known[sha256] = State(made.now, size)
        return made

    def state(self, file: FileHash) -> State | None:
        """Return the log with a hash; None where neither the file, nor what runs have kept, nor git holds it any more."""
        if file.sha256 is None:
            return State(b"", 0)  # there was no log yet
        if file.sha256 not in self._known:
            text = self._find_kept(file)
            text = self._find_committed(file.sha256) if text is None else text
            self._known[file.sha256] = None if text is None else State(text, len(text))
        return self._known[file.sha256]

    def _find_kept(self, file: FileHash) -> bytes | None:
        """Return what a run has kept of the log by content, where its pipeline says that it keeps what it reads."""
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / "log.jsonl"
            return target.read_bytes() if snapshots.bring_back(self.root / RUNS, file, target) else None

    def _find_committed(self, sha256: str) -> bytes | None:
        versions = history.list_versions(self.root, self.root / self.path)
        return next((v.content for v in versions if hashlib.sha256(v.content).hexdigest() == sha256), None)

    # ------------------------------------------------------------ what stood in it

    def applied(self, file: FileHash) -> Applied | None:
        """Return the corrections that stood in a state and that nobody disputed; None where it is lost."""
        state = self.state(file)
        return None if state is None else Applied(self.path, state.text, self._places(state, file.sha256))

    def _places(self, state: State, sha256: str | None) -> npt.NDArray[np.int64]:
        """Return where the corrections begin that were applied; looked up by the log's hash, found where it is new."""
        import numpy as np

        path = self.root / RUNS / INDEX / f"{sha256}.npy"
        try:
            return np.asarray(np.load(path, allow_pickle=False), dtype=np.int64)
        except (OSError, ValueError):
            lines = self._skimmed if state.text is self.now else _skim(state.text)
            found = np.array(_find_applied(lines, state.size), dtype=np.int64)
        if sha256 is not None and (self.root / RUNS).is_dir():
            stream = io.BytesIO()
            np.save(stream, found, allow_pickle=False)
            store.write_atomic(path, stream.getvalue())
        return found

    @cached_property
    def _skimmed(self) -> list[Skimmed]:
        return _skim(self.now)

    # ------------------------------------------------------------ one cell

    def lines_of(self, key: Mapping[str, Any], text: bytes | None = None) -> list[tuple[int, Correction]]:
        """Return the lines about one row, each with where it begins."""
        from dcai.corrections.decisions.standing import key_text

        whole = self.now if text is None else text
        wanted = key_text(dict(key))
        found = ((start, read_line(whole, start)) for start in _find_mentions(whole, key))
        return [(start, line) for start, line in found if line is not None and key_text(line.key) == wanted]


def index_logs(root: Path, logs: Iterable[FileHash]) -> None:
    """Find out what stood in logs that a run has read, so that the first question about it is answered at once."""
    for one in logs:
        if one.sha256 is None or (root / RUNS / INDEX / f"{one.sha256}.npy").exists():
            continue
        with suppress(
            OSError
        ):  # the log cannot be read any more, or the disk has no room: then that question takes longer
            LogStates.read(root, one.path, [one]).applied(one)


@dataclass(frozen=True, eq=False)
class Applied:
    """The standing, undisputed corrections of a log's state; lines are read when they are asked for."""

    path: str
    text: bytes = field(repr=False)
    places: npt.NDArray[np.int64] = field(repr=False)

    def __len__(self) -> int:
        return len(self.places)

    def rows(self, hidden: frozenset[str], limit: int | None = None) -> list[dict[str, Any]]:
        """Return them as rows, oldest first, at most `limit`; cells of `hidden` columns are not shown."""
        lines = (read_line(self.text, int(start)) for start in self.places[:limit])
        return [_row(self.path, line, hidden) for line in lines if line is not None]


def _row(path: str, line: Correction, hidden: frozenset[str]) -> dict[str, Any]:
    masked = line.column in hidden
    return {
        "log": path,
        "id": line.id,
        "key": {k: HIDDEN if k in hidden else v for k, v in line.key.items()},
        "column": line.column,
        "verdict": line.verdict,
        "given": HIDDEN if masked else line.given,
        "value": HIDDEN if masked else line.value,
        "by": line.by,
        "at": line.at,
    }


def read_line(text: bytes, start: int) -> Correction | None:
    """Read the line of a log that begins at a byte; None for one that is no correction (any more)."""
    end = text.find(b"\n", start)
    try:
        plain = json.loads(text[start : end if end >= 0 else len(text)])
        return contract.from_plain(Correction, plain)
    except ValueError:  # an InputError is one too
        return None


def _skim(text: bytes) -> list[Skimmed]:
    """Read the lines of a log without proving their types: its hash says that it is the one that a run has read."""
    from dcai.corrections.decisions.standing import key_text

    found, start = [], 0
    for raw in text.splitlines(keepends=True):
        try:
            line = Correction(**json.loads(raw))
            found.append((start, line, key_text(line.key)))
        except (ValueError, TypeError):
            pass  # an empty line, or a torn one, which never counted
        start += len(raw)
    return found


def _find_applied(lines: list[Skimmed], size: int) -> list[int]:
    """Find the standing, undisputed changes of a log of so many bytes, oldest first: where their lines begin."""
    from dcai.corrections.decisions.standing import CHANGING, find_disputed, find_standing

    before = [one for one in lines if one[0] < size]
    places = {line.id: start for start, line, _ in before}
    rows = {line.id: row for _, line, row in before}
    standing = find_standing((line for _, line, _ in before), lambda c: rows[c.id])
    disputed = find_disputed(standing, lambda c: rows[c.id])
    return [places[c.id] for c in standing if c.verdict in CHANGING and c.id not in disputed]


def outcome_at(lines: Iterable[tuple[int, Correction]], column: str | None, size: int) -> frozenset[Hashable]:
    """Say what the lines about one row that stand before a byte make of one of its cells."""
    from dcai.corrections.decisions.standing import CHANGING, find_disputed, find_standing, outcome_of

    standing = find_standing(line for start, line in lines if start < size)
    disputed = find_disputed(standing)
    return frozenset(
        (c.part, outcome_of(c))
        for c in standing
        if c.verdict in CHANGING and c.id not in disputed and c.column in (column, None)
    )


def _find_mentions(text: bytes, key: Mapping[str, Any]) -> list[int]:
    """Find where lines begin that may be about a key: the member of it that is written longest tells the most."""
    name, value = max(key.items(), key=lambda item: len(str(item[1])))
    starts: set[int] = set()
    for form in _forms(name, value):
        at = text.find(form)
        while at >= 0:
            starts.add(text.rfind(b"\n", 0, at) + 1)
            at = text.find(form, at + len(form))
    return sorted(starts)


def _forms(name: str, value: Any) -> set[bytes]:
    """Return how a log may begin to write a member of a key: as text, in UTF-8 or escaped, or as a number."""
    texts = {json.dumps(str(value), ensure_ascii=escaped) for escaped in (False, True)}
    if re.fullmatch(r"-?\d+(\.\d+)?", str(value)):
        # A whole number may be written as 17 or 17.0, which both begin in one way.
        texts |= {str(value).removesuffix(".0"), json.dumps(str(value).removesuffix(".0"))}
    elif not isinstance(value, str):
        texts.add(json.dumps(value))
    names = {json.dumps(name, ensure_ascii=escaped) for escaped in (False, True)}
    return {f"{one}:{text}".encode("utf-8", "replace") for one in names for text in texts}


def require_lines(states: LogStates, key: Mapping[str, Any], column: str | None) -> list[tuple[int, Correction]]:
    """Return the lines about a cell's row; a cell that nobody has decided is an error."""
    lines = states.lines_of(key)
    if not any(line.column in (column, None) for _, line in lines):
        cell = f"{column!r} of {dict(key)!r}"
        raise MissingError(
            f"No decision in {states.path} is about {cell}, so no run can miss one. "
            "Give the key as the log has it, for example {'id': 17}, and the name of the column."
        )
    return lines
