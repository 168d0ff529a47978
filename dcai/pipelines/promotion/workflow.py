"""A pipeline in continuous integration: the workflow that runs it when something has changed, and by the clock."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from dcai.base.errors import InputError
from dcai.base.yaml_text import dump_yaml
from dcai.pipelines.definitions import installed
from dcai.pipelines.definitions.declarations import cron_fields
from dcai.pipelines.definitions.definition import FOLDER, Pipeline
from dcai.pipelines.definitions.locks import without_credentials
from dcai.pipelines.definitions.readings import list_watched
from dcai.pipelines.names import relative_to_root

# Each action with the commit that was read, and the version that this commit is.
_ACTIONS = {
    "actions/checkout": ("3d3c42e5aac5ba805825da76410c181273ba90b1", "v7.0.1"),
    "actions/setup-python": ("5fda3b95a4ea91299a34e894583c3862153e4b97", "v7.0.0"),
    "actions/upload-artifact": ("bbbca2ddaa5d8feaa63e36b76fdaad77386f024f", "v7.0.0"),
}
_HEAD = (
    "# Made by `dcai promote --ci github`, and made anew by it: edit `triggers` in pipeline.yaml instead.\n"
    "# Actions are pinned to commits. A clone has no runs: commit the run.json of a good run as {baseline},\n"
    "# and only what has changed since makes a run due; without it every run is.\n"
    "# Where the lock does not hold dcai itself, the variable DCAI of the repository says what pip installs,\n"
    "# such as: dcai @ git+https://HOST/OWNER/REPOSITORY@COMMIT\n"
)
_PYTHON = "3.11"
_MINUTES = 60
# Characters that a path filter reads as a pattern.
_ADDRESS = re.compile(r"git\+(https|ssh)://[\w.@:/~+-]+@[0-9a-f]+")
_PATTERN = re.compile(r"([*?+\[\]!\\])")

_INSTALL = """\
{lock}if ! command -v dcai > /dev/null; then python -m pip install "$DCAI"; fi
"""
# Reports are written outside of the checkout, which must stay clean: records say whether it was.
_DUE = """\
baseline=()
if [ -f {baseline} ]; then baseline=(--baseline {baseline}); fi
code=0
dcai due {name} "${{baseline[@]}}" | tee "$RUNNER_TEMP/due.txt" || code=$?
echo "code=$code" >> "$GITHUB_OUTPUT"
{{ echo '### {name}: due?'; sed 's/^/    /' "$RUNNER_TEMP/due.txt"; }} >> "$GITHUB_STEP_SUMMARY"
if [ "$code" -ne 0 ] && [ "$code" -ne 10 ]; then exit "$code"; fi
"""
_RUN = """\
code=0
dcai run {name} 2>&1 | tee "$RUNNER_TEMP/run.txt" || code=$?
{{ echo '### {name}: run'; sed 's/^/    /' "$RUNNER_TEMP/run.txt"; }} >> "$GITHUB_STEP_SUMMARY"
end="end-$(od -An -N16 -tx1 /dev/urandom | tr -d ' \\n')"
said=$(tail -n {lines} "$RUNNER_TEMP/run.txt" | tail -c {bytes} | tr '\\r' '\\n')
{{ echo "code=$code"; echo "said<<$end"; printf '%s\\n' "$said"; echo "$end"; }} >> "$GITHUB_OUTPUT"
exit "$code"
"""
# One issue for each pipeline, found again by its title: opened, told of further failures, closed by the next good run.
_REPORT = """\
title='dcai: the pipeline {name} fails'
known=$(gh issue list --state open --app github-actions --limit 1000 --json number,title \\
  --jq "map(select(.title == \\"$title\\"))[0].number // empty")
if [ "$RESULT" = success ]; then
  if [ -n "$known" ]; then gh issue close "$known" --comment "It has succeeded again: $LINK"; fi
  exit 0
