from __future__ import annotations

import json
import re
import stat

import click
import nbformat
import pytest
from nbformat import v4

from dcai.base.errors import GitError, InputError, MissingError, RunError
from dcai.base.records import RunFailure
from dcai.pipelines import names, pipeline
from dcai.pipelines.archive.journal import Tally
from dcai.pipelines.notebooks import documents
from dcai.pipelines.pipeline import Pipeline, list_pipelines, load_pipeline, promote
from dcai.pipelines.promotion import rehearsal
from dcai.pipelines.promotion.changes import diff_of
from tests.pipelines.conftest import call_main, git, make_notebook, write

PARAMETERS = "rate: float = 0.1  # learning rate\nname = '1.10'"


def plain(folder, **options):
    """Promote without the check run, which costs a kernel."""
    return promote(folder / "train.ipynb", check=False, **options)


@pytest.fixture
def train(repo):
    cell = v4.new_code_cell("print(rate, name)", execution_count=7, metadata={"execution": {"a": "b"}, "keep": 1})
    cell.outputs = [v4.new_output("stream", name="stdout", text="private\n")]
    write(repo / "train.ipynb", PARAMETERS, cell, widgets={}, papermill={"x": 1}, mine={"kept": True})
    git(repo, "add", "-A")
    git(repo, "commit", "--quiet", "-m", "Notebook")
    return repo


# ---------------------------------------------------------------- what is written


def test_a_checked_and_committed_promotion_holds_exactly_its_own_files(repo):
    here = f"assert os.path.samefile(os.getcwd(), {str(repo)!r})"
    write(
        repo / "train.ipynb", PARAMETERS, f"import os\n{here}\nopen('out.txt', 'w').close()\nopen('ran', 'w').close()"
    )
    (repo / "staged.txt").write_text("s")
    git(repo, "add", "staged.txt")
    (repo / "README.md").write_text("changed\n")
    before = git(repo, "status", "--porcelain")
    made = promote("train.ipynb", outputs=["out.txt"], commit=True)
    assert (repo / "ran").exists()  # the check ran, in the repository root
    assert not (repo / "out.txt").exists()  # and what it made to order is gone
    own = [f"pipelines/train/{name}" for name in ("pipeline.ipynb", "pipeline.yaml", "requirements.lock")]
    assert sorted(made.promotion.files) == [*own, "runs/.gitignore"]
    assert git(repo, "show", "--name-only", "--format=", "HEAD").split() == [*own, "runs/.gitignore"]
    assert made.promotion.commit == git(repo, "rev-parse", "HEAD").strip()
    assert made.promotion.checked
    assert set(git(repo, "status", "--porcelain").splitlines()) - set(before.splitlines()) == {"?? ran"}
    assert (repo / "runs" / ".gitignore").read_text() == "*\n!.gitignore\n"


def test_the_notebook_in_git_is_clean_deterministic_and_keeps_its_ids(train):
    made = plain(train)
    raw = made.notebook.read_bytes()
    notebook = json.loads(raw)
    assert [c["id"] for c in notebook["cells"]] == ["cell-0", "cell-1"]
    assert [c["metadata"] for c in notebook["cells"]] == [{"tags": ["parameters"]}, {"keep": 1}]
    assert (notebook["cells"][1]["outputs"], notebook["cells"][1]["execution_count"]) == ([], None)
    assert notebook["metadata"]["mine"] == {"kept": True}
    assert not {"papermill", "widgets"} & notebook["metadata"].keys()
    nbformat.validate(nbformat.from_dict(notebook))
    plain(train)
    assert made.notebook.read_bytes() == raw
    assert b"private" in (train / "train.ipynb").read_bytes()  # the user's own notebook is not changed


def test_there_is_always_exactly_one_parameters_cell(repo):
    write(repo / "none.ipynb", "import os", "print(os.getcwd())", tag=None)
    write(repo / "guess.ipynb", "import os", "RATE = 1", "print(RATE)", tag=None)
    two = make_notebook("a = 1", "b = 2", "print(a, b)")
    two.cells[1].metadata["tags"] = ["other", "parameters"]
    two.cells.insert(1, v4.new_code_cell("a = 9", metadata={"tags": ["injected-parameters"]}))
    nbformat.write(two, repo / "two.ipynb")
    tags = {}
    for name in ("none", "guess", "two"):
        made = promote(f"{name}.ipynb", check=False)
        cells = documents.read_notebook(made.notebook).cells
        tags[name] = [c.metadata.get("tags") for c in cells]
        if name == "guess":
            assert "Cell 2 was taken as the parameters cell, because it looks most like one." in made.promotion.notes
    assert tags == {
        "none": [["parameters"], None, None],
        "guess": [None, ["parameters"], None],
        "two": [["parameters"], ["other"], None],
    }


