"""What makes a run due: changes of code, data, corrections, parameters and outputs, performance, drift, the clock.

What cannot be looked at makes a run due, too: the run finds out, and its gates and its exit code tell people. A trigger
that is broken would otherwise be an all-clear for ever.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from dcai.base import display
from dcai.base.errors import DcaiError, InputError, MissingError, shorten
from dcai.base.records import FileHash, RunRecord
from dcai.pipelines.archive import contents, ledger
from dcai.pipelines.archive.differences import compare_values
from dcai.pipelines.conditions import clock, table_drift, verdicts
from dcai.pipelines.course.plans import expect_values
from dcai.pipelines.definitions.definition import FOLDER, Pipeline, list_pipelines, load_pipeline
from dcai.pipelines.definitions.patterns import fill_paths
from dcai.pipelines.definitions.readings import list_code, list_due_logs
from dcai.pipelines.names import find_root
from dcai.pipelines.notebooks import documents

# Triggers that act unless the manifest says `false`; the others act when it declares them.
_BY_DEFAULT = ("code", "data", "corrections", "parameters", "outputs")
_SHOWN = 4


class Reason(NamedTuple):
    """Why a run is due: the trigger, and what it saw."""

    trigger: str
    message: str


@dataclass(frozen=True)
class Due:
    """Whether a pipeline would run now, and why; true where it would.

    `last` is the good run that it is compared with. `unknown` says what could not be looked at, which makes a run due as
    well; `notes` what there was nothing to look at yet. `readable` is False where the pipeline itself cannot be read, so
    that nothing could be run.

    Examples
    --------
    >>> bool(Due("train", (Reason("data", "data/train.csv has changed"),)))
    True
    """

    pipeline: str
    reasons: tuple[Reason, ...] = ()
    unknown: tuple[str, ...] = ()
    last: RunRecord | None = field(default=None, repr=False)
    readable: bool = True
    notes: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Tell whether a run is due."""
        return self.readable and bool(self.reasons or self.unknown)

    @property
    def verdict(self) -> str:
        """`due`, `nothing to do`, or `cannot be read`."""
        return "cannot be read" if not self.readable else "due" if self else "nothing to do"

    def __repr__(self) -> str:
        reasons = [f"{r.trigger}: {r.message}" for r in self.reasons]
        said = "; ".join([*reasons, *self.unknown] if self.readable else reasons) or self.verdict
        return f"<Due {self.pipeline!r}: {ledger.one_line(said)}>"

    def _repr_html_(self) -> str:
        rows = [{"trigger": r.trigger, "why": r.message} for r in self.reasons]
        title = f"<h3>{display.escape(self.pipeline)}: {self.verdict}</h3>"
        notes = "".join(f'<p class="warn">{display.escape(u)}</p>' for u in (*self.unknown, *self.notes))
        return display.to_block(title, display.to_table(rows, ("trigger", "why")) if rows else "", notes)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        reasons = [r._asdict() for r in self.reasons]
        last = None if self.last is None else self.last.run
        return {
            "pipeline": self.pipeline,
            "due": bool(self),
            "readable": self.readable,
            "reasons": reasons,
            "unknown": list(self.unknown),
            "notes": list(self.notes),
            "last": last,
        }


def due(
    pipeline: Pipeline | str | Path,
    parameters: Mapping[str, Any] | None = None,
    *,
    root: str | Path | None = None,
    baseline: str | Path | RunRecord | None = None,
    now: datetime | None = None,
) -> Due:
    """Tell whether a pipeline would run now, and why.

    It is compared with its last good run. Changes of its code (notebook, manifest, lock, modules of the repository), its
    inputs, its corrections and its parameters count, and outputs that are gone or that none of its runs has made as they
    are, unless `triggers` in the manifest turn them off; performance, drift and a schedule count where they are declared.
    Drift counts once for the same data; a schedule looks at runs of any end. What cannot be looked at counts as well.

    Parameters
    ----------
    pipeline : Pipeline, str or Path
        The pipeline, its name or its folder.
    parameters : mapping, optional
        The values that the run would be given; the others have their defaults.
    root : str or Path, optional
        The repository; None takes the one that holds the pipeline.
    baseline : path or RunRecord, optional
        The record (`run.json`) of a good run to compare with instead, for a fresh clone, which has neither runs nor outputs.
        With one that is none, a run is due.
    now : datetime, optional
        The moment for the schedule; None takes this one.

    Raises
    ------
    MissingError, InputError
        There is no such pipeline, or the baseline is no record of a run of it.

    Examples
    --------
    >>> due("train")  # doctest: +SKIP
    <Due 'train': data: data/train.csv has changed>
    """
    one = pipeline if isinstance(pipeline, Pipeline) else load_pipeline(pipeline, root)
    runs = _runs_of(one, baseline)
    last = next(filter(ledger.is_good, runs), None)
    if last is None:
        said = "it has no good run yet" if baseline is None else f"the baseline is no good run: {_say_end(runs[0])}"
        return Due(one.name, (Reason("never", said),))
    values = expect_values(one, parameters or {})
    look = _Look(one, last, runs, now or datetime.now(UTC), values, is_clone=baseline is not None)
    reasons = tuple(r for trigger in _LOOKS if _acts(one, trigger) for r in _LOOKS[trigger](look))
    return Due(one.name, reasons, tuple(look.unknown), last, notes=tuple(look.notes))


