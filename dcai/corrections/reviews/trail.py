"""Which lines of a log are active and which can be taken back, kept line by line: no decision waits for a pass over the log."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from dcai.base.errors import InputError, shorten
from dcai.base.records import Correction
from dcai.corrections.decisions.standing import set_of


class Trail:
    """The lines of a log in the order of time, with what takes back what."""

    def __init__(self, lines: Iterable[Correction]) -> None:
        self._lines: dict[str, Correction] = {}
        self._undoers: dict[str, list[str]] = defaultdict(list)
        self._by: dict[str, list[Correction]] = defaultdict(list)
        self._batches: dict[tuple[object, str], list[Correction]] = defaultdict(list)
        self._last: dict[tuple[str, str], Correction | None] = {}
        self.add(sorted(set_of(lines), key=lambda c: c.id))

    def add(self, lines: Iterable[Correction]) -> None:
        """Take in lines that were written after all others."""
        self._last.clear()
        for line in lines:
            self._lines[line.id] = line
            self._by[line.by].append(line)
            if line.undoes is not None:
                self._undoers[line.undoes].append(line.id)
            if "batch" in line.why:
                self._batches[line.why["batch"], line.by].append(line)

    def is_active(self, correction_id: str) -> bool:
        """Whether no active line that came later takes a line back."""
        later = self._undoers.get(correction_id)
        return later is None or not any(u > correction_id and self.is_active(u) for u in later)

    def last_decision(self, by: str) -> Correction | None:
        """Return a reviewer's last decision that is not undone."""
        if ("decision", by) not in self._last:
            own = (c for c in reversed(self._by.get(by, [])) if c.verdict != "undo" and self.is_active(c.id))
            self._last["decision", by] = next(own, None)
        return self._last["decision", by]

    def last_undo(self, by: str) -> Correction | None:
        """Return a reviewer's last undo that can be undone: no decision of theirs came after it."""
        if ("undo", by) not in self._last:
            self._last["undo", by] = self._find_last_undo(by)
        return self._last["undo", by]

    def _find_last_undo(self, by: str) -> Correction | None:
        for line in reversed(self._by.get(by, [])):
            if line.verdict != "undo":
                return None
            if self.is_active(line.id) and self._lines[str(line.undoes)].verdict != "undo":
                return line
        return None

    def batch_of(self, target: Correction) -> list[Correction]:
        """Return the active lines that were written as one with another: decisions, or what took these back."""
        batch = target.why.get("batch")
        if batch is None:
            return [target]
        same = [c for c in self._batches[batch, target.by] if self.is_active(c.id)]
        if target.verdict != "undo":
            return [c for c in same if c.verdict != "undo"]
        return [c for c in same if c.undoes is not None and self._lines[c.undoes].verdict != "undo"]

    def knows(self, correction_id: str) -> bool:
        """Whether a line is in this log."""
        return correction_id in self._lines

    def find_active(self, correction_id: str) -> Correction:
        """Return a line that can be taken back."""
        if self.knows(correction_id) and self.is_active(correction_id):
            return self._lines[correction_id]
        state = "is undone already" if self.knows(correction_id) else "is not in this log"
        raise InputError(f"The correction {shorten(correction_id, 60)!r} {state}. See review.log.to_frame().")

    def find_taken_back(self, line: Correction) -> Correction:
        """Return the decision that a line speaks of: itself, or what it takes back, or lets stand again."""
        while line.undoes is not None:
            line = self._lines[line.undoes]
        return line

    def find_undo(self, correction_id: str) -> Correction:
        """Return the line that takes a decision back, so that it can be taken back itself."""
        for name in self._undoers.get(correction_id, ()):
            if self.is_active(name):
                return self._lines[name]
        state = "is not undone, so there is nothing to redo" if self.knows(correction_id) else "is not in this log"
        raise InputError(f"The correction {shorten(correction_id, 60)!r} {state}. See review.log.to_frame().")