def test_cells_without_ids_get_stable_ones(repo):
    notebook = make_notebook("x = 1", "print(x)")
    raw = json.loads(nbformat.writes(notebook))
    for cell in raw["cells"]:
        del cell["id"]
    (repo / "train.ipynb").write_text(json.dumps(raw))
    first = plain(repo).notebook.read_bytes()
    assert plain(repo).notebook.read_bytes() == first
    assert all(c["id"] for c in json.loads(first)["cells"])


def test_promoting_again_keeps_comments_and_hand_edits_and_takes_over_what_changed(train):
    made = plain(train, outputs=["out.txt"])
    manifest = made.folder / "pipeline.yaml"
    text = manifest.read_text()
    text = text.replace("default: 0.1\n", "default: 0.7  # tuned by hand\n").replace(
        "kernel: python3", "kernel: python3  # pinned"
    )
    text += "timeout:\n  cell: 60\n# the end\n"
    manifest.write_text(text)
    write(
        train / "train.ipynb", "rate: float = 0.2  # learning rate\nname = '2.0'\nextra = 5", "print(rate, name, extra)"
    )
    again = plain(train)
    assert again.parameters["properties"]["rate"]["default"] == 0.7
    assert again.parameters["properties"]["name"]["default"] == "2.0"
    assert again.parameters["properties"]["extra"]["default"] == 5
    assert (again.outputs, again.timeout) == (("out.txt",), {"cell": 60.0})
    after = manifest.read_text()
    for kept in ("# tuned by hand", "# pinned", "# the end", "# Made by `dcai promote`"):
        assert kept in after
    write(train / "train.ipynb", "rate: float = 0.2", "print(rate)")
    last = plain(train)
    assert list(last.parameters["properties"]) == ["rate"]
    assert "# tuned by hand" in manifest.read_text()


def test_an_unchanged_pipeline_is_not_written_or_committed_again(train):
    made = plain(train, commit=True)
    manifest = made.folder / "pipeline.yaml"
    manifest.write_text(manifest.read_text() + "\n\n#   odd   spacing stays\n")
    git(train, "commit", "--quiet", "-am", "Comment")
    head = git(train, "rev-parse", "HEAD")
    again = plain(train, commit=True)
    assert again.promotion.commit is None
    assert "Nothing changed since the last commit, so no new one was made." in again.promotion.notes
    assert (git(train, "rev-parse", "HEAD"), git(train, "status", "--porcelain")) == (head, "")


def test_parameters_can_be_chosen_and_given_new_defaults(train):
    assert list(plain(train, parameters=["name"]).parameters["properties"]) == ["name"]
    assert list(plain(train).parameters["properties"]) == ["name"]  # the choice is part of the pipeline now
    made = plain(train, parameters={"rate": 0.9})
    assert made.parameters["properties"]["rate"]["default"] == 0.9
    found = documents_of(made)
    assert {p.name: p.schema["default"] for p in found.parameters}["rate"] == 0.9  # for plain papermill
    assert made.preset(found) == {}


def test_a_secret_is_not_written_into_the_repository(repo):
    source = 'from typing import Annotated\ntoken: Annotated[str, "secret"] = {}\nrate = 1'
    write(repo / "train.ipynb", source.format('""'), "print(token, rate)")
    with pytest.raises(InputError, match=r"'token' is a secret, .* Give it as 'env:NAME' or 'file:PATH'\.") as caught:
        plain(repo, parameters={"token": "hush-hush"})
    assert "hush-hush" not in str(caught.value)
    made = plain(repo, parameters={"token": "env:TOKEN"})
    assert made.parameters["properties"]["token"]["default"] == "env:TOKEN"
    (note,) = [n for n in made.promotion.notes if "secret" in n]
    assert note == "The secret 'token' is set in pipeline.yaml only: plain papermill does not look it up."
    write(repo / "train.ipynb", source.format('"hush-hush"'), "print(token, rate)")
    (note,) = [n for n in plain(repo).promotion.notes if "stands in" in n]
    assert (
        note
        == "The secret 'token' stands in the notebook, and so in its pipeline. Empty it, and set it by -p token=env:NAME."
    )
    write(repo / "train.ipynb", source.format("__import__('os').environ['TOKEN']"), "print(token, rate)")
    assert not any("stands in" in note for note in plain(repo).promotion.notes)


