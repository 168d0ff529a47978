"""Taking decisions back and letting them stand again, and saying which ones that were."""

from __future__ import annotations

from collections.abc import Sequence

from dcai.base.errors import InputError, shorten
from dcai.base.records import Correction
from dcai.corrections.reviews.desk import Desk


class Steps(Desk):
    """A desk whose decisions can be taken back, in any order, after any restart."""

    def undo(self, correction_id: str | None = None) -> Correction:
        """Take a decision back (default: one's own last); the undo is a further line of the log.

        Raises
        ------
        InputError
            Where there is nothing to undo, or it is undone already.
        """
        with self._lock:
            if correction_id is None:
                return self.step_back()[-1]
            ledger = next((k for k in self._ledgers if k.trail.knows(correction_id)), self._ledger)
            return self._take_back([ledger.trail.find_active(correction_id)])[0]

    def redo(self, correction_id: str | None = None) -> Correction:
        """Let a decision stand again (default: what one's own last undo took back, if no decision came after it).

        Raises
        ------
        InputError
            Where there is nothing to redo.
        """
        with self._lock:
            if correction_id is None:
                return self.step_forward()[-1]
            ledger = next((k for k in self._ledgers if k.trail.knows(correction_id)), self._ledger)
            return self._take_back([ledger.trail.find_undo(correction_id)])[0]

    def step_back(self) -> list[Correction]:
        """Take one's own last decision back; of an accepted group or a merge, all of its lines."""
        with self._lock:
            target = self._last_decision()
            if target is None:
                raise InputError("There is nothing to undo: no decision of yours stands in this log.")
            return self._take_back(self._keeper(target).trail.batch_of(target))

    def step_forward(self) -> list[Correction]:
        """Undo one's own last undo; where it took several lines back, all of them stand again."""
        with self._lock:
            target = self._last_undo()
            if target is None:
                raise InputError("There is nothing to redo.")
            return self._take_back(self._keeper(target).trail.batch_of(target))

    def _take_back(self, targets: list[Correction]) -> list[Correction]:
        book = self._keeper(targets[0])
        return self._append([book.take_back(t, self.by) for t in targets], [book.row_of(t) for t in targets], book)

    def _last_decision(self) -> Correction | None:
        known = [line for k in self._ledgers if (line := k.trail.last_decision(self.by)) is not None]
        return max(known, key=lambda c: c.id, default=None)

    def _last_undo(self) -> Correction | None:
        known = [line for k in self._ledgers if (line := k.trail.last_undo(self.by)) is not None]
        last, decision = max(known, key=lambda c: c.id, default=None), self._last_decision()
        return None if last is None or (decision is not None and decision.id > last.id) else last

    # ------------------------------------------------------------ say what was done

    def tell(self, verdict: str, lines: Sequence[Correction]) -> str:
        """Say what an undo, a redo, a merge or the acceptance of a group has done, and what a whole row settled with it.

        Empty for other single decisions.
        """
        if not lines:
            return ""
        if verdict == "accept":
            return f"{_count(len(lines), 'suggestion')} taken as one: the certificate speaks for them, nobody looked at them."
        if verdict == "merge":
            left = lines[0].why.get("left_out", 0)
            rest = f"; {_count(left, 'row')} left out, as you have decided about them" if left else ""
            return f"{_count(len(lines), 'row')} merged{rest}."
        if verdict in ("keep", "exclude") and lines[0].column is None:
            return self._tell_row(lines[0])
        if verdict not in ("undo", "redo"):
            return ""
        targets = [self._keeper(line).trail.find_taken_back(line) for line in lines]
        return f"{'Taken back' if verdict == 'undo' else 'It stands again'}: {self._name(targets)}."

    def _tell_row(self, line: Correction) -> str:
        """Say which further findings a decision about a whole row settles; empty where there are none."""
        settled = [name for name in self.findings_of(line) if self._states.verdicts.get(name) == line]
        if len(settled) <= 1:
            return ""
        row, others = self._keeper(line).row_of(line), _count(len(settled) - 1, "other finding")
        what = "kept as it stands" if line.verdict == "keep" else "excluded"
        return f"Row {row}: {what}, which settles its {others} too. Saved. Ctrl+Z takes it back."

    def _name(self, targets: Sequence[Correction]) -> str:
        """Name decisions, and say where they were taken if that was not here."""
        first = targets[0]
        row = self._keeper(first).row_of(first)
        place = "" if row is None else f" in row {row}"
        column = "" if first.column is None else f" of {shorten(repr(first.column), 60)}"
        what = f"{first.verdict}{column}{place}" if len(targets) == 1 else f"{len(targets):,} decisions that were one"
        here = first.id in self._written
        return what if here else f"{what}, decided in another session at {first.at[:16].replace('T', ' ')} UTC"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