def due_pipelines(root: str | Path | None = None, *, baseline: str | Path | None = None) -> list[Due]:
    """Tell of every pipeline of a repository whether it is due, those that others name as upstream first.

    Examples
    --------
    >>> due_pipelines("/usr/share")
    []
    """
    top = find_root(Path.cwd(), root)
    listed = list_pipelines(top)
    readable = {s.name: load_pipeline(top / s.folder, top) for s in listed if not s.problem}
    made = [_due_or_unreadable(one, baseline) for one in order_by_upstream(readable.values())]
    return made + [Due(s.name, (), (s.problem,), readable=False) for s in listed if s.problem]


def _due_or_unreadable(one: Pipeline, baseline: str | Path | None) -> Due:
    """Look at one of many pipelines: what is wrong with it (such as its notebook) keeps nobody from the others."""
    try:
        return due(one, baseline=baseline)
    except DcaiError as error:
        return Due(one.name, (), (str(error),), readable=False)


def order_by_upstream(pipelines: Iterable[Pipeline]) -> list[Pipeline]:
    """Return pipelines so that each comes after those that it names as upstream; of a circle, any one comes first."""
    waiting = {one.name: one for one in pipelines}
    done: list[Pipeline] = []
    while waiting:
        free = [n for n, one in waiting.items() if not any(u in waiting for u in one.upstream)] or list(waiting)[:1]
        done += [waiting.pop(name) for name in free]
    return done


def _runs_of(one: Pipeline, baseline: str | Path | RunRecord | None) -> list[RunRecord]:
    """Return the runs to compare with, latest first; smoke runs and reproductions are none."""
    if baseline is None:
        return list_runs(one.name, one.root)
    found = baseline if isinstance(baseline, RunRecord) else _read_baseline(Path(baseline))
    if found.pipeline != one.name:
        raise InputError(f"The baseline is a run of {found.pipeline!r}, not of {one.name!r}. Name another one.")
    return [found]


def list_runs(pipeline: str, root: Path) -> list[RunRecord]:
    """Return the runs of a pipeline that were made in earnest, latest first; none where it never ran.

    Examples
    --------
    >>> list_runs("train", Path("/usr/share"))
    []
    """
    try:
        return [r for r in ledger.all_runs(pipeline, root) if r.purpose in ("run", "retry")]
    except InputError:
        return []  # it is no name of a pipeline


def _read_baseline(path: Path) -> RunRecord:
    if not path.exists():
        raise MissingError(f"There is no baseline {str(path)!r}. Expected the run.json of a run.")
    return ledger.load_record(path)


def _say_end(one: RunRecord) -> str:
    """Say of a run why nothing is compared with it."""
    purpose = f", a {one.purpose} run" if one.purpose not in ("run", "retry") else ""
    return f"{one.run}{purpose}, {one.status} (exit code {one.exit_code})"


def _acts(one: Pipeline, trigger: str) -> bool:
    stated = one.triggers.get(trigger, trigger in _BY_DEFAULT)
    return stated is not False


# ---------------------------------------------------------------- what each trigger looks at