def test_the_difference_is_shown_before_anything_is_written(train, capsys):
    seen = []
    plain(train, preview=lambda planned: seen.append((planned.diff, nothing_was_written(train))))
    (diff, untouched) = seen[0]
    assert untouched
    assert "+++ b/pipelines/train/pipeline.yaml" in diff
    assert "+name: train" in diff
    assert "private" not in diff
    manifest = train / "pipelines" / "train" / "pipeline.yaml"
    before = manifest.read_text()

    def refuse(planned):
        assert [line for line in planned.diff.splitlines() if line[0] in "+-"] == [
            "--- a/pipelines/train/pipeline.yaml", "+++ b/pipelines/train/pipeline.yaml", "+outputs:", "+- out.txt",
        ]  # fmt: skip
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        plain(train, outputs=["out.txt"], commit=True, preview=refuse)
    assert manifest.read_text() == before
    code, out, _ = call_main(capsys, "promote", "train.ipynb", "--no-check", "--output", "out.txt")
    assert (code, "+outputs:\n+- out.txt" in out) == (0, True)
    assert "\x1b[" not in out  # no colours where nobody sees them
    code, out, _ = call_main(capsys, "promote", "train.ipynb", "--no-check", "--json")
    assert json.loads(out)["diff"] == ""


def test_in_a_terminal_the_command_line_asks_first(train, monkeypatch, capsys):
    for stream in ("stdin", "stdout"):
        monkeypatch.setattr(f"sys.{stream}.isatty", lambda: True)
    asked = []
    monkeypatch.setattr("click.confirm", lambda text, **options: asked.append((text, options)))  # None: no
    code, _, said = call_main(capsys, "promote", "train.ipynb", "--no-check", "--commit")
    assert (code, said, nothing_was_written(train)) == (1, "Nothing was written.\n", True)
    assert asked == [("Write these changes?", {"default": True})]

    def interrupt(*_: object, **__: object) -> bool:
        raise click.Abort

    monkeypatch.setattr("click.confirm", interrupt)
    code, _, said = call_main(capsys, "promote", "train.ipynb", "--no-check", "--commit")
    assert (code, said, nothing_was_written(train)) == (130, "dcai: interrupted\n", True)
    code, _, _ = call_main(capsys, "promote", "train.ipynb", "--no-check", "--yes")
    assert (code, nothing_was_written(train)) == (0, False)


def test_of_a_long_difference_the_beginning_is_shown(tmp_path):
    text = "\n".join(map(str, range(1000)))
    lines = diff_of({tmp_path / "a.txt": text}, tmp_path).splitlines()
    assert (len(lines), lines[-1]) == (201, "... 803 more lines of a.txt")


def test_of_a_lock_one_line_is_shown(tmp_path):
    lock = tmp_path / "requirements.lock"
    text = "# Made here\n" + "".join(f"one{n}==1.{n}  # content sha256:{n}\n" for n in range(9))
    assert diff_of({lock: text}, tmp_path) == "+ requirements.lock: 9 packages, as they are installed here"
    lock.write_text(text)
    assert diff_of({lock: text}, tmp_path) == ""
    changed = (
        text.replace("one3==1.3", "one3==2.0")
        .replace("one4==1.4", "two==7")
        .replace("one8==1.8", "own @ git+https://h/x@1")
    )
    assert diff_of({lock: changed}, tmp_path) == (
        "+ requirements.lock: one3 1.3 -> 2.0, two 7 is new, own git+https://h/x@1 is new, one4 is gone, one8 is gone"
    )
    everything = re.sub(r"==1\.", "==2.", text)
    assert diff_of({lock: everything}, tmp_path).endswith("one4 1.4 -> 2.4, and 4 more")
    assert diff_of({lock: text + "# a note\n"}, tmp_path).endswith(": other hashes or notes, the same versions")


def documents_of(made):
    from dcai.pipelines.notebooks.parameters import find_parameters

    return find_parameters(made.notebook)


