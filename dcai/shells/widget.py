"""The review widget: decode what the browser sends, ask the session, encode what it says.

Decisions and questions are custom messages, not traits: the front end merges changes of traits while the kernel is
busy, and a decision must never be merged away. Each message gets an answer, whatever happens here.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import anywidget  # this module is its only door, and is itself imported on first use
import traitlets

from dcai.base.contract import for_browser, from_plain
from dcai.base.errors import DcaiError, InputError, MissingError
from dcai.base.fingerprints import plain
from dcai.base.records import Answer, Card, Cluster, Correction, Decision, Filter, Progress, Reply, Request, Scalar
from dcai.corrections.audited import Audited, list_values
from dcai.corrections.cards import TEXT_LIMIT, add_context, add_nearest, cut_classes
from dcai.corrections.clusters import Clusters, read_merge
from dcai.corrections.contexts import Contexts
from dcai.corrections.log import CorrectionLog
from dcai.corrections.outlook import make_forecast
from dcai.corrections.session import Review
from dcai.corrections.views import Views
from dcai.shells.review_html import write_review

BUILT = Path(__file__).parent / "_built"
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
    audit: Audited,
    log: str | Path | CorrectionLog | None = None,
    *,
    by: str | None = None,
    blind: bool = False,
    controls: int | Mapping[int, Any] = 0,
    repeats: int = 0,
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
    controls : int or dict of int to label, default 0
        How many rows whose label is right are mixed in under a wrong suggestion, to measure the reviewer; see `Review`.
    repeats : int, default 0
        How many findings are shown a second time.

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
    return ReviewWidget(Review(audit, log, by=by, blind=blind, controls=controls, repeats=repeats))


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
        self._findings = [str(name) for name in list_values(self._queue["finding"])]
        self._positions = {name: i for i, name in enumerate(self._findings)}
        self._answers: OrderedDict[str, Answer] = OrderedDict()
        self._lock = threading.RLock()
        self._contexts = Contexts(session.table)
        self._views = Views(self._queue, session.table, blind=session.blind, masked=session.masked)
        self._forecast = make_forecast(session, self._queue)
        super().__init__(_esm=read_built("review.js"), _css=read_built("review.css"), **kwargs)
        self.set_trait("total", len(self._findings))
        self.set_trait("progress", for_browser(self._progress()))
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
            corrections = self.session.do_once(decision.client_id, lambda: self._act(decision))
            names = list(dict.fromkeys(name for line in corrections for name in self.session.findings_of(line)))
            decided = {name: self.session.decided(name) for name in names}
            self._note(names)
            if decision.verdict not in ("undo", "redo", "accept", "merge"):
                self._forecast.tick()
            last = corrections[-1].id if corrections else None
            return Answer(decision.seq, last, decided=decided, progress=self._progress())
        except Exception as error:  # noqa: BLE001 (the shell's crossing: no decision stays without an answer)
            return Answer(decision.seq, error=to_sentence(error))

    def _act(self, decision: Decision) -> list[Correction]:
        if decision.verdict == "undo":
            return self.session.step_back()
        if decision.verdict == "redo":
            return self.session.step_forward()
        if decision.verdict == "accept":
            return self.session.accept(self._group_of(decision.finding))
        if decision.verdict == "merge":
            return self._merge(decision)
        value = self._whole(decision)
        return [self.session.decide(decision.finding, decision.verdict, value, decision.column, decision.note)]

    def _merge(self, decision: Decision) -> list[Correction]:
        keep, others = read_merge(decision.value)
        cluster = self._find_cluster(decision.finding)
        # The browser has large integers as text: what it names is found among the members.
        shown = {for_browser(s.value): s.value for s in cluster.spellings}
        named = [shown.get(value, value) for value in others]
        return self.session.merge(cluster.column, named, shown.get(keep, keep), decision.note)

    @cached_property
    def _clusters(self) -> Clusters:
        return Clusters(self._queue, self._contexts)

    def _note(self, names: list[str]) -> None:
        """Tell the forecast what stands about some findings."""
        self._forecast.note([self._positions[n] for n in names], [self.session.decision_about(n) for n in names])

    def _progress(self) -> Progress:
        return replace(self.session.progress, outlook=self._forecast.look())

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
                "card": lambda r: self._show_card(r, r.finding),
                "near": self._near,
                "next": self._next,
                "draw": self._draw,
                "filter": self._filter,
                "facets": lambda r: Reply(r.seq, facets=self._views.facets()),
                "find": lambda r: self._show_card(r, self._findings[self._views.find(r.text)]),
                "cluster": self._cluster,
                "terms": lambda r: Reply(r.seq, terms=self.session.terms),
                "define": self._define,
            }
            return asks[request.ask](request)
        except Exception as error:  # noqa: BLE001 (the shell's crossing: no question stays without a reply)
            return Reply(_seq_of(content), error=to_sentence(error))

    def _page(self, request: Request) -> Reply:
        start, count = max(request.start, 0), min(max(request.count, 0), LARGEST_PAGE)
        view = self._views.get(request.view)
        places = view.places[start : start + count].tolist()
        return Reply(request.seq, start, items=self.session.items(places), total=len(view))

    def _show_card(self, request: Request, finding: str) -> Reply:
        return self._put(request, finding, self.session.card(finding))

    def _near(self, request: Request) -> Reply:
        """Put the rows most like it beside a card; a blind review shows them once it is decided."""
        card = self.session.card(request.finding)
        hidden = self.session.blind and card.decided is None
        return self._put(request, request.finding, card if hidden else add_nearest(card, self.session.audit))

    def _put(self, request: Request, finding: str, card: Card) -> Reply:
        position = self._views.get(request.view).find(self._place_of(finding))
        shown = add_context(cut_classes(card), self._contexts, full=not self.session.blind)
        return Reply(request.seq, position, card=self.session.mask(shown))

    def _next(self, request: Request) -> Reply:
        """Find the next open finding from `start` on, round the end; none is a reply without `start`."""
        view = self._views.get(request.view)
        size = len(view)
        steps = ((request.start + step) % size for step in range(size))
        is_open = (i for i in steps if not self._is_decided(view.places[i]))
        return Reply(request.seq, next(is_open, None))

    def _draw(self, request: Request) -> Reply:
        drawn = self.session.draw(self._group_of(request.finding))
        if not drawn:
            raise InputError("Every finding of this group is decided.")
        return self._show_card(request, drawn[0])

    def _filter(self, request: Request) -> Reply:
        view = self._views.open(request.filter or Filter(), self._is_decided)
        return Reply(request.seq, 0, total=len(self._views.get(view)), view=view)

    def _cluster(self, request: Request) -> Reply:
        return Reply(request.seq, cluster=self._find_cluster(request.finding))

    def _find_cluster(self, finding: str) -> Cluster:
        if self.session.blind:
            raise InputError("A blind review suggests no spellings. Decide the rows one by one.")
        cluster = self._clusters.of(self._queue.iloc[self._place_of(finding)])
        if cluster.column in self.session.masked:
            raise InputError(
                "This column is marked as sensitive: its spellings are not shown. Merge them at the source."
            )
        return cluster

    def _define(self, request: Request) -> Reply:
        """Write down what a class means; asked again it says the same."""
        about = request.definition
        if about is None:
            raise InputError("There is no definition to write down.")
        # Classes that are large integers travel as text.
        names = {for_browser(name): name for name in self.session.classes}
        self.session.define(names.get(about.name, about.name), about.meaning, about.examples, about.borderline)
        return Reply(request.seq, terms=self.session.terms)

    def _place_of(self, finding: str) -> int:
        """Return the position of a finding in the whole queue."""
        if finding not in self._positions:
            self.session.decided(finding)  # says what is wrong
        return self._positions[finding]

    def _is_decided(self, place: int) -> bool:
        return self.session.decided(self._findings[place]) is not None

    # ------------------------------------------------------------ from Python

    def refresh(self) -> None:
        """Show what was decided elsewhere: by `session.decide(...)` in a cell, or by another view of the same log."""
        decided = {name: self.session.decided(name) for name in self._findings}
        self._note(self._findings)
        answer = Answer(-1, decided=decided, progress=self._progress())
        self.send(for_browser(answer))
        self._show_progress(self._progress())

    def _show_progress(self, progress: Progress) -> None:
        self.set_trait("progress", for_browser(progress))

    def __repr__(self) -> str:
        """Say how far the review is."""
        p = self.session.progress
        return f"<Review of {p.total} findings: {p.decided} decided, {p.left} left, saved to {p.saved_to}>"

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """Add a still page, for runs without a person, saved notebooks, exports and places without widgets."""
        bundle = super()._repr_mimebundle_(**kwargs)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        return {**data, "text/html": write_review(self.session, self._forecast.look())}, metadata


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
