"""Promotions under way: they may run a notebook first, so a browser asks again instead of waiting on one request."""

from __future__ import annotations

import secrets
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from tornado.log import app_log

from dcai.base.errors import DcaiError, MissingError, RunError, shorten
from dcai.base.records import PromoteProgress, PromoteRequest, Promotion
from dcai.pipelines.names import require_name
from dcai.shells.server_paths import Served

UNFORESEEN = "dcai failed in a way that it should not. The log of the Jupyter server says more."
_REMEMBERED = 50


@dataclass(frozen=True)
class _Job:
    future: Future[Promotion]
    root: str
    started: float


class Promotions:
    """The promotions of one server: two at a time, the last ones remembered.

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
        job = secrets.token_hex(8)
        future: Future[Promotion] = Future()
        # A thread that does not keep a stopping server waiting; an executor's would.
        threading.Thread(target=self._work, args=(future, notebook, root.folder, request), daemon=True).start()
        self._jobs[job] = _Job(future, served.relative(root.folder), time.monotonic())
        for old in list(self._jobs)[:-_REMEMBERED]:
            if self._jobs[old].future.done():
                del self._jobs[old]
        return self.progress(job)

    def _work(self, future: Future[Promotion], notebook: Path, root: Path, request: PromoteRequest) -> None:
        with self._turn:
            try:
                future.set_result(_promote(notebook, root, request))
            except DcaiError as error:
                future.set_exception(error)
            except Exception:  # noqa: BLE001 (the shell's crossing: no promotion stays without an end)
                app_log.exception("The promotion of %s failed", notebook)
                future.set_exception(RunError(UNFORESEEN))

    def progress(self, job: str) -> PromoteProgress:
        """Tell how far a promotion is; what it was refused for is raised."""
        known = self._jobs.get(job)
        if known is None:
            raise MissingError(
                f"There is no promotion {shorten(repr(job))}. The server may have been restarted: promote again."
            )
        promotion = known.future.result() if known.future.done() else None
        return PromoteProgress(job, round(time.monotonic() - known.started, 3), known.root, promotion)


def _promote(notebook: Path, root: Path, request: PromoteRequest) -> Promotion:
    from dcai.pipelines.pipeline import promote

    promotion = promote(notebook, request.name, commit=request.commit, check=request.check, root=root).promotion
    assert promotion is not None  # a pipeline that has just been promoted says what was done
    return promotion
