"""The browser's decisions as they come in: each is taken once, and none before an earlier one that is still on its way."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from dcai.base.contract import from_plain
from dcai.base.errors import DcaiError, InputError
from dcai.base.records import Answer, Correction, Decision, Progress
from dcai.corrections.session import Review

# A decision that is sent again comes within minutes; so many answers are remembered, and so many decisions wait.
REMEMBERED = 10_000

CROWDED = (
    f"It waited with {REMEMBERED:,} others for an earlier decision that never came, and was not saved. Decide it again."
)

_logger = logging.getLogger("dcai")
Found = TypeVar("Found")

# What the browser says of an error. The first class that fits decides; the error's own sentence follows.
SENTENCES: tuple[tuple[type[BaseException], str], ...] = (
    (DcaiError, "{}"),
    (OSError, "The correction log could not be written: {}. Nothing was decided; free the way and decide again."),
    (Exception, "dcai failed in a way that it should not: {}. See the kernel's log, and review.log for what is saved."),
)


@dataclass(frozen=True)
class Taken:
    """What became of a decision: the id of its line and the findings that it touched, or why there is none."""

    id: str | None = None
    error: str | None = None
    findings: list[str] = field(default_factory=list)
    told: str = ""


class Intake:
    """Takes decisions for a session.

    Parameters
    ----------
    session : Review
        The session.
    act : callable
        Does what a decision asks for, and returns the lines that it led to.
    settle : callable
        Is told the findings whose state may have changed, and says whether the decision counts for the pace.
    progress : callable
        Says how far the review is.
    """

    def __init__(
        self,
        session: Review,
        act: Callable[[Decision], list[Correction]],
        settle: Callable[[list[str], Decision | None], None],
        progress: Callable[[], Progress],
    ) -> None:
        self._session, self._act, self._settle, self._progress = session, act, settle, progress
        self._taken: OrderedDict[str, Taken] = OrderedDict()
        self._waiting: OrderedDict[str, Decision] = OrderedDict()
        self._heard = len(session.news())
        self._lock = threading.RLock()

    def take(self, content: object) -> list[Answer]:
        """Take a decision, and those that waited for it: an answer each. One that has to wait itself is not answered yet."""
        try:
            decision = from_plain(Decision, content)
        except InputError as error:
            return [Answer(seq_of(content), error=to_sentence(error))]
        with self._lock:
            self._waiting[decision.client_id] = decision
            answers = self._answer_ready()
            if len(self._waiting) > REMEMBERED:
                name, oldest = self._waiting.popitem(last=False)
                self._remember(name, Taken(error=CROWDED))
                answers += [self._answer(oldest), *self._answer_ready()]
            return answers

    def _answer_ready(self) -> list[Answer]:
        answers = []
        while (ready := self._find_ready()) is not None:
            answers.append(self._answer(self._waiting.pop(ready)))
        return answers

    def _find_ready(self) -> str | None:
        """Return the name of a decision that need not wait any more."""
        return next((name for name, d in self._waiting.items() if name in self._taken or self._is_next(d)), None)

    def _is_next(self, decision: Decision) -> bool:
        return not decision.after or decision.after in self._taken or bool(self._session.find_sent(decision.after))

    def _answer(self, decision: Decision) -> Answer:
        """Answer a decision; one that is sent again gets what became of it, and what is true by now."""
        taken = self._taken.get(decision.client_id)
        if taken is None:
            taken = self._decide(decision)
            self._remember(decision.client_id, taken)
        if taken.error is not None:
            return Answer(decision.seq, error=taken.error)
        return self.report(decision.seq, taken)

    def _remember(self, name: str, taken: Taken) -> None:
        self._taken[name] = taken
        if len(self._taken) > REMEMBERED:
            self._taken.popitem(last=False)

    def report(self, seq: int, taken: Taken | None = None) -> Answer:
        """Say how things stand: of the findings that a decision touched, and of those that others have decided since."""
        with self._lock:
            names = list(dict.fromkeys([*(taken.findings if taken else ()), *self._hear()]))
            unknown: dict[str, str | None] = {}
            decided = _follow(lambda: {name: self._session.decided(name) for name in names}, unknown)
            last, told = (taken.id, taken.told) if taken else (None, "")
            return Answer(seq, last, decided=decided, progress=_follow(self._progress, None), told=told)

    def _hear(self) -> list[str]:
        news = self._session.news(self._heard)
        self._heard += len(news)
        if news:
            _follow(lambda: self._settle(news, None), None)
        return news

    def has_news(self) -> bool:
        """Whether the state of a finding has changed that no answer has told of."""
        return bool(self._session.news(self._heard))

    def _decide(self, decision: Decision) -> Taken:
        try:
            self._refuse(decision)
            lines = self._session.do_once(decision.client_id, lambda: self._act(decision))
        except Exception as error:  # noqa: BLE001 (the shell's crossing: no decision stays without an answer)
            return Taken(error=to_sentence(error))
        # The lines are on disk: from here on nothing makes the decision one that was not saved.
        nothing: list[str] = []
        about = _follow(lambda: [name for line in lines for name in self._session.findings_of(line)], nothing)
        names = list(dict.fromkeys(about))
        _follow(lambda: self._settle(names, decision), None)
        told = _follow(lambda: self._session.tell(decision.verdict, lines), "")
        return Taken(lines[-1].id if lines else None, None, names, told)

    def _refuse(self, decision: Decision) -> None:
        """Refuse what would be another's decision, or take back another decision than was meant."""
        by, before = self._session.by, self._taken.get(decision.after)
        if decision.by not in ("", by):
            raise InputError(
                f"This was decided in a review of {decision.by!r}, and this one is {by!r}'s: nothing was written. "
                f"Save it from a review as they: dcai.review(..., by={decision.by!r})."
            )
        if decision.verdict in ("undo", "redo") and before is not None and before.error is not None:
            raise InputError("The decision before it was not saved, so there is nothing to take back or to repeat.")


def _follow(act: Callable[[], Found], otherwise: Found) -> Found:
    """Do what follows from decisions that are on disk; where it fails it is logged, and the answer goes out without it."""
    try:
        return act()
    except Exception:  # the shell's crossing: no message stays without an answer
        _logger.exception("What a decision led to could not be told; the decision itself is saved.")
        return otherwise


def to_sentence(error: Exception) -> str:
    """Say an error to the person at the browser; one that is not ours is logged too."""
    if not isinstance(error, DcaiError):
        _logger.error("A message of the review widget failed.", exc_info=error)
    pattern = next(words for kind, words in SENTENCES if isinstance(error, kind))
    return pattern.format(str(error) or type(error).__name__)


def seq_of(content: object) -> int:
    """Return the number of a message that could not be read, so that its answer finds its way."""
    seq = content.get("seq") if isinstance(content, dict) else None
    return seq if type(seq) is int else -1
