"""Names for runs: a tag stands wherever a run is asked for, and keeps by content what the run has made."""

from __future__ import annotations

import json
import re
import shutil
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dcai.base import store
from dcai.base.errors import InputError, MissingError, shorten
from dcai.base.records import FileHash, RunRecord
from dcai.pipelines.archive import contents, ledger, snapshots, staging
from dcai.pipelines.archive.journal import now
from dcai.pipelines.names import find_root, new_run_id

_FILE = "tags.json"
# Below the folder of a run that was gone back to: what stood there before, one folder each time.
REPLACED, _MOST_REPLACED = "replaced", 5
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


def tag(run: str, name: str, *, root: str | Path | None = None) -> RunRecord:
    """Give a run a name; one that another run has moves over. What the run has made is kept by content, see `go_back`.

    Where something else stands at one of its outputs by now, a warning says so: the name is all that there is then.

    Parameters
    ----------
    run : str
        A run's id, another tag, `pipeline/run`, or the path of a run's folder.
    name : str
        1 to 64 letters, digits, '-', '_' or '.', such as "production".
    root : str or Path, optional
        The repository; None takes the one that holds the current folder.

    Returns
    -------
    RunRecord
        The run that has the name now.

    Raises
    ------
    MissingError, InputError
        There is no such run, it is still under way, or the name is none.

    Examples
    --------
    >>> tag("20260131T120000-000000-ab12cd", "production").run  # doctest: +SKIP
    '20260131T120000-000000-ab12cd'
    """
    top = find_root(Path.cwd(), root)
    record, _ = find_run(run, top)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        expected = "1 to 64 letters, digits, '-', '_' or '.', beginning with a letter or digit"
        raise InputError.wrong_value("name", "tag()", expected, name)
    if any((top / ledger.RUNS).glob(f"*/{name}/{ledger.RECORD}")):
        raise InputError(f"{name!r} is the id of a run. Choose another name for a tag.")
    if record.status == "running":
        raise InputError(f"The run {record.run} is still under way. Wait for it, then tag it.")
    snapshots.keep_files(top / ledger.RUNS, top, record.outputs)
    if lost := [one.path for one in _declared(record) if not snapshots.is_kept(top / ledger.RUNS, one)]:
        warnings.warn(
            f"The run {record.run} has the name {name!r} now, but its output {lost[0]!r} cannot be brought back: something "
            f"else stands there already. Where the run can be made again, that keeps it: dcai reproduce {record.run}.",
            UserWarning,
            stacklevel=2,
        )
    path = top / ledger.RUNS / _FILE
    with store.lock(path):
        known = read_tags(top)
        known[name] = {"pipeline": record.pipeline, "run": record.run, "at": now()}
        store.write_atomic(path, json.dumps(known, indent=1, sort_keys=True) + "\n")
    return record


def read_tags(root: Path) -> dict[str, dict[str, Any]]:
    """Return the tags of a repository: the name, and the pipeline and the run that it stands for.

    Examples
    --------
    >>> read_tags(Path("/usr/share"))
    {}
    """
    path = root / ledger.RUNS / _FILE
    try:
        found = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise InputError(
            f"The tags in {str(path)!r} cannot be read: {shorten(str(error))}. Correct or remove it."
        ) from error
    if not isinstance(found, dict) or not all(
        isinstance(t, dict) and {"pipeline", "run"} <= set(t) for t in found.values()
    ):
        raise InputError(f"The tags in {str(path)!r} are no mapping of names to runs. Correct or remove it.")
    return found


def names_of(root: Path) -> dict[tuple[str, str], list[str]]:
    """Return the tags of each run, by its pipeline and its id."""
    found: dict[tuple[str, str], list[str]] = {}
    for name, one in read_tags(root).items():
        found.setdefault((one["pipeline"], one["run"]), []).append(name)
    return found


