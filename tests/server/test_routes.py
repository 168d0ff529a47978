"""What the routes do, for real: notebooks are promoted, kernels run, processes are ended."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime

import psutil
import pytest

from dcai.base.errors import MissingError, RunError
from dcai.base.records import RunRecord
from dcai.shells.cli_demo import PANEL_URL
from dcai.shells.server import STATUS
from dcai.shells.server_promotions import UNFORESEEN
from dcai.shells.server_runs import Runs

PARAMETERS = "rounds: int = 1\nnote: str = 'a'"


async def promote(ask, notebook, name="train", *, check=False, commit=False, preview=False):
    """Promote a notebook and wait for the end, or for what it would do."""
    order = {"notebook": notebook, "name": name, "check": check, "commit": commit, "preview": preview}
    return await follow(ask, *await ask("promote", order), until=("promotion", "preview"))


async def follow(ask, code, job, until=("promotion",)):
    """Ask for the progress of a promotion until it has what is waited for."""
    deadline = time.monotonic() + 120
    while code in (200, 202) and not any(key in job for key in until):
        assert time.monotonic() < deadline, f"the promotion did not get there: {job}"
        await asyncio.sleep(0.05)
        code, job = await ask("promote", job=job["job"])
    return code, job


async def wait(ask, run, until):
    """Ask for the progress of a run until something holds of it."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        code, progress = await ask("progress", **run)
        if code == 200 and until(progress):
            return progress
        assert code == 200 or (code == 404 and progress["error"] == f"The run {run['run']} is starting."), progress
        await asyncio.sleep(0.05)
    raise AssertionError(f"the run did not get there: {progress}")


def git(folder, *command, check=True):
    """Ask git."""
    return subprocess.run(["git", *command], cwd=folder, capture_output=True, text=True, check=check).stdout.strip()


def wait_for_file(path):
    """Wait until another process has written a file."""
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@contextlib.contextmanager
def started(words, folder=None):
    """Start Python as somebody else does, and end it at the end."""
    with subprocess.Popen([sys.executable, *words], cwd=folder) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for_words(process):
    """Wait until the system tells a new process's command line: for a moment after its start it is empty."""
    deadline = time.monotonic() + 60
    while not psutil.Process(process.pid).cmdline():
        assert time.monotonic() < deadline
        time.sleep(0.01)


async def test_parameters_of_a_notebook(root, write_notebook, ask):
    write_notebook("work/My Notebook.ipynb", PARAMETERS, "rounds, note")
    code, view = await ask("parameters", notebook="work/My Notebook.ipynb")
    assert code == 200
    assert (view["root"], view["git"]) == ("", True)
    assert view["found"]["notebook"] == "work/My Notebook.ipynb"
    assert view["found"]["suggested_name"] == "my-notebook"
    assert [p["name"] for p in view["found"]["parameters"]] == ["rounds", "note"]


async def test_a_repository_inside_is_its_own_root(root, write_notebook, ask):
    write_notebook("inner/a.ipynb", PARAMETERS)
    git(root / "inner", "init", "-q")
    assert (await ask("parameters", notebook="inner/a.ipynb"))[1]["root"] == "inner"
    assert (await ask("pipelines", path="inner/a.ipynb"))[1]["root"] == "inner"
    assert (await ask("pipelines", path=""))[1]["root"] == ""


async def test_without_git_the_served_folder_is_the_root(jp_root_dir, write_notebook, ask):
    write_notebook("inner/a.ipynb", PARAMETERS)
    code, view = await ask("parameters", notebook="inner/a.ipynb")
    assert (code, view["root"], view["git"]) == (200, "", False)


async def test_promote_run_and_history(root, write_notebook, ask):
    write_notebook("train.ipynb", PARAMETERS, "import dcai", "dcai.record(score=rounds / 2)\nnote")
    code, done = await promote(ask, "train.ipynb", check=True, commit=True)
    assert code == 200, done
    assert done["promotion"]["checked"] is True
    assert done["promotion"]["commit"] == git(root, "rev-parse", "HEAD")

    code, run = await ask("runs", {"root": "", "pipeline": "train", "parameters": {"rounds": 3, "note": "'\"\n"}})
    assert code == 201
    progress = await wait(ask, run, lambda p: p["record"]["status"] != "running")
    record = json.loads((root / "runs" / "train" / run["run"] / "run.json").read_text())
    assert progress["record"] == record
    assert record["status"] == "succeeded"
    assert record["parameters"] == {"rounds": 3, "note": "'\"\n"}
    assert record["metrics"] == {"score": 1.5}

    code, listed = await ask("runs", root="", pipeline="train", limit=1)
    assert (code, listed["total"], listed["runs"]) == (200, 1, [record])
    code, listed = await ask("pipelines", path="train.ipynb")
    (train,) = listed["pipelines"]
    assert (train["name"], train["runs"], train["last"]) == ("train", 1, record)


