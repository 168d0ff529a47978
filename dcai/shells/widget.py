"""The review widget: decode what the browser sends, ask the session, encode what it says.

Decisions and questions are custom messages, not traits: the front end merges changes of traits while the kernel is
busy, and a decision must never be merged away. Each message gets an answer, whatever happens here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import anywidget  # this module is its only door, and is itself imported on first use
import traitlets

from dcai.base.contract import for_browser, from_plain
from dcai.base.errors import InputError, MissingError
from dcai.base.fingerprints import plain
from dcai.base.messages import Filter, Reply, Request
from dcai.base.records import Answer, Card, Cluster, Correction, Decision, Progress, Scalar
from dcai.corrections.exhibits.audited import Audited, list_values
from dcai.corrections.exhibits.cards import TEXT_LIMIT, add_context, add_nearest, cut_classes
from dcai.corrections.exhibits.clusters import Clusters, read_merge
from dcai.corrections.exhibits.contexts import Contexts
from dcai.corrections.exhibits.names import read_name, show_name
from dcai.corrections.exhibits.views import Views
from dcai.corrections.log import CorrectionLog
from dcai.corrections.outlook import make_forecast
from dcai.corrections.session import Review
from dcai.shells.intake import Intake, Taken, seq_of, to_sentence
from dcai.shells.review_html import write_review

BUILT = Path(__file__).parent / "_built"
LARGEST_PAGE = 500


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
        self._contexts = Contexts(session.table)
        self._views = Views(self._queue, session.table, blind=session.blind, masked=session.masked)
        self._forecast = make_forecast(session, self._queue)
        self._intake = Intake(session, self._act, self._settle, self._progress)
        super().__init__(_esm=read_built("review.js"), _css=read_built("review.css"), **kwargs)
        self.set_trait("total", len(self._findings))
        self.set_trait("progress", for_browser(self._progress()))
        self.on_msg(self._receive)

    def mark_sensitive(self, *columns: str) -> tuple[str, ...]:
        """Mark columns as sensitive, as `Review.mark_sensitive` does; run the cell again to see them hidden."""
        return self.session.mark_sensitive(*columns)

    # ------------------------------------------------------------ from the browser

    def _receive(self, _widget: object, content: object, _buffers: object) -> None:
        """Answer one message. It may come on a thread of its own while a cell runs."""
        if isinstance(content, dict) and "ask" in content:
            self._say(self._reply(content))
            if self._intake.has_news():
                self._say(self._intake.report(-1))
        else:
            for answer in self._intake.take(content):
                self._say(answer)

    def _say(self, message: Answer | Reply) -> None:
        """Send an answer; one that cannot be sent is told as an error, so that nobody waits for it."""
        try:
            self.send(for_browser(message))
        except Exception as error:  # noqa: BLE001 (the shell's crossing: no message stays without an answer)
            self.send(for_browser(type(message)(message.seq, error=to_sentence(error))))
            return
        if isinstance(message, Answer) and message.progress is not None:
            self._show_progress(message.progress)

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
        return [
            self.session.decide(
                decision.finding, decision.verdict, value, decision.column, decision.note, resolves=decision.resolves
            )
        ]

    def _settle(self, names: list[str], decision: Decision | None) -> None:
        """Tell the forecast what stands about some findings."""
        self._forecast.note([self._positions[n] for n in names], [self.session.decision_about(n) for n in names])
        if decision is not None and decision.verdict not in ("undo", "redo", "accept", "merge"):
            self._forecast.tick()

    def _merge(self, decision: Decision) -> list[Correction]:
        keep, others = read_merge(decision.value)
        cluster = self._find_cluster(decision.finding)
        known = [s.value for s in cluster.spellings]
        named = [read_name(value, known) for value in others]
        return self.session.merge(cluster.column, named, read_name(keep, known), decision.note)

    @cached_property
    def _clusters(self) -> Clusters:
        return Clusters(self._queue, self._contexts)

    def _progress(self) -> Progress:
        return replace(self.session.progress, outlook=self._forecast.look())

    def _whole(self, decision: Decision) -> Scalar | list[Scalar]:
        """Return the value that is meant; the browser has long texts cut, and large integers as text."""
        value, position = decision.value, self._positions.get(decision.finding)
        if position is None or value is None:
            return value
        found = self._queue.iloc[position]
        column = found["column"] if decision.column is None else decision.column
        label = self.session.table.label
        if label is not None and column in (label, None) and decision.verdict != "edit":
            names = [*self.session.classes, plain(found["suggested"])]
            return [read_name(v, names) for v in value] if isinstance(value, list) else read_name(value, names)
        if decision.verdict == "edit" and value == "" and self._is_missing(int(found["row"]), column):
            raise InputError("This cell is empty already, so nothing was changed. Type a value, or close the editor.")
        suggested = plain(found["suggested"])
        if column != found["column"] or suggested is None or isinstance(value, list):
            return value
        shown = suggested[:TEXT_LIMIT] if isinstance(suggested, str) else suggested
        return suggested if value in (for_browser(shown), for_browser(show_name(suggested))) else value

    def _is_missing(self, row: int, column: object) -> bool:
        table = self.session.table
        return isinstance(column, str) and column in table.frame.columns and table.cell(row, column) is None

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
                "facets": lambda r: Reply(r.seq, facets=self._views.facets(r.text)),
                "find": lambda r: self._show_card(r, self._findings[self._views.find(r.text)]),
                "cluster": self._cluster,
                "terms": lambda r: Reply(r.seq, terms=self.session.terms),
                "define": self._define,
                "people": lambda r: Reply(r.seq, people=self.session.people),
            }
            self.session.catch_up()
            return asks[request.ask](request)
        except Exception as error:  # noqa: BLE001 (the shell's crossing: no question stays without a reply)
            return Reply(seq_of(content), error=to_sentence(error))

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
        is_open = (i for i in steps if self.session.is_open(self._findings[view.places[i]]))
        return Reply(request.seq, next(is_open, None))

    def _draw(self, request: Request) -> Reply:
        drawn = self.session.draw(self._group_of(request.finding))
        if not drawn:
            raise InputError("Every finding of this group is decided.")
        return self._show_card(request, drawn[0])

    def _filter(self, request: Request) -> Reply:
        view = self._views.open(request.filter or Filter(), lambda place: self.session.decided(self._findings[place]))
        return Reply(request.seq, 0, total=len(self._views.get(view)), view=view)

    def _cluster(self, request: Request) -> Reply:
        found = self._find_cluster(request.finding)
        shown = [replace(s, value=show_name(s.value)) for s in found.spellings]
        says = self.session.tell_merge(found.column, [s.value for s in found.spellings], found.keep)
        return Reply(request.seq, cluster=replace(found, spellings=shown, keep=show_name(found.keep), says=says))

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
        name = read_name(about.name, self.session.classes)
        self.session.define(name, about.meaning, about.examples, about.borderline)
        return Reply(request.seq, terms=self.session.terms)

    def _place_of(self, finding: str) -> int:
        """Return the position of a finding in the whole queue."""
        if finding not in self._positions:
            self.session.decided(finding)  # says what is wrong
        return self._positions[finding]

    # ------------------------------------------------------------ from Python

    def refresh(self) -> None:
        """Show what was decided elsewhere: by `session.decide(...)` in a cell, or by another view of the same log."""
        self.session.catch_up()
        self._settle(self._findings, None)
        self._say(self._intake.report(-1, Taken(findings=self._findings)))

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
