"""The folder that a Jupyter server serves: every path from a browser is resolved here, and stays inside it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from itertools import chain
from pathlib import Path, PurePosixPath

from dcai.base import git
from dcai.base.errors import MissingError, shorten
from dcai.pipelines.archive.ledger import JOURNAL, RECORD, RUNS
from dcai.pipelines.definitions.definition import FOLDER
from dcai.pipelines.definitions.manifest import MANIFEST, PIPELINE_NOTEBOOK
from dcai.pipelines.names import require_name, require_run_id


@dataclass(frozen=True)
class Root:
    """The repository that a path belongs to: where it is, and whether git knows it."""

    folder: Path
    git: bool


@dataclass(frozen=True)
class Served:
    """The folder that the server serves, with symbolic links resolved.

    Parameters
    ----------
    top : Path
        The resolved folder; use `Served.of` for one that is not.

    Examples
    --------
    >>> Served.of("/tmp").inside("a/b.ipynb").name
    'b.ipynb'
    """

    top: Path

    @classmethod
    def of(cls, folder: str | Path) -> Served:
        """Resolve the folder that the server names."""
        return cls(Path(folder).expanduser().resolve())

    def inside(self, path: str) -> Path:
        """Return where a path of the browser's leads, or refuse it: links and `..` are followed before the check.

        Hidden files are refused, as the server itself refuses them. The same sentence is said of what is not
        there and of what lies outside, so that nothing is told about the rest of the machine.
        """
        refusal = _missing(path)
        if "\0" in path or "\\" in path:
            raise refusal
        parts = [p for p in PurePosixPath(path).parts if p != "/"]
        full = self.top.joinpath(*parts)
        try:
            resolved = full.resolve()
            resolved.exists()
        except (OSError, RuntimeError) as error:  # a name that is too long, or links that lead in a circle
            raise refusal from error
        if not resolved.is_relative_to(self.top):
            raise refusal
        if any(p.startswith(".") for p in (*parts, *resolved.relative_to(self.top).parts)):
            raise refusal
        return resolved

    def relative(self, folder: Path) -> str:
        """Write a folder as the browser knows it: "" is the served folder itself."""
        place = folder.resolve().relative_to(self.top).as_posix()
        return "" if place == "." else place

    def root_of(self, path: Path) -> Root:
        """Find the repository of a path inside: its git root if that lies inside too, else the served folder."""
        top = git.root_of(path)
        if top is not None and top.resolve().is_relative_to(self.top):
            return Root(top.resolve(), git=True)
        return Root(self.top, git=top is not None)

    def file(self, path: str) -> Path:
        """Return a file inside, or refuse what is none."""
        found = self.inside(path)
        if not found.is_file():
            raise _missing(path)
        return found

    def folder(self, path: str) -> Path:
        """Return a folder inside, or refuse what is none."""
        found = self.inside(path)
        if not found.is_dir():
            raise _missing(path)
        return found

    def require_own(self, root: str, *parts: str) -> Path:
        """Return a place of ours below a root, or say that a link leads away from it."""
        self.inside(root)
        place = PurePosixPath(root or ".", *parts)
        try:
            return self.inside(str(place))
        except MissingError as error:
            raise MissingError(
                f"{shorten(repr(str(place)))} is a link that leads out of the folder that this server serves. "
                "Put a real file or folder in its place."
            ) from error

    def require_pipeline(self, root: str, name: str) -> Path:
        """Return the folder of a pipeline, which need not exist; refuse it where anything of it leads away."""
        folder = self.require_own(root, FOLDER, require_name(name, "the pipeline"))
        for parts in ((FOLDER, name, MANIFEST), (FOLDER, name, PIPELINE_NOTEBOOK), (RUNS, name)):
            self.require_own(root, *parts)
        return folder

    def pipeline(self, root: str, name: str) -> Path:
        """Return the folder of a pipeline that exists, or refuse it."""
        found = self.require_pipeline(root, name)
        if not found.is_dir():
            raise MissingError(f"There is no pipeline {shorten(repr(name))} here. Refresh the list of pipelines.")
        return found

    def require_runs(self, root: str, name: str) -> None:
        """Refuse the runs of a pipeline where one of them leads away: whoever lists them reads them all."""
        folder = self.require_own(root, RUNS, require_name(name, "the runs"))
        for path in chain(folder.glob("*"), folder.glob(f"*/{RECORD}"), folder.glob(f"*/{JOURNAL}")):
            if path.is_symlink():
                self.require_own(root, RUNS, name, *path.relative_to(folder).parts)

    def run(self, root: str, name: str, run_id: str) -> Path:
        """Return the folder that a run has or will have, or refuse it."""
        own = (RUNS, require_name(name, "the run"), require_run_id(run_id, "the run"))
        for file in (RECORD, JOURNAL):
            self.require_own(root, *own, file)
        return self.require_own(root, *own)

    def hide(self, sentence: str) -> str:
        """Write the paths in a sentence as the browser knows them, so that it tells nothing about this machine.

        Examples
        --------
        >>> Served(Path("/srv/data")).hide("'/srv/data/a.csv' does not exist in /srv/data.")
        "'a.csv' does not exist in the served folder."
        """
        above = [p for p in self.top.parents if os.access(p / ".git", os.F_OK)]
        sentence = _replace(sentence, self.top, "", "the served folder")
        for folder in above:
            steps = "../" * (len(self.top.parts) - len(folder.parts))
            sentence = _replace(sentence, folder, steps, "the repository around the served folder")
        return sentence


def _replace(sentence: str, folder: Path, steps: str, name: str) -> str:
    """Write what lies below a folder as a relative path, and the folder itself as words."""
    if folder == folder.parent:
        return sentence  # the top of the file system tells nothing
    # A path that merely begins or goes on with the same letters is another one.
    path = rf"(?<![\w.~/\\-]){re.escape(str(folder))}(?![\w.~-]*[\w~])"
    return re.sub(path, name, re.sub(rf"{path}[/\\](?=\S)", steps, sentence))


def _missing(path: str) -> MissingError:
    return MissingError(f"There is no {shorten(repr(path))} in the folder that this server serves.")