fi
{{
  if [ -n "$CODE" ]; then echo "A run ended with exit code $CODE: $LINK"
  else echo "It came to no exit code of a run ($RESULT): $LINK"; fi
  printf '\\n%s\\n' "$SAID" | sed 's/^/    /'
  echo
  echo 'Exit codes: 1 a cell failed, 2 invalid, 3 a gate, 5 the kernel died, 6 too long. The run itself is kept at this address.'
}} > "$RUNNER_TEMP/report.md"
if [ -n "$known" ]; then gh issue comment "$known" --body-file "$RUNNER_TEMP/report.md"
else gh issue create --title "$title" --body-file "$RUNNER_TEMP/report.md"; fi
"""
# The last ones of what a run has said: a report may have 65,536 characters, and each line begins with four of its own.
_LINES, _BYTES = 100, 12_000


def make_workflow(one: Pipeline, ci: str) -> dict[Path, str]:
    """Return the file of a pipeline's workflow and its text.

    Raises
    ------
    InputError
        It is another service than GitHub, or somebody else's file stands there.

    Examples
    --------
    >>> make_workflow(load_pipeline("train"), "github")  # doctest: +SKIP
    {PosixPath('.github/workflows/dcai-train.yml'): '# Made by ...'}
    """
    if ci != "github":
        hint = "Elsewhere, let cron or the service call `dcai due NAME || dcai run NAME`."
        raise InputError.wrong_value("ci", "promote()", "'github'", ci, hint)
    path = one.root / ".github" / "workflows" / f"dcai-{one.name}.yml"
    if path.is_file() and not path.read_text("utf-8", "replace").startswith(_HEAD.partition(",")[0]):
        raise InputError(f"{relative_to_root(path, one.root)} was not made by dcai. Rename it, then promote again.")
    baseline = f"{FOLDER}/{one.name}/baseline.json"
    text = _HEAD.format(baseline=baseline) + dump_yaml(_describe(one, baseline))
    for action, (commit, version) in _ACTIONS.items():
        text = text.replace(f"{action}@{commit}", f"{action}@{commit}  # {version}")
    return {path: text}


def _describe(one: Pipeline, baseline: str) -> dict[str, Any]:
    schedule = one.triggers.get("schedule")
    clock = {"schedule": [{"cron": _as_github_has_it(schedule)}]} if schedule else {}
    return {
        "name": f"dcai {one.name}",
        "on": {"push": {"paths": list(_list_paths(one))}, **clock, "workflow_dispatch": {}},
        "permissions": {"contents": "read"},
        "concurrency": {"group": f"dcai-{one.name}", "cancel-in-progress": False},
        "jobs": {
            "run": {
                "runs-on": "ubuntu-latest",
                "timeout-minutes": _MINUTES,
                "outputs": {name: f"${{{{ steps.run.outputs.{name} }}}}" for name in ("code", "said")},
                "defaults": _use_bash(),
                "steps": list(_list_steps(one, baseline)),
            },
            "report": _describe_report(one),
        },
    }


def _describe_report(one: Pipeline) -> dict[str, Any]:
    """Return the job that tells people: the only one that may write anything, and it runs nothing of the repository."""
    # A branch on which somebody tries something is no night that failed.
    is_main = "github.event_name == 'schedule' || github.ref_name == github.event.repository.default_branch"
    has_ended = "needs.run.result != 'success' || needs.run.outputs.code == '0'"
    facts = {
        "GH_TOKEN": "github.token", "GH_REPO": "github.repository", "RESULT": "needs.run.result",
        "CODE": "needs.run.outputs.code", "SAID": "needs.run.outputs.said",
    }  # fmt: skip
    place = "${{ github.server_url }}/${{ github.repository }}/actions/runs/${{ github.run_id }}"
    step = {
        "name": "Open, continue or close the report",
        "env": {**{name: f"${{{{ {value} }}}}" for name, value in facts.items()}, "LINK": place},
        "run": _literal(_REPORT.format(name=one.name)),
    }
    return {
        "needs": "run",
        "if": f"${{{{ always() && ({has_ended}) && ({is_main}) }}}}",
        "runs-on": "ubuntu-latest",
        "timeout-minutes": 5,
        "permissions": {"issues": "write"},
        "defaults": _use_bash(),
        "steps": [step],
    }


def _list_paths(one: Pipeline) -> Iterator[str]:
    """Yield the paths whose changes may make a run due, as far as the manifest does not turn them off."""
    acts = {trigger: one.triggers.get(trigger, True) is not False for trigger in ("code", "data", "corrections")}
    folder = f"{FOLDER}/{one.name}"
    found = [f"{folder}/**", "**.py", *map(_quote, list_watched(one, "code"))] if acts["code"] else []
    if acts["data"]:
        for path in dict.fromkeys([*one.inputs, *list_watched(one, "data")]):
            found += [_quote(path), *([f"{_quote(path)}/**"] if (one.root / path).is_dir() else [])]
    if acts["corrections"]:
        named = ["corrections/**"] if one.corrections is None else map(_quote, one.corrections)
        found += [*named, *map(_quote, list_watched(one, "corrections"))]
    yield from dict.fromkeys(found or [f"{folder}/**"])


def _as_github_has_it(schedule: str) -> str:
    """Write a cron line for GitHub, which does not know that 7 is Sunday, too."""
    words = schedule.split()
    days = cron_fields(schedule)[4]
    return " ".join([*words[:4], ",".join(map(str, sorted(days))) if "7" in words[4] else words[4]])


def _quote(path: str) -> str:
    return _PATTERN.sub(r"\\\1", path)


def _list_steps(one: Pipeline, baseline: str) -> Iterator[dict[str, Any]]:
    lock = one.environment.get("lock")
    locked = f"python -m pip install -r {FOLDER}/{one.name}/{lock} --no-deps\n" if lock and _is_plain(lock) else ""
    yield {"uses": _pin("actions/checkout"), "with": {"persist-credentials": False}}
    python = ".".join(one.environment.get("python", _PYTHON).split(".")[:2])
    yield {"uses": _pin("actions/setup-python"), "with": {"python-version": python}}
    source = {"DCAI": f"${{{{ vars.DCAI || '{_own_source()}' }}}}"}
    yield {"name": "Install", "env": source, "run": _literal(_INSTALL.format(lock=locked))}
    yield {
        "name": "Ask whether a run is due",
        "id": "due",
        "run": _literal(_DUE.format(name=one.name, baseline=baseline)),
    }
    wanted = "steps.due.outputs.code == '10' || github.event_name == 'workflow_dispatch'"
    script = _RUN.format(name=one.name, lines=_LINES, bytes=_BYTES)
    yield {"name": "Run", "id": "run", "if": wanted, "run": _literal(script)}
    kept = {"name": f"runs-{one.name}", "path": f"runs/{one.name}/", "if-no-files-found": "ignore"}
    yield {"name": "Keep the run", "if": "always()", "uses": _pin("actions/upload-artifact"), "with": kept}


def _use_bash() -> dict[str, Any]:
    """Return what makes a job's scripts run with `pipefail`: a pipe fails with its first command."""
    return {"run": {"shell": "bash"}}


def _literal(script: str) -> str:
    """Return a text that is written as a block of lines."""
    from ruamel.yaml.scalarstring import LiteralScalarString

    made: str = LiteralScalarString(script)
    return made


def _own_source() -> str:
    """Return what pip installs to have this dcai: its commit, where it was installed from version control."""
    try:
        found = installed.origin_of(metadata.distribution("dcai")).get("vcs", "")
    except metadata.PackageNotFoundError:
        found = ""
    address = without_credentials(found)
    return f"dcai @ {address}" if _ADDRESS.fullmatch(address) else "dcai"


def _is_plain(name: str) -> bool:
    """Tell whether a file's name can stand in a command as it is."""
    return re.fullmatch(r"[A-Za-z0-9_./-]+", name) is not None and not name.startswith("-")


def _pin(action: str) -> str:
    return f"{action}@{_ACTIONS[action][0]}"