def test_a_pipeline_shows_itself_escaped(repo):
    write(repo / "train.ipynb", "rate = '<script>alert(1)</script>'  # <b>bold</b>", "print(rate)")
    made = plain(repo)
    assert repr(made) == "<Pipeline 'train': parameters rate; pipelines/train>"
    page = made._repr_html_()
    assert "<script>" not in page
    assert "<b>" not in page
    assert "&lt;script&gt;" in page


def test_copied_cell_ids_are_made_different(repo):
    notebook = make_notebook("x = 1", "print(x)", "print(x)")
    notebook.cells[2]["id"] = notebook.cells[1]["id"]
    (repo / "train.ipynb").write_text(json.dumps(notebook))
    ids = [c["id"] for c in json.loads(plain(repo).notebook.read_text())["cells"]]
    assert ids[:2] == ["cell-0", "cell-1"]
    assert len(set(ids)) == 3


def test_the_command_line_promotes_and_says_what_it_did(train, capsys):
    (train / "in.csv").write_text("a\n")
    options = [
        "--no-check",
        "-p",
        "rate=1",
        "--input",
        "in.csv",
        "--output",
        "out.txt",
        "--gate",
        "score>=0.5",
        "--gate",
        "n < 3",
    ]
    code, out, said = call_main(capsys, "promote", "train.ipynb", *options, "--commit", "--json")
    assert code == 0, said
    made = json.loads(out)
    assert (made["name"], made["checked"], made["commit"]) == ("train", False, git(train, "rev-parse", "HEAD").strip())
    read = load_pipeline("train")
    assert (read.inputs, read.outputs, read.gates) == (("in.csv",), ("out.txt",), {"score": ">=0.5", "n": "< 3"})
    assert read.parameters["properties"]["rate"]["default"] == 1.0
    _, out, said = call_main(capsys, "promote", "train.ipynb", "--no-check", "-p", "name")
    assert out.splitlines()[-2:] == ["not committed", "run it with: dcai run train"]
    assert "note: Not checked: no fresh-kernel run was made." in said
    code, _, said = call_main(capsys, "promote", "train.ipynb", "--no-check", "--gate", "score")
    assert (code, "The gate 'score' of promote() must be a comparison" in said) == (2, True)


# ---------------------------------------------------------------- what is refused


def nothing_was_written(root):
    return not (root / "pipelines").exists() and not (root / "runs").exists()


def test_a_notebook_that_fails_in_a_fresh_kernel_is_not_promoted(repo):
    write(repo / "train.ipynb", "rate = 1", "print(left_over_from_yesterday + rate)")
    with pytest.raises(
        RunError, match=r"fresh kernel: NameError: .*left_over_from_yesterday.* in cell 2 .*check=False"
    ):
        promote("train.ipynb", commit=True)
    assert nothing_was_written(repo)
    made = plain(repo)
    assert "Not checked: no fresh-kernel run was made." in made.promotion.notes
    assert not made.promotion.checked


def test_an_output_that_the_check_does_not_make_is_an_error(repo):
    write(repo / "train.ipynb", "rate = 1", "print(rate)")
    with pytest.raises(RunError, match=r"did not make the output 'absent\.txt'\. Nothing was written"):
        promote("train.ipynb", outputs=["absent.txt"])
    assert nothing_was_written(repo)


def test_an_output_from_earlier_is_none_that_the_check_made(repo):
    write(repo / "train.ipynb", "rate = 1", "print(rate)")
    (repo / "out.txt").write_text("old")
    said = r"did not make the output 'out\.txt', though one from earlier is there\. Nothing was written"
    with pytest.raises(RunError, match=said):
        promote("train.ipynb", outputs=["out.txt"])
    assert nothing_was_written(repo)
    write(repo / "train.ipynb", "rate = 1", "import sys\nsys.exit(0)", "print(rate)")
    made = promote("train.ipynb", outputs=["out.txt"])
    assert "The check run stopped on purpose before its last cell." in made.promotion.notes


def test_a_failed_check_is_one_readable_sentence_without_control_characters():
    error = RunFailure("ValueError", 1, "\nload('\x1b[2J')", "no\x07\nfile.")
    assert rehearsal._say_failed(Tally("failed", 1, error)) == (
        "The notebook does not run in a fresh kernel: ValueError: no\\u0007 file in cell 2 (`load('\\u001b[2J')`). "
        "Nothing was written. Restart its kernel, run all cells and correct what fails, or skip this check: "
        "check=False in Python, --no-check on the command line."
    )