def find_run(run: str, root: Path, pipeline: str | None = None) -> tuple[RunRecord, Path]:
    """Return the record and the folder of a run that somebody names.

    Raises
    ------
    MissingError
        There is no such run, or it is one of another pipeline.
    InputError
        Runs of several pipelines have that id.

    Examples
    --------
    >>> find_run("production", Path("/usr/share"))
    Traceback (most recent call last):
        ...
    dcai.base.errors.MissingError: There is no run or tag 'production' in /usr/share. See `dcai runs`.
    """
    runs = root / ledger.RUNS
    known = read_tags(root).get(run)
    if known is not None:
        folders = [runs / known["pipeline"] / known["run"]]
    elif Path(run).name == ledger.RECORD and Path(run).is_file():
        folders = [Path(run).parent]
    elif (Path(run) / ledger.RECORD).is_file():
        folders = [Path(run)]
    else:
        safe = all(part not in ("", ".", "..") for part in run.split("/")) and not re.search(r"[*?\[\]\\]", run)
        pattern = run if "/" in run else f"*/{run}"
        folders = [p.parent for p in runs.glob(f"{pattern}/{ledger.RECORD}")] if safe else []
    if pipeline is not None:
        folders = [f for f in folders if f.parent.name == pipeline]
    if not folders or not (folders[0] / ledger.RECORD).is_file():
        of = f" of {pipeline!r}" if pipeline else ""
        raise MissingError(f"There is no run or tag {shorten(repr(run))}{of} in {root}. See `dcai runs`.")
    if len(folders) > 1:
        listed = ", ".join(sorted(f"{f.parent.name}/{f.name}" for f in folders))
        raise InputError(f"Several pipelines have a run {run!r}. Name one of {listed}.")
    return ledger.read_record(folders[0]), folders[0]


def id_of(run: str, root: Path, pipeline: str) -> str:
    """Return the id of a run of a pipeline that is named by its id or by a tag.

    Examples
    --------
    >>> id_of("20260131T120000-000000-ab12cd", Path("/usr/share"), "train")
    '20260131T120000-000000-ab12cd'
    """
    known = read_tags(root).get(run)
    if known is None:
        return run
    if known["pipeline"] != pipeline:
        raise InputError(f"The tag {run!r} names a run of {known['pipeline']!r}, not of {pipeline!r}.")
    return str(known["run"])


def go_back(run: str, *, root: str | Path | None = None) -> list[str]:
    """Put the declared outputs of a tagged run back into place, each at once; returns their paths.

    What stands there is copied first, to `replaced/` in the folder of the run that is gone back to; the latest five
    copies stay there.

    Parameters
    ----------
    run : str
        A tag, or whatever else names a run that was tagged.
    root : str or Path, optional
        The repository; None takes the one that holds the current folder.

    Raises
    ------
    MissingError
        What the run has made was not kept: it was tagged after something else had taken its place.
    InputError
        A run that writes one of these outputs is under way.

    Examples
    --------
    >>> go_back("production")  # doctest: +SKIP
    ['models/model.pkl']
    """
    top = find_root(Path.cwd(), root)
    record, folder = find_run(run, top)
    wanted = _declared(record)
    if not wanted:
        raise MissingError(
            f"The run {record.run} of {record.pipeline!r} has made no declared outputs. See `dcai runs`."
        )
    staged = folder / "back"
    gone = [f.path for f in wanted if not snapshots.bring_back(top / ledger.RUNS, f, staged / f.path)]
    try:
        if gone:
            raise MissingError(
                f"The output {gone[0]!r} of run {record.run} was not kept: when the run was tagged, something else stood "
                f"there already. Make it again: dcai reproduce {run}."
            )
        # Under the lock under which runs begin, so that none does in between.
        with store.lock(top / ledger.RUNS / ".gitignore"):
            paths = [f.path for f in wanted]
            staging.require_free(paths, ledger.find_running(top))
            _keep_present(wanted, folder, top)
            for path in paths:
                staging.put_back(staged / path, (top / path).resolve())
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return paths


def _declared(record: RunRecord) -> list[FileHash]:
    """Return what a run has made of the outputs that its pipeline declares."""
    own = f"{ledger.RUNS}/{record.pipeline}/{record.run}/"
    return [f for f in record.outputs if f.sha256 is not None and not f.path.startswith(own)]


def _keep_present(wanted: Iterable[FileHash], folder: Path, root: Path) -> None:
    """Copy what stands where something else is put; nobody may have tagged it."""
    other = [f.path for f in wanted if contents.hash_file(root, f.path).sha256 != f.sha256]
    present = [path for path in other if (root / path).exists()]
    staging.keep_before(root, folder / REPLACED / new_run_id(), present, {})
    for old in sorted((folder / REPLACED).glob("*"))[:-_MOST_REPLACED]:  # their names begin with their time
        shutil.rmtree(old, ignore_errors=True)
