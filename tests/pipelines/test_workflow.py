"""The workflow for continuous integration: valid, pinned, with the least permissions, and its scripts do what they say."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from dcai.base.errors import InputError
from dcai.base.yaml_text import builtin, parse_yaml
from dcai.pipelines.definitions import installed
from dcai.pipelines.pipeline import load_pipeline, promote
from dcai.pipelines.promotion.workflow import make_workflow
from dcai.pipelines.runs import history
from tests.pipelines.conftest import DCAI, call_main, git, write

_TEXTS = {"type": "array", "items": {"type": "string"}, "minItems": 1, "uniqueItems": True}
# What GitHub accepts of those parts of a workflow that are written here; anything else is refused.
SCHEMA = {
    "type": "object", "additionalProperties": False, "required": ["name", "on", "permissions", "jobs"],
    "properties": {
        "name": {"type": "string"},
        "on": {
            "type": "object", "additionalProperties": False,
            "properties": {
                "push": {"type": "object", "additionalProperties": False, "properties": {"paths": _TEXTS}},
                "schedule": {"type": "array", "items": {"type": "object", "required": ["cron"], "properties": {"cron": {"type": "string"}}}},
                "workflow_dispatch": {"type": "object"},
            },
        },
        "permissions": {"const": {"contents": "read"}},
        "concurrency": {
            "type": "object", "additionalProperties": False, "required": ["group"],
            "properties": {"group": {"type": "string"}, "cancel-in-progress": {"type": "boolean"}},
        },
        "jobs": {
            "type": "object", "additionalProperties": False,
            "patternProperties": {"^[A-Za-z_][A-Za-z0-9_-]*$": {
                "type": "object", "additionalProperties": False, "required": ["runs-on", "steps"],
                "properties": {
                    "runs-on": {"const": "ubuntu-latest"}, "timeout-minutes": {"type": "integer", "minimum": 1},
                    "needs": {"type": "string"}, "if": {"type": "string", "pattern": r"^\$\{\{ .* \}\}$"},
                    "permissions": {"const": {"issues": "write"}},
                    "outputs": {"type": "object", "additionalProperties": {"type": "string", "pattern": r"^\$\{\{ steps\."}},
                    "defaults": {"const": {"run": {"shell": "bash"}}},
                    "steps": {"type": "array", "items": {
                        "type": "object", "additionalProperties": False,
                        "oneOf": [{"required": ["uses"]}, {"required": ["run"]}],
                        "properties": {
                            "name": {"type": "string"}, "id": {"type": "string", "pattern": "^[a-z]+$"}, "if": {"type": "string"},
                            "run": {"type": "string"}, "with": {"type": "object"},
                            "env": {"type": "object", "additionalProperties": {"type": "string"}},
                            "uses": {"type": "string", "pattern": "^actions/[a-z-]+@[0-9a-f]{40}$"},
                        },
                    }},
                },
            }},
        },
    },
}  # fmt: skip
# The inputs of the pinned versions that may be set.
INPUTS = {
    "actions/checkout": {"persist-credentials"}, "actions/setup-python": {"python-version"},
    "actions/upload-artifact": {"name", "path", "if-no-files-found"},
}  # fmt: skip


@pytest.fixture
def train(repo):
    write(repo / "train.ipynb", "rate = 0.1", "print(rate)")
    (repo / "data").mkdir()
    (repo / "data" / "a [1].csv").write_text("x\n1\n")
    return repo


def read(path):
    return builtin(parse_yaml(path.read_text(), path))


def test_a_workflow_is_valid_pinned_and_commits_with_the_pipeline(train):
    made = promote(
        "train.ipynb", inputs=["data/a [1].csv", "data"], schedule="0 3 * * *", ci="github", check=False, commit=True
    )
    path = train / ".github" / "workflows" / "dcai-train.yml"
    assert ".github/workflows/dcai-train.yml" in git(train, "show", "--name-only", "--format=", "HEAD").split("\n")
    found = read(path)
    jsonschema.Draft202012Validator(SCHEMA).validate(found)
    assert not re.search(r"[&*]id\d", path.read_text())  # no anchors, which not every reader of workflows knows
    assert found["on"]["schedule"] == [{"cron": "0 3 * * *"}]
    assert {"pipelines/train/**", "data/a \\[1\\].csv", "data", "data/**", "corrections/**"} <= set(
        found["on"]["push"]["paths"]
    )
    steps = found["jobs"]["run"]["steps"]
    # What may write (an issue, and nothing else) runs nothing of the repository and of nobody else; what runs it may not write.
    assert "permissions" not in found["jobs"]["run"]
    (report,) = found["jobs"]["report"]["steps"]
    assert "uses" not in report
    assert found["jobs"]["report"]["needs"] in found["jobs"]
    for step in [*steps, report]:
        if "uses" in step:
            assert set(step["with"]) <= INPUTS[step["uses"].partition("@")[0]]
        else:
            assert "${{" not in step["run"]  # nothing that others may write gets into a script
            subprocess.run(["bash", "-n"], input=step["run"], text=True, check=True)
    assert steps[0]["with"] == {"persist-credentials": False}
    pins = re.findall(r"uses: (\S+)@([0-9a-f]{40})  # (v\d+\.\d+\.\d+)", path.read_text())
    assert [p[0] for p in pins] == list(INPUTS)
    assert make_workflow(load_pipeline("train"), "github") == {path: path.read_text()}
    assert made.promotion.files[-1] == ".github/workflows/dcai-train.yml"


@pytest.mark.parametrize(("code", "ended"), [(0, 0), (10, 0), (2, 2)])
def test_the_scripts_pass_codes_and_reports_on(train, tmp_path, code, ended):
    promote("train.ipynb", ci="github", check=False)
    steps = read(train / ".github" / "workflows" / "dcai-train.yml")["jobs"]["run"]["steps"]
    scripts = {step.get("id") or step["name"]: step["run"] for step in steps if "run" in step}
    tool = tmp_path / "dcai"
    tool.write_text(f'#!/bin/sh\necho "called: $*"\nexit {code}\n')
    tool.chmod(0o755)
    (train / "pipelines" / "train" / "baseline.json").write_text("{}")
    summary, output = tmp_path / "summary.md", tmp_path / "output"
    surroundings = {
        **os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
        "GITHUB_STEP_SUMMARY": str(summary), "GITHUB_OUTPUT": str(output), "RUNNER_TEMP": str(tmp_path),
    }  # fmt: skip
    shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c"]
    asked = subprocess.run([*shell, scripts["due"]], cwd=train, env=surroundings, check=False)
    assert asked.returncode == ended
    assert output.read_text() == f"code={code}\n"
    made = subprocess.run([*shell, scripts["run"]], cwd=train, env=surroundings, check=False)
    assert made.returncode == code
    outputs = read_outputs(output.read_text())
    assert outputs == {"code": str(code), "said": "called: run train"}
    said = "    called: due train --baseline pipelines/train/baseline.json\n### train: run\n    called: run train\n"
    assert summary.read_text() == f"### train: due?\n{said}"


def test_what_a_run_has_said_is_short_enough_for_a_report(train, tmp_path):
    """An issue may have 65,536 characters, a variable 128 kB; and any line break ends a block of code."""
    promote("train.ipynb", ci="github", check=False)
    said = "for n in $(seq 300); do printf '%05000d\\n' \"$n\"; done\nprintf 'fails\\r@everyone'\nexit 3"
    make_tool(tmp_path, "dcai", said)
    output = tmp_path / "output"
    surroundings = {
        **os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "RUNNER_TEMP": str(tmp_path),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"), "GITHUB_OUTPUT": str(output),
    }  # fmt: skip
    shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script_of(train, "run")["run"]]
    assert subprocess.run(shell, cwd=train, env=surroundings, capture_output=True, check=False).returncode == 3
    outputs = read_outputs(output.read_text())
    assert (outputs["code"], outputs["said"].splitlines()[-2:]) == ("3", ["fails", "@everyone"])
    assert len(outputs["said"]) <= 12_000
    assert b"\r" not in output.read_bytes()


def read_outputs(text):
    """Read what steps put out, as GitHub does: NAME=VALUE, or NAME<<END, lines, END; the last one of a name counts."""
    found, lines = {}, iter(text.splitlines())
    for line in lines:
        name, sign, value = re.fullmatch(r"(\w+)(=|<<)(.*)", line).groups()
        found[name] = value if sign == "=" else "\n".join(iter(lambda end=value: next(lines), value))
    return found


# Enough of GitHub's own tool: issues stand in a folder, a title in each file.
GH = """
cd "$(dirname "$0")"
echo "$*" >> called
case "$1 $2" in
  "issue list") test -f issue && echo 7 || true ;;
  "issue create") cat "$6" > issue ;;
  "issue comment") cat "$5" >> issue ;;
  "issue close") mv issue closed ;;
