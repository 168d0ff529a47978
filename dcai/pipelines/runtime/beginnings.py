"""What the record of a run says from its beginning on, whoever carries the run out: `dcai run`, and papermill with our engine."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from dcai.base import store
from dcai.base.records import FileHash, RunRecord
from dcai.pipelines.archive import contents, ledger, snapshots
from dcai.pipelines.definitions.definition import Pipeline
from dcai.pipelines.definitions.readings import list_watched
from dcai.pipelines.names import relative_to_root
from dcai.pipelines.origins.edits import index_logs


def record_reads(
    begun: RunRecord,
    root: Path,
    cwd: Path,
    *,
    inputs: Iterable[str],
    corrections: Iterable[str],
    code: Iterable[str],
    upstream: Iterable[str],
    definition: Pipeline | None,
    versions: Mapping[str, Any] | None,
) -> RunRecord:
    """Return a record with all that the run reads, and with what its kernel has around it.

    Parameters
    ----------
    begun : RunRecord
        The record, see `ledger.begin`.
    root, cwd : Path
        The repository, and the folder in which the kernel works.
    inputs, corrections, code, upstream : iterable of str
        What is declared; what the triggers of the manifest watch is added.
    definition : Pipeline or None
        The pipeline, where it is one's run.
    versions : mapping or None
        The versions where its kernel runs, see `find_versions`.
    """

    def hash_all(declared: Iterable[str], trigger: str) -> list[FileHash]:
        paths = dict.fromkeys([*declared, *list_watched(definition, trigger)])
        return contents.hash_files(root, paths, ledger.lists_of(root))

    return replace(
        begun,
        inputs=hash_all(inputs, "data"),
        corrections=hash_all(corrections, "corrections"),
        corrections_known="named" if definition is None or definition.corrections is None else "declared",
        code=contents.hash_files(root, code),
        upstream=list(upstream),
        environment={**begun.environment, **_say_where(root, cwd, versions)},
    )


def _say_where(root: Path, cwd: Path, versions: Mapping[str, Any] | None) -> dict[str, str]:
    """Say what a kernel has around it: its Python and packages, and its working directory where that is not the root."""
    found = {} if cwd == root else {"cwd": relative_to_root(cwd, root)}
    if versions is not None:
        listed = _list_packages(versions)
        found |= {"python": versions["python"], "packages": hashlib.sha256(listed.encode()).hexdigest()}
        found |= {name: versions["packages"][name] for name in ("ipykernel",) if name in versions["packages"]}
    return found


def _list_packages(versions: Mapping[str, Any]) -> str:
    return "".join(f"{name}=={version}\n" for name, version in versions["packages"].items())


def keep_reads(
    one: RunRecord, root: Path, folder: Path, definition: Pipeline | None, versions: Mapping[str, Any] | None
) -> None:
    """Keep the packages and the code of a run, and what it reads where its manifest says so."""
    if versions is not None:
        store.write_atomic(folder / ledger.PACKAGES, _list_packages(versions))
    reads = [*one.inputs, *one.corrections] if definition is not None and definition.snapshots else []
    snapshots.keep_files(root / ledger.RUNS, root, [*one.code, *reads])


def settle_reads(one: RunRecord, root: Path, definition: Pipeline | None) -> None:
    """Keep the logs that a run has read, as `keep_reads` does of what was known before it; and find out what stood in them.

    So the first question about a run whose outputs stand is answered at once.
    """
    if definition is not None and definition.snapshots:
        snapshots.keep_files(root / ledger.RUNS, root, one.corrections)
    if ledger.stands(one):
        index_logs(root, one.corrections)