def state_of(root):
    """Everything in a repository, and its last commit."""
    files = {p: p.read_bytes() for p in root.rglob("*") if p.is_file() and ".git" not in p.parts}
    return files, git(root, "rev-parse", "--verify", "--quiet", "HEAD", check=False)


async def test_a_promotion_shows_what_it_would_write_and_waits(root, write_notebook, ask):
    (root / "data.csv").write_text("a\n1\n")
    write_notebook("train.ipynb", PARAMETERS, "text = open('data.csv').read()", "open('new.txt', 'w').write(text)")
    before = state_of(root)
    code, planned = await promote(ask, "train.ipynb", check=True, commit=True, preview=True)
    assert (code, planned["preview"]["commit"], "promotion" in planned) == (200, None, False)
    assert "+++ b/pipelines/train/pipeline.yaml" in planned["preview"]["diff"]
    assert planned["preview"]["undeclared"] == {"inputs": ["data.csv"], "outputs": ["new.txt"]}
    (root / "new.txt").unlink()  # what the notebook itself has written
    assert state_of(root) == before
    code, done = await follow(ask, *await ask("promotion", {"job": planned["job"], "go": True}))
    assert done["promotion"]["commit"] == git(root, "rev-parse", "HEAD")
    assert done["promotion"]["diff"] == planned["preview"]["diff"]
    code, later = await ask("promotion", {"job": planned["job"], "go": False})  # it cannot be taken back
    assert (code, later["promotion"]) == (202, done["promotion"])


async def test_what_nobody_agrees_to_is_not_written(root, write_notebook, ask, monkeypatch):
    write_notebook("train.ipynb", PARAMETERS)
    before = state_of(root)
    code, planned = await promote(ask, "train.ipynb", commit=True, preview=True)
    code, refusal = await follow(ask, *await ask("promotion", {"job": planned["job"], "go": False}))
    assert (code, refusal["error"]) == (422, "The promotion was called off. Nothing was written.")
    monkeypatch.setattr("dcai.shells.server_promotions._PATIENCE", 0.3)
    code, planned = await promote(ask, "train.ipynb", commit=True, preview=True)
    code, refusal = await follow(ask, code, planned)
    assert (code, refusal["error"].split(".")[0]) == (422, "Nobody has agreed to the promotion in time")
    assert state_of(root) == before


async def test_what_changes_under_the_eyes_of_who_agrees_is_not_overwritten(root, write_notebook, ask):
    write_notebook("train.ipynb", PARAMETERS)
    code, planned = await promote(ask, "train.ipynb", preview=True)
    manifest = root / "pipelines/train/pipeline.yaml"
    manifest.parent.mkdir(parents=True)
    manifest.write_text("mine")
    code, refusal = await follow(ask, *await ask("promotion", {"job": planned["job"], "go": True}))
    assert (code, manifest.read_text()) == (400, "mine")
    assert refusal["error"].startswith("The pipeline's files have changed while the difference was shown.")


async def test_a_check_run_is_cancelled_and_its_kernel_ends(root, write_notebook, ask):
    source = "import os, time\nopen('pid', 'w').write(str(os.getpid()) + ' ')\ntime.sleep(977)"
    write_notebook("train.ipynb", PARAMETERS, source)
    order = {"notebook": "train.ipynb", "name": "train", "check": True, "commit": True, "preview": True}
    code, job = await ask("promote", order)
    deadline = time.monotonic() + 60
    while not ((root / "pid").exists() and (root / "pid").read_text().endswith(" ")):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    kernel = psutil.Process(int((root / "pid").read_text()))
    await ask("promotion", {"job": job["job"], "go": True})  # there is nothing to agree to yet
    code, refusal = await follow(ask, *await ask("promotion", {"job": job["job"], "go": False}))
    assert (code, refusal["error"]) == (422, "The promotion was called off. Nothing was written.")
    assert not kernel.is_running() or kernel.status() == psutil.STATUS_ZOMBIE
    assert not (root / "pipelines").exists()


