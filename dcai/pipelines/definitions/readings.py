"""What a pipeline reads beside the inputs that it declares: its code, its correction logs, what its triggers watch."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from dcai.base.records import RunRecord
from dcai.pipelines.definitions.definition import Pipeline
from dcai.pipelines.definitions.manifest import MANIFEST
from dcai.pipelines.definitions.sources import find_sources
from dcai.pipelines.names import relative_to_root
from dcai.pipelines.notebooks import documents, parameters

# The folder of correction logs. Beside a log may stand the decisions about planted rows, which nothing ever applies.
LOGS, TRIALS = "corrections", ".controls.jsonl"
_SCRIPTS = (".py", ".ipy")
_SPOKEN = re.compile(r"corrections|CorrectionLog|\.jsonl")
_PATTERN = re.compile(r"(corrections[/\\][^\s\"']*|[^\s\"'/]*)[{*][^\s\"']*\.jsonl")


def list_code(one: Pipeline, notebook: Any) -> tuple[str, ...]:
    """Return the files of a pipeline's code, with those that its trigger names."""
    lock = [one.folder / one.environment["lock"]] if "lock" in one.environment else []
    further = [one.root / p for p in list_watched(one, "code")]
    return tuple(find_sources(notebook, [one.notebook, one.folder / MANIFEST, *lock, *further], one.root))


def list_logs(one: Pipeline, values: Mapping[str, Any] | None = None) -> tuple[str, ...]:
    """Return the correction logs that a pipeline reads: those declared, otherwise those that its code may read.

    Before a run, nobody can know more; afterwards its record says which logs were opened, see `runtime.openings`.
    `values` are the parameters of a run, where they are known.
    """
    if one.corrections is not None:
        return one.corrections
    notebook = documents.read_notebook(one.notebook)
    own = one.preset(parameters.find_in(notebook, str(one.notebook)))
    return guess_logs(notebook, list_code(one, notebook), {**own, **(values or {})}, one.root)


def find_logs(root: Path) -> list[str]:
    """Return the correction logs of a repository."""
    return [path for p in sorted((root / LOGS).glob("*.jsonl")) if is_log(path := relative_to_root(p, root))]


def is_log(path: str) -> bool:
    """Tell whether a path of a repository is that of a correction log.

    Examples
    --------
    >>> is_log("corrections/label.jsonl"), is_log("corrections/label.controls.jsonl"), is_log("runs/label.jsonl")
    (True, False, False)
    """
    folder, _, name = path.rpartition("/")
    return folder == LOGS and name.endswith(".jsonl") and not name.endswith(TRIALS)


def list_due_logs(one: Pipeline, last: RunRecord) -> tuple[str, ...]:
    """Return the correction logs whose change makes a run due after a last good one.

    Those that are declared and those that it was seen to open; where none are declared, also such as were not there yet and
    that the code may read.
    """
    if last.corrections_known not in ("opened", "listed"):
        return list_logs(one)
    opened = [f.path for f in last.corrections]
    if one.corrections is not None:
        return tuple(dict.fromkeys([*one.corrections, *opened]))
    may_read = find_logs(one.root) if last.corrections_known == "listed" else list_logs(one)
    return tuple(dict.fromkeys([*opened, *(p for p in may_read if p not in last.corrections_left)]))


def guess_logs(notebook: Any, code: Iterable[str], values: Mapping[str, Any], root: Path) -> tuple[str, ...]:
    """Return the correction logs of a repository that code may read.

    Those that it or a parameter names; all of them where it speaks of corrections without naming one, or names
    some by a pattern; none where it does not speak of them at all.
    """
    logs = find_logs(root)
    if not logs:
        return ()
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    texts += [(root / path).read_text("utf-8", "replace") for path in code if path.endswith(_SCRIPTS)]
    text = "\n".join([*texts, *map(str, values.values())])
    named = [path for path in logs if Path(path).name in text]
    if _PATTERN.search(text) or (not named and _SPOKEN.search(text)):
        return tuple(logs)
    return tuple(named)


def list_watched(one: Pipeline | None, trigger: str) -> tuple[str, ...]:
    """Return the files that a trigger watches beside what the pipeline declares: a run hashes them, too."""
    stated = {} if one is None else one.triggers
    if trigger == "data":
        # Of `shop.sqlite#sales`, the file.
        drifting = [p.partition("#")[0] for p in stated.get("drift", {})]
        return (*_paths(stated.get("data")), *drifting)
    return _paths(stated.get(trigger))


def _paths(stated: Any) -> tuple[str, ...]:
    return tuple(stated) if isinstance(stated, list) else ()