def test_a_long_message_does_not_swallow_the_failing_cell():
    said = rehearsal._say_failed(Tally("failed", 1, RunFailure("ValueError", 4, "load()", "x" * 5000)))
    assert " in cell 5 (`load()`). Nothing was written." in said


def test_notes_of_a_promotion_stay_on_their_lines_in_a_terminal(repo, capsys):
    write(repo / "train.ipynb", 'a = 1\npath = f"""{a}\nwrote \x1b[2J\u202e"""', "print(path)")
    code, out, said = call_main(capsys, "promote", "train.ipynb", "--no-check")
    assert (code, out.splitlines()[-1]) == (0, "run it with: dcai run train")
    assert all(line.startswith("note: ") for line in said.splitlines())
    assert not {"\x1b", "\u202e"} & set(out + said)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "../evil"}, "The 'name' parameter of promote() must be 1 to 64 lower-case letters"),
        ({"name": "con"}, "The 'name' parameter of promote() must be"),
        ({"name": "Träin"}, "For example 'train'"),
        ({"name": "a/b"}, "The 'name' parameter of promote() must be"),
        ({"parameters": ["ratte"]}, "There is no parameter 'ratte'. Did you mean 'rate'?"),
        ({"parameters": {"rate": "x"}}, "The parameter 'rate' must be a number. Got 'x' instead."),
        ({"parameters": "rate"}, "must be a list of names or a mapping of defaults. Got 'rate' instead."),
        ({"inputs": ["absent.csv"]}, "The input 'absent.csv' does not exist"),
        ({"inputs": "a.csv"}, "Write ['a.csv']."),
        ({"outputs": ["../out"]}, "must be a relative path that stays inside its folder. Got '../out' instead."),
        ({"outputs": ["/etc/passwd"]}, "must be a relative path"),
        ({"outputs": ["C:\\out"]}, "must be a relative path"),
        (
            {"gates": {"accuracy": "high"}},
            "The gate 'accuracy' of promote() must be a comparison such as '>= 0.9'. Got 'high' instead.",
        ),
        ({"root": "absent"}, "The root must be an existing folder. Got 'absent' instead."),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_written(train, options, message):
    with pytest.raises(InputError) as caught:
        plain(train, **options)
    assert message in str(caught.value)
    assert nothing_was_written(train)


def test_computed_parameters_cannot_be_offered(repo):
    write(repo / "train.ipynb", "rate = 2 * 3\nname = 1", "print(rate)")
    with pytest.raises(InputError, match=r"'rate' is computed \(2 \* 3\)"):
        plain(repo, parameters=["rate"])


def test_without_a_repository_promotion_works_and_a_commit_is_refused_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "train.ipynb", PARAMETERS, "print(rate, name)")
    with pytest.raises(GitError, match="is not inside a git repository"):
        plain(tmp_path, commit=True)
    assert nothing_was_written(tmp_path)
    made = plain(tmp_path)
    assert made.promotion.commit is None
    assert load_pipeline("train").root == tmp_path.resolve()
    monkeypatch.chdir("/")
    assert load_pipeline(made.folder).root == tmp_path.resolve()


def test_a_merge_under_way_is_refused_before_anything_is_written(train):
    git(train, "checkout", "--quiet", "-b", "other")
    (train / "README.md").write_text("theirs\n")
    git(train, "commit", "--quiet", "-am", "Theirs")
    git(train, "checkout", "--quiet", "main")
    (train / "README.md").write_text("ours\n")
    git(train, "commit", "--quiet", "-am", "Ours")
    git(train, "merge", "other", check=False)
    with pytest.raises(GitError, match="A merge is under way"):
        plain(train, commit=True)
    assert nothing_was_written(train)


def test_a_rejecting_hook_leaves_everything_as_it_was(train):
    hook = train / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'names, please' >&2\nexit 1\n")
    hook.chmod(hook.stat().st_mode | stat.S_IEXEC)
    with pytest.raises(GitError, match="names, please"):
        plain(train, commit=True)
    assert nothing_was_written(train)
    assert git(train, "status", "--porcelain") == ""
    made = plain(train)
    text = (made.folder / "pipeline.yaml").read_text()
    with pytest.raises(GitError, match="names, please"):
        plain(train, commit=True, outputs=["other.txt"])
    assert (made.folder / "pipeline.yaml").read_text() == text


