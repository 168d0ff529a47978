"""A run made once more: its commit in a folder of its own, the same parameters, corrections and inputs."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dcai.base import git, store
from dcai.base.errors import GitError, InputError
from dcai.base.records import FileHash, RunRecord
from dcai.pipelines.archive import contents, ledger, openlineage, snapshots, tags
from dcai.pipelines.archive.differences import Change, compare_environments, compare_values
from dcai.pipelines.definitions.definition import FOLDER, load_pipeline
from dcai.pipelines.definitions.manifest import MANIFEST
from dcai.pipelines.definitions.patterns import fill_paths
from dcai.pipelines.masking import MASK
from dcai.pipelines.names import find_root, new_run_id
from dcai.pipelines.notebooks import parameters as params
from dcai.pipelines.runs import Run, carry_out

# How Python names the file that it did not find.
_NAMED = re.compile(r"No such file or directory: '([^']+)'")
_UNDECLARED = "{} is no declared input, so no run has recorded what it held. Name it in 'inputs' of the pipeline."


@dataclass(frozen=True)
class Reproduction:
    """What became of a run that was made once more; true where it succeeded and gave the same metrics.

    `missing` names what could not be had as it was; then nothing was run, unless it was the run that asked for a file which
    is no declared input. `changes` are the metrics that differ (and how the
    run ended, where that differs: its status, the class of its error, the cell), `outputs`
    the declared outputs whose bytes differ, `notes` say what else was not the same.

    Examples
    --------
    >>> bool(Reproduction("first", missing=("data/train.csv",)))
    False
    """

    run: str
    made: Run | None = None
    missing: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    outputs: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Tell whether the run was reproduced."""
        return self.made is not None and self.made.exit_code == 0 and not self.missing and not self.changes

    @property
    def verdict(self) -> str:
        """`the same metrics`, `the same failure`, or `not the same`."""
        if self:
            return "the same metrics"
        return "not the same" if self.made is None or self.changes else "the same failure"

    @property
    def exit_code(self) -> int:
        """0 the same metrics, 1 other metrics or a run that failed, 2 something is missing."""
        return 2 if self.missing else 0 if self else 1

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        made = None if self.made is None else self.made.record.run
        changes = [c._asdict() for c in self.changes]
        return {
            "run": self.run, "reproduced": bool(self), "made": made, "missing": list(self.missing), "changes": changes,
            "outputs": list(self.outputs), "notes": list(self.notes),
        }  # fmt: skip

    def __repr__(self) -> str:
        differing = ", ".join(f"{c.part} {c.name}" for c in self.changes)
        said = f"missing {', '.join(self.missing)}" if self.missing else differing or self.verdict
        return f"<Reproduction of {self.run!r}: {ledger.one_line(said)}>"


def reproduce(run: str, parameters: Mapping[str, Any] | None = None, *, root: str | Path | None = None) -> Reproduction:
    """Make a run once more, and compare its metrics; the work tree, the index and all outputs stay as they are.

    The commit is checked out into a folder of its own. Files of code, inputs and corrections must have the content that
    the run recorded: from that commit, from the contents kept by `snapshots: true`, from the work tree where it still has
    them, or, for a correction log, from its beginning. Gates, retries and `on_failure` do not act.

    Parameters
    ----------
    run : str
        A run's id, a tag, `pipeline/run`, or the path of a run's folder.
    parameters : mapping, optional
        The secrets among its parameters, which are not recorded.
    root : str or Path, optional
        The repository; None takes the one that holds the current folder.

    Returns
    -------
    Reproduction
        True where the metrics are the same; `missing` names what is not to be had any more.

    Raises
    ------
    MissingError, InputError
        There is no such run, it is under way, or a secret is not given.

    Examples
    --------
    >>> reproduce("production")  # doctest: +SKIP
    <Reproduction of 'production': the same metrics>
    """
    top = find_root(Path.cwd(), root)
    record, _ = tags.find_run(run, top)
    if record.status == "running":
        raise InputError(f"The run {record.run} is still under way. Wait for it.")
    with tempfile.TemporaryDirectory(prefix="dcai-reproduce-") as temporary:
        folder = Path(temporary).resolve() / "work"
        return _make_again(run, record, parameters or {}, top, folder)


def _make_again(run: str, record: RunRecord, given: Mapping[str, Any], root: Path, folder: Path) -> Reproduction:
    with _checked_out(record, root, folder) as work:
        missing = _bring_files(record, root, work)
        if missing:
            return Reproduction(run, missing=tuple(missing))
        again = _run_again(record, given, work)
        then = {one.sha256 for one in record.outputs}
        same = [one for one in again.record.outputs if one.sha256 in then]
        snapshots.keep_files(root / ledger.RUNS, work, same)  # a tag of the run brings them back
        made = _take_home(again, record, root)
    found = _compare(run, record, made, ledger.run_folder(record.pipeline, record.run, root))
    lost = _find_lost(record, made.record, folder)
    return found if lost is None else replace(found, missing=(lost,), notes=(*found.notes, _UNDECLARED.format(lost)))


def _find_lost(before: RunRecord, after: RunRecord, folder: Path) -> str | None:
    """Return the file for want of which a run failed that had not failed before; nobody had declared it as an input."""
    error = after.error
    if before.status == after.status or error is None or error.error != "FileNotFoundError":
        return None
    named = _NAMED.search(error.message)
    if named is None:
        return None
    path = Path(named[1])
    return (path.relative_to(folder) if path.is_relative_to(folder) else path).as_posix()


