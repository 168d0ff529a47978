"""The only caller of git: where a repository is, what state it is in, and commits of exactly named files.

Everything goes through the git command line, because only that honours clean filters, hooks, worktrees
and staged work of others.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO

from dcai.base.errors import GitError, shorten

# What git leaves in its folder while an operation waits for the user, and how that operation is called.
_UNDER_WAY = {
    "MERGE_HEAD": "a merge",
    "rebase-merge": "a rebase",
    "rebase-apply": "a rebase or the applying of a mailed patch",
    "CHERRY_PICK_HEAD": "a cherry-pick",
    "REVERT_HEAD": "a revert",
}
# Variables that a hook or an alias inherits; they would point git at another repository than the named one.
_REDIRECTING = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR")
# What git says when it refuses, and the way out of it.
_WAYS_OUT = {
    "sparse-checkout": "Files lie outside of the sparse checkout. Run `git sparse-checkout add {folders}` first.",
    "index.lock": "Another git is at work. Wait for it, or remove that file if no git is running.",
    "clean filter": "A filter that .gitattributes names does not work here. Install its program, or go on without a commit.",
    "to sign": "Set up the key that signs, or run `git config commit.gpgSign false` if commits here need no signature.",
    "beyond a symbolic link": "Replace the link by a folder, or go on without a commit.",
}
# What Python and Jupyter leave behind by merely working; it never changes what a notebook does.
_DROPPINGS = frozenset({".ipynb_checkpoints", "__pycache__", ".virtual_documents"})


def root_of(path: str | Path) -> Path | None:
    """Return the top folder of the work tree that holds `path`, or None outside a repository or without git.

    Parameters
    ----------
    path : str or Path
        A file or folder; it need not exist yet.

    Examples
    --------
    >>> root_of("/") is None
    True
    """
    folder = Path(path).absolute()
    while not folder.is_dir():
        folder = folder.parent
    try:
        done = _git(folder, "rev-parse", "--show-toplevel", check=False)
    except GitError:
        return None
    if done.returncode == 0:
        return Path(_text(done.stdout).removesuffix("\n"))
    if "dubious ownership" in _text(done.stderr):
        raise GitError(f"git does not trust the repository at {folder}: {_said(done)}")
    return None


def identity(root: Path) -> str | None:
    """Return "Name <mail>" as git would sign a commit, or None where it knows nobody.

    Examples
    --------
    >>> identity(Path(".")) is None or "<" in identity(Path("."))
    True
    """
    done = _git(root, "var", "GIT_AUTHOR_IDENT", check=False)
    if done.returncode:
        return None
    return _text(done.stdout).strip().rpartition("> ")[0] + ">"


def head(root: Path) -> str | None:
    """Return the hash of the checked out commit, or None before the first one.

    Examples
    --------
    >>> head(Path("/")) is None
    True
    """
    done = _git(root, "rev-parse", "--verify", "--quiet", "HEAD", check=False)
    return _text(done.stdout).strip() if done.returncode == 0 else None


def is_dirty(root: Path, ignoring: Iterable[str] = ()) -> bool:
    """Tell whether the work tree holds anything that its commit does not; untracked files count.

    Parameters
    ----------
    root : Path
        Top folder of the work tree.
    ignoring : iterable of str
        Files and folders, relative to the root, whose changes do not count.

    Examples
    --------
    >>> is_dirty(Path("."), ignoring=["runs"])  # doctest: +SKIP
    False
    """
    ignored = [p.strip("/") for p in ignoring]
    done = _git(root, "status", "--porcelain", "-z", "--untracked-files=all", "--no-renames")
    for entry in filter(None, _text(done.stdout).split("\0")):
        path = entry[3:].rstrip("/")
        settled = any(path == p or path.startswith(f"{p}/") for p in ignored)
        if not settled and not (entry.startswith("??") and _DROPPINGS & set(path.split("/"))):
            return True
    return False


def ignored(root: Path, paths: Sequence[str]) -> list[str]:
    """Return those of `paths` (relative to the root) that the user's ignore rules keep out of git.

    Examples
    --------
    >>> ignored(Path("."), [])
    []
    """
    if not paths:
        return []
    # This command knows no literal paths; the prefix keeps a name that begins with ':' from being read as a pattern.
    done = _git(
        root, "check-ignore", "-z", "--stdin", check=False, literal=False, given="\0".join(f"./{p}" for p in paths)
    )
    if done.returncode > 1:
        raise GitError(f"git could not read the ignore rules of {root}: {_said(done)}")
    return [p.removeprefix("./") for p in _text(done.stdout).split("\0") if p]


def require_ready(root: Path, paths: Sequence[str]) -> None:
    """Raise GitError where a commit of exactly `paths` (relative to the root) would fail or do harm.

    Examples
    --------
    >>> require_ready(Path("/"), ["a.txt"])
    Traceback (most recent call last):
        ...
    dcai.base.errors.GitError: / is not inside a git repository. Run `git init` there, or go on without a commit.
    """
    if root_of(root) is None:
        _git(root, "--version")  # a missing git is a reason of its own
        raise GitError(f"{root} is not inside a git repository. Run `git init` there, or go on without a commit.")
    for mark, name in _UNDER_WAY.items():
        if (root / _text(_git(root, "rev-parse", "--git-path", mark).stdout).removesuffix("\n")).exists():
            raise GitError(f"{name.capitalize()} is under way in {root}. Finish or abort it first (see `git status`).")
    if unmerged := _text(_git(root, "ls-files", "--unmerged", "-z").stdout):
        first = unmerged.split("\0")[0].rpartition("\t")[2]
        raise GitError(f"{root} holds unresolved conflicts, first in {shorten(repr(first))}. Resolve them first.")
    if identity(root) is None:
        raise GitError(
            "git does not know who commits. Run `git config user.name NAME` and `git config user.email MAIL` first."
        )
    if hidden := ignored(root, paths):
        raise GitError(f"An ignore rule keeps {shorten(repr(hidden[0]))} out of git. Change .gitignore first.")
    if unseen := _unseen(root, paths):
        flags = "--no-skip-worktree --no-assume-unchanged"
        raise GitError(
            f"git is told not to look at {shorten(repr(unseen[0]))}, so it would not commit it. "
            f"Run `git update-index {flags} {unseen[0]}` first."
        )


def is_detached(root: Path) -> bool:
    """Tell whether a commit would be on no branch.

    Examples
    --------
    >>> is_detached(Path("."))  # doctest: +SKIP
    False
    """
    return _git(root, "symbolic-ref", "--quiet", "HEAD", check=False).returncode == 1


def _unseen(root: Path, paths: Sequence[str]) -> list[str]:
    """Return those of the paths whose changes git is told to overlook."""
    listed = _text(_git(root, "ls-files", "-v", "-z", "--", *paths).stdout).split("\0") if paths else []
    # A small letter: assumed unchanged; S: skipped in the work tree.
    return [line[2:] for line in listed if line and (line[0].islower() or line[0] == "S")]


def commit_only(root: Path, paths: Sequence[str | Path], message: str) -> str | None:
    """Commit exactly `paths` as they are on disk; everything else, staged or not, stays as it is.

    Parameters
    ----------
    root : Path
        Top folder of the work tree.
    paths : sequence of str or Path
        Files inside the root.
    message : str
        The commit's message.

    Returns
    -------
    str or None
        The new commit's hash; None where the last commit already holds these files as they are.

    Raises
    ------
    GitError
        Not a repository, no identity, a merge or the like under way, conflicts, a hook that rejects.

    Examples
    --------
    >>> commit_only(Path("."), ["notes.md"], "Note what was decided")  # doctest: +SKIP
    '3f786850e387550fdab836ed7e6dc881de23001b'
    """
    names = [_inside(root, p) for p in paths]
    require_ready(root, names)
    tracked = set(_text(_git(root, "ls-files", "-z", "--", *names).stdout).split("\0"))
    new = [n for n in names if n not in tracked]
    try:
        if new:
            _git(root, "add", "--intent-to-add", "--", *new)
        if not _git(root, "status", "--porcelain", "-z", "--", *names).stdout:
            return None
        _git(root, "commit", "--quiet", f"--message={message}", "--only", "--", *names)
    except GitError:
        if new:
            # A hook that rejects leaves the intent to add behind; --cached touches the index alone.
            _git(root, "rm", "--cached", "--quiet", "--force", "--ignore-unmatch", "--", *new, check=False)
        raise
    return head(root)


def add_worktree(root: Path, folder: Path, commit: str) -> None:
    """Check out a commit into a folder of its own, beside the work tree, without its hooks.

    Examples
    --------
    >>> add_worktree(Path("."), Path("/tmp/earlier"), "3f786850")  # doctest: +SKIP
    """
    nothing = f"core.hooksPath={os.devnull}"
    _git(root, "-c", nothing, "worktree", "add", "--quiet", "--force", "--detach", str(folder), commit)


def remove_worktree(root: Path, folder: Path) -> None:
    """Take a folder that `add_worktree` has made away, with what was changed in it.

    Examples
    --------
    >>> remove_worktree(Path("."), Path("/tmp/earlier"))  # doctest: +SKIP
    """
    _git(root, "worktree", "remove", "--force", "--force", str(folder), check=False)
    _git(root, "worktree", "prune", check=False)


def read_git(root: Path, *arguments: str) -> bytes:
    """Return what a reading command of git writes; nothing where it refuses, for example outside a repository.

    Examples
    --------
    >>> read_git(Path("/"), "rev-parse", "--verify", "--quiet", "HEAD")
    b''
    """
    done = _git(root, *arguments, check=False)
    return done.stdout if done.returncode == 0 else b""


def stream_git(root: Path, *arguments: str) -> Iterator[IO[bytes]]:
    """Run a reading command of git whose answer is too long to hold, and yield the stream of it, once.

    Who has read it to its end learns by a GitError that git refused or broke off, so that nothing passes for all there is.

    Examples
    --------
    >>> [stream.readline() for stream in stream_git(Path("."), "version")]  # doctest: +ELLIPSIS
    [b'git version ...']
    """
    try:
        with tempfile.TemporaryFile() as errors:
            with subprocess.Popen(
                ["git", "-C", str(root), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=_environment(),
            ) as process:
                assert process.stdout is not None
                yield process.stdout
            errors.seek(0)
            said = errors.read()
    except OSError as error:
        raise GitError(f"git could not be started ({error}). Install git, or go on without a commit.") from error
    if process.returncode:
        done = subprocess.CompletedProcess(process.args, process.returncode, b"", said)
        raise GitError(
            f"git could not read all of {root}, so what it holds is not known: {_said(done)}. Run `git fsck` there, "
            "and restore what is broken from a clone."
        )


def _inside(root: Path, path: str | Path) -> str:
    """Return a path as git names it: relative to the root, with forward slashes."""
    top, full = root.resolve(), (root / path).parent.resolve() / Path(path).name
    if not full.is_relative_to(top):
        raise GitError(f"{shorten(repr(str(path)))} is outside the repository at {root}, so it cannot be committed.")
    return full.relative_to(top).as_posix()


def _git(
    root: Path, *arguments: str, check: bool = True, literal: bool = True, given: str = ""
) -> subprocess.CompletedProcess[bytes]:
    """Call git; `check` turns a refusal into a GitError that quotes git."""
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments],
            input=given.encode("utf-8", "surrogateescape"),
            capture_output=True,
            env=_environment(literal=literal),
            check=False,
        )
    except OSError as error:
        raise GitError(f"git could not be started ({error}). Install git, or go on without a commit.") from error
    if check and done.returncode:
        raise GitError(f"git refused `git {arguments[0]}` in {root}: {_said(done)}{_way_out(done, arguments)}")
    return done


def _environment(*, literal: bool = True) -> dict[str, str]:
    environment = {k: v for k, v in os.environ.items() if k not in _REDIRECTING}
    # Paths are names, never patterns; messages are read by `root_of`; nobody is there to answer a prompt.
    return environment | {
        "LC_ALL": "C",
        "GIT_LITERAL_PATHSPECS": str(int(literal)),
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_EDITOR": "true",
    }


def _way_out(done: subprocess.CompletedProcess[bytes], arguments: Sequence[str]) -> str:
    """Return what to do about a refusal, where it is one that is known."""
    said = _text(done.stderr)
    paths = arguments[arguments.index("--") + 1 :] if "--" in arguments else ()
    folders = " ".join(dict.fromkeys(path.rpartition("/")[0] or "." for path in paths))
    ways = [way.format(folders=folders) for mark, way in _WAYS_OUT.items() if mark in said]
    return f" {ways[0]}" if ways else ""


def _said(done: subprocess.CompletedProcess[bytes]) -> str:
    """What git (or a hook) said, cut to a readable length."""
    return shorten(_text(done.stderr).strip() or _text(done.stdout).strip() or f"exit code {done.returncode}", 600)


def _text(raw: bytes) -> str:
    """Decode git's answer; a file name need not be UTF-8."""
    return raw.decode("utf-8", "surrogateescape")
