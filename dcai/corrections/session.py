"""The reviewer's session without any UI: the queue, the decisions, undo and redo. What it returns is on disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import cached_property
from itertools import islice

import pandas as pd

from dcai.base.errors import InputError, StaleError
from dcai.base.fingerprints import canonical, plain
from dcai.base.records import Card, Correction, Definition, Group, Progress, QueueItem, Scalar, Terms
from dcai.base.settings import mark_sensitive, write_definition
from dcai.corrections.certificate import Certificate, certify
from dcai.corrections.decisions.people import tell_agreement, tell_reviewers
from dcai.corrections.decisions.settings import settings_of
from dcai.corrections.decisions.standing import was_looked_at
from dcai.corrections.exhibits.cards import make_card, make_item, make_said
from dcai.corrections.exhibits.clusters import MergeOrder, order_merge
from dcai.corrections.exhibits.groups import Groups, make_groups, title_group
from dcai.corrections.exhibits.names import show_name
from dcai.corrections.exhibits.trials import disguise, hide_open
from dcai.corrections.reviews.desk import logger
from dcai.corrections.reviews.steps import Steps
from dcai.corrections.reviews.terms import change_definition, mask_card, mask_item, mask_terms


class Review(Steps):
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
    controls : int or dict of int to label, default 0
        How many rows whose label is right are mixed in under a wrong suggestion, or such rows by position with their
        right label. They measure the reviewer (`CorrectionLog.reviewers`), and never reach the log or `apply`.
    repeats : int, default 0
        How many findings are shown a second time, to see whether they are decided alike.

    Raises
    ------
    LogError
        Where the log belongs to other data: another key, label or columns.
    InputError
        Where an argument is wrong, or there are no such controls in this data.

    Examples
    --------
    >>> import dcai, pandas as pd, tempfile
    >>> frame = pd.DataFrame({"x": [1, 2, 3, 3], "y": ["a", "b", "a", "b"]})
    >>> review = dcai.Review(dcai.audit(frame, label="y", detectors=["conflicts"]), tempfile.mkdtemp() + "/y.jsonl", by="ada")
    >>> review.decide(3, "relabel", "a").verdict
    'relabel'
    """

    # ------------------------------------------------------------ look

    def queue(self) -> pd.DataFrame:
        """Return the findings to decide, worst first: the columns of `Audit.findings`, `row >= 0` only.

        In a blind review those that are not decided yet come without what would lead the reviewer.
        """
        return hide_open(self._queue, self._states.verdicts) if self.blind else self._queue.copy()

    @property
    def progress(self) -> Progress:
        """How far the review is."""
        with self._lock:
            total, decided = len(self._queue), len(self._states.verdicts)
            return Progress(
                total=total, decided=decided, left=total - decided, corrections=self._ledger.count_standing(),
                can_undo=self._last_decision() is not None, can_redo=self._last_undo() is not None,
                saved_to=str(self.log.path), by=self.by, disputed=len(self._states.disputes),
            )  # fmt: skip

    def page(self, start: int, count: int) -> list[QueueItem]:
        """Return some lines of the queue, in order."""
        return self.items(range(len(self._queue))[max(start, 0) : max(start, 0) + max(count, 0)])

    def items(self, places: Sequence[int]) -> list[QueueItem]:
        """Return the lines of the queue at some positions."""
        part = self._queue.iloc[list(places)]
        items = [
            make_item(item, self._states.state(str(item.finding)), blind=self.blind)
            for item in part.itertuples(index=False)
        ]
        return [mask_item(item, self.masked) for item in items]

    def card(self, finding: str) -> Card:
        """Return everything that the widget shows about one finding."""
        found, line = self._find(finding), self.decision_about(finding)
        group = None if self.blind else self.group(finding)
        card = make_card(self._form, found, line, group, blind=self.blind)
        said = [make_said(c) for c in self._states.disputes.get(finding, ())]
        remark = self._states.passed.get(finding, "") if line is None else ""
        card = replace(card, decided=self._states.state(finding), said=said, remark=remark)
        return self.mask(disguise(card, self._trials.get(finding) if line is None else None, self.classes))

    # ------------------------------------------------------------ terms

    @property
    def masked(self) -> frozenset[str]:
        """The sensitive columns: their values are neither shown nor written to the log."""
        return frozenset(self._ledger.veil.keys)

    def mask(self, card: Card) -> Card:
        """Hide the values of sensitive columns on a card; whatever puts more on a card passes it through here again."""
        reading = self._form.reading
        return mask_card(card, self.masked, self.table, None if reading is None else reading.tokens)

    @property
    def terms(self) -> Terms:
        """What this review works under: the definitions of the classes, masked columns, and what should be known first."""
        label = self.table.label
        # A blind reviewer learns nothing of what others have decided.
        unclear = [] if self.blind else list(self.log.unclear()["says"])
        terms = Terms(
            [replace(d, name=show_name(d.name)) for d in self.settings.definitions(label)],
            self.settings.version(label),
            sorted(self.masked),
            self.blind,
            [*self.cautions, *unclear],
            [show_name(name) for name in self.classes],
            "" if self.blind else tell_agreement(self.log.agreement()),
        )
        return mask_terms(terms, self.cautions) if label in self.masked else terms

    @property
    def people(self) -> list[str]:
        """What trials say of the reviewers, and how far these agree, as sentences; a blind reviewer is told of no other."""
        known = self.log.reviewers()
        said = tell_reviewers(known[known["by"] == self.by] if self.blind else known)
        agreement = "" if self.blind else tell_agreement(self.log.agreement())
        return [*said, *([agreement] if agreement else [])]

    def define(
        self,
        name: Scalar,
        meaning: str | None = None,
        examples: Sequence[str] | None = None,
        borderline: Sequence[str] | None = None,
    ) -> Definition:
        """Write down what a class of the label means, in `dcai.yaml`; what is left out stays as it was.

        Later decisions about the label name this state of the definitions in their `why`.

        Raises
        ------
        InputError
            Where there is no such class, or `dcai.yaml` cannot be read.
        """
        if self.table.label is None:
            raise InputError("This audit has no label, so there is no class to define.")
        with self._lock:
            self.settings = settings_of(self.log.path)  # others may have written to it
            known = self.settings.definitions(self.table.label)
            changed = change_definition(known, self.classes, name, meaning, examples, borderline)
            self.settings = write_definition(self.settings, self.table.label, changed)
            return changed

    def mark_sensitive(self, *columns: str) -> tuple[str, ...]:
        """Mark columns as sensitive in `dcai.yaml`: from here on the log holds keyed hashes of them, and cards hide them.

        A widget that is open hides them once its cell is run again. What the log holds already stays; see
        `CorrectionLog.forget`.

        Returns
        -------
        tuple of str
            All sensitive columns of this data.

        Raises
        ------
        InputError
            Where there is no such column, or the label of a review with controls or repeats is named.
        """
        for name in columns:
            if name not in self.table.frame.columns:
                raise InputError.unknown_name("column", name, self.table.frame.columns)
        with self._lock:
            self._refuse_hidden_trials(columns)
            self.settings = mark_sensitive(settings_of(self.log.path), *columns)
            self._open_ledgers(self.log.path)
            return tuple(sorted(self.masked))

    # ------------------------------------------------------------ groups

    @cached_property
    def _titles(self) -> dict[str, str]:
        """The titles of the groups that were looked at; they never change."""
        return {}

    @cached_property
    def _groups(self) -> Groups:
        trials = self._queue["finding"].isin(list(self._trials))
        groups = make_groups(self._queue[~trials], self.audit.hash, self._form)
        # A control is no member, but its card shows the group that it would be in, as that of any other finding does.
        planted = make_groups(self._queue[trials], self.audit.hash, self._form)
        alone = {name: found for name, found in planted.members.items() if name not in groups.members}
        return replace(groups, members=groups.members | alone, group_of=planted.group_of | groups.group_of)

    def group(self, finding: str) -> Group | None:
        """Return the group of a finding: same detector, column, given and suggested value; None where nothing is suggested.

        Spellings that would become one value are one group.
        """
        found = self._find(finding)
        trial = self._trials.get(finding)
        name = self._groups.group_of.get(finding if trial is None else trial.original or finding)
        if name is None:
            return None
        with self._lock:
            members, proof = self._groups.named(name), self.certificate(name)
            if name not in self._titles:
                givens = [plain(self._lists["given"][self._positions[member]]) for member in members]
                self._titles[name] = title_group(self._form, found, givens)
            decided = sum(member in self._states.verdicts for member in members)
            return Group(name, self._titles[name], len(members), decided, proof.valid, proof.statement)

    def draw(self, group: Group | str, count: int = 1) -> list[str]:
        """Return the next members of a group to review, drawn at random; only reviews in this order count for the certificate."""
        return list(islice((m for m in self._members(group) if self.is_open(m)), max(count, 0)))

    def certificate(self, group: Group | str) -> Certificate:
        """Return what the randomly drawn and reviewed members prove about the rest of the group."""
        with self._lock:
            members = self._members(group)
            drawn = self._judge_drawn(members)
            first = set(members[: len(drawn)])
            decided = [member for member in members if member in self._states.verdicts]
            others = [self._judge_suggestion(finding) for finding in decided if finding not in first]
            known = [taken for taken in others if taken is not None]
            disputed = sum(member in self._states.disputes for member in members)
            return certify(
                len(members), len(drawn), sum(drawn), known_right=sum(known), known_wrong=len(known) - sum(known),
                left=len(members) - len(decided) - disputed,
            )  # fmt: skip

    def _judge_drawn(self, members: Sequence[str]) -> list[bool]:
        """Judge the members of a group in the order in which they are drawn, up to the first that nobody looked at."""
        judged = []
        for finding in members:
            taken = self._judge_suggestion(finding)
            if taken is None:
                break
            judged.append(taken)
        return judged

    def _judge_suggestion(self, finding: str) -> bool | None:
        """Whether a reviewer took what a finding suggests; None where nobody looked at it."""
        line = self.decision_about(finding)
        return None if line is None or not was_looked_at(line) else self._took_suggestion(finding, line)

    def _members(self, group: Group | str) -> list[str]:
        return self._groups.named(group.group if isinstance(group, Group) else group)

    def _took_suggestion(self, finding: str, line: Correction) -> bool:
        if line.verdict not in ("relabel", "edit") or isinstance(line.value, list):
            return False
        return canonical(line.value) == canonical(plain(self._lists["suggested"][self._find_place(finding)]))

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
            verdicts = {
                n: "relabel" if self._column_of(n) == self.table.label else "edit" for n in self._members(group)
            }
            orders = [
                (n, verdict, plain(self._lists["suggested"][self._find_place(n)]), None)
                for n, verdict in verdicts.items()
                if self.decided(n) is None and n not in self._trials
            ]
            return self._decide_all(orders, certificate={**asdict(proof), "statement": proof.statement})

    def merge(self, column: str, spellings: Sequence[Scalar], keep: Scalar, note: str = "") -> list[Correction]:
        """Make several spellings of a column one: each row of the data that holds one of them gets `keep`, at once.

        Rows about which this reviewer has decided already, in this column or as a whole, are left out; the lines name
        their number as `left_out` in `why`.

        Raises
        ------
        InputError
            Where the column does not exist, cannot take the value, holds none of the spellings, or all of these rows
            are decided.
        """
        with self._lock:
            found = order_merge(self.table, self.classes, column, spellings, keep)
            orders = self._leave_out(found, column)
            left_out = len(found) - len(orders)
            if not orders:
                raise InputError(
                    f"You have decided about all {left_out} rows that hold one of these spellings: nothing was merged. "
                    "Undo those decisions first."
                )
            about = {
                row: name
                for row, *_ in orders
                for name in self._states.find_row(row, trying=False)
                if self._column_of(name) == column
            }
            named = [(about.get(row, row), verdict, keep, column) for row, verdict, keep, column in orders]
            why = {"left_out": left_out} if left_out else {}
            # People have looked at the values, not at the rows; no certificate speaks for these.
            lines = self._decide_all(named, note, merged=[plain(s) for s in spellings], looked_at="values", **why)
        if left_out:
            logger.warning(
                "%d rows were merged; %d were left out, as you have decided about them.", len(lines), left_out
            )
        return lines

    def tell_merge(self, column: str, spellings: Sequence[Scalar], keep: Scalar) -> str:
        """Say what a merge of some spellings would do, and how much of it a person has looked at."""
        with self._lock:
            found = order_merge(self.table, self.classes, column, spellings, keep)
            left = len(found) - len(self._leave_out(found, column))
        rest = f"; {left:,} of them stay as you have decided about them" if left else ""
        return (
            f"{len(found):,} rows hold another spelling{rest}. A merge is your own decision about these values: the rows "
            "are not looked at one by one, and no certificate speaks for them."
        )

    def _leave_out(self, orders: list[MergeOrder], column: str) -> list[MergeOrder]:
        """Return the orders of a merge without those about rows that this reviewer has decided."""
        return [order for order in orders if not self._has_decided(order[0], column)]

    def _has_decided(self, row: int, column: str) -> bool:
        """Whether this reviewer's own word stands about a cell or its whole row."""
        return any(
            c.by == self.by and c.verdict != "unsure" and c.column in (column, None) and not self._ledger.misfit(c)
            for c in self._ledger.standing(row)
        )
