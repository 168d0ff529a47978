"""Promotion into repositories in any state: its own files and nothing else, or a refusal that changes nothing."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

import pytest
from nbformat import v4

from dcai.base.errors import GitError, InputError
from dcai.pipelines.pipeline import promote
from tests.pipelines.conftest import git, make_repository, write

OWN = {
    "pipelines/train/pipeline.ipynb", "pipelines/train/pipeline.yaml", "pipelines/train/requirements.lock", "runs/.gitignore",
}  # fmt: skip
SECRET = "what a cell has shown"


@pytest.fixture(autouse=True)
def _no_configuration_of_the_user(monkeypatch, tmp_path):
    """git sees this test's settings alone: no identity, no hooks, no filters from elsewhere."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for name in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL", "EMAIL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def train(repo):
    return fill(repo)


def fill(root):
    """Commit a notebook with an output, and files of somebody else."""
    cell = v4.new_code_cell("print(rate)", execution_count=1)
    cell.outputs = [v4.new_output("stream", name="stdout", text=SECRET)]
    write(root / "train.ipynb", "rate = 0.1", cell)
    for name in ("a.txt", "b.txt", "c.txt"):
        (root / name).write_text("one\ntwo\nthree\nfour\nfive\nsix\nseven\n")
    (root / ".gitattributes").write_text("*.txt text\n")
    git(root, "add", "-A")
    git(root, "commit", "--quiet", "-m", "Notebook and more")
    return root


def state_of(root, own=frozenset()):
    """Everything that a promotion must leave alone: the index, what is staged, the files, the state of git itself."""
    files = {}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.is_file() and ".git" not in Path(name).parts and name not in own:
            files[name] = (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mode, path.is_symlink())
    index = [line for line in git(root, "ls-files", "-s", "-t").splitlines() if line.partition("\t")[2] not in own]
    folder = Path(git(root, "rev-parse", "--absolute-git-dir").strip())
    marks = sorted(
        p.name
        for p in folder.iterdir()
        if p.name.endswith(("HEAD", "-merge", "-apply", "_MSG")) and p.name != "COMMIT_EDITMSG"
    )
    staged = git(root, "diff", "--cached", "--no-ext-diff", "--", ".", *(f":!{p}" for p in own))
    return files, index, staged, marks, git(root, "stash", "list"), git(root, "symbolic-ref", "-q", "HEAD", check=False)


def assert_committed_alone(root, **options):
    """Promote with a commit: it holds our files alone, without outputs, and all else is as it was."""
    before, parents = state_of(root, OWN), git(root, "rev-parse", "-q", "--verify", "HEAD", check=False)
    made = promote(root / "train.ipynb", commit=True, check=False, **options)
    assert state_of(root, OWN) == before
    assert git(root, "rev-parse", "-q", "--verify", "HEAD~1", check=False) == parents
    names = git(root, "show", "--name-only", "--format=", "HEAD").split()
    assert set(names) <= OWN
    assert "pipelines/train/pipeline.yaml" in names
    assert SECRET not in git(root, "show", "HEAD")
    assert not git(root, "diff", "HEAD", "--stat", "--", *OWN)
    return made


def assert_refused_whole(root, said, kind=GitError, **options):
    """Promote with a commit: refused with a sentence, and nothing at all is changed."""
    before, head = state_of(root), git(root, "rev-parse", "-q", "--verify", "HEAD", check=False)
    with pytest.raises(kind, match=said):
        promote(root / "train.ipynb", commit=True, check=False, **options)
    assert state_of(root) == before
    assert git(root, "rev-parse", "-q", "--verify", "HEAD", check=False) == head
    assert not (root / "pipelines").exists()
    assert not (root / "runs").exists()


def add_hook(root, name, text):
    hook = root / name
    hook.parent.mkdir(parents=True, exist_ok=True)
    hook.write_text(f"#!/bin/sh\n{text}\n")
    hook.chmod(0o755)


# ---------------------------------------------------------------- committed


def test_other_files_staged(train):
    (train / "a.txt").write_text("staged\n")
    (train / "new.txt").write_text("staged\n")
    git(train, "add", "a.txt", "new.txt")
    git(train, "mv", "b.txt", "moved.txt")
    git(train, "rm", "--quiet", "--cached", "c.txt")
    assert_committed_alone(train)


