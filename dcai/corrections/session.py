"""The reviewer's session without any UI: the queue, the decisions, undo and redo. What it returns is on disk."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, cast

import pandas as pd

from dcai.base.errors import InputError, MissingError, StaleError, shorten
from dcai.base.fingerprints import canonical, plain
from dcai.base.records import Card, Correction, Group, Progress, QueueItem, Scalar
from dcai.base.table import Table
from dcai.corrections.cards import make_card, make_item
from dcai.corrections.certificate import Certificate, certify
from dcai.corrections.defaults import default_path, find_reviewer
from dcai.corrections.forms import LabelForm, given_part
from dcai.corrections.groups import Groups, make_groups
from dcai.corrections.intents import check_row, check_value, check_verdict, choose_column
from dcai.corrections.ledger import Ledger, draft_correction, take_back
from dcai.corrections.log import CorrectionLog
from dcai.findings.labels.tasks import Reading


class Audited(Protocol):
    """What a review needs to know of an audit."""

    @property
    def table(self) -> Table:
        """The data that was audited."""
        ...

    @property
    def findings(self) -> pd.DataFrame:
        """The findings, worst first."""
        ...

    @property
    def probabilities(self) -> pd.DataFrame | None:
        """Out-of-sample probabilities, a column for each class."""
        ...

    @property
    def reading(self) -> Reading | None:
        """What the label was taken for."""
        ...

    @property
    def hash(self) -> str:
        """Hash of the data and the findings."""
        ...


class Review:
    """A review of an audit's findings: each decision is a line of the correction log before it is shown as saved.

    Parameters
    ----------
    audit : Audit
        What was found.
    log : str, Path or CorrectionLog, optional
        The correction log; default ``corrections/<label or table>.jsonl`` in the git root, or in the working folder.
    by : str, optional
        Who decides; default git's identity, else the user's name.
    blind : bool, default False
        Show neither suggestions nor what others have decided.

    Raises
    ------
    LogError
        Where the log belongs to other data: another key, label or columns.

    Examples
    --------
    >>> import dcai, pandas as pd, tempfile
    >>> frame = pd.DataFrame({"x": [1, 2, 3, 3], "y": ["a", "b", "a", "b"]})
    >>> review = dcai.Review(dcai.audit(frame, label="y", detectors=["conflicts"]), tempfile.mkdtemp() + "/y.jsonl", by="ada")
    >>> review.decide(3, "relabel", "a").verdict
    'relabel'
    """

    def __init__(
        self,
        audit: Audited,
        log: str | Path | CorrectionLog | None = None,
        *,
        by: str | None = None,
        blind: bool = False,
    ) -> None:
        self.audit, self.table, self.blind = audit, audit.table, blind
        self.by = find_reviewer() if by is None else _check_name(by)
        path = log.path if isinstance(log, CorrectionLog) else Path(log or default_path(self.table))
        self._form = LabelForm(self.table, audit.probabilities, getattr(audit, "reading", None))
        self._lock = threading.RLock()
        self._ledger = Ledger(self.table, path.absolute())
        self._queue = audit.findings[audit.findings["row"] >= 0].reset_index(drop=True)
        self._positions = dict(zip(self._queue["finding"], range(len(self._queue)), strict=True))
        self._columns = [c if isinstance(c, str) else None for c in self._queue["column"]]
        self._parts = [None if p is None else int(p) for p in map(plain, self._queue["part"])]
        self._row_list = [int(row) for row in self._queue["row"]]
        self._rows: dict[int, list[str]] = defaultdict(list)
        for name, row in zip(self._queue["finding"], self._row_list, strict=True):
            self._rows[row].append(str(name))
        self._verdicts: dict[str, Correction] = {}
        self._note_decisions(self._ledger.decided_rows())

    @property
    def log(self) -> CorrectionLog:
        """The correction log as it is on disk after the last decision."""
        return self._ledger.log

    @property
    def classes(self) -> list[Scalar]:
        """The classes of the label, as plain scalars, sorted."""
        return self._form.classes

    # ------------------------------------------------------------ decide

    def decide(
        self,
        finding_or_row: str | int,
        verdict: str,
        value: Any = None,
        column: str | None = None,
        note: str = "",
        *,
        part: int | None = None,
        resolves: Sequence[str] = (),
    ) -> Correction:
        """Decide about a finding, or about any row; the correction is on disk when this returns.

        Parameters
        ----------
        finding_or_row : str or int
            A finding's id, or a row position.
        verdict : {"keep", "relabel", "edit", "exclude", "ambiguous", "unsure"}
            `keep`: the given value is right (without a column: the whole row is, as it stands or as edited);
            `relabel`: one value is right; `edit`: a cell's new value; `exclude`: drop the row; `ambiguous`: several
            values are right; `unsure`: needs an expert. Where the data holds a correction already, `keep` confirms
            the corrected value, and the line says `relabel` or `edit` again.
        value : scalar or list, optional
            The new value of `relabel` (default: the finding's suggestion) and `edit` (None empties the cell); the
            list of right values of `ambiguous`.
        column : str, optional
            The column that is decided; default the finding's, or the label for `relabel` and `ambiguous`.
        note : str
            A remark for later readers.
        part : int, optional
            The token whose tag is decided, counted from 0; default the finding's.
        resolves : sequence of str
            The ids of disputed corrections that this decision settles.

        Returns
        -------
        Correction
            The line that was written.

        Raises
        ------
        InputError
            Where the finding, row, column, verdict or value does not exist or does not fit.
        LogError
            Where the log cannot be written; nothing was decided then.
        """
        with self._lock:
            draft, row = self._draft(finding_or_row, verdict, value, column, note, part)
            if resolves:
                for name in resolves:
                    self._ledger.find_active(name)  # refuses what is not there
                draft = replace(draft, resolves=list(resolves))
            return self._append([draft], [row])[0]

    def _append(self, drafts: list[Correction], rows: Sequence[int | None]) -> list[Correction]:
        added = self._ledger.append(drafts, rows)
        self._note_decisions(self._ledger.fetch_changed())
        return added

    def _note_decisions(self, rows: Iterable[int]) -> None:
        """Know what stands about the findings of some rows."""
        for row in rows:
            lines = [c for c in self._ledger.standing(row) if c.by == self.by or not self.blind]
            for name in self._rows.get(row, ()):
                column, part = self._column_of(name), self._parts[self._positions[name]]
                about = [c for c in lines if c.column in (column, None) and c.part in (part, None)]
                if about:
                    self._verdicts[name] = max(about, key=lambda c: (c.by == self.by, c.column == column, c.id))
                else:
                    self._verdicts.pop(name, None)

    def _draft(
        self,
        target: str | int,
        verdict: str,
        value: Any,
        column: str | None,
        note: str,
        part: int | None = None,
        **why: Any,
    ) -> tuple[Correction, int]:
        checked = check_verdict(verdict)
        found = self._find(target) if isinstance(target, str) else None
        row = check_row(self.table, target if found is None else int(found["row"]))
        column = choose_column(self.table, checked, column, None if found is None else self._column_of(str(target)))
        about = (
            None
            if found is None or column != self._column_of(str(target))
            else self._parts[self._positions[str(target)]]
        )
        part = about if part is None else part
        self._form.check_part(checked, column, part, row)
        if checked == "keep" and value is None and column is not None and self._ledger.is_corrected(row, column, part):
            checked, value = (
                ("relabel" if column == self.table.label else "edit"),
                given_part(self.table, row, column, part),
            )
        suggested = None if found is None else plain(found["suggested"])
        because = (
            {} if found is None else {"detector": str(found["detector"]), "doubt": round(float(found["doubt"]), 6)}
        )
        draft = draft_correction(
            self._ledger, row, verdict=checked, column=column, value=check_value(self._form, checked, value, column, suggested, row),
            part=part, by=self.by, note=str(note),
            why={**because, "audit": self.audit.hash, **why},
        )  # fmt: skip
        return draft, row

    def _find(self, finding: str) -> pd.Series[Any]:
        if finding not in self._positions:
            elsewhere = finding in set(self.audit.findings["finding"])
            hint = "It is about a column or the table, not about a row." if elsewhere else "See review.queue()."
            raise MissingError(f"There is no finding {shorten(finding, 60)!r} in the review queue. {hint}")
        return cast("pd.Series[Any]", self._queue.iloc[self._positions[finding]])

    def _column_of(self, finding: str) -> str | None:
        return self._columns[self._positions[finding]]

    def undo(self, correction_id: str | None = None) -> Correction:
        """Take a decision back (default: one's own last); the undo is a further line of the log.

        Raises
        ------
        InputError
            Where there is nothing to undo, or it is undone already.
        """
        with self._lock:
            target = (
                self._ledger.last_decision(self.by)
                if correction_id is None
                else self._ledger.find_active(correction_id)
            )
            if target is None:
                raise InputError("There is nothing to undo: no decision of yours stands in this log.")
            return self._append([take_back(target, self.by)], [self._ledger.row_of(target)])[0]

    def redo(self) -> Correction:
        """Undo one's own last undo, if no decision came after it.

        Raises
        ------
        InputError
            Where there is nothing to redo.
        """
        with self._lock:
            target = self._ledger.last_undo(self.by)
            if target is None:
                raise InputError("There is nothing to redo.")
            return self._append([take_back(target, self.by)], [self._ledger.row_of(target)])[0]

    # ------------------------------------------------------------ look

    def queue(self) -> pd.DataFrame:
        """Return the findings to decide, worst first: the columns of `Audit.findings`, `row >= 0` only."""
        return self._queue.copy()

    def decided(self, finding: str) -> str | None:
        """Return the verdict that stands about a finding: one's own, else (unless blind) another's; None if open."""
        line = self.decision_about(finding)
        return None if line is None else line.verdict

    def decision_about(self, finding: str) -> Correction | None:
        """Return the correction that stands about a finding, or None."""
        if finding not in self._positions:
            self._find(finding)  # says what is wrong
        return self._verdicts.get(finding)

    def findings_of(self, correction: Correction) -> list[str]:
        """Return the findings whose state a correction may have changed."""
        row = self._ledger.row_of(correction)
        names = [] if row is None else self._rows.get(row, [])
        part = correction.part
        return [
            n for n in names
            if correction.column in (None, self._column_of(n)) and part in (None, self._parts[self._positions[n]])
        ]  # fmt: skip

    @property
    def progress(self) -> Progress:
        """How far the review is."""
        with self._lock:
            total, decided = len(self._queue), len(self._verdicts)
            return Progress(
                total=total, decided=decided, left=total - decided, corrections=self._ledger.count_standing(),
                can_undo=self._ledger.last_decision(self.by) is not None, can_redo=self._ledger.last_undo(self.by) is not None,
                saved_to=str(self.log.path),
            )  # fmt: skip

    def page(self, start: int, count: int) -> list[QueueItem]:
        """Return some lines of the queue, in order."""
        part = self._queue.iloc[max(start, 0) : max(start, 0) + max(count, 0)]
        return [
            make_item(item, self.decided(str(item.finding)), blind=self.blind) for item in part.itertuples(index=False)
        ]

    def card(self, finding: str) -> Card:
        """Return everything that the widget shows about one finding."""
        found, line = self._find(finding), self.decision_about(finding)
        group = None if self.blind else self.group(finding)
        return make_card(self._form, found, line, group, blind=self.blind)

    # ------------------------------------------------------------ groups

    @cached_property
    def _groups(self) -> Groups:
        return make_groups(self._queue, self.audit.hash, self._form)

    def group(self, finding: str) -> Group | None:
        """Return the group of a finding: same detector, column, given and suggested value; None where nothing is suggested."""
        found = self._find(finding)
        name = self._groups.group_of.get(finding)
        if name is None:
            return None
        with self._lock:
            members, proof = self._groups.named(name), self.certificate(name)
        about_label = found["column"] == self.table.label
        changes = [plain(found[c]) for c in ("given", "suggested")]
        told = [
            shorten(str(v), 40) or "(empty)" for v in (self._form.tell_change(*changes) if about_label else changes)
        ]
        decided = sum(self._groups.group_of.get(f) == name for f in self._verdicts)
        return Group(name, " → ".join(told), len(members), decided, proof.valid, proof.statement)

    def draw(self, group: Group | str, count: int = 1) -> list[str]:
        """Return the next members of a group to review, drawn at random; only reviews in this order count for the certificate."""
        return [m for m in self._members(group) if self.decided(m) is None][:count]

    def certificate(self, group: Group | str) -> Certificate:
        """Return what the randomly drawn and reviewed members prove about the rest of the group."""
        with self._lock:
            members, right, reviewed = self._members(group), 0, 0
            for name in members:
                line = self.decision_about(name)
                if line is None or "certificate" in line.why:
                    break
                reviewed += 1
                right += self._took_suggestion(name, line)
            open_ones = sum(name not in self._verdicts for name in members)
            return certify(len(members), reviewed, right, left=open_ones)

    def _members(self, group: Group | str) -> list[str]:
        return self._groups.named(group.group if isinstance(group, Group) else group)

    def _took_suggestion(self, finding: str, line: Correction) -> bool:
        if line.verdict not in ("relabel", "edit") or isinstance(line.value, list):
            return False
        return canonical(line.value) == canonical(plain(self._find(finding)["suggested"]))

    def accept(self, group: Group | str) -> list[Correction]:
        """Take the suggestion for all members of a group that are still open; refused without a valid certificate.

        Raises
        ------
        StaleError
            Where the randomly drawn reviews do not (yet) allow it; says what is known.
        """
        with self._lock:
            proof = self.certificate(group)
            if not proof.valid:
                raise StaleError(f"This group cannot be accepted. {proof.statement}")
            drafts, rows = [], []
            for name in self._members(group):
                if self.decided(name) is None:
                    verdict = "relabel" if self._column_of(name) == self.table.label else "edit"
                    suggested = plain(self._find(name)["suggested"])
                    draft, row = self._draft(name, verdict, suggested, None, "", certificate=asdict(proof))
                    drafts.append(draft)
                    rows.append(row)
            return self._append(drafts, rows)


def _check_name(by: object) -> str:
    if not isinstance(by, str) or not by.strip():
        raise InputError.wrong_value("by", "Review", "the reviewer's name", by)
    return by.strip()
