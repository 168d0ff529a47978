"""Trials of the reviewer: findings whose right answer is known, and findings that are shown twice.

A control is a row whose label is right as far as can be known, under a suggestion that is planted. Who takes it follows
the machine and not the data. Decisions about trials go to a log of their own, which nothing ever applies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xxhash

from dcai.base.errors import InputError
from dcai.base.fingerprints import canonical, plain
from dcai.base.records import Card, Scalar
from dcai.base.table import Table
from dcai.corrections.exhibits.audited import Audited
from dcai.corrections.exhibits.forms import LabelForm
from dcai.corrections.exhibits.names import show_name

# One of so many findings is a control, until all are planted; a repeat comes so many findings after its original at least.
SPACING = 10
LABELS = "labels"


@dataclass(frozen=True)
class Trial:
    """A planted finding: a control (`original` is None) with its right answer, or the repeat of another finding."""

    suggested: Scalar
    right: Scalar = None
    original: str | None = None

    @property
    def note(self) -> dict[str, Any]:
        """What the line of a decision about it says in `why`."""
        if self.original is not None:
            return {"repeats": self.original}
        return {"control": {"right": self.right, "suggested": self.suggested}}


def trial_path(path: Path) -> Path:
    """Return where decisions about trials are: beside the log, never in it."""
    return path.with_name(f"{path.stem}.controls.jsonl")


class Planter:
    """Plants trials among the findings of a queue, at places that depend on the audit alone."""

    def __init__(self, queue: pd.DataFrame, audit: Audited, form: LabelForm) -> None:
        self.queue, self.audit, self.form = queue, audit, form
        self.table: Table = audit.table
        self.random = np.random.default_rng(xxhash.xxh3_64_intdigest(f"trials\x1f{audit.hash}".encode()))
        self.trials: dict[str, Trial] = {}
        self._made: list[tuple[float, dict[str, Any]]] = []

    def plant(self, controls: int | Mapping[int, Any], repeats: int) -> pd.DataFrame:
        """Return the queue with the trials among its findings."""
        known = self._read_controls(controls)
        if isinstance(repeats, bool) or not isinstance(repeats, int) or repeats < 0:
            raise InputError.wrong_value("repeats", "Review", "a number of findings, 0 or more", repeats)
        if not known and not repeats:
            return self.queue
        places = self._spread(len(known))
        for place, (row, right) in zip(places, known, strict=True):
            self._add_control(place, row, right)
        for original in sorted(self.random.permutation(len(self.queue))[:repeats].tolist()):
            self._add_repeat(original)
        return self._mix()

    # ------------------------------------------------------------ controls

    def _read_controls(self, controls: int | Mapping[int, Any]) -> list[tuple[int, Scalar]]:
        """Return the rows that are controls, each with its right label."""
        given = isinstance(controls, Mapping)
        if not given and (isinstance(controls, bool) or not isinstance(controls, int) or controls < 0):
            expected = "a number of rows, 0 or more, or the right label by row position: {row: label}"
            raise InputError.wrong_value("controls", "Review", expected, controls)
        if not controls:
            return []
        if self.table.label is None or self.form.task != "classification":
            raise InputError("Controls need a label with one class for each row. Leave out controls=.")
        if not isinstance(controls, Mapping):
            rows = self._choose_rows(controls)
            return [(row, self.table.cell(row, self.table.label)) for row in rows]
        for row in controls:
            if isinstance(row, bool) or not isinstance(row, int) or not 0 <= row < len(self.table):
                raise InputError.wrong_value("controls", "Review", "right labels by row position: {row: label}", row)
        return [(row, self.form.check(label, row)) for row, label in controls.items()]

    def _choose_rows(self, count: int) -> list[int]:
        """Draw rows whose label no check doubts, from that half of them of which the model is surest."""
        chances = self.form.probabilities
        if chances is None:
            raise InputError(
                "Controls are chosen by the audit's probabilities, and it has none. Name rows whose label is known: controls={row: label}."
            )
        names = {canonical(name): place for place, name in enumerate(chances.columns)}
        given = [names.get(canonical(v), -1) for v in self.table.frame[self.table.label]]
        sure = np.where(np.array(given) >= 0, chances.to_numpy()[np.arange(len(given)), given], np.nan)
        doubted = set(self.audit.findings["row"].tolist())
        rows = np.array([r for r in np.flatnonzero(~np.isnan(sure)) if r not in doubted], dtype=np.intp)
        best = rows[np.argsort(-sure[rows], kind="stable")][: max(count, len(rows) // 2)]
        if len(best) < count:
            raise InputError(
                f"Only {len(best)} rows are without any doubt, so there are no {count} controls among them."
            )
        return [int(r) for r in self.random.permutation(best)[:count]]

    def _add_control(self, place: float, row: int, right: Scalar) -> None:
        label = str(self.table.label)
        given = self.table.cell(row, label)
        wrong = self._choose_wrong(row, right, given)
        name = self._name(f"control\x1f{row}")
        self.trials[name] = Trial(wrong, right)
        about = {
            "finding": name, "row": row, "key": self.table.keys_of([row])[0], "part": None, "column": label,
            "detector": LABELS, "given": given, "suggested": wrong, "peers": [],
            "reason": f"A model that has not seen this row says {wrong!r}, not {given!r}.",
        }  # fmt: skip
        self._made.append((place, about))

    def _choose_wrong(self, row: int, right: Scalar, given: Scalar) -> Scalar:
        """Return the most probable class that is neither right nor given; where there is no third one, the right one."""
        apart = {canonical(right), canonical(given)}
        chances = None if self.form.probabilities is None else self.form.probabilities.iloc[row]
        others = [c for c in self.form.classes if canonical(c) not in apart]
        if not others:
            if canonical(right) == canonical(given):
                raise InputError("A control needs a second class to suggest, and the label has but one.")
            return right
        if chances is None:
            return others[int(self.random.integers(len(others)))]
        known = {canonical(name): float(p) for name, p in chances.items()}
        return max(others, key=lambda c: known.get(canonical(c), 0.0))

    # ------------------------------------------------------------ repeats and places

    def _add_repeat(self, place: int) -> None:
        found = self.queue.iloc[place]
        original = str(found["finding"])
        name = self._name(f"repeat\x1f{original}")
        self.trials[name] = Trial(plain(found["suggested"]), original=original)
        self._made.append((place + SPACING + SPACING * float(self.random.random()), {**found, "finding": name}))

    def _name(self, what: str) -> str:
        """Name a trial so that it reads as any other finding."""
        usual = len(str(self.queue["finding"].iloc[0])) if len(self.queue) else 16
        return xxhash.xxh3_128_hexdigest(f"{self.audit.hash}\x1f{what}".encode())[: max(usual, 12)]

    def _spread(self, count: int) -> list[float]:
        """Choose places among the first findings; where there are few, all over them."""
        span = min(len(self.queue) + 1, SPACING * count)
        return sorted((self.random.random(count) * span).tolist())

    def _mix(self) -> pd.DataFrame:
        doubts = self.queue["doubt"].to_numpy(dtype=float)
        sure = self.queue.loc[self.queue["detector"] == LABELS, "confidence"].dropna().to_numpy(dtype=float)
        rows = []
        for place, about in self._made:
            near = min(max(int(place), 0), len(doubts) - 1)
            doubt = float(doubts[near]) if len(doubts) else 0.5
            confidence = float(self.random.choice(sure)) if len(sure) else np.nan
            rows.append({"doubt": doubt, "confidence": confidence} | about)
        made = pd.DataFrame(rows, columns=list(self.queue.columns), dtype=object)
        order = np.argsort([*range(len(self.queue)), *(place for place, _ in self._made)], kind="stable")
        whole = pd.concat([self.queue.astype(object), made], ignore_index=True).iloc[order].reset_index(drop=True)
        return whole.astype({name: kind for name, kind in self.queue.dtypes.items() if str(kind) != "object"})


def disguise(card: Card, trial: Trial | None, classes: Sequence[Scalar]) -> Card:
    """Show a control as the model would show it if it meant what it suggests."""
    if trial is None or trial.original is not None or not card.classes:
        return card
    marks = [canonical(show_name(trial.suggested)), canonical(card.finding.given)]
    chances = {canonical(c.name): c.probability for c in card.classes}
    if len(classes) < 2 or any(chances.get(m) is None for m in marks):  # noqa: PLR2004 (two of them are exchanged)
        return card
    chances[marks[0]], chances[marks[1]] = chances[marks[1]], chances[marks[0]]
    shown = [replace(c, probability=chances[canonical(c.name)]) for c in card.classes]
    return replace(card, classes=sorted(shown, key=lambda c: -(c.probability or 0.0)))


def hide_open(queue: pd.DataFrame, decided: Mapping[str, object]) -> pd.DataFrame:
    """Return the queue without what would lead a blind reviewer, for the findings that are not decided yet."""
    shown = queue.copy()
    still_open = ~shown["finding"].isin(list(decided))
    shown["suggested"] = shown["suggested"].where(~still_open, None)
    shown["confidence"] = shown["confidence"].where(~still_open, np.nan)
    shown["reason"] = shown["reason"].where(~still_open, "Decide without the suggestion.")
    return shown