async def test_a_run_under_way_is_shown_and_cancelled(root, write_notebook, ask):
    write_notebook("slow.ipynb", PARAMETERS, "import time\ntime.sleep(600)")
    assert (await promote(ask, "slow.ipynb", "slow"))[0] == 200
    run = (await ask("runs", {"root": "", "pipeline": "slow", "parameters": {}}))[1]
    progress = await wait(ask, run, lambda p: p["cell"] == 1)
    assert progress["record"]["status"] == "running"
    assert progress["cell_source"].startswith("import time")
    assert (progress["record"]["cells_done"], progress["record"]["cells_total"]) == (1, 2)

    assert await ask("cancel", run) == (202, run)
    progress = await wait(ask, run, lambda p: p["record"]["status"] != "running")
    assert (progress["record"]["status"], progress["record"]["exit_code"]) == ("interrupted", 143)
    assert await ask("cancel", run) == (202, run)  # too late, and harmless


async def test_a_run_of_another_server_is_cancelled(root, write_notebook, ask):
    """After a restart the server knows the process from the record only."""
    write_notebook("slow.ipynb", PARAMETERS, "import time\ntime.sleep(600)")
    assert (await promote(ask, "slow.ipynb", "slow"))[0] == 200
    before = Runs()
    run = {"root": "", "pipeline": "slow", "run": before.start(root, "slow", {})}
    wait_for_file(root / "runs" / "slow" / run["run"] / "run.json")
    await wait(ask, run, lambda p: p["cell"] == 1)
    assert await ask("cancel", run) == (202, run)
    progress = await wait(ask, run, lambda p: p["record"]["status"] != "running")
    assert progress["record"]["status"] == "interrupted"


async def test_a_run_that_a_terminal_started_is_cancelled(root, write_notebook, ask):
    """Its command line does not hold its id, but its kernel knows it."""
    write_notebook("slow.ipynb", PARAMETERS, "import time\ntime.sleep(600)")
    assert (await promote(ask, "slow.ipynb", "slow"))[0] == 200
    with started(["-m", "dcai", "run", "slow", "--quiet"], root) as process:
        wait_for_file(root / "runs" / "slow")
        (folder,) = (root / "runs" / "slow").iterdir()
        wait_for_file(folder / "run.json")
        run = {"root": "", "pipeline": "slow", "run": folder.name}
        await wait(ask, run, lambda p: p["cell"] == 1)
        assert await ask("cancel", run) == (202, run)
        assert process.wait(timeout=60) == 128 + signal.SIGTERM


def record_of(pid, host):
    """Write the record of a run that seems to be under way."""
    return RunRecord(
        v=1, run="r-1", pipeline="p", notebook="n", status="running", exit_code=0, parameters={}, commit=None,
        dirty=None, inputs=[], outputs=[], corrections=[], metrics={}, gates=[], resources=None, environment={},
        started=datetime.now(UTC).isoformat(), ended=None, error=None, cells_total=0, cells_done=0, pid=pid, host=host,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("pid", "host"),
    [
        (os.getpid(), socket.gethostname()),  # the time fits, but nothing else tells that this process is the run
        (os.getpid(), "elsewhere"),
        (None, None),
    ],
    ids=["another", "elsewhere", "unknown"],
)
def test_a_stranger_with_the_same_number_is_not_ended(pid, host):
    with pytest.raises(RunError, match="The process of the run r-1 is not on this machine, or cannot be told from"):
        Runs().cancel("r-1", record_of(pid, host))


@pytest.mark.parametrize(
    ("words", "ended"), [(["r-1"], True), (["r-12"], False), (["r"], False), (["--note=r-1"], False)]
)
def test_only_a_process_that_names_the_run_is_ended(words, ended):
    with started(["-c", "import time; time.sleep(60)", *words]) as process:
        wait_for_words(process)
        record = record_of(process.pid, socket.gethostname())
        if ended:
            Runs().cancel("r-1", record)
            assert process.wait(timeout=10) == -signal.SIGTERM
        else:
            with pytest.raises(RunError, match="cannot be told from others"):
                Runs().cancel("r-1", record)
            assert process.poll() is None