@dataclass
class _Look:
    one: Pipeline
    last: RunRecord
    runs: Sequence[RunRecord]
    now: datetime
    values: Mapping[str, Any]
    unknown: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    is_clone: bool = False

    def code(self) -> Iterator[Reason]:
        if not self.last.code:
            self.unknown.append(f"code: run {self.last.run} did not record the files of its code")
            return
        paths = list_code(self.one, documents.read_notebook(self.one.notebook))
        yield from self._compare("code", paths, self.last.code, whole=True)

    def data(self) -> Iterator[Reason]:
        stated = self.one.triggers.get("data", True)
        yield from self._compare("data", stated if isinstance(stated, list) else self.one.inputs, self.last.inputs)

    def corrections(self) -> Iterator[Reason]:
        stated = self.one.triggers.get("corrections", True)
        paths = stated if isinstance(stated, list) else list_due_logs(self.one, self.last)
        yield from self._compare("corrections", paths, self.last.corrections, whole=not isinstance(stated, list))

    def _compare(
        self, trigger: str, paths: Sequence[str], recorded: Sequence[FileHash], *, whole: bool = False
    ) -> Iterator[Reason]:
        """Compare files with what the last good run recorded; `whole`: what it recorded and is gone counts, too."""
        before = {f.path: f.sha256 for f in recorded}
        now = {f.path: f.sha256 for f in contents.hash_files(self.one.root, paths)}
        changes = {
            "has changed": [p for p, h in now.items() if p in before and h is not None and h != before[p]],
            "is missing": [p for p, h in now.items() if h is None and before.get(p) is not None],
            "is new": [p for p in now if p not in before],
            "is gone": [p for p in before if whole and p not in now and before[p] is not None],
        }
        for said, found in changes.items():
            if found:
                more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
                yield Reason(trigger, f"{', '.join(found[:_SHOWN])}{more} {said}")

    def parameters(self) -> Iterator[Reason]:
        before = {
            n: v for n, v in self.last.parameters.items() if n in self.values
        }  # a new one is a change of the code
        after = {n: v for n, v in self.values.items() if n in before}
        for one in compare_values("parameters", before, after):
            was, would = (shorten(repr(v), 60) for v in (one.before, one.after))
            yield Reason("parameters", f"{one.name} was {was} in run {self.last.run}, and would be {would}")

    def outputs(self) -> Iterator[Reason]:
        if self.is_clone:
            return  # what the runs of another clone have made is not here
        for path in fill_paths(self.one.outputs, self.values):
            here = contents.hash_file(self.one.root, path).sha256
            if here is None:
                yield Reason("outputs", f"{path} is missing")
            elif (made := self._made(path)) and here not in made:
                yield Reason("outputs", f"{path} is not what a run has made")

    def _made(self, path: str) -> set[str]:
        """Return what the runs of this pipeline have made of an output: a tagged one may have been gone back to."""
        runs = filter(ledger.stands, ledger.history(self.one.name, root=self.one.root))
        return {f.sha256 for r in runs for f in r.outputs if f.path == path and f.sha256 is not None}

    def performance(self) -> Iterator[Reason]:
        for name, rule in self.one.triggers["performance"].items():
            metric, runs = self._find_metric(name)
            at = next((i for i, r in enumerate(runs) if verdicts.is_number(r.metrics.get(metric))), None)
            if at is None:
                self._lacks(name, runs)
                continue
            value = runs[at].metrics[metric]
            if runs[at].pipeline != self.one.name and runs[at].started < self.last.started:
                continue  # this pipeline has run since, and nothing has been measured after it
            earlier = [r for r in runs[at + 1 :] if ledger.is_good(r)]
            fell = list(verdicts.compare_with_earlier(metric, rule, value, earlier))
            if fell or value < rule.get("min", value) or value > rule.get("max", value):
                said = f"{name} is {value:.6g} in run {runs[at].run}, expected {verdicts.say_rule(rule)}"
                yield Reason("performance", "; ".join([said, *fell]))

    def _lacks(self, name: str, runs: Sequence[RunRecord]) -> None:
        """Note a metric that nobody has recorded: unknown, but for one of a pipeline that has yet to run."""
        other, dot, _ = name.partition(".")
        waits = dot and not runs and (self.one.root / FOLDER / other).is_dir()
        (self.notes if waits else self.unknown).append(f"performance: no run has recorded {name!r}")

    def _find_metric(self, name: str) -> tuple[str, Sequence[RunRecord]]:
        """Return a metric of this pipeline, or of the one before its dot: `classify.precision`."""
        other, dot, metric = name.partition(".")
        if dot and other != self.one.name and not any(name in r.metrics for r in self.runs):
            return metric, list_runs(other, self.one.root)
        return name, self.runs

    def drift(self) -> Iterator[Reason]:
        seen = {f.path: f.sha256 for f in self.last.inputs}
        for path, rule in self.one.triggers["drift"].items():
            file = path.partition("#")[0]
            here = contents.hash_file(self.one.root, file).sha256
            if here is not None and seen.get(file) == here:
                continue  # the last good run has read these very data
            try:
                found = table_drift.measure_drift(self.one.root, path, rule)
            except DcaiError as error:
                self.unknown.append(f"drift: {path} could not be compared: {shorten(str(error), 200)}")
                continue
            if found.drifted:
                yield Reason(
                    "drift", f"{path} differs from {rule['reference']}: {shorten(table_drift.name_drift(found), 200)}"
                )

    def schedule(self) -> Iterator[Reason]:
        line = self.one.triggers["schedule"]
        moment = clock.latest_moment(line, self.now)
        if moment is not None and moment > datetime.fromisoformat(self.runs[0].started):
            yield Reason("schedule", f"{line!r} was due at {moment:%Y-%m-%d %H:%M} UTC")


_LOOKS = {name: getattr(_Look, name) for name in (*_BY_DEFAULT, "performance", "drift", "schedule")}