@contextmanager
def _checked_out(record: RunRecord, root: Path, folder: Path) -> Iterator[Path]:
    """Check the run's commit out into a folder; without one, the folder is empty and filled from kept contents."""
    top = git.root_of(root)
    if top is None or record.commit is None:
        folder.mkdir(parents=True)
        yield folder
        return
    try:
        git.add_worktree(top, folder, record.commit)
    except GitError as error:
        raise GitError(
            f"The commit {record.commit[:10]} of run {record.run} cannot be checked out: {error} Fetch the branch that holds it."
        ) from error
    try:
        yield folder / root.resolve().relative_to(top.resolve())
    finally:
        git.remove_worktree(top, folder)


def _bring_files(record: RunRecord, root: Path, work: Path) -> list[str]:
    """Give the folder the files that the run read; returns those that are nowhere to be had as they were."""
    missing = []
    for one in [*record.code, *record.inputs, *record.corrections]:
        if one.sha256 is None or contents.hash_file(work, one.path).sha256 == one.sha256:
            continue
        # Through its links, so that nothing outside of the folder is ever written.
        target = (work / one.path).resolve()
        inside = target.is_relative_to(work.resolve())
        if not inside or not _bring_file(one, root, target, is_log=one in record.corrections):
            missing.append(one.path)
    return list(dict.fromkeys(missing))


def _bring_file(one: FileHash, root: Path, target: Path, *, is_log: bool) -> bool:
    if target.is_dir():
        shutil.rmtree(target)
    if snapshots.bring_back(root / ledger.RUNS, one, target):
        return True
    here = root / one.path
    if contents.hash_file(root, one.path).sha256 == one.sha256:
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if here.is_dir() else shutil.copyfile)(here, target)
        return True
    begun = snapshots.read_beginning(here, one) if is_log else None
    if begun is None:
        return False
    store.write_atomic(target, begun)
    return True


def _run_again(record: RunRecord, given: Mapping[str, Any], work: Path) -> Run:
    is_pipeline = (work / FOLDER / record.pipeline / MANIFEST).is_file() and record.notebook.startswith(f"{FOLDER}/")
    if is_pipeline:
        target: Any = load_pipeline(work / FOLDER / record.pipeline, work)
        target = replace(target, gates={}, retries={}, on_failure=(), snapshots=False)
        found = target.found
        _refuse_outside(fill_paths(target.outputs, {**record.parameters, **given}), work)
    else:
        target = work / record.notebook
        found = params.find_parameters(target)
    values = {p.name: record.parameters[p.name] for p in found.parameters if p.settable and p.name in record.parameters}
    values |= given
    hidden = [name for name, value in values.items() if value == MASK]
    if hidden:
        raise InputError(f"The secret {hidden[0]!r} of run {record.run} was not recorded. Give it again.")
    return carry_out(
        target, values, root=work, run_id=new_run_id(), kernel=_find_kernel(record), cwd=_make_cwd(record, work)
    )


def _find_kernel(record: RunRecord) -> str | None:
    """Return the kernel of a run, where there is one of this name; that it is another one, the notes say."""
    from jupyter_client.kernelspec import KernelSpecManager

    name = record.environment.get("kernel")
    return name if name in KernelSpecManager().find_kernel_specs() else None


def _make_cwd(record: RunRecord, work: Path) -> Path:
    """Return the folder that the run worked in; one outside of the repository is not written to once more."""
    folder = (work / record.environment.get("cwd", ".")).resolve()
    if not folder.is_relative_to(work.resolve()):
        raise InputError(
            f"The run {record.run} worked in {str(folder)!r}, outside of the repository. Made again there, it could write "
            "over what it made then. Run it by hand: dcai run NAME --cwd FOLDER."
        )
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _refuse_outside(outputs: tuple[str, ...], work: Path) -> None:
    for path in outputs:
        if not (work / path).resolve().is_relative_to(work.resolve()):
            raise InputError(
                f"The output {path!r} leads out of the repository through a link, so making the run again would write over "
                "what stands there. Replace the link by a folder or file."
            )


def _take_home(made: Run, origin: RunRecord, root: Path) -> Run:
    """Move the new run's folder to the others; as a reproduction it is none that later runs are compared with."""
    home = ledger.run_folder(made.record.pipeline, made.record.run, root)
    shutil.move(made.folder, home)
    one = replace(made.record, purpose="reproduction", origin=origin.run)
    openlineage.tell_anew(home, one)  # so far it has told of the folder in which it was made
    return Run(ledger.write_record(home / ledger.RECORD, one), home)


def _compare(run: str, before: RunRecord, made: Run, folder: Path) -> Reproduction:
    after = made.record
    # What a gate refused then has run through now: gates judge runs in earnest.
    same = after.status == before.status or (before.status, after.status) == ("gate_failed", "succeeded")
    changes = [] if same else [Change("run", "status", before.status, after.status)]
    changes += _compare_errors(before, after) if same else []
    changes += compare_values("metrics", before.metrics, after.metrics)
    hashes = {f.path: f.sha256 for f in after.outputs}
    own = f"{ledger.RUNS}/"
    outputs = [
        f.path
        for f in before.outputs
        if f.sha256 is not None and not f.path.startswith(own) and hashes.get(f.path) != f.sha256
    ]
    notes = [
        f"{one.name} was {one.before}, and is {one.after} here"
        for one in compare_environments((before, folder), (after, made.folder))
    ]
    return Reproduction(run, made, changes=tuple(changes), outputs=tuple(outputs), notes=tuple(notes))


def _compare_errors(before: RunRecord, after: RunRecord) -> list[Change]:
    """Return how two runs of the same status failed differently; messages hold paths and times, and are not compared."""
    if before.status != after.status:
        return []  # what a gate refused has no counterpart here
    first, second = ((None, None) if r.error is None else (r.error.error, r.error.cell) for r in (before, after))
    named = zip(("error", "cell of the error"), first, second, strict=True)
    return [Change("run", name, was, became) for name, was, became in named if was != became]
