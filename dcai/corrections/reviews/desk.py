"""What lies on a reviewer's desk: the findings in order, what stands about each, deciding and taking back."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from dcai.base.errors import InputError, MissingError, shorten
from dcai.base.fingerprints import plain
from dcai.base.records import Correction, Scalar
from dcai.corrections.decisions.settings import settings_of
from dcai.corrections.decisions.veils import refuse_hidden, refuse_open
from dcai.corrections.exhibits.audited import Audited, Found, list_values
from dcai.corrections.exhibits.forms import LabelForm, given_part
from dcai.corrections.exhibits.trials import Planter, trial_path
from dcai.corrections.log import CorrectionLog
from dcai.corrections.reviews.defaults import check_reviewer, default_path
from dcai.corrections.reviews.intents import check_row, check_value, check_verdict, choose_column
from dcai.corrections.reviews.ledger import SENT, Ledger, draft_correction
from dcai.corrections.reviews.states import States
from dcai.corrections.reviews.terms import remark_on_personal_data

logger = logging.getLogger("dcai")
LONGEST_MESSAGE = 100  # letters of its name


class Desk:
    """The findings of an audit, the decisions that stand about them, and the log that holds these.

    The parameters are those of `dcai.Review`, which is what people use.
    """

    def __init__(
        self,
        audit: Audited,
        log: str | Path | CorrectionLog | None = None,
        *,
        by: str | None = None,
        blind: bool = False,
        controls: int | Mapping[int, Any] = 0,
        repeats: int = 0,
    ) -> None:
        self.audit, self.table, self.blind = audit, audit.table, blind
        self.by = check_reviewer(by)
        path = log.path if isinstance(log, CorrectionLog) else Path(log or default_path(self.table))
        self._form = LabelForm(self.table, audit.probabilities, getattr(audit, "reading", None))
        self._lock = threading.RLock()
        self.settings = settings_of(path.absolute())
        planter = Planter(audit.findings[audit.findings["row"] >= 0].reset_index(drop=True), audit, self._form)
        self._queue, self._trials = planter.plant(controls, repeats), planter.trials
        self._states = States(self._queue, self.by, blind=blind, trials=self._trials)
        self._positions, self._columns, self._parts = self._states.positions, self._states.columns, self._states.parts
        # One finding is looked up in these; a row of a frame takes a thousand times as long.
        self._lists = {str(name): list_values(self._queue[name]) for name in self._queue.columns}
        self._message = ""  # of a browser, that is carried out just now: its lines name it
        self._written: set[str] = set()  # the lines of this session
        self._open_ledgers(path.absolute())
        for caution in self.cautions:
            logger.warning(caution)

    def _open_ledgers(self, path: Path) -> None:
        """Read the log, and that of the trials, with what is hidden in them, and know what stands."""
        self._ledger = Ledger(self.table, path, self.settings.sensitive)
        self._trial_ledger = None
        if self._trials:
            self._refuse_hidden_trials(self._ledger.veil.keys)
            self._trial_ledger = Ledger(self.table, trial_path(path), self.settings.sensitive)
        self._states.clear()
        for ledger in self._ledgers:
            self._note_changes(ledger)

    @property
    def cautions(self) -> list[str]:
        """What should be known before the first line of the log is written: columns of personal data that are not marked."""
        if len(self.log):
            return []
        found = getattr(self.audit, "masked", None) or ()  # an audit that was read from elsewhere may not say
        return remark_on_personal_data(found, sorted(self._ledger.veil.keys), self.settings)

    def _refuse_hidden_trials(self, hidden: Iterable[str]) -> None:
        if self._trials and self.table.label in tuple(hidden):
            raise InputError(
                f"The label {self.table.label!r} is marked as sensitive, so controls and repeats, which store labels, are refused."
            )

    @property
    def _ledgers(self) -> list[Ledger]:
        return [self._ledger] if self._trial_ledger is None else [self._ledger, self._trial_ledger]

    def _ledger_of(self, target: str | int) -> Ledger:
        """Return the ledger that holds decisions about a finding: those about trials have one of their own."""
        if isinstance(target, str) and target in self._trials and self._trial_ledger is not None:
            return self._trial_ledger
        return self._ledger

    def _keeper(self, line: Correction) -> Ledger:
        """Return the ledger that holds a line."""
        return self._ledger if "trial" not in line.why or self._trial_ledger is None else self._trial_ledger

    @property
    def planted(self) -> list[int]:
        """The positions of the trials in the queue: controls and repeats, which say nothing of the data."""
        return [self._positions[name] for name in self._trials]

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
                    self._ledger.trail.find_active(name)  # refuses what is not there
                draft = replace(draft, resolves=list(resolves))
            return self._append([draft], [row], self._ledger_of(finding_or_row))[0]

    def _append(
        self, drafts: list[Correction], rows: Sequence[int | None], ledger: Ledger | None = None
    ) -> list[Correction]:
        keeper = ledger or self._ledger
        if self._message:
            drafts = [replace(draft, why={**draft.why, SENT: self._message}) for draft in drafts]
        added = keeper.append(drafts, rows)
        self._written |= {line.id for line in added}
        self._note_changes(keeper)
        return added

    def do_once(self, message: str, act: Callable[[], list[Correction]]) -> list[Correction]:
        """Do what a message asks for, unless it was done: here, by another view of the log, or before a restart.

        A browser that got no answer sends its message again, and cannot know whether its decision is on disk. The lines
        name their message, so that it is looked for there.
        """
        if not 0 < len(message) <= LONGEST_MESSAGE:
            raise InputError.wrong_value("client_id", "decide", f"a name of 1 to {LONGEST_MESSAGE} letters", message)
        with self._lock:
            self.catch_up()
            done = self.find_sent(message)
            if done:
                return done
            self._message = message
            try:
                return act()
            finally:
                self._message = ""

    def catch_up(self) -> None:
        """Read what others have written to the log since."""
        with self._lock:
            for ledger in self._ledgers:
                ledger.catch_up()
                self._note_changes(ledger)

    def find_sent(self, message: str) -> list[Correction]:
        """Return the lines that a message of a browser has led to, by the message's own name."""
        return [line for ledger in self._ledgers for line in ledger.find_sent(message)]

    def _note_changes(self, ledger: Ledger) -> None:
        self._states.note(ledger.fetch_changed(), ledger, trying=ledger is self._trial_ledger)

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
        if part is None and found is not None and column == self._column_of(str(target)):
            part = self._parts[self._positions[str(target)]]
        self._form.check_part(checked, column, part, row)
        if checked == "keep" and value is None and column is not None and self._ledger.is_corrected(row, column, part):
            checked, value = (
                ("relabel" if column == self.table.label else "edit"),
                given_part(self.table, row, column, part),
            )
        veil = self._ledger.veil
        refuse_hidden(veil, checked, column)
        suggested = None if found is None else self._suggested(found, str(target))
        chosen = check_value(self._form, checked, value, column, suggested, row)
        refuse_open(self.table, veil, row, {"note": str(note), "value": chosen})
        reasons = {**self._because(found, column), "audit": self.audit.hash, **why}
        draft = draft_correction(
            self._ledger_of(target), row, verdict=checked, column=column, value=chosen, part=part, by=self.by, note=str(note),
            why=reasons,
        )  # fmt: skip
        return draft, row

    def draft(
        self,
        row: int,
        verdict: str,
        value: Any = None,
        column: str | None = None,
        note: str = "",
        part: int | None = None,
    ) -> Correction:
        """Make the line of a decision about a row, checked, without writing it."""
        with self._lock:
            return self._draft(row, verdict, value, column, note, part)[0]

    def _because(self, found: Found | None, column: str | None) -> dict[str, Any]:
        """Say what a decision rests on: the finding, what was suggested for its label, the definitions, blindness."""
        because: dict[str, Any] = {}
        about_label = column is not None and column == self.table.label and column not in self._ledger.veil.keys
        if found is not None:
            because = {"detector": str(found["detector"]), "doubt": round(float(found["doubt"]), 6)}
            trial = self._trials.get(str(found["finding"]))
            if trial is not None:
                because |= {"trial": str(found["finding"]), **trial.note}
            if about_label and found["column"] == column and plain(found["suggested"]) is not None:
                because["suggested"] = plain(found["suggested"])
        if about_label and self.settings.version(self.table.label):
            because["definitions"] = self.settings.version(self.table.label)
        return because | ({"blind": True} if self.blind else {})

    def _suggested(self, found: Found, finding: str) -> Scalar:
        """Return what a finding suggests; a blind reviewer cannot take what was not shown."""
        return None if self.blind and finding not in self._states.verdicts else plain(found["suggested"])

    def _find_place(self, finding: str) -> int:
        if finding not in self._positions:
            elsewhere = finding in set(self.audit.findings["finding"])
            hint = "It is about a column or the table, not about a row." if elsewhere else "See review.queue()."
            raise MissingError(f"There is no finding {shorten(finding, 60)!r} in the review queue. {hint}")
        return self._positions[finding]

    def _find(self, finding: str) -> Found:
        place = self._find_place(finding)
        return {name: values[place] for name, values in self._lists.items()}

    def _column_of(self, finding: str) -> str | None:
        return self._columns[self._positions[finding]]

    def _decide_all(
        self, orders: Sequence[tuple[str | int, str, Any, str | None]], note: str = "", **why: Any
    ) -> list[Correction]:
        """Decide about several findings or rows as one: all lines are written, or none, and one undo takes all back."""
        batch = uuid4().hex[:12]
        made = [self._draft(*order, note, batch=batch, **why) for order in orders]
        return self._append([draft for draft, _ in made], [row for _, row in made])

    # ------------------------------------------------------------ what stands

    def decided(self, finding: str) -> str | None:
        """Return the verdict that stands about a finding: one's own, else (unless blind) another's; None if open.

        Where reviewers disagree it is "disputed", and open. A decision that the data has left behind does not stand.
        """
        self._find_place(finding)
        return self._states.state(finding)

    def is_open(self, finding: str) -> bool:
        """Whether a finding is still to be decided: nothing stands about it, or reviewers disagree."""
        self._find_place(finding)
        return finding not in self._states.verdicts

    def decision_about(self, finding: str) -> Correction | None:
        """Return the correction that stands about a finding, or None."""
        self._find_place(finding)
        return self._states.verdicts.get(finding)

    def verdicts(self) -> dict[int, Correction]:
        """Return the corrections that stand about findings, by the position of these in the queue."""
        with self._lock:
            return {self._positions[name]: line for name, line in self._states.verdicts.items()}

    def news(self, start: int = 0) -> list[str]:
        """Return the findings whose state has changed since the change of that number, in the order of time."""
        return self._states.news[start:]

    def findings_of(self, correction: Correction) -> list[str]:
        """Return the findings whose state a correction may have changed."""
        ledger = self._keeper(correction)
        row = ledger.row_of(correction)
        names = [] if row is None else self._states.find_row(row, trying=ledger is self._trial_ledger)
        part = correction.part
        return [
            n for n in names
            if correction.column in (None, self._column_of(n)) and part in (None, self._parts[self._positions[n]])
        ]  # fmt: skip
