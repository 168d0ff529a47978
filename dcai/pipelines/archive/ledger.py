"""The records of runs on disk: begun, settled, read again, and listed as a history."""

from __future__ import annotations

import os
import platform
import re
import socket
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dcai.base import contract, display, git, store
from dcai.base.errors import DcaiError, InputError, MissingError
from dcai.base.records import FileHash, RunFailure, RunRecord
from dcai.pipelines.archive import contents, liveness, staging
from dcai.pipelines.archive.journal import EXIT_CODES, Event, Tally, add_up, now, read_journal
from dcai.pipelines.archive.openlineage import append_event
from dcai.pipelines.archive.outputs import save_left
from dcai.pipelines.names import find_root, relative_to_root, require_name, require_run_id
from dcai.pipelines.processes.witness import dismiss_witness

if TYPE_CHECKING:
    import pandas as pd

VERSION = 1
RUNS = "runs"
RECORD, JOURNAL, NOTEBOOK, ARTIFACTS = "run.json", "events.jsonl", "output.ipynb", "artifacts"
# What cells put out while a run is under way; afterwards it stands in the notebook.
OUTPUT_LOG = "outputs.jsonl"
# What was installed where the kernel ran, in a run's folder: a package and its version on each line.
PACKAGES = "packages.txt"
IGNORE_ALL = "*\n!.gitignore\n"
# The class of the error of a run whose process was killed.
GONE = "RunnerGone"
# The event with which a run journals its gates and what it has made, before its end and its record.
JUDGED = "judged"
_RUNNING = re.compile(rb'"status":\s*"running"')
_SURROGATE = re.compile("[\ud800-\udfff]")


def environment(kernel: str) -> dict[str, str]:
    """Return what a reader needs to know about where a run ran."""
    versions = {}
    for name in ("dcai", "papermill", "nbclient", "ipykernel"):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {"python": platform.python_version(), "platform": platform.platform(), "kernel": kernel, **versions}


def begin(
    run: str,
    pipeline: str,
    notebook: str,
    kernel: str,
    *,
    root: Path,
    parameters: dict[str, Any],
    outputs: Sequence[str] = (),
) -> RunRecord:
    """Return the record of a run that begins in this process; its outputs have no hash before it has made them."""
    try:
        top = git.root_of(root)
        commit = None if top is None else git.head(top)
        dirty = None if top is None else git.is_dirty(top, [relative_to_root(root / p, top) for p in (RUNS, *outputs)])
    except DcaiError:
        commit = dirty = None  # a repository that git will not read says nothing about the code
    return RunRecord(
        v=VERSION, run=run, pipeline=pipeline, notebook=notebook, status="running", exit_code=0, parameters=parameters,
        commit=commit, dirty=dirty, inputs=[], outputs=[FileHash(p, None, None) for p in outputs], corrections=[], metrics={}, gates=[], resources=None,
        environment=environment(kernel), started=now(), ended=None, error=None, cells_total=0, cells_done=0,
        pid=os.getpid(), host=socket.gethostname(),
    )  # fmt: skip


def take_over(record: RunRecord, tally: Tally) -> RunRecord:
    """Return a record with what the run's journal adds up to."""
    return replace(
        record,
        status=tally.status,
        exit_code=tally.exit_code,
        error=tally.error,
        metrics=tally.metrics,
        resources=tally.resources,
        cells_total=tally.cells_total,
        cells_done=tally.cells_done,
        ended=tally.ended,
        note=tally.note,
    )


def write_record(path: Path, record: RunRecord) -> RunRecord:
    """Write a record as a file that is whole at every moment; returns it as it was written."""
    text = text_of(record)
    store.write_atomic(path, text)
    if path.name == RECORD:
        append_event(path.parent, record)
    return contract.from_json(RunRecord, text)


def join_notes(*notes: str | None) -> str | None:
    """Return what several notes about a run say; None where there is none.

    Examples
    --------
    >>> join_notes(None, "It was late.", "So was the data.")
    'It was late. So was the data.'
    """
    return " ".join(note for note in notes if note) or None


def text_of(record: RunRecord) -> str:
    """Return a record as JSON.

    Lone surrogates (of a file's name that is no UTF-8, of a cell's error) become text, as people are shown them.
    """
    return _SURROGATE.sub(lambda m: rf"\\u{ord(m[0]):04x}", contract.to_json(record)) + "\n"


def read_record(folder: Path) -> RunRecord:
    """Read the record of a run's folder; one whose process is gone is settled as interrupted."""
    record = load_record(folder / RECORD)
    return settle(folder) if is_abandoned(record, *_signs(folder)) else record


