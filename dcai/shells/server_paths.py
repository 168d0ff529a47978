"""The folder that a Jupyter server serves: every path from a browser is resolved here, and stays inside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from dcai.base import git
from dcai.base.errors import MissingError, shorten
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

    def pipeline(self, root: str, name: str) -> Path:
        """Return the folder of a pipeline inside, or refuse it."""
        place = PurePosixPath(root or ".", "pipelines", require_name(name, "the pipeline"))
        found = self.inside(str(place))
        if not found.is_dir():
            raise MissingError(f"There is no pipeline {shorten(repr(name))} here. Refresh the list of pipelines.")
        return found

    def runs(self, root: str, name: str) -> Path:
        """Return the folder that holds the runs of a pipeline, or refuse it where it leads away."""
        return self.inside(str(PurePosixPath(root or ".", "runs", require_name(name, "the runs"))))

    def run(self, root: str, name: str, run_id: str) -> Path:
        """Return the folder that a run has or will have, or refuse it."""
        place = PurePosixPath(root or ".", "runs", require_name(name, "the run"), require_run_id(run_id, "the run"))
        return self.inside(str(place))


def _missing(path: str) -> MissingError:
    return MissingError(f"There is no {shorten(repr(path))} in the folder that this server serves.")
