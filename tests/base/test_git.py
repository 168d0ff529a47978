from __future__ import annotations

import stat
import subprocess

import pytest

from dcai.base import git
from dcai.base.errors import GitError


def call(root, *arguments, check=True):
    done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise AssertionError(done.stderr)
    return done.stdout


@pytest.fixture
def repo(tmp_path):
    root = (tmp_path / "repo").resolve()
    root.mkdir()
    call(root, "init", "--quiet", "--initial-branch=main")
    call(root, "config", "user.name", "Ada")
    call(root, "config", "user.email", "ada@example.org")
    (root / "a.txt").write_text("one\n")
    (root / "b.txt").write_text("one\ntwo\nthree\n")
    call(root, "add", "-A")
    call(root, "commit", "--quiet", "-m", "Begin")
    return root


def files_of_last_commit(root):
    return sorted(call(root, "show", "--name-only", "--format=", "HEAD").split())


def reject_commits(root):
    hook = root / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'no outputs please' >&2\nexit 1\n")
    hook.chmod(hook.stat().st_mode | stat.S_IEXEC)


def test_root_of_knows_folders_files_and_what_does_not_exist_yet(repo, tmp_path):
    (repo / "deep").mkdir()
    assert git.root_of(repo) == git.root_of(repo / "a.txt") == git.root_of(repo / "deep" / "new" / "x") == repo
    assert git.root_of(tmp_path) is None


def test_identity_and_head(repo, tmp_path):
    assert git.identity(repo) == "Ada <ada@example.org>"
    assert git.head(repo) == call(repo, "rev-parse", "HEAD").strip()
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    call(fresh, "init", "--quiet")
    assert git.head(fresh) is None


def test_dirty_counts_changes_and_untracked_files_but_not_what_is_ignored(repo):
    assert not git.is_dirty(repo)
    (repo / "runs").mkdir()
    (repo / "runs" / "x.json").write_text("{}")
    (repo / "__pycache__").mkdir()
    (repo / "__pycache__" / "m.pyc").write_text("")
    assert git.is_dirty(repo)
    assert not git.is_dirty(repo, ["runs"])
    assert git.is_dirty(repo, ["run"])  # a prefix of a name is not its folder
    (repo / "a.txt").write_text("two\n")
    assert git.is_dirty(repo, ["runs"])


def test_commit_holds_exactly_the_named_files_and_leaves_all_else_as_it_was(repo):
    (repo / "b.txt").write_text("ONE\ntwo\nthree\n")
    call(repo, "add", "b.txt")  # staged ...
    (repo / "b.txt").write_text("ONE\ntwo\nTHREE\n")  # ... and changed again: partially staged
    (repo / "staged.txt").write_text("s")
    call(repo, "add", "staged.txt")
    (repo / "untracked.txt").write_text("u")
    before = call(repo, "status", "--porcelain")
    staged = call(repo, "diff", "--cached")
    (repo / "new.txt").write_text("n")
    (repo / "a.txt").write_text("two\n")
    made = git.commit_only(repo, ["new.txt", "a.txt"], "# Add\n\n-- two files")
    assert made == git.head(repo)
    assert files_of_last_commit(repo) == ["a.txt", "new.txt"]
    assert call(repo, "status", "--porcelain") == before
    assert call(repo, "diff", "--cached") == staged
    assert call(repo, "log", "-1", "--format=%B").startswith("# Add\n\n-- two files")


def test_nothing_to_commit_is_no_commit(repo):
    before = git.head(repo)
    assert git.commit_only(repo, ["a.txt"], "Nothing") is None
    assert git.head(repo) == before


def test_names_that_look_like_options_and_patterns_are_names(repo):
    names = ["-rf.txt", "*.txt", ":(glob)x", "wärme [1].txt"]
    for name in names:
        (repo / name).write_text("x")
    (repo / "other.txt").write_text("x")
    git.commit_only(repo, names, "Odd names")
    listed = call(repo, "show", "-z", "--name-only", "--format=", "HEAD").split("\0")
    assert sorted(filter(None, listed)) == sorted(names)


def test_a_rejecting_hook_leaves_no_intent_to_add(repo):
    reject_commits(repo)
    (repo / "new.txt").write_text("n")
    with pytest.raises(GitError, match="no outputs please"):
        git.commit_only(repo, ["new.txt"], "Add")
    assert call(repo, "status", "--porcelain") == "?? new.txt\n"
    assert call(repo, "ls-files", "new.txt") == ""