@pytest.mark.parametrize(
    ("given", "field", "sentence"),
    [
        ({"rounds": "many"}, "rounds", "must be an integer"),
        ({"rounds": 1.5}, "rounds", "must be an integer"),
        ({"rund": 1}, "rund", "Did you mean 'rounds'?"),
    ],
)
async def test_wrong_values_name_their_field_and_start_nothing(given, field, sentence, root, write_notebook, ask):
    write_notebook("train.ipynb", PARAMETERS)
    assert (await promote(ask, "train.ipynb"))[0] == 200
    code, refusal = await ask("runs", {"root": "", "pipeline": "train", "parameters": given})
    assert (code, refusal["field"]) == (400, field)
    assert sentence in refusal["error"]
    assert not (root / "runs" / "train").exists()


async def test_a_parameter_without_default_must_be_given(root, write_notebook, ask):
    write_notebook("train.ipynb", "rounds: int", "rounds")
    assert (await promote(ask, "train.ipynb"))[0] == 200
    code, refusal = await ask("runs", {"root": "", "pipeline": "train", "parameters": {}})
    assert (code, refusal["field"]) == (400, "rounds")
    assert refusal["error"] == "The parameter 'rounds' has no default. Give it a value."


async def test_what_ends_before_it_begins_says_why(root, write_notebook, ask):
    write_notebook("train.ipynb", PARAMETERS)
    assert (await promote(ask, "train.ipynb"))[0] == 200
    manifest = root / "pipelines" / "train" / "pipeline.yaml"
    manifest.write_text(manifest.read_text().replace("kernel: python3", "kernel: absent"))
    run = (await ask("runs", {"root": "", "pipeline": "train", "parameters": {}}))[1]
    code, deadline = 404, time.monotonic() + 60
    while code == 404 and time.monotonic() < deadline:
        code, refusal = await ask("progress", **run)
        await asyncio.sleep(0.05)
    assert code == 400
    assert "There is no kernel 'absent'" in refusal["error"]


async def test_refused_promotions(root, write_notebook, ask):
    write_notebook("broken.ipynb", PARAMETERS, "undefined")
    code, refusal = await promote(ask, "broken.ipynb", check=True)
    assert code == 422
    assert "does not run in a fresh kernel: NameError" in refusal["error"]
    code, refusal = await promote(ask, "broken.ipynb", "Not A Name")
    assert code == 400
    (root / ".git" / "MERGE_HEAD").write_text("0" * 40)
    code, refusal = await promote(ask, "broken.ipynb", commit=True)
    assert code == 409
    assert "A merge is under way" in refusal["error"]
    assert not (root / "pipelines").exists()
    code, refusal = await ask("promote", job="unknown")
    assert (code, refusal["error"].split(".")[0]) == (404, "There is no promotion 'unknown'")


async def test_a_pipeline_that_cannot_be_read_says_why(root, ask):
    (root / "pipelines" / "broken").mkdir(parents=True)
    (root / "pipelines" / "broken" / "pipeline.yaml").write_text("name: [")
    (broken,) = (await ask("pipelines", path=""))[1]["pipelines"]
    assert broken["problem"].startswith("pipelines/broken/pipeline.yaml, line 1 is not valid YAML")
    code, refusal = await ask("runs", {"root": "", "pipeline": "broken", "parameters": {}})
    assert (code, refusal["error"]) == (400, broken["problem"])


@pytest.mark.parametrize("broken", ["name: other\n", "name: [\n", "name: train\nnotebook: x.ipynb\n"])
async def test_a_pipeline_that_cannot_be_run_is_listed_with_the_reason(broken, root, write_notebook, ask):
    write_notebook("pipelines/train/pipeline.ipynb", PARAMETERS)
    (root / "pipelines" / "train" / "pipeline.yaml").write_text(broken)
    (listed,) = (await ask("pipelines", path=""))[1]["pipelines"]
    assert (listed["name"], listed["folder"]) == ("train", "pipelines/train")
    assert listed["problem"]
    code, refusal = await ask("runs", {"root": "", "pipeline": "train", "parameters": {}})
    assert (code, refusal["error"]) == (400, listed["problem"])


async def test_a_name_that_is_not_the_folders_is_a_problem(root, write_notebook, ask):
    write_notebook("pipelines/train/pipeline.ipynb", PARAMETERS)
    (root / "pipelines" / "train" / "pipeline.yaml").write_text("name: other\n")
    (root / "pipelines" / "My Folder").mkdir()
    (root / "pipelines" / "My Folder" / "pipeline.yaml").write_text("name: other\n")
    odd, train = (await ask("pipelines", path=""))[1]["pipelines"]
    assert train["problem"] == (
        "'name' in pipelines/train/pipeline.yaml is 'other', but its folder is 'train'. Make them equal."
    )
    assert "must be 1 to 64 lower-case letters" in odd["problem"]
    assert "'My Folder'" in odd["problem"]


