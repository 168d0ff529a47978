"""The JupyterLab server extension: routes under `/dcai/api/`, each one decoding, calling and encoding.

Every verb asks for a logged-in user, every path goes through `server_paths`, and everything that takes time
happens in a thread or a process of its own. An error is answered as `{"error": sentence}`. Beside them stands one
redirect, to JupyterLab with the panel open; it knows nothing and keeps the query, so that a token gets there.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from http.client import responses
from pathlib import Path
from typing import Any

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler, RedirectWithParams
from jupyter_server.utils import url_path_join
from tornado.web import HTTPError, authenticated

from dcai.base import contract
from dcai.base.errors import DcaiError, GitError, InputError, LogError, MissingError, RunError, StaleError
from dcai.base.messages import (
    NotebookView,
    PipelineList,
    PromoteDecision,
    PromoteRequest,
    Refusal,
    RunList,
    RunName,
    RunRequest,
)
from dcai.base.records import PipelineSummary
from dcai.base.store import LockedError
from dcai.shells.cli_demo import PANEL_URL
from dcai.shells.server_paths import Root, Served
from dcai.shells.server_promotions import UNFORESEEN, Promotions
from dcai.shells.server_runs import Runs, read_pipeline

# The first class that fits decides; every other error of ours is a 500.
STATUS: tuple[tuple[type[DcaiError], int], ...] = (
    (MissingError, 404),
    (InputError, 400),
    (GitError, 409),
    (StaleError, 409),
    (LogError, 409),
    (LockedError, 409),
    (RunError, 422),  # asked for rightly, but the notebook fails or nobody has agreed
)
MOST_RUNS = 500
# JupyterLab with the panel open (see the front end's `PANEL_WISH`).
PANEL_PAGE = "lab?dcai-panel"


class DcaiHandler(APIHandler):  # type: ignore[misc]  # jupyter_server's handlers are untyped
    """What the routes share: who may ask, where paths lead, how values and errors are written."""

    auth_resource = "dcai"

    def initialize(self, runs: Runs, promotions: Promotions) -> None:
        """Take the state of the server."""
        self.runs = runs
        self.promotions = promotions

    @property
    def served(self) -> Served:
        """The folder that every path is kept in."""
        return Served.of(self.settings["server_root_dir"])

    async def answer(self, work: Callable[[], object], status: int = 200) -> None:
        """Do the work in a thread and write its value, or what is wrong."""
        try:
            value = await asyncio.to_thread(work)
        except DcaiError as error:
            value = Refusal(self.served.hide(str(error)), getattr(error, "field", None))
            status = next((code for kind, code in STATUS if isinstance(error, kind)), 500)
        self.set_status(status)
        self.finish(json.dumps(contract.for_browser(value)))

    def body(self, kind: type[contract.R]) -> contract.R:
        """Read the request's body as a record, strictly."""
        try:
            text = self.request.body.decode("utf-8")
        except UnicodeDecodeError as error:
            raise InputError(f"{kind.__name__} must be UTF-8 text: {error}.") from error
        return contract.from_json(kind, text)

    def query(self, name: str) -> str:
        """Read one argument of the address."""
        values = self.get_query_arguments(name, strip=False)
        if len(values) != 1:
            raise InputError(f"The address must hold the argument {name!r} once. Got it {len(values)} times.")
        return str(values[0])

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Write what tornado or the server refuse in the form of all our errors."""
        error = kwargs.get("exc_info", (None, None))[1]
        known = isinstance(error, HTTPError)
        said = error.log_message or error.reason if known else None
        sentence = said or responses.get(status_code, "The request could not be answered")
        self.finish(json.dumps({"error": sentence if known else UNFORESEEN}))


class ParametersHandler(DcaiHandler):
    """The parameters of a notebook, and the repository that it belongs to."""

    @authenticated
    @authorized
    async def get(self) -> None:
        """Answer with a NotebookView."""
        await self.answer(self._view)

    def _view(self) -> NotebookView:
        from dcai.pipelines.notebooks.parameters import find_parameters

        path = self.query("notebook")
        notebook = self.served.file(path)
        root = self.served.root_of(notebook)
        found = replace(find_parameters(notebook), notebook=path)
        return NotebookView(self.served.relative(root.folder), root.git, found)


class PromoteHandler(DcaiHandler):
    """Promotions: begin one, ask for one."""

    @authenticated
    @authorized
    async def get(self) -> None:
        """Answer with the PromoteProgress of a job."""
        await self.answer(lambda: self.promotions.progress(self.query("job")))

    @authenticated
    @authorized
    async def post(self) -> None:
        """Begin what a PromoteRequest asks for."""
        await self.answer(lambda: self.promotions.start(self.served, self.body(PromoteRequest)), 202)


class PromotionHandler(DcaiHandler):
    """What becomes of a promotion that has shown what it would write, or whose check run is under way."""

    @authenticated
    @authorized
    async def post(self) -> None:
        """Take a PromoteDecision; answer with the PromoteProgress of its job."""
        await self.answer(lambda: self.promotions.decide(self.body(PromoteDecision)), 202)


class PipelinesHandler(DcaiHandler):
    """The pipelines of the repository that a path belongs to."""

    @authenticated
    @authorized
    async def get(self) -> None:
        """Answer with a PipelineList."""
        await self.answer(self._list)

    def _list(self) -> PipelineList:
        from dcai.pipelines.definitions.definition import FOLDER
        from dcai.pipelines.definitions.manifest import MANIFEST

        root = self.served.root_of(self.served.inside(self.query("path")))
        place = self.served.relative(root.folder)
        folders = sorted(p.parent for p in self.served.require_own(place, FOLDER).glob(f"*/{MANIFEST}"))
        # A pipeline that is a link to elsewhere is none of this folder's.
        inside = [p for p in folders if p.resolve().is_relative_to(self.served.top)]
        return PipelineList(place, root.git, [self._summary(root, place, p) for p in inside])

    def _summary(self, root: Root, place: str, folder: Path) -> PipelineSummary:
        """Summarise one pipeline; where it could not be run, `problem` says why."""
        from dcai.pipelines.archive.ledger import history
        from dcai.pipelines.names import relative_to_root

        name, shown = folder.name, relative_to_root(folder, root.folder)
        try:
            self.served.pipeline(place, name)
            self.served.require_runs(place, name)
            one = read_pipeline(root.folder, name)
            records = history(name, root=root.folder).records
        except DcaiError as error:
            return PipelineSummary(name, shown, "", {}, 0, None, self.served.hide(str(error)))
        notebook = relative_to_root(one.notebook, root.folder)
        return PipelineSummary(name, shown, notebook, one.parameters, len(records), next(iter(records), None))


class RunsHandler(DcaiHandler):
    """The runs of a pipeline: list them, start one."""

    @authenticated
    @authorized
    async def get(self) -> None:
        """Answer with a RunList."""
        await self.answer(self._list)

    def _list(self) -> RunList:
        from dcai.pipelines.archive.ledger import history

        root, name, limit = self.query("root"), self.query("pipeline"), self.query("limit")
        if not limit.isdecimal() or not 0 < int(limit) <= MOST_RUNS:
            raise InputError.wrong_value("limit", "the list of runs", f"a number from 1 to {MOST_RUNS}", limit)
        self.served.pipeline(root, name)
        self.served.require_runs(root, name)
        records = history(name, root=self.served.folder(root)).records
        return RunList(list(records[: int(limit)]), len(records))

    @authenticated
    @authorized
    async def post(self) -> None:
        """Start what a RunRequest asks for; answer with its RunName."""
        await self.answer(self._start, 201)

    def _start(self) -> RunName:
        request = self.body(RunRequest)
        self.served.pipeline(request.root, request.pipeline)
        run = self.runs.start(self.served.folder(request.root), request.pipeline, request.parameters)
        return RunName(request.root, request.pipeline, run)


class ProgressHandler(DcaiHandler):
    """How far one run is."""

    @authenticated
    @authorized
    async def get(self) -> None:
        """Answer with a RunProgress."""
        await self.answer(self._progress)

    def _progress(self) -> object:
        name = RunName(self.query("root"), self.query("pipeline"), self.query("run"))
        folder = self.served.run(name.root, name.pipeline, name.run)
        starting = self.runs.is_starting(name.run)
        if not (folder / "run.json").is_file():
            raise self.runs.why_absent(name.run, starting=starting)
        from dcai.pipelines.runs import run_progress

        return run_progress(name.pipeline, name.run, self.served.folder(name.root))


class CancelHandler(DcaiHandler):
    """Cancel a run."""

    @authenticated
    @authorized
    async def post(self) -> None:
        """Send SIGTERM to the run of a RunName; the run itself then records how it ended."""
        await self.answer(self._cancel, 202)

    def _cancel(self) -> RunName:
        name = self.body(RunName)
        folder = self.served.run(name.root, name.pipeline, name.run)
        from dcai.pipelines.runs import run_progress

        if not (folder / "run.json").is_file() and self.runs.is_starting(name.run):
            self.runs.cancel(name.run, None)
            return name
        record = run_progress(name.pipeline, name.run, self.served.folder(name.root)).record
        if record.status == "running":
            self.runs.cancel(name.run, record)
        return name


ROUTES: tuple[tuple[str, type[DcaiHandler]], ...] = (
    ("parameters", ParametersHandler),
    ("promote", PromoteHandler),
    ("promotion", PromotionHandler),
    ("pipelines", PipelinesHandler),
    ("runs", RunsHandler),
    ("progress", ProgressHandler),
    ("cancel", CancelHandler),
)


def _load_jupyter_server_extension(app: Any) -> None:
    """Add the routes to a running server."""
    state = {"runs": Runs(), "promotions": Promotions()}
    base = app.web_app.settings["base_url"]
    page = {"url": url_path_join(base, PANEL_PAGE), "permanent": False}
    app.web_app.add_handlers(".*$", [(url_path_join(base, PANEL_URL), RedirectWithParams, page)])
    app.web_app.add_handlers(".*$", [(url_path_join(base, "dcai", "api", route), h, state) for route, h in ROUTES])
