"""The review widget: decode what the browser sends, ask the session, encode what it says.

Decisions and questions are custom messages, not traits: the front end merges changes of traits while the kernel is
busy, and a decision must never be merged away. Each message gets an answer, whatever happens here.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import anywidget  # this module is its only door, and is itself imported on first use
import traitlets

from dcai.base.contract import for_browser, from_plain
from dcai.base.display import to_block, to_table
from dcai.base.errors import DcaiError, InputError, MissingError
from dcai.base.fingerprints import plain
from dcai.base.records import Answer, Correction, Decision, Progress, Reply, Request, Scalar
from dcai.corrections.cards import TEXT_LIMIT, add_nearest
from dcai.corrections.log import CorrectionLog
from dcai.corrections.session import Audited, Review

BUILT = Path(__file__).parent / "_built"
SHOWN_OFFLINE = 20
LARGEST_PAGE = 500
# A decision that is sent again comes within minutes; so many answers are remembered.
REMEMBERED = 10_000

_logger = logging.getLogger("dcai")

# What the browser says of an error. The first class that fits decides; the error's own sentence follows.
SENTENCES: tuple[tuple[type[BaseException], str], ...] = (
    (DcaiError, "{}"),
    (OSError, "The correction log could not be written: {}. Nothing was decided; free the way and decide again."),
    (Exception, "dcai failed in a way that it should not: {}. See the kernel's log, and review.log for what is saved."),
)


def review(
    audit: Audited, log: str | Path | CorrectionLog | None = None, *, by: str | None = None, blind: bool = False
) -> ReviewWidget:
    """Review the findings of an audit in the notebook, with the keyboard.

    Each decision is a line of the correction log, on disk before the widget shows it as saved. The data itself is
    not changed: apply the log to it.

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

    Returns
    -------
    ReviewWidget
        A widget that shows itself, and that composes with others of ipywidgets.

    Raises
    ------
    LogError
        Where the log belongs to other data: another key, label or columns.
    MissingError
        Where the built front end is missing from the installation.

    Examples
    --------
    >>> import dcai, pandas as pd, tempfile
    >>> frame = pd.DataFrame({"x": [1, 2, 3, 3], "y": ["a", "b", "a", "b"]})
    >>> audit = dcai.audit(frame, label="y", detectors=["conflicts"])
    >>> dcai.review(audit, tempfile.mkdtemp() + "/y.jsonl", by="ada").progress["decided"]
    0
    """
    return ReviewWidget(Review(audit, log, by=by, blind=blind))


class ReviewWidget(anywidget.AnyWidget):  # type: ignore[misc]  # anywidget is untyped here
    """A review on screen. What is decided lives in the session and its log, not in the widget.

    Parameters
    ----------
    session : Review
        The review that is shown.

    Attributes
    ----------
    progress : dict
        How far the review is: `total`, `decided`, `left`, `corrections`, ...; may be observed.
    selected : str
        The finding that is looked at; may be observed, and set to go there.
    total : int
        The number of findings in the queue.
    """

    _esm = traitlets.Unicode().tag(sync=True)
    _css = traitlets.Unicode().tag(sync=True)
    progress = traitlets.Dict(read_only=True).tag(sync=True)
    total = traitlets.Int(read_only=True).tag(sync=True)
    selected = traitlets.Unicode("").tag(sync=True)

    def __init__(self, session: Review, **kwargs: Any) -> None:
        self.session = session
        self._queue = session.queue()
        self._findings = [str(name) for name in self._queue["finding"]]
        self._positions = {name: i for i, name in enumerate(self._findings)}
        self._answers: OrderedDict[str, Answer] = OrderedDict()
        self._lock = threading.RLock()
        super().__init__(_esm=read_built("review.js"), _css=read_built("review.css"), **kwargs)
        self.set_trait("total", len(self._findings))
        self.set_trait("progress", for_browser(session.progress))
        self.on_msg(self._receive)

    # ------------------------------------------------------------ from the browser

    def _receive(self, _widget: object, content: object, _buffers: object) -> None:
        """Answer one message. It may come on a thread of its own while a cell runs."""
        is_request = isinstance(content, dict) and "ask" in content
        answer = self._reply(content) if is_request else self._answer(content)
        self.send(for_browser(answer))
        if isinstance(answer, Answer) and answer.progress is not None:
            self._show_progress(answer.progress)

    def _answer(self, content: object) -> Answer:
        """Decide once for each `client_id`; a decision that is sent again gets the answer of the first time."""
        try:
            decision = from_plain(Decision, content)
        except InputError as error:
            return Answer(_seq_of(content), error=to_sentence(error))
        with self._lock:
            known = self._answers.get(decision.client_id)
            if known is None:
                known = self._answers[decision.client_id] = self._decide(decision)
                if len(self._answers) > REMEMBERED:
                    self._answers.popitem(last=False)
        return replace(known, seq=decision.seq)

    def _decide(self, decision: Decision) -> Answer:
        try:
            corrections = self._act(decision)
            names = [name for line in corrections for name in self.session.findings_of(line)]
            decided = {name: self.session.decided(name) for name in names}
            last = corrections[-1].id if corrections else None
            return Answer(decision.seq, last, decided=decided, progress=self.session.progress)
        except Exception as error:  # noqa: BLE001 (the shell's crossing: no decision stays without an answer)
            return Answer(decision.seq, error=to_sentence(error))

    def _act(self, decision: Decision) -> list[Correction]:
        if decision.verdict == "undo":
            return [self.session.undo()]
        if decision.verdict == "redo":
            return [self.session.redo()]
        if decision.verdict == "accept":
            return self.session.accept(self._group_of(decision.finding))
        value = self._whole(decision)
        return [self.session.decide(decision.finding, decision.verdict, value, decision.column, decision.note)]

    def _whole(self, decision: Decision) -> Scalar | list[Scalar]:
        """Return the value that is meant; the browser has long texts cut, and large integers as text."""
        position = self._positions.get(decision.finding)
        if position is None or decision.verdict not in ("relabel", "edit"):
            return decision.value
        found = self._queue.iloc[position]
        if decision.column not in (None, found["column"]):
            return decision.value
        suggested = plain(found["suggested"])
        shown = suggested[:TEXT_LIMIT] if isinstance(suggested, str) else for_browser(suggested)
        return suggested if shown is not None and shown == decision.value else decision.value

    def _group_of(self, finding: str) -> str:
        group = self.session.group(finding)
        if group is None:
            raise InputError("This finding belongs to no group: nothing is suggested for it. Decide it by itself.")
        return group.group

    def _reply(self, content: object) -> Reply:
        try:
            request = from_plain(Request, content)
            asks: dict[str, Callable[[Request], Reply]] = {
                "page": self._page,
                "card": lambda r: self._card(r, r.finding),
                "near": self._near,
                "next": self._next,
                "draw": self._draw,
            }
            return asks[request.ask](request)
        except Exception as error:  # noqa: BLE001 (the shell's crossing: no question stays without a reply)
            return Reply(_seq_of(content), error=to_sentence(error))

    def _page(self, request: Request) -> Reply:
        start, count = max(request.start, 0), min(request.count, LARGEST_PAGE)
        return Reply(request.seq, start, items=self.session.page(start, count), total=len(self._findings))

    def _card(self, request: Request, finding: str) -> Reply:
        card = self.session.card(finding)
        return Reply(request.seq, self._positions[finding], card=card)

    def _near(self, request: Request) -> Reply:
        """Put the rows most like it beside a card; a blind review shows them once it is decided."""
        card = self.session.card(request.finding)
        hidden = self.session.blind and card.decided is None
        shown = card if hidden else add_nearest(card, self.session.audit)
        return Reply(request.seq, self._positions[request.finding], card=shown)

    def _next(self, request: Request) -> Reply:
        """Find the next open finding from `start` on, round the end of the queue; none is a reply without `start`."""
        size = len(self._findings)
        places = ((request.start + step) % size for step in range(size))
        return Reply(request.seq, next((i for i in places if self.session.decided(self._findings[i]) is None), None))

    def _draw(self, request: Request) -> Reply:
        drawn = self.session.draw(self._group_of(request.finding))
        if not drawn:
            raise InputError("Every finding of this group is decided.")
        return self._card(request, drawn[0])

    # ------------------------------------------------------------ from Python

    def refresh(self) -> None:
        """Show what was decided elsewhere: by `session.decide(...)` in a cell, or by another view of the same log."""
        decided = {name: self.session.decided(name) for name in self._findings}
        answer = Answer(-1, decided=decided, progress=self.session.progress)
        self.send(for_browser(answer))
        self._show_progress(self.session.progress)

    def _show_progress(self, progress: Progress) -> None:
        self.set_trait("progress", for_browser(progress))

    def __repr__(self) -> str:
        """Say how far the review is."""
        p = self.session.progress
        return f"<Review of {p.total} findings: {p.decided} decided, {p.left} left, saved to {p.saved_to}>"

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """Add a table of the first findings, for saved notebooks, exports and places without widgets."""
        bundle = super()._repr_mimebundle_(**kwargs)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        return {**data, "text/html": self._to_html()}, metadata

    def _to_html(self) -> str:
        p = self.session.progress
        items = self.session.page(0, SHOWN_OFFLINE)
        rows = [
            {
                "row": item.row, "what": item.detector, "column": item.column, "given": item.given,
                "suggested": item.suggested, "doubt": f"{item.doubt:.2f}", "decided": item.decided,
            }
            for item in items
        ]  # fmt: skip
        if not rows:
            return to_block("<h3>Review</h3><p>There is nothing to review.</p>")
        head = f"{p.decided} of {p.total} findings decided, {p.left} left."
        rest = f"<p class='muted'>The first {len(rows)} of {p.total} findings.</p>" if p.total > len(rows) else ""
        names = list(rows[0])
        return to_block("<h3>Review</h3>", f"<p>{head}</p>", to_table(rows, names, ("row", "doubt")), rest)


def read_built(name: str) -> str:
    """Read a file of the built front end."""
    path = BUILT / name
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise MissingError(
            f"The front end of the review widget is not built: {path} is missing. Install dcai from a wheel, or in a "
            "checkout run `npm ci && npm run build` in labextension/. Without it, decide with dcai.Review."
        ) from error


def to_sentence(error: Exception) -> str:
    """Say an error to the person at the browser; one that is not ours is logged too."""
    if not isinstance(error, DcaiError):
        _logger.error("A message of the review widget failed.", exc_info=error)
    pattern = next(words for kind, words in SENTENCES if isinstance(error, kind))
    return pattern.format(str(error) or type(error).__name__)


def _seq_of(content: object) -> int:
    """Return the number of a message that could not be read, so that its answer finds its way."""
    seq = content.get("seq") if isinstance(content, dict) else None
    return seq if type(seq) is int else -1