def test_the_first_commit_of_a_repository_and_a_rejected_one(tmp_path):
    root = (tmp_path / "fresh").resolve()
    root.mkdir()
    call(root, "init", "--quiet")
    call(root, "config", "user.name", "Ada")
    call(root, "config", "user.email", "ada@example.org")
    (root / "x").write_text("x")
    reject_commits(root)
    with pytest.raises(GitError):
        git.commit_only(root, ["x"], "First")
    assert call(root, "status", "--porcelain") == "?? x\n"
    (root / ".git" / "hooks" / "pre-commit").unlink()
    assert git.commit_only(root, ["x"], "First") == git.head(root)


def test_a_worktree_and_a_detached_head_can_be_committed_to(repo, tmp_path):
    tree = (tmp_path / "tree").resolve()
    call(repo, "worktree", "add", "--quiet", "--detach", str(tree))
    (tree / "new.txt").write_text("n")
    assert git.root_of(tree) == tree
    made = git.commit_only(tree, ["new.txt"], "In a work tree")
    assert made == git.head(tree) != git.head(repo)


def test_clean_filters_are_honoured(repo):
    (repo / ".gitattributes").write_text("*.nb filter=upper\n")
    call(repo, "config", "filter.upper.clean", "tr a-z A-Z")
    (repo / "x.nb").write_text("abc\n")
    git.commit_only(repo, ["x.nb"], "Filtered")
    assert call(repo, "show", "HEAD:x.nb") == "ABC\n"


def conflicted(repo, *how):
    call(repo, "checkout", "--quiet", "-b", "other")
    (repo / "a.txt").write_text("theirs\n")
    call(repo, "commit", "--quiet", "-am", "Theirs")
    call(repo, "checkout", "--quiet", "main")
    (repo / "a.txt").write_text("ours\n")
    call(repo, "commit", "--quiet", "-am", "Ours")
    call(repo, *how, check=False)


@pytest.mark.parametrize(
    ("how", "name"),
    [
        (("merge", "other"), "A merge"),
        (("rebase", "other"), "A rebase"),
        (("cherry-pick", "other"), "A cherry-pick"),
    ],
)
def test_an_operation_under_way_is_refused_and_named(repo, how, name):
    conflicted(repo, *how)
    (repo / "new.txt").write_text("n")
    with pytest.raises(GitError, match=f"{name} is under way"):
        git.commit_only(repo, ["new.txt"], "Add")
    assert call(repo, "ls-files", "new.txt") == ""


def test_conflicts_without_a_merge_are_refused_and_named(repo):
    (repo / "a.txt").write_text("stashed\n")
    call(repo, "stash", "--quiet")
    (repo / "a.txt").write_text("ours\n")
    call(repo, "commit", "--quiet", "-am", "Ours")
    call(repo, "stash", "pop", check=False)
    (repo / "new.txt").write_text("n")
    with pytest.raises(GitError, match=r"unresolved conflicts, first in 'a\.txt'"):
        git.commit_only(repo, ["new.txt"], "Add")


def test_no_identity_is_refused_before_anything_happens(repo, monkeypatch):
    call(repo, "config", "--unset", "user.name")
    call(repo, "config", "--unset", "user.email")
    call(repo, "config", "user.useConfigOnly", "true")
    monkeypatch.setenv("HOME", str(repo))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    (repo / "new.txt").write_text("n")
    assert git.identity(repo) is None
    with pytest.raises(GitError, match=r"who commits.*git config user\.name"):
        git.commit_only(repo, ["new.txt"], "Add")
    assert call(repo, "ls-files", "new.txt") == ""


def test_outside_a_repository_ignored_and_foreign_paths_are_refused(repo, tmp_path):
    with pytest.raises(GitError, match="is not inside a git repository"):
        git.commit_only(tmp_path, ["x"], "Add")
    (repo / ".gitignore").write_text("*.log\n")
    (repo / "x.log").write_text("")
    assert git.ignored(repo, ["a.txt", "x.log", ":odd"]) == ["x.log"]
    with pytest.raises(GitError, match=r"ignore rule keeps 'x\.log' out"):
        git.commit_only(repo, ["x.log"], "Add")
    with pytest.raises(GitError, match="outside the repository"):
        git.commit_only(repo, [tmp_path / "x"], "Add")


def test_variables_of_a_hook_do_not_lead_to_another_repository(repo, tmp_path, monkeypatch):
    other = tmp_path / "other"
    other.mkdir()
    call(other, "init", "--quiet")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    assert git.root_of(repo) == repo


def test_a_missing_git_is_said_clearly(repo, monkeypatch):
    monkeypatch.setenv("PATH", str(repo))
    assert git.root_of(repo) is None
    with pytest.raises(GitError, match="git could not be started"):
        git.commit_only(repo, ["a.txt"], "Add")