def load_record(path: Path) -> RunRecord:
    """Read a record as it stands in its file."""
    try:
        record = contract.from_json(RunRecord, path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise MissingError(f"There is no run at {str(path.parent)!r}. See `dcai runs`.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"The record {str(path)!r} cannot be read: {error}.") from error
    except InputError as error:
        raise InputError(f"The record {str(path)!r} is damaged: {error}") from error
    if record.v > VERSION:
        raise InputError(
            f"The record {str(path)!r} has version {record.v}; this dcai reads up to {VERSION}. Upgrade dcai."
        )
    return record


def is_abandoned(record: RunRecord, *signs: Path) -> bool:
    """Tell whether a record claims that its run is under way though its process is gone; see `liveness.is_alive`."""
    return record.status == "running" and not liveness.is_alive(record, signs)


def _signs(folder: Path) -> list[Path]:
    """Return the files by which a run in a folder of its own shows that it lives."""
    return [folder / name for name in (RECORD, JOURNAL, OUTPUT_LOG, liveness.HEARTBEAT)]


def settle(folder: Path, said: str | None = None) -> RunRecord:
    """Write down that a run's process ended without settling its record; `said` is how somebody knows that it is gone."""
    with store.lock(folder / RECORD):
        current = contract.from_json(RunRecord, (folder / RECORD).read_text("utf-8"))
        if current.status != "running":
            return current  # it was settled while we looked
        events = read_journal(folder / JOURNAL)
        tally = end_abandoned(folder / JOURNAL, current, said)
        save_left(folder / OUTPUT_LOG, folder / NOTEBOOK)
        dismiss_witness(folder)
        judged: Event = next((e for e in reversed(events) if e["event"] == JUDGED), {"gates": [], "outputs": []})
        settled = replace(take_over(current, tally), gates=judged["gates"])
        if stands(settled):
            with suppress(InputError):  # that the run is over cannot wait for a journal that is damaged
                made = [contract.from_plain(FileHash, one) for one in judged["outputs"]]
                settled = replace(settled, outputs=made or settled.outputs)
            staging.let_go(folder)
        else:
            with suppress(OSError):  # what stood there before stays in the run's folder
                staging.give_back(folder, folder / ARTIFACTS, contents.mark_files)
        return write_record(folder / RECORD, settled)


def declare_gone(folder: Path) -> RunRecord:
    """Settle a run on another machine, which somebody knows to be dead before its silence tells.

    Raises
    ------
    InputError
        The run is over, or works on this machine.
    """
    one = read_record(folder)
    if one.status != "running":
        raise InputError(f"The run {one.run} of {one.pipeline!r} is over: {one.status}. There is nothing to settle.")
    if one.host == socket.gethostname():
        raise InputError(f"The run {one.run} of {one.pipeline!r} works on this machine. End it: kill {one.pid}.")
    return settle(folder, f"It worked on {one.host}, and somebody has said that it is dead.")


def end_abandoned(journal: Path, record: RunRecord, said: str | None = None) -> Tally:
    """Return what the journal of a run adds up to whose process is gone, with an end."""
    events = read_journal(journal)
    tally = add_up(events)
    if tally.ended is not None:
        return tally
    error = RunFailure(GONE, tally.cell, tally.cell_source, said or liveness.say_gone(record))
    ended = events[-1]["at"] if events else now()
    return replace(tally, status="interrupted", exit_code=EXIT_CODES["interrupted"], error=error, ended=ended)


# ---------------------------------------------------------------- history

_COLUMNS = ("run", "pipeline", "status", "started", "seconds", "cells", "metrics", "error")


@dataclass(frozen=True)
class History:
    """The runs of a repository, newest first; a value that can be iterated, indexed and shown.

    Examples
    --------
    >>> len(History(()))
    0
    """

    records: tuple[RunRecord, ...]
    problems: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.records)

    def __iter__(self) -> Iterator[RunRecord]:
        return iter(self.records)

    def __getitem__(self, index: int) -> RunRecord:
        return self.records[index]

    def to_frame(self) -> pd.DataFrame:
        """Return one row per run; parameters and metrics are columns `parameters.NAME` and `metrics.NAME`.

        Examples
        --------
        >>> list(History(()).to_frame().columns)[:3]
        ['run', 'pipeline', 'status']
        """
        import pandas as pd

        fixed = ["run", "pipeline", "status", "exit_code", "started", "ended", "seconds", "commit", "dirty", "error"]
        rows = []
        for one in self.records:
            row = {c: getattr(one, c, None) for c in fixed}
            row["seconds"] = None if one.resources is None else one.resources.wall
            row["error"] = None if one.error is None else f"{one.error.error}: {one.error.message}"
            row |= {f"parameters.{k}": v for k, v in one.parameters.items()}
            row |= {f"metrics.{k}": v for k, v in one.metrics.items()}
            rows.append(row)
        frame = pd.DataFrame(rows, columns=list(dict.fromkeys([*fixed, *(c for row in rows for c in row)])))
        for column in ("started", "ended"):
            frame[column] = pd.to_datetime(frame[column], utc=True, format="ISO8601")
        return frame

    def __repr__(self) -> str:
        last = f", last {self.records[0].status}" if self.records else ""
        return f"<History: {len(self.records)} runs{last}>"

    def _repr_html_(self) -> str:
        notes = "".join(f'<p class="warn">{display.escape(p)}</p>' for p in self.problems)
        table = display.to_table(map(shown, self.records[:100]), _COLUMNS, ("seconds",))
        more = f'<p class="muted">{len(self.records) - 100} older runs</p>' if len(self.records) > 100 else ""  # noqa: PLR2004 (a page of rows)
        return display.to_block(f"<h3>{len(self.records)} runs</h3>", table, more, notes)


def shown(record: RunRecord) -> dict[str, object]:
    """Return the few facts about a run that a list of runs shows."""
    return {
        "run": record.run,
        "pipeline": record.pipeline,
        "status": record.status,
        "started": record.started[:19].replace("T", " "),
        "seconds": "" if record.resources is None else f"{record.resources.wall:.1f}",
        "cells": f"{record.cells_done}/{record.cells_total}",
        "parameters": ", ".join(f"{k}={v}" for k, v in record.parameters.items()),
        "metrics": ", ".join(f"{k}={v:.4g}" if isinstance(v, float) else f"{k}={v}" for k, v in record.metrics.items()),
        "error": "" if record.error is None else f"{record.error.error}: {record.error.message}",
    }


def one_line(text: object, limit: int = 200) -> str:
    r"""Write text that came out of a notebook for a terminal: on one line, control characters visible, cut.

    Examples
    --------
    >>> print(one_line("loss\n\x1b[2J"))
    loss \u001b[2J
    """
    return display.show_text(" ".join(str(text).splitlines()), limit)


def history(pipeline: str | None = None, *, root: str | Path | None = None) -> History:
    """List the runs of a repository, newest first.

    A run whose process is gone without having settled its record is settled as `interrupted` on the way.

    Parameters
    ----------
    pipeline : str, optional
        Only the runs of this pipeline.
    root : str or Path, optional
        The repository; None takes the one that holds the current folder.

    Returns
    -------
    History
        A value with `to_frame()`, a length and an iterator over `RunRecord`.

    Raises
    ------
    MissingError
        Where there is neither a pipeline nor a run of that name.

    Examples
    --------
    >>> history(root="/usr/share")
    <History: 0 runs>
    """
    folder = find_root(Path.cwd(), root) / RUNS
    name = getattr(pipeline, "name", pipeline)
    below = folder / require_name(name, "history()") if name is not None else folder
    places = (folder, folder.parent / "pipelines")
    if name is not None and not any((place / name).is_dir() for place in places):
        known = sorted({p.name for place in places for p in place.glob("[!.]*") if p.is_dir()})
        raise MissingError.unknown_name("pipeline", name, known)
    found = sorted(below.glob(f"*/{RECORD}") if name is not None else below.glob(f"*/*/{RECORD}"))
    records, problems = [], []
    for path in found:
        try:
            records.append(read_record(path.parent))
        except DcaiError as error:
            problems.append(str(error))
    records.sort(key=lambda r: (r.started, r.run), reverse=True)
    return History(tuple(records), tuple(problems))


def stands(record: RunRecord) -> bool:
    """Tell whether a run did in earnest what it should, so that its outputs stand."""
    done = record.status in ("succeeded", "stopped") and record.exit_code == 0
    return done and record.purpose in ("run", "retry", "sweep")


def is_good(record: RunRecord) -> bool:
    """Tell whether others are compared with a run: its outputs stand, and it did not try parameters out."""
    return record.purpose != "sweep" and stands(record)


def all_runs(pipeline: str, root: Path) -> list[RunRecord]:
    """Return the runs of a pipeline, latest first; none where it never ran.

    Examples
    --------
    >>> all_runs("train", Path("/usr/share"))
    []
    """
    try:
        return list(history(pipeline, root=root))
    except MissingError:
        return []


def good_runs(pipeline: str, root: Path) -> list[RunRecord]:
    """Return the good runs of a pipeline, latest first."""
    return [one for one in all_runs(pipeline, root) if is_good(one)]


def find_running(root: Path) -> list[RunRecord]:
    """Return the runs of a repository that are under way; only the records that may say so are read as such.

    Examples
    --------
    >>> find_running(Path("/usr/share"))
    []
    """
    found = []
    for path in (root / RUNS).glob(f"*/*/{RECORD}"):
        with suppress(OSError, DcaiError):  # it is gone, or damaged, which is told where runs are listed
            if _RUNNING.search(path.read_bytes()):
                found.append(read_record(path.parent))
    return [one for one in found if one.status == "running"]


def names_of(record: RunRecord) -> set[str]:
    """Return the hashes of all files that a record names."""
    files = (*record.code, *record.inputs, *record.corrections, *record.outputs)
    return {one.sha256 for one in files if one.sha256 is not None}


def lists_of(root: Path) -> Path:
    """Return where a repository keeps what was in the folders that its runs have read or made."""
    return root / RUNS / ".folders"


def run_folder(pipeline: str, run_id: str, root: Path) -> Path:
    """Return the folder of a run; both names are checked."""
    return root / RUNS / require_name(pipeline, "run()") / require_run_id(run_id, "run()")