def test_other_files_partially_staged_and_added_in_intent(train):
    (train / "a.txt").write_text("ONE\ntwo\nthree\nfour\nfive\nsix\nseven\n")
    git(train, "add", "a.txt")
    (train / "a.txt").write_text("ONE\ntwo\nthree\nfour\nfive\nsix\nSEVEN\n")
    (train / "later.txt").write_text("later\n")
    git(train, "add", "-N", "later.txt")
    assert_committed_alone(train)
    assert git(train, "diff", "--cached", "--stat").splitlines()[0].strip().startswith("a.txt")


def test_a_dirty_tree_with_strangers_in_our_own_folders(train):
    (train / "a.txt").write_text("dirty\n")
    (train / "b.txt").unlink()
    for name in ("pipelines/train/notes.md", "runs/train/old/run.json", "pipelines/other.txt", ":(top)odd*.txt"):
        (train / name).parent.mkdir(parents=True, exist_ok=True)
        (train / name).write_text("mine\n")
    (train / ".env").write_text("TOKEN=1\n")
    (train / ".gitignore").write_text("*.log\n")
    assert_committed_alone(train)
    assert "?? .env" in git(train, "status", "--porcelain")


def test_our_own_files_staged_in_another_form(train):
    promote("train.ipynb", commit=True, check=False)
    manifest = train / "pipelines" / "train" / "pipeline.yaml"
    manifest.write_text(manifest.read_text() + "# by hand\n")
    git(train, "add", "-A")
    (train / "a.txt").write_text("staged\n")
    git(train, "add", "a.txt")
    assert_committed_alone(train)
    assert "# by hand" in git(train, "show", "HEAD:pipelines/train/pipeline.yaml")


def test_a_clean_filter_is_honoured(train):
    (train / ".gitattributes").write_text("*.yaml filter=stamp\n")
    git(train, "config", "filter.stamp.clean", "sed 's/^# Made by/# Filtered, made by/'")
    git(train, "config", "filter.stamp.smudge", "sed 's/^# Filtered, made by/# Made by/'")
    git(train, "config", "filter.stamp.required", "true")
    git(train, "commit", "--quiet", "-am", "Filter")
    made = assert_committed_alone(train)
    assert git(train, "show", "HEAD:pipelines/train/pipeline.yaml").startswith("# Filtered, made by")
    assert (made.folder / "pipeline.yaml").read_text().startswith("# Made by")


def test_large_file_storage_is_honoured(train):
    (train / ".gitattributes").write_text("*.ipynb filter=lfs diff=lfs merge=lfs -text\n")
    pointer = "sh -c 'printf \"version https://example.org/spec/v1\\noid sha256:%s\\n\" $(sha256sum | cut -c1-64)'"
    git(train, "config", "filter.lfs.clean", pointer)
    git(train, "config", "filter.lfs.smudge", "cat")
    git(train, "config", "filter.lfs.required", "true")
    git(train, "add", "--renormalize", ".")
    git(train, "commit", "--quiet", "-am", "Large files")
    made = assert_committed_alone(train)
    stored = git(train, "show", "HEAD:pipelines/train/pipeline.ipynb")
    assert stored.startswith("version https://example.org/spec/v1\noid sha256:")
    assert hashlib.sha256(made.notebook.read_bytes()).hexdigest() in stored


def test_a_detached_head_is_told(train):
    git(train, "checkout", "--quiet", "--detach")
    made = assert_committed_alone(train)
    note = next(n for n in made.promotion.notes if "no branch" in n)
    assert (
        note == f"The commit is on no branch (a detached HEAD). Keep it: git branch NAME {made.promotion.commit[:10]}"
    )


def test_a_submodule_is_a_repository_of_its_own(tmp_path, monkeypatch):
    inner = fill(make_repository(tmp_path / "inner"))
    outer = fill(make_repository(tmp_path / "outer"))
    git(outer, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner), "sub")
    git(outer, "commit", "--quiet", "-m", "Submodule")
    (outer / "a.txt").write_text("staged outside\n")
    git(outer, "add", "a.txt")
    sub = outer / "sub"
    git(sub, "config", "user.name", "Ada")
    git(sub, "config", "user.email", "ada@example.org")
    monkeypatch.chdir(outer)
    head, staged = git(outer, "rev-parse", "HEAD"), git(outer, "diff", "--cached")
    made = assert_committed_alone(sub)
    assert made.root == sub.resolve()
    assert (git(outer, "rev-parse", "HEAD"), git(outer, "diff", "--cached")) == (head, staged)
    assert not (outer / "pipelines").exists()
    assert_committed_alone(outer)  # beside a submodule that has moved on
    assert git(outer, "status", "--porcelain", "sub").startswith(" M")


