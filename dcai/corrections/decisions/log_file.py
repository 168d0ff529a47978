"""A correction log as a file: read whole, and appended to so that a line is on disk or was never written."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from dcai.base import store
from dcai.base.errors import LogError, shorten
from dcai.base.records import Correction
from dcai.base.testimony import tell_log
from dcai.corrections.decisions.attributes import tell_git
from dcai.corrections.decisions.digests import Digest, digest_lines
from dcai.corrections.decisions.lines import VERSION, next_time, parse_log, read_bytes, sign, write_line
from dcai.corrections.decisions.matching import column_digest, key_names

logger = logging.getLogger("dcai")


@dataclass(frozen=True, repr=False)
class LogFile:
    """The lines of a log as they were when it was read; `torn` is what a broken write left behind them."""

    path: Path
    corrections: tuple[Correction, ...] = ()
    torn: bytes = b""
    size: int = 0
    stamp: tuple[int, int, int] = (0, 0, 0)
    _digest: Digest = dataclasses.field(default_factory=Digest, compare=False)

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Read a log.

        Parameters
        ----------
        path : str or Path
            A correction log (UTF-8 JSON Lines).

        Raises
        ------
        MissingError
            Where the file does not exist.
        LogError
            Where a line is malformed, was edited, or is of a newer format; the line is named. A torn last line is no
            error: it is left out, and reported in `torn` and as a warning of the logger ``dcai``.
        """
        return cls(Path(path)).read_on()

    def read_on(self) -> Self:
        """Read the file anew; where it begins as it did, only what stands behind that."""
        stamp = _stamp(self.path)
        data = read_bytes(self.path)
        tell_log(self.path, data)
        if self._digest.lines is self.corrections and self._digest.starts(data):
            start, known, digest = self._digest.size or 0, self.corrections, self._digest
        else:
            start, known, digest = 0, (), Digest(size=0)
        text = parse_log(data[start:], self.path.name, len(known))
        if text.torn:
            logger.warning(
                "The last line of %s was not written to its end (%d bytes); that decision was never confirmed and does not count.",
                self.path, len(text.torn),
            )  # fmt: skip
        lines = (*known, *text.corrections)
        size = start + text.size
        log = type(self)(self.path, lines, text.torn, size, stamp, digest)
        log.check_lines(digest, text.corrections)
        digest.take(lines, text.corrections)
        digest.hash_more(data[start:size])
        return log

    @property
    def digest(self) -> Digest:
        """What is known of the lines of this value."""
        if self._digest.lines is not self.corrections:
            object.__setattr__(self, "_digest", digest_lines(self.corrections))
        return self._digest

    @classmethod
    def read_or_new(cls, path: str | Path) -> Self:
        """Read a log, or return an empty one whose file the first `append` makes."""
        if Path(path).exists():
            return cls.read(path)
        tell_log(Path(path), None)
        return cls(Path(path))

    def check_lines(self, known: Digest, new: Sequence[Correction]) -> None:
        """Refuse new lines that do not belong to those that are known."""
        here = {c.id for c in new}
        names = known.names or key_names(new)
        for line in new:
            named = [i for i in (line.undoes, *(line.resolves or ())) if i is not None]
            lost = next((i for i in named if i not in known.ids and i not in here), None)
            if lost is not None:
                raise LogError(
                    f"{self.path.name}: the line {line.id} speaks of {shorten(lost, 60)!r}, which is not in the log. Restore the file from git."
                )
            if tuple(sorted(line.key)) != names:
                raise LogError(
                    f"{self.path.name}: the line {line.id} identifies its row by {sorted(line.key)}, earlier lines by {list(names or ())}. "
                    "One log has one key: keep them in two files."
                )

    def check_columns(self, known: Digest, new: Sequence[Correction]) -> None:
        """Refuse to write what would make the log unusable: lines of another label, or without what names their columns."""
        labels = known.labels | {c.label for c in new if c.columns is not None}
        if len(labels) > 1:
            told = " and ".join(sorted(map(repr, labels)))
            raise LogError(
                f"{self.path.name}: these lines are about the labels {told}. One log has one label: keep them in two "
                "files. Nothing was written."
            )
        declared = known.declared | {column_digest(c) for c in new if c.columns is not None}
        used = {column_digest(c): c.id for c in reversed(new)} | known.used
        lost = next((name for digest, name in used.items() if digest not in declared), None)
        if lost is not None:
            raise LogError(
                f"{self.path.name}: no line names the columns of the line {lost}: a line is lost. Take it over together "
                "with the first lines of its log. Nothing was written."
            )

    def append(self, *drafts: Correction) -> Self:
        """Write decisions to the end of the file; when this returns they are on disk.

        Parameters
        ----------
        *drafts : Correction
            Lines whose `v`, `id` and `at` are filled in here. All are written, or none.

        Returns
        -------
        CorrectionLog
            With the new lines, and with those that others have appended since this value was read.

        Raises
        ------
        LogError
            Where the file cannot be written or its key differs.
        """
        return self.adopt((), drafts)

    def adopt(self, lines: Sequence[Correction], drafts: Sequence[Correction] = ()) -> Self:
        """Write lines of another copy of this log as they are, but for those known here, and then new decisions.

        Raises
        ------
        LogError
            Where the file cannot be written, or the lines do not belong together; nothing was written then.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with store.lock(self.path):
                log = self.catch_up()
                digest = log.digest
                others = [c for c in lines if c.id not in digest.ids]
                added = [*others, *_sign_all(drafts, digest, others)]
                if not added:
                    return log
                log.check_lines(digest, added)
                log.check_columns(digest, added)
                mended = log.mend_tail()
                tell_git(self.path)
                written = [write_line(c) for c in added]
                store.append_lines(self.path, written)
                return log.grow(added, mended + "".join(f"{line}\n" for line in written).encode("utf-8"))
        except OSError as error:
            raise LogError(
                f"The decision could not be saved to {str(self.path)!r}: {error.strerror or error}. Nothing was written; free space or rights and decide again."
            ) from error

    def grow(self, added: Sequence[Correction], written: bytes) -> Self:
        """Return the log with lines that were written, as bytes, behind what it knew of its file."""
        digest, lines = self.digest, (*self.corrections, *added)
        digest.take(lines, added)
        if digest.size is not None or not self.corrections:
            digest.hash_more(written)
        stamp = _stamp(self.path)  # never an error: the lines are on disk
        return type(self)(self.path, lines, b"", stamp[2], stamp, digest)

    def catch_up(self) -> Self:
        """Return the log with what others have appended since."""
        if not self.path.exists():
            return type(self)(self.path)
        if _stamp(self.path) == self.stamp and not self.torn:
            return self
        return self.read_on()

    def mend_tail(self) -> bytes:
        """Cut a torn tail off, or end a whole last line that lacks its newline; return what was added."""
        if not self.path.exists():
            return b""
        with self.path.open("rb+", buffering=0) as stream:
            if self.torn:
                stream.truncate(self.size)
            end = stream.seek(0, 2)
            if end:
                stream.seek(end - 1)
                if stream.read(1) != b"\n":
                    stream.write(b"\n")
                    return b"\n"
        return b""


def _sign_all(drafts: Sequence[Correction], known: Digest, others: Sequence[Correction]) -> list[Correction]:
    """Give drafts their time and id; only the first line of a log that uses a set of columns names them."""
    last = max((at for at in (known.last, *(c.at for c in others)) if at is not None), default=None)
    declared = known.declared | {column_digest(c) for c in others if c.columns is not None}
    signed = []
    for draft in drafts:
        last = next_time(last)
        line = dataclasses.replace(draft, v=VERSION, at=last)
        if column_digest(draft) in declared:
            line = dataclasses.replace(line, columns=None, label=None, veiled=None)
        declared.add(column_digest(draft))
        signed.append(sign(line))
    return signed


def _stamp(path: Path) -> tuple[int, int, int]:
    """Tell one state of a file from another: its inode, its time and its size; zeros where there is none."""
    try:
        about = path.stat()
    except OSError:
        return 0, 0, 0
    return about.st_ino, about.st_mtime_ns, about.st_size
