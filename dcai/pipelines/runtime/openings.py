"""Which correction logs a run has read: those that its kernel opened, and those that dcai read for it.

Only where nobody could watch (its kernel is none of Python) those count that the manifest declares, or that the code names.
What other programs open, and libraries by calls of their own to the system, nobody sees: such logs are to be declared.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from dcai.base.records import FileHash, RunRecord
from dcai.pipelines.archive import contents, ledger, staging
from dcai.pipelines.definitions.definition import Pipeline
from dcai.pipelines.definitions.readings import LOGS, TRIALS, find_logs, is_log, list_watched
from dcai.pipelines.names import relative_to_root
from dcai.pipelines.processes.watcher import Claims
from dcai.pipelines.processes.witness import call_witness, dismiss_witness, hear_witness, move_witness
from dcai.pipelines.runtime.custody import say_changed


@dataclass
class Heard:
    """What was told: the logs in the order in which they were read, with what dcai found in them (None: Python opened them).

    `watched` tells whether there was a witness, `listed` whether the folder of logs was looked through.
    """

    logs: dict[str, FileHash | None] = field(default_factory=dict)
    watched: bool = False
    listed: bool = False


@dataclass
class Openings:
    """The correction logs of one run under way; `environment` goes to its kernel, `settle` tells what was read.

    A kernel that is none of Python (`python`) gets no witness: a Python that its cells start would call it instead.
    """

    root: Path
    folder: Path
    begun: RunRecord
    definition: Pipeline | None = None
    claims: Claims | None = None
    python: bool = True
    environment: dict[str, str] = field(init=False)
    _before: dict[str, FileHash] = field(init=False)

    def __post_init__(self) -> None:
        """Call a witness, and take note of what stands in every log of the repository."""
        self.environment = call_witness(self.folder, self.claims) if self.python else {}
        found = contents.hash_files(self.root, find_logs(self.root))
        # What the record names already was hashed with everything else that the run reads.
        self._before = {one.path: one for one in (*found, *self.begun.corrections)}

    def settle(self, one: RunRecord) -> RunRecord:
        """Return a record with the logs that were read, each as it was when it was read first."""
        heard = self._hear()
        if not heard.watched and not heard.logs:
            return one
        # Of a kernel that nobody watches, only what dcai itself has read is known.
        stated = self._list_stated() if heard.watched else [f.path for f in self.begun.corrections]
        names = dict.fromkeys([*stated, *heard.logs])
        read = [heard.logs.get(p) or self._before.get(p) or contents.hash_file(self.root, p) for p in names]
        outputs = [o.path for o in one.outputs]
        changed = [
            f.path
            for f in read
            if heard.logs.get(f.path) is None
            and not any(staging.overlap(f.path, o) for o in outputs)
            and contents.hash_file(self.root, f.path).sha256 != f.sha256
        ]
        one = replace(one, corrections=read, note=ledger.join_notes(one.note, say_changed(changed)))
        if not heard.watched:
            return one
        left = [p for p in dict.fromkeys([*self._before, *find_logs(self.root)]) if p not in names]
        return replace(one, corrections_known="listed" if heard.listed else "opened", corrections_left=left)

    def dismiss(self, *, forget: bool) -> None:
        """Send the witness away; what it has told is kept while its kernel lives on, see `take_over`."""
        dismiss_witness(self.folder, forget=forget)

    def take_over(self, earlier: Path) -> None:
        """Go on with what the kernel of an earlier run has told: it tells the rest to the same place."""
        move_witness(earlier, self.folder)

    def _list_stated(self) -> list[str]:
        """Return the logs that count whether they were opened or not: the manifest declares them, or has them watched."""
        if self.definition is None:
            return []
        return [*(self.definition.corrections or ()), *list_watched(self.definition, "corrections")]

    def _hear(self) -> Heard:
        heard = Heard()
        for kind, file, *facts in hear_witness(self.folder):
            if kind == "watching":
                heard.watched = True
            if not self._may_matter(kind, Path(file).name):
                continue
            path = relative_to_root(file, self.root)
            if Path(path).is_absolute() and not Path(path).exists():
                continue  # a copy that was needed for a moment
            if kind == "lists" and path == LOGS:
                heard.listed = True
            elif kind == "log" and not path.endswith(TRIALS):
                heard.logs[path] = heard.logs.get(path) or FileHash(path, *facts)
            elif kind == "reads" and (is_log(path) or path in self._before):
                heard.logs.setdefault(path)
        return heard

    def _may_matter(self, kind: str, name: str) -> bool:
        """Tell by a file's name alone whether what was done to it is of interest: a run may open thousands."""
        match kind:
            case "log":
                return True
            case "lists":
                return name == LOGS
            case "reads":
                return name.endswith(".jsonl") or any(Path(path).name == name for path in self._before)
        return False