def test_a_linked_worktree_has_its_own_index(train):
    (train / "a.txt").write_text("staged in the first one\n")
    git(train, "add", "a.txt")
    linked = train.parent / "linked"
    git(train, "worktree", "add", "--quiet", "-b", "side", str(linked))
    before, head = state_of(train), git(train, "rev-parse", "main")
    made = assert_committed_alone(linked)
    assert (state_of(train), git(train, "rev-parse", "main")) == (before, head)
    assert git(train, "rev-parse", "side").strip() == made.promotion.commit


def test_a_signature_that_is_required_is_made(train):
    key = train.parent / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    git(train, "config", "gpg.format", "ssh")
    git(train, "config", "user.signingKey", f"{key}.pub")
    git(train, "config", "commit.gpgSign", "true")
    made = assert_committed_alone(train)
    assert "-----BEGIN SSH SIGNATURE-----" in git(train, "cat-file", "commit", made.promotion.commit)


def test_a_repository_without_a_commit(tmp_path, monkeypatch):
    root = tmp_path / "empty"
    root.mkdir()
    git(root, "init", "--quiet", "--initial-branch=main")
    git(root, "config", "user.name", "Ada")
    git(root, "config", "user.email", "ada@example.org")
    write(root / "train.ipynb", "rate = 0.1", "print(rate)")
    (root / "a.txt").write_text("staged\n")
    git(root, "add", "a.txt")
    monkeypatch.chdir(root)
    made = promote("train.ipynb", commit=True, check=False)
    assert set(git(root, "show", "--name-only", "--format=", made.promotion.commit).split()) == OWN
    assert git(root, "status", "--porcelain").splitlines() == ["A  a.txt", "?? train.ipynb"]


def test_hooks_from_another_folder_run_and_see_our_files_alone(train):
    add_hook(train.parent / "hooks", "pre-commit", 'git diff --cached --name-only > "$HOME/seen"')
    git(train, "config", "core.hooksPath", str(train.parent / "hooks"))
    (train / "a.txt").write_text("staged\n")
    git(train, "add", "a.txt")
    assert_committed_alone(train)
    assert set((train.parent / "seen").read_text().split()) == OWN


def test_variables_of_a_surrounding_git_do_not_redirect_the_commit(train, tmp_path, monkeypatch):
    other = fill(make_repository(tmp_path / "other"))
    before = state_of(other)
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git" / "index"))
    made = promote(train / "train.ipynb", commit=True, check=False)
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name)
    assert (state_of(other), git(train, "rev-parse", "HEAD").strip()) == (before, made.promotion.commit)


# ---------------------------------------------------------------- refused


def diverge(root):
    git(root, "checkout", "--quiet", "-b", "other")
    (root / "a.txt").write_text("theirs\n")
    git(root, "commit", "--quiet", "-am", "Theirs")
    git(root, "checkout", "--quiet", "main")
    (root / "b.txt").write_text("ours\n")
    git(root, "commit", "--quiet", "-am", "Ours")


def test_a_merge_in_progress_without_a_conflict(train):
    diverge(train)
    git(train, "merge", "--no-commit", "--no-ff", "other")
    assert_refused_whole(train, r"A merge is under way in .*\. Finish or abort it first \(see `git status`\)")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("merge", "other"), "A merge is under way"),
        (("rebase", "other"), "A rebase is under way"),
        (("cherry-pick", "other"), "A cherry-pick is under way"),
        (("revert", "--no-edit", "HEAD~1"), "A revert is under way"),
    ],
)
def test_an_operation_that_waits_for_a_conflict(train, command, said):
    diverge(train)
    for text in ("ours\n", "ours again\n"):
        (train / "a.txt").write_text(text)
        git(train, "commit", "--quiet", "-am", text.strip())
    git(train, *command, check=False)
    assert_refused_whole(train, said)


