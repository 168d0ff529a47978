"""Which moment of its log does a frame show: every row as it was after the same decisions, as far as that can be.

A clean frame was made at one moment: what had been decided by then is done in it, and nothing else is. Among rows that
look like the source of one slot and the outcome of another, this tells which is which.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

State = tuple[str, str]  # hash of the row without its label, first digits of the label's hash


@dataclass(frozen=True)
class Change:
    """What a decision made of a slot: the state that its row had from then on; None for a row that was left out."""

    moment: str  # the id of the decision
    slot: int
    state: State | None


def guess_moment(
    sources: Sequence[State], changes: Sequence[Change], here: Mapping[State, int], spare: Mapping[State, int]
) -> list[State | None]:
    """Return the states that the slots have at the moment which explains the rows best; of equal ones at the latest.

    Parameters
    ----------
    sources : sequence of State
        The state that each slot had in the source data.
    changes : sequence of Change
        In any order.
    here : mapping of State to int
        How many rows are in each state now.
    spare : mapping of State to int
        How many rows of a state may be there, or not, beside those of the slots.
    """
    states: list[State | None] = list(sources)
    needed = Counter(sources)
    known = {*sources, *spare}

    def misfit(state: State | None) -> int:
        """Rows that lack, and rows that look like one that a line knows of and are not wanted."""
        if state is None:
            return 0
        surplus = here.get(state, 0) - needed[state]
        return -surplus if surplus < 0 else max(0, surplus - spare.get(state, 0)) * (state in known)

    wrong = sum(misfit(state) for state in known | set(here))
    best, least = list(states), wrong
    for change in sorted(changes, key=lambda c: c.moment):
        before = states[change.slot]
        if change.state != before:
            touched = {before, change.state}
            wrong -= sum(map(misfit, touched))
            if before is not None:
                needed[before] -= 1
            if change.state is not None:
                needed[change.state] += 1
            wrong += sum(map(misfit, touched))
            states[change.slot] = change.state
        if wrong <= least:
            best, least = list(states), wrong
    return best