def test_a_write_that_fails_half_way_takes_everything_back(train, monkeypatch):
    whole = pipeline.store.write_atomic

    def full_disk(path, content):
        if path.name == ".gitignore":
            raise OSError(28, "No space left on device")
        return whole(path, content)

    monkeypatch.setattr(pipeline.store, "write_atomic", full_disk)
    with pytest.raises(OSError, match="No space left"):
        plain(train)
    assert nothing_was_written(train)


def test_ignored_runs_need_no_file_of_ours_and_ignored_pipelines_are_refused(train):
    (train / ".gitignore").write_text("runs/\n")
    git(train, "add", "-A")
    git(train, "commit", "--quiet", "-m", "Ignore")
    made = plain(train, commit=True)
    assert "runs/.gitignore" not in git(train, "show", "--name-only", "--format=", made.promotion.commit)
    (train / ".gitignore").write_text("pipelines/\n")
    with pytest.raises(GitError, match="ignore rule keeps"):
        plain(train, name="other", commit=True)


# ---------------------------------------------------------------- reading


def test_pipelines_are_listed_and_a_broken_one_says_why(train):
    plain(train)
    plain(train, name="second")
    broken = train / "pipelines" / "third"
    broken.mkdir()
    (broken / "pipeline.yaml").write_text("name: [")
    listed = list_pipelines(train)
    assert [(p.name, p.runs, p.last, bool(p.problem)) for p in listed] == [
        ("second", 0, None, False), ("third", 0, None, True), ("train", 0, None, False),
    ]  # fmt: skip
    assert "is not valid YAML" in listed[1].problem
    assert listed[2].notebook == "pipelines/train/pipeline.ipynb"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a", "must hold a mapping"),
        ("name: train\nnotebok: x", "There is no field of pipeline.yaml 'notebok'. Did you mean 'notebook'?"),
        ("name: ../x", "The 'name' parameter of"),
        ("name: other", "is 'other', but its folder is 'train'. Make them equal."),
        ("name: train\nnotebook: /etc/passwd", "must be 'pipeline.ipynb', beside it"),
        ("name: train\noutputs: out.txt", "'outputs' in"),
        ("name: train\noutputs: [../x]", "must be a relative path"),
        ("name: train\noutputs: [1]", "must be a list of paths"),
        ("name: train\ngates: {a: 1}", "The gate 'a' of"),
        ("name: train\ntimeout: {cell: soon}", "holds seconds above 0"),
        ("name: train\ntimeout: {run: .inf}", "holds seconds above 0"),
        ("name: train\ntimeout: {run: .nan}", "holds seconds above 0"),
        ("parameters: {properties: {a: {$ref: 'http://localhost:1/x'}}}", "is not a schema that can be used: references ($ref)"),
        ("parameters: {properties: {a: {pattern: (}}}", "'(' is not a 'regex', at properties.a.pattern."),
        ("parameters: {properties: {a: {type: integr}}}", "at properties.a.type."),
        ("name: train\nparameters: {properties: [a]}", "must be a JSON Schema object"),
        ("name: !!python/object:os.system ls", "must be a text"),
        ("parameters: {properties: {a: {default: !!python/object:os.system ls}}}", "holds a value that is no plain data"),
    ],
)  # fmt: skip
def test_a_manifest_that_was_edited_wrongly_is_refused_with_the_reason(train, text, message):
    made = plain(train)
    (made.folder / "pipeline.yaml").write_text(text)
    with pytest.raises(InputError) as caught:
        load_pipeline("train")
    assert message in str(caught.value)


def test_unknown_pipelines_are_named_with_a_guess(train):
    plain(train)
    assert isinstance(load_pipeline("train"), Pipeline)
    with pytest.raises(MissingError, match=r"There is no pipeline 'trian'\. Did you mean 'train'\?"):
        load_pipeline("trian")
    with pytest.raises(InputError, match=r"The 'name' parameter of load_pipeline"):
        load_pipeline("../../etc")


def test_names_suggested_for_any_file_name_are_allowed_ones():
    for stem in ("Träin Model (v2)", "训练", "con", "__init__", "a" * 300, "-x-", ""):
        assert names.require_name(names.suggest_name(f"{stem}.ipynb"), "test")


def test_run_ids_sort_by_time_and_hold_no_colon():
    ids = [names.new_run_id() for _ in range(50)]
    assert ids == sorted(ids)
    assert len(set(ids)) == 50
    assert not any(":" in i for i in ids)