esac
"""


def test_a_report_is_opened_continued_and_closed_by_the_next_good_run(train, tmp_path):
    promote("train.ipynb", ci="github", check=False)
    job = read(train / ".github" / "workflows" / "dcai-train.yml")["jobs"]["report"]
    make_tool(tmp_path, "gh", GH)
    shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", job["steps"][0]["run"]]

    def report(result, code="", said=""):
        facts = {
            "RESULT": result,
            "CODE": code,
            "SAID": said,
            "LINK": "https://host/runs/1",
            "RUNNER_TEMP": str(tmp_path),
        }
        path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
        subprocess.run(shell, env={**os.environ, "PATH": path, **facts}, check=True)
        called = (tmp_path / "called").read_text().splitlines()
        (tmp_path / "called").unlink()
        return [" ".join(one.split()[:2]) for one in called], called

    title = "dcai: the pipeline train fails"
    verbs, called = report("failure", "3", "gate_failed $(touch pwned) `touch pwned`\n@everyone")
    assert verbs == ["issue list", "issue create"]
    assert f"--title {title} " in called[1]
    assert f'select(.title == "{title}")' in called[0]
    text = (tmp_path / "issue").read_text()
    assert text.startswith("A run ended with exit code 3: https://host/runs/1\n")
    assert (
        "\n    gate_failed $(touch pwned) `touch pwned`\n    @everyone\n" in text
    )  # a block of code: nobody is called
    assert not list(tmp_path.glob("pwned")) + list(train.glob("pwned"))
    assert report("failure")[0] == ["issue list", "issue comment"]
    assert "It came to no exit code of a run (failure): https://host/runs/1" in (tmp_path / "issue").read_text()
    assert report("success", "0")[0] == ["issue list", "issue close"]
    assert report("success", "0")[0] == ["issue list"]


def script_of(root, name):
    steps = read(root / ".github" / "workflows" / "dcai-train.yml")["jobs"]["run"]["steps"]
    return next(step for step in steps if name in (step.get("id"), step.get("name")))


def make_tool(folder, name, script):
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def test_a_run_in_continuous_integration_is_one_of_a_clean_checkout(train, tmp_path):
    promote("train.ipynb", ci="github", check=False, commit=True)
    git(train, "add", "-A")
    git(train, "commit", "--quiet", "-m", "All")
    tools, temporary = tmp_path / "tools", tmp_path / "temporary"
    tools.mkdir()
    temporary.mkdir()
    make_tool(tools, "dcai", f'exec "{sys.executable}" -m dcai "$@"')
    surroundings = {
        **os.environ, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(DCAI),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"), "GITHUB_OUTPUT": str(tmp_path / "output"),
        "RUNNER_TEMP": str(temporary),
    }  # fmt: skip
    for name, code in (("due", 0), ("run", 0)):
        shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script_of(train, name)["run"]]
        assert subprocess.run(shell, cwd=train, env=surroundings, check=False).returncode == code
    outputs = (tmp_path / "output").read_text()
    assert outputs.startswith("code=10\n")
    assert read_outputs(outputs)["code"] == "0"
    assert [(r.status, r.dirty) for r in history("train")] == [("succeeded", False)]
    assert git(train, "status", "--porcelain") == ""


@pytest.mark.parametrize(
    ("given", "made"),
    [("0 3 * * 7", "0 3 * * 0"), ("0 3 * * 5-7", "0 3 * * 0,5,6"), ("0 7 * * mon-fri", "0 7 * * mon-fri")],
)
def test_a_sunday_is_written_as_github_knows_it(train, given, made):
    promote("train.ipynb", schedule=given, ci="github", check=False)
    path = train / ".github" / "workflows" / "dcai-train.yml"
    assert read(path)["on"]["schedule"] == [{"cron": made}]


def test_dcai_is_installed_where_the_lock_does_not_hold_it(train, tmp_path, monkeypatch):
    promote("train.ipynb", ci="github", check=False)
    step = script_of(train, "Install")
    assert step["env"] == {"DCAI": "${{ vars.DCAI || 'dcai' }}"}
    make_tool(tmp_path, "python", f'echo "$*" >> "{tmp_path}/called"')
    for tool in ("bash", "sh"):
        (tmp_path / tool).symlink_to(shutil.which(tool))
    surroundings = {"PATH": str(tmp_path), "DCAI": "dcai @ git+https://host/dcai@4f1c"}
    lock = "-m pip install -r pipelines/train/requirements.lock --no-deps"
    for missing in (True, False):
        subprocess.run(["bash", "-ec", step["run"]], cwd=train, env=surroundings, check=True)
        called = (tmp_path / "called").read_text().splitlines()
        assert called == ([lock, "-m pip install dcai @ git+https://host/dcai@4f1c"] if missing else [lock])
        (tmp_path / "called").unlink()
        make_tool(tmp_path, "dcai", "")
    monkeypatch.setattr(installed, "origin_of", lambda _: {"vcs": "git+https://ann:key@host/dcai@4f1c"})
    promote("train.ipynb", ci="github", check=False)
    assert script_of(train, "Install")["env"] == {"DCAI": "${{ vars.DCAI || 'dcai @ git+https://host/dcai@4f1c' }}"}
    monkeypatch.setattr(installed, "origin_of", lambda _: {"vcs": "git+https://host/x'}} @4f1c"})
    promote("train.ipynb", ci="github", check=False)
    assert script_of(train, "Install")["env"] == {"DCAI": "${{ vars.DCAI || 'dcai' }}"}


def test_a_workflow_of_somebody_else_stays(train, capsys):
    path = train / ".github" / "workflows" / "dcai-train.yml"
    path.parent.mkdir(parents=True)
    path.write_text("name: mine\n")
    with pytest.raises(InputError, match="was not made by dcai. Rename it, then promote again"):
        promote("train.ipynb", ci="github", check=False)
    assert path.read_text() == "name: mine\n"
    assert not (train / "pipelines").exists()
    with pytest.raises(
        InputError, match="The 'ci' parameter of promote\\(\\) must be 'github'. Got 'jenkins' instead. Elsewhere"
    ):
        promote("train.ipynb", ci="jenkins", check=False)
    path.unlink()
    assert call_main(capsys, "promote", "train.ipynb", "--no-check", "--yes", "--ci", "github")[0] == 0
    assert path.is_file()
    assert Path("pipelines/train/pipeline.yaml").is_file()
