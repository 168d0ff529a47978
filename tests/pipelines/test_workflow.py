"""The workflow for continuous integration: valid, pinned, with the least permissions, and its scripts do what they say."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import jsonschema
import pytest

from dcai.base.errors import InputError
from dcai.base.yaml_text import builtin, parse_yaml
from dcai.pipelines.pipeline import load_pipeline, promote
from dcai.pipelines.workflow import make_workflow
from tests.pipelines.conftest import call_main, git, write

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
                    "defaults": {"const": {"run": {"shell": "bash"}}},
                    "steps": {"type": "array", "items": {
                        "type": "object", "additionalProperties": False,
                        "oneOf": [{"required": ["uses"]}, {"required": ["run"]}],
                        "properties": {
                            "name": {"type": "string"}, "id": {"type": "string", "pattern": "^[a-z]+$"}, "if": {"type": "string"},
                            "run": {"type": "string"}, "with": {"type": "object"},
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
    assert found["on"]["schedule"] == [{"cron": "0 3 * * *"}]
    assert {"pipelines/train/**", "data/a \\[1\\].csv", "data", "data/**", "corrections/**"} <= set(
        found["on"]["push"]["paths"]
    )
    steps = found["jobs"]["run"]["steps"]
    for step in steps:
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
        "GITHUB_STEP_SUMMARY": str(summary), "GITHUB_OUTPUT": str(output),
    }  # fmt: skip
    shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c"]
    asked = subprocess.run([*shell, scripts["due"]], cwd=train, env=surroundings, check=False)
    assert asked.returncode == ended
    assert output.read_text() == f"code={code}\n"
    made = subprocess.run([*shell, scripts["Run"]], cwd=train, env=surroundings, check=False)
    assert made.returncode == code
    said = "    called: due train --baseline pipelines/train/baseline.json\n### train: run\n    called: run train\n"
    assert summary.read_text() == f"### train: due?\n{said}"


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
