"""What makes a run due: changes of code, data and corrections, performance, drift, the clock; each with its reason."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from dcai.base import contract, display
from dcai.base.errors import DcaiError, InputError, MissingError, shorten
from dcai.base.records import FileHash, RunRecord
from dcai.pipelines import clock, documents, ledger, table_schemas, verdicts
from dcai.pipelines.definition import Pipeline, list_pipelines, load_pipeline
from dcai.pipelines.names import find_root
from dcai.pipelines.plans import list_code, list_logs

if TYPE_CHECKING:
    from dcai.experiments.drifts import Drift

# Triggers that act unless the manifest says `false`; the others act when it declares them.
_BY_DEFAULT = ("code", "data", "corrections")
_SHOWN = 4


class Reason(NamedTuple):
    """Why a run is due: the trigger, and what it saw."""

    trigger: str
    message: str


@dataclass(frozen=True)
class Due:
    """Whether a pipeline would run now, and why; true where it would.

    `last` is the good run that it is compared with, `unknown` says what could not be looked at. `readable` is False where
    that is the pipeline itself, so that nobody knows whether it is due.

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

    def __bool__(self) -> bool:
        """Tell whether a run is due."""
        return bool(self.reasons)

    @property
    def verdict(self) -> str:
        """`due`, `nothing to do`, or `cannot be read`."""
        return "cannot be read" if not self.readable else "due" if self else "nothing to do"

    def __repr__(self) -> str:
        said = "; ".join(f"{r.trigger}: {r.message}" for r in self.reasons) or self.verdict
        return f"<Due {self.pipeline!r}: {ledger.one_line(said)}>"

    def _repr_html_(self) -> str:
        rows = [{"trigger": r.trigger, "why": r.message} for r in self.reasons]
        title = f"<h3>{display.escape(self.pipeline)}: {self.verdict}</h3>"
        notes = "".join(f'<p class="warn">{display.escape(u)}</p>' for u in self.unknown)
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
            "last": last,
        }


def due(
    pipeline: Pipeline | str | Path,
    *,
    root: str | Path | None = None,
    baseline: str | Path | RunRecord | None = None,
    now: datetime | None = None,
) -> Due:
    """Tell whether a pipeline would run now, and why.

    It is compared with its last good run. Changes of its code (notebook, manifest, lock, modules of the repository), its
    inputs and its corrections count unless `triggers` in the manifest turn them off; performance, drift and a schedule
    count where they are declared. Drift counts once for the same data; a schedule looks at runs of any end.

    Parameters
    ----------
    pipeline : Pipeline, str or Path
        The pipeline, its name or its folder.
    root : str or Path, optional
        The repository; None takes the one that holds the pipeline.
    baseline : path or RunRecord, optional
        The record (`run.json`) to compare with instead, for a fresh clone that has no runs.
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
    last = next((r for r in runs if baseline is not None or ledger.is_good(r)), None)
    if last is None:
        return Due(one.name, (Reason("never", "it has no good run yet"),))
    look = _Look(one, last, runs, now or datetime.now(UTC))
    reasons = tuple(r for trigger in _LOOKS if _acts(one, trigger) for r in _LOOKS[trigger](look))
    return Due(one.name, reasons, tuple(look.unknown), last)


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
    made = [due(one, baseline=baseline) for one in order_by_upstream(readable.values())]
    return made + [Due(s.name, (), (s.problem,), readable=False) for s in listed if s.problem]


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
        return [r for r in ledger.history(pipeline, root=root) if r.purpose in ("run", "retry")]
    except InputError:
        return []  # there is no such pipeline, or what stands there is no name of one


def _read_baseline(path: Path) -> RunRecord:
    try:
        return contract.from_json(RunRecord, path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise MissingError(f"There is no baseline {str(path)!r}. Expected the run.json of a run.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"The baseline {str(path)!r} cannot be read: {error}.") from error


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
    unknown: list[str] = field(default_factory=list)

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
        paths = stated if isinstance(stated, list) else list_logs(self.one)
        yield from self._compare("corrections", paths, self.last.corrections, whole=not isinstance(stated, list))

    def _compare(
        self, trigger: str, paths: Sequence[str], recorded: Sequence[FileHash], *, whole: bool = False
    ) -> Iterator[Reason]:
        """Compare files with what the last good run recorded; `whole`: what it recorded and is gone counts, too."""
        before = {f.path: f.sha256 for f in recorded}
        now = {f.path: f.sha256 for f in ledger.hash_files(self.one.root, paths)}
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

    def performance(self) -> Iterator[Reason]:
        for name, rule in self.one.triggers["performance"].items():
            metric, runs = self._find_metric(name)
            at = next((i for i, r in enumerate(runs) if verdicts.is_number(r.metrics.get(metric))), None)
            if at is None:
                self.unknown.append(f"performance: no run has recorded {name!r}")
                continue
            value = runs[at].metrics[metric]
            if runs[at].pipeline != self.one.name and runs[at].started < self.last.started:
                continue  # this pipeline has run since, and nothing has been measured after it
            earlier = [r for r in runs[at + 1 :] if ledger.is_good(r)]
            fell = list(verdicts.compare_with_earlier(metric, rule, value, earlier))
            if fell or value < rule.get("min", value) or value > rule.get("max", value):
                said = f"{name} is {value:.6g} in run {runs[at].run}, expected {verdicts.say_rule(rule)}"
                yield Reason("performance", "; ".join([said, *fell]))

    def _find_metric(self, name: str) -> tuple[str, Sequence[RunRecord]]:
        """Return a metric of this pipeline, or of the one before its dot: `classify.precision`."""
        other, dot, metric = name.partition(".")
        if dot and other != self.one.name and not any(name in r.metrics for r in self.runs):
            return metric, list_runs(other, self.one.root)
        return name, self.runs

    def drift(self) -> Iterator[Reason]:
        from dcai.experiments.shifts import drift as measure

        seen = {f.path: f.sha256 for f in self.last.inputs}
        for path, rule in self.one.triggers["drift"].items():
            file = path.partition("#")[0]
            here = ledger.hash_file(self.one.root, file).sha256
            if here is not None and seen.get(file) == here:
                continue  # the last good run has read these very data
            try:
                reference, current = (table_schemas.read_table(self.one.root, p) for p in (rule["reference"], path))
                found = measure(reference, current, label=rule.get("label"), alpha=rule.get("alpha", 0.01))
            except DcaiError as error:
                self.unknown.append(f"drift: {path} could not be compared: {shorten(str(error), 200)}")
                continue
            if found.drifted:
                yield Reason("drift", f"{path} differs from {rule['reference']}: {shorten(_name_drift(found), 200)}")

    def schedule(self) -> Iterator[Reason]:
        line = self.one.triggers["schedule"]
        moment = clock.latest_moment(line, self.now)
        if moment is not None and moment > datetime.fromisoformat(self.runs[0].started):
            yield Reason("schedule", f"{line!r} was due at {moment:%Y-%m-%d %H:%M} UTC")


_LOOKS = {name: getattr(_Look, name) for name in ("code", "data", "corrections", "performance", "drift", "schedule")}


def _name_drift(found: Drift) -> str:
    """Name what has drifted: columns, or the kind of change where it is about the table."""
    table = found.findings
    names = table["column"].where(table["column"].notna(), table["detector"])
    return ", ".join(map(str, names.drop_duplicates().head(_SHOWN)))