def test_a_hook_that_rejects(train):
    (train / "a.txt").write_text("staged\n")
    git(train, "add", "a.txt")
    for name in ("commit-msg", "pre-commit"):
        add_hook(train / ".git" / "hooks", name, f"echo 'not by {name}' >&2; exit 1")
        assert_refused_whole(train, rf"git refused `git commit` in .*: not by {name}")


def test_a_signature_that_cannot_be_made(train):
    git(train, "config", "commit.gpgSign", "true")
    git(train, "config", "gpg.program", "false")
    assert_refused_whole(train, "git refused `git commit` in .*gpg failed to sign the data")


def test_nobody_to_commit_as(train):
    git(train, "config", "--unset", "user.name")
    git(train, "config", "--unset", "user.email")
    git(train, "config", "user.useConfigOnly", "true")
    assert_refused_whole(train, "git does not know who commits. Run `git config user.name NAME`")


def test_a_filter_that_is_missing(train):
    (train / ".gitattributes").write_text("*.yaml filter=lfs\n")
    git(train, "config", "filter.lfs.clean", "git-lfs-that-nobody-has clean -- %f")
    git(train, "config", "filter.lfs.required", "true")
    git(train, "commit", "--quiet", "-am", "Filter")
    assert_refused_whole(train, r"clean filter 'lfs' failed A filter that \.gitattributes names does not work here\.")


def test_a_sparse_checkout_that_leaves_us_out(train):
    (train / "kept").mkdir()
    (train / "kept" / "x.txt").write_text("x\n")
    git(train, "add", "-A")
    git(train, "commit", "--quiet", "-m", "Kept")
    git(train, "sparse-checkout", "set", "--cone", "kept")
    assert_refused_whole(
        train, r"Files lie outside of the sparse checkout\. Run `git sparse-checkout add pipelines/train runs` first"
    )
    git(train, "sparse-checkout", "add", "pipelines/train", "runs")
    assert_committed_alone(train)


def test_another_git_at_work(train):
    (train / ".git" / "index.lock").write_text("")
    assert_refused_whole(train, "Another git is at work. Wait for it, or remove that file if no git is running")


def test_our_own_files_hidden_from_git(train):
    made = promote("train.ipynb", commit=True, check=False)
    git(train, "update-index", "--skip-worktree", "pipelines/train/pipeline.yaml")
    text = (made.folder / "pipeline.yaml").read_text()
    with pytest.raises(
        GitError, match=r"git is told not to look at 'pipelines/train/pipeline\.yaml'.*--no-skip-worktree"
    ):
        promote("train.ipynb", outputs=["x.txt"], commit=True, check=False)
    assert (made.folder / "pipeline.yaml").read_text() == text


def test_a_link_out_of_the_repository(train):
    outside = train.parent / "outside"
    outside.mkdir()
    (train / "pipelines").symlink_to(outside)
    for commit in (True, False):
        with pytest.raises(InputError, match="leads out of the repository through a link"):
            promote("train.ipynb", commit=commit, check=False)
    assert not list(outside.iterdir())
    assert not (train / "runs").exists()


# ---------------------------------------------------------------- no outputs


def test_no_output_reaches_git_in_any_form(train):
    notebook = json.loads((train / "train.ipynb").read_text())
    cell = notebook["cells"][1]
    cell["outputs"] += [
        {"output_type": "display_data", "data": {"image/png": SECRET, "text/html": SECRET}, "metadata": {"x": SECRET}},
        {"output_type": "error", "ename": SECRET, "evalue": SECRET, "traceback": [SECRET]},
    ]
    cell["metadata"] = {"execution": {"x": SECRET}, "papermill": {"x": SECRET}, "ExecuteTime": SECRET}
    notebook["metadata"]["widgets"] = {"state": SECRET}
    notebook["metadata"]["papermill"] = {"parameters": {"x": SECRET}}
    note = {
        "cell_type": "markdown",
        "id": "m",
        "source": "![](attachment:a.png)",
        "metadata": {},
        "attachments": {"a.png": {"image/png": "AA=="}},
    }
    notebook["cells"].append(note)  # a picture in a text is source, not output
    (train / "train.ipynb").write_text(json.dumps(notebook))
    made = assert_committed_alone(train)
    assert b"AA==" in made.notebook.read_bytes()
    assert SECRET not in "".join(p.read_text() for p in made.folder.iterdir())
