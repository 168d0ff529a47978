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
from dcai.corrections.lines import VERSION, next_time, read_lines, sign, write_line
from dcai.corrections.matching import column_digest, key_names

ATTRIBUTES = "# Both sides of a merge are kept: a line is a decision, and time settles which one stands.\n*.jsonl merge=union text eol=lf\n"

logger = logging.getLogger("dcai")


@dataclass(frozen=True, repr=False)
class LogFile:
    """The lines of a log as they were when it was read; `torn` is what a broken write left behind them."""

    path: Path
    corrections: tuple[Correction, ...] = ()
    torn: bytes = b""
    size: int = 0
    stamp: tuple[int, int, int] = (0, 0, 0)

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
        target = Path(path)
        stamp = _stamp(target)
        text = read_lines(target)
        if text.torn:
            logger.warning(
                "The last line of %s was not written to its end (%d bytes); that decision was never confirmed and does not count.",
                target, len(text.torn),
            )  # fmt: skip
        log = cls(target, text.corrections, text.torn, text.size, stamp)
        log.check_lines()
        return log

    @classmethod
    def read_or_new(cls, path: str | Path) -> Self:
        """Read a log, or return an empty one whose file the first `append` makes."""
        return cls.read(path) if Path(path).exists() else cls(Path(path))

    def check_lines(self, new: Sequence[Correction] | None = None) -> None:
        """Refuse a log whose lines do not belong together; where only some are `new`, the others have been checked."""
        known = {c.id for c in self.corrections}
        names = key_names(self.corrections)
        for line in self.corrections if new is None else new:
            lost = [i for i in (line.undoes, *(line.resolves or ())) if i is not None and i not in known]
            if lost:
                raise LogError(
                    f"{self.path.name}: the line {line.id} speaks of {shorten(lost[0], 60)!r}, which is not in the log. Restore the file from git."
                )
            if tuple(sorted(line.key)) != names:
                raise LogError(
                    f"{self.path.name}: the line {line.id} identifies its row by {sorted(line.key)}, earlier lines by {list(names or ())}. "
                    "One log has one key: keep them in two files."
                )

    def check_columns(self) -> None:
        """Refuse to write what would make the log unusable: lines of another label, or without what names their columns."""
        labels = {c.label for c in self.corrections if c.columns is not None}
        if len(labels) > 1:
            told = " and ".join(sorted(map(repr, labels)))
            raise LogError(
                f"{self.path.name}: these lines are about the labels {told}. One log has one label: keep them in two "
                "files. Nothing was written."
            )
        declared = {column_digest(c) for c in self.corrections if c.columns is not None}
        lost = next((c.id for c in self.corrections if column_digest(c) not in declared), None)
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
                known = {c.id for c in log.corrections}
                others = [c for c in lines if c.id not in known]
                added = [*others, *_sign_all(drafts, [*log.corrections, *others])]
                if not added:
                    return log
                grown = dataclasses.replace(log, corrections=(*log.corrections, *added), torn=b"")
                grown.check_lines(added)
                grown.check_columns()
                log.mend_tail()
                self._write_attributes()
                store.append_lines(self.path, [write_line(c) for c in added])
                return dataclasses.replace(grown, size=self.path.stat().st_size, stamp=_stamp(self.path))
        except OSError as error:
            raise LogError(
                f"The decision could not be saved to {str(self.path)!r}: {error.strerror or error}. Nothing was written; free space or rights and decide again."
            ) from error

    def catch_up(self) -> Self:
        """Return the log with what others have appended since."""
        if not self.path.exists():
            return type(self)(self.path)
        if _stamp(self.path) == self.stamp and not self.torn:
            return self
        return type(self).read(self.path)

    def mend_tail(self) -> None:
        """Cut a torn tail off, or end a whole last line that lacks its newline."""
        if not self.path.exists():
            return
        with self.path.open("rb+", buffering=0) as stream:
            if self.torn:
                stream.truncate(self.size)
            end = stream.seek(0, 2)
            if end:
                stream.seek(end - 1)
                if stream.read(1) != b"\n":
                    stream.write(b"\n")

    def _write_attributes(self) -> None:
        """Tell git how to merge logs, in a folder that is dcai's own."""
        attributes = self.path.parent / ".gitattributes"
        if self.path.parent.name == "corrections" and not attributes.exists():
            store.write_atomic(attributes, ATTRIBUTES)


def _sign_all(drafts: Sequence[Correction], before: Sequence[Correction]) -> list[Correction]:
    """Give drafts their time and id; only the first line of a log that uses a set of columns names them."""
    last = max((c.at for c in before), default=None)
    declared = {column_digest(c) for c in before if c.columns is not None}
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
