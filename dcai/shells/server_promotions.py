"""Promotions under way: they may run a notebook first, so a browser asks again instead of waiting on one request."""

from __future__ import annotations

import secrets
import signal
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

from tornado.log import app_log

from dcai.base.errors import DcaiError, MissingError, RunError, shorten
from dcai.base.messages import PromoteDecision, PromoteProgress, PromoteRequest
from dcai.base.records import Promotion
from dcai.pipelines.names import require_name
from dcai.pipelines.processes.signals import Interruption
from dcai.shells.server_paths import Served

UNFORESEEN = "dcai failed in a way that it should not. The log of the Jupyter server says more."
_REMEMBERED = 50
# Seconds for which a promotion waits for somebody to agree to what it would write.
_PATIENCE = 3600.0
_CALLED_OFF = "The promotion was called off. Nothing was written."
_NOBODY = "Nobody has agreed to the promotion in time. Nothing was written. Promote again."


@dataclass
class _Job:
    """One promotion: what it was asked for, what it would do, and what somebody has decided about that."""

    notebook: Path
    folder: Path
    shown: str
    request: PromoteRequest
    future: Future[Promotion] = field(default_factory=Future)
    started: float = field(default_factory=time.monotonic)
    interruption: Interruption = field(default_factory=Interruption)
    decided: threading.Event = field(default_factory=threading.Event)
    preview: Promotion | None = None

    @property
    def is_called_off(self) -> bool:
        return self.interruption.received is not None

    def decide(self, *, go: bool) -> None:
        """Take a decision; the first one counts, and there is nothing to agree to before it is shown."""
        if self.decided.is_set() or (go and self.preview is None):
            return
        if not go:
            self.interruption.note(signal.SIGTERM)
        self.decided.set()


class Promotions:
    """The promotions of one server: two at work at a time, the last ones remembered.

    Examples
    --------
    >>> Promotions().progress("nothing")
    Traceback (most recent call last):
        ...
    dcai.base.errors.MissingError: There is no promotion 'nothing'. The server may have been restarted: promote again.
    """

    def __init__(self) -> None:
        self._jobs: dict[str, _Job] = {}
        self._turn = threading.Semaphore(2)

    def start(self, served: Served, request: PromoteRequest) -> PromoteProgress:
        """Begin to promote a notebook."""
        notebook = served.file(request.notebook)
        root = served.root_of(notebook)
        served.require_pipeline(served.relative(root.folder), require_name(request.name, "promote()"))
        name = secrets.token_hex(8)
        job = self._jobs[name] = _Job(notebook, root.folder, served.relative(root.folder), request)
        # A thread that does not keep a stopping server waiting; an executor's would.
        threading.Thread(target=self._work, args=(job,), daemon=True).start()
        for old in list(self._jobs)[:-_REMEMBERED]:
            if self._jobs[old].future.done():
                del self._jobs[old]
        return self.progress(name)

    def _work(self, job: _Job) -> None:
        with self._turn:
            try:
                job.future.set_result(self._promote(job))
            except DcaiError as error:
                job.future.set_exception(error)
            except SystemExit:  # how a check run ends that somebody has interrupted
                job.future.set_exception(RunError(_CALLED_OFF))
            except Exception:  # noqa: BLE001 (the shell's crossing: no promotion stays without an end)
                app_log.exception("The promotion of %s failed", job.notebook)
                job.future.set_exception(DcaiError(UNFORESEEN))

    def _promote(self, job: _Job) -> Promotion:
        from dcai.pipelines.pipeline import promote

        def ask(planned: Promotion) -> None:
            if job.request.preview:
                self._wait_for_decision(job, planned)
            if job.is_called_off:
                raise RunError(_CALLED_OFF)

        one = job.request
        promotion = promote(
            job.notebook,
            one.name,
            commit=one.commit,
            check=one.check,
            preview=ask,
            interruption=job.interruption,
            root=job.folder,
        ).promotion
        assert promotion is not None  # a pipeline that has just been promoted says what was done
        return promotion

    def _wait_for_decision(self, job: _Job, planned: Promotion) -> None:
        """Show what would be done and wait; others have their turn meanwhile."""
        job.preview = planned
        self._turn.release()
        try:
            if not job.decided.wait(_PATIENCE):
                raise RunError(_NOBODY)
        finally:
            self._turn.acquire()

    def decide(self, decision: PromoteDecision) -> PromoteProgress:
        """Let a promotion write what it has shown, or call it off; one that has ended stays as it is."""
        self._find(decision.job).decide(go=decision.go)
        return self.progress(decision.job)

    def progress(self, name: str) -> PromoteProgress:
        """Tell how far a promotion is; what it was refused for is raised."""
        job = self._find(name)
        promotion = job.future.result() if job.future.done() else None
        waits = promotion is None and not job.decided.is_set()
        seconds = round(time.monotonic() - job.started, 3)
        return PromoteProgress(name, seconds, job.shown, promotion, job.preview if waits else None)

    def _find(self, name: str) -> _Job:
        known = self._jobs.get(name)
        if known is None:
            raise MissingError(
                f"There is no promotion {shorten(repr(name))}. The server may have been restarted: promote again."
            )
        return known