async def test_a_pipeline_that_is_a_link_to_another_is_run_by_its_name(root, write_notebook, ask):
    write_notebook("train.ipynb", PARAMETERS)
    assert (await promote(ask, "train.ipynb"))[0] == 200
    manifest = root / "pipelines" / "train" / "pipeline.yaml"
    manifest.write_text(manifest.read_text().replace("name: train\n", ""))
    (root / "pipelines" / "alias").symlink_to("train")
    alias, train = (await ask("pipelines", path=""))[1]["pipelines"]
    assert alias["problem"] == "pipelines/alias is a link to the pipeline 'train'. Run that one."
    assert train["problem"] == ""
    code, refusal = await ask("runs", {"root": "", "pipeline": "alias", "parameters": {}})
    assert (code, refusal["error"]) == (400, alias["problem"])


async def test_git_errors_name_no_path_above_the_served_folder(root, write_notebook, ask, jp_serverapp):
    """The repository lies around the served folder; its hook refuses."""
    write_notebook("inner/train.ipynb", PARAMETERS)
    hook = root / ".git" / "hooks" / "pre-commit"
    hook.write_text(f"#!/bin/sh\necho no good: {root}/x >&2\nexit 1\n")
    hook.chmod(0o755)
    jp_serverapp.web_app.settings["server_root_dir"] = str(root / "inner")
    code, refusal = await promote(ask, "train.ipynb", commit=True)
    assert (code, refusal["error"]) == (
        409,
        "git refused `git commit` in the repository around the served folder: no good: ../x",
    )
    assert not (root / "inner" / "pipelines").exists()


async def test_unknown_things_are_404(root, ask):
    assert (await ask("progress", root="", pipeline="p", run="r"))[0] == 404
    assert (await ask("runs", root="", pipeline="p", limit=1))[0] == 404
    assert (await ask("cancel", {"root": "", "pipeline": "p", "run": "r"}))[0] == 404


async def test_an_unforeseen_error_tells_nothing_but_the_way_to_the_log(root, ask, monkeypatch):
    monkeypatch.setattr("dcai.shells.server_promotions.Promotions.progress", lambda *_: 1 / 0)
    code, refusal = await ask("promote", job="x")
    assert code == 500
    assert refusal == {"error": UNFORESEEN}


async def test_a_promotion_that_fails_unforeseen_ends_and_is_logged(root, write_notebook, ask, monkeypatch, caplog):
    def fail(*_, **__):
        raise ZeroDivisionError("secret")

    write_notebook("train.ipynb", PARAMETERS)
    monkeypatch.setattr("dcai.pipelines.pipeline.promote", fail)
    code, refusal = await promote(ask, "train.ipynb")
    assert (code, refusal["error"]) == (500, UNFORESEEN)
    assert UNFORESEEN.startswith("dcai failed in a way that it should not.")
    (logged,) = [r for r in caplog.records if r.exc_info and "The promotion of" in r.getMessage()]
    assert str(logged.exc_info[1]) == "secret"


async def test_the_address_of_the_panel_takes_a_token_along(jp_fetch, jp_serverapp, http_server_client):
    """What `dcai lab` opens: JupyterLab adds the token to the address with a question mark."""
    jp_serverapp.default_url = PANEL_URL
    printed = jp_serverapp.public_url
    assert printed.endswith(f"{PANEL_URL}?token={jp_serverapp.identity_provider.token}")
    path = f"{jp_serverapp.base_url.rstrip('/')}{PANEL_URL}?token=abc"
    answer = await http_server_client.fetch(path, follow_redirects=False, raise_error=False)
    assert answer.code == 302
    assert answer.headers["Location"] == f"{jp_serverapp.base_url}lab?dcai-panel&token=abc"


def test_the_first_fitting_class_decides():
    assert STATUS[0] == (MissingError, 404)  # a MissingError is an InputError too


def test_the_extension_is_light():
    """`import dcai` must not load a server."""
    code = "import sys, dcai; sys.exit(any(m in sys.modules for m in ('tornado', 'jupyter_server')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
