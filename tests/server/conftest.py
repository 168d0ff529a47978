"""A Jupyter server in this process, with dcai loaded; its fixtures stay in this folder (they bend the event loop)."""

from __future__ import annotations

import json
import subprocess

import nbformat
import pytest
from nbformat import v4
from pytest_jupyter.jupyter_server import *  # noqa: F403  # fixtures and the hook that awaits async tests
from tornado.httpclient import HTTPClientError


@pytest.fixture
def jp_server_config():
    """Load dcai, and let nobody in without a token."""
    return {"ServerApp": {"jpserver_extensions": {"dcai": True}, "allow_unauthenticated_access": False}}


@pytest.fixture
def root(jp_root_dir):
    """Make the served folder a git repository, inside which the tests work."""
    for command in (["init", "-q"], ["config", "user.name", "A Tester"], ["config", "user.email", "t@example.org"]):
        subprocess.run(["git", *command], cwd=jp_root_dir, check=True)
    return jp_root_dir


@pytest.fixture
def write_notebook(jp_root_dir):
    """Return a function that writes a notebook whose first cell is tagged `parameters`."""

    def write(name, *cells):
        nodes = [v4.new_code_cell(source) for source in cells]
        nodes[0].metadata["tags"] = ["parameters"]
        spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
        path = jp_root_dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(v4.new_notebook(cells=nodes, metadata={"kernelspec": spec}), path)
        return path

    return write


@pytest.fixture
def ask(jp_fetch):
    """Return a function that calls a route: its value, or the status and the refusal."""

    async def call(route, body=None, **query):
        try:
            if body is None:
                answer = await jp_fetch("dcai", "api", route, params=query)
            else:
                text = body if isinstance(body, str) else json.dumps(body)
                answer = await jp_fetch("dcai", "api", route, method="POST", body=text)
        except HTTPClientError as error:
            return error.code, json.loads(error.response.body)
        return answer.code, json.loads(answer.body)

    return call


@pytest.fixture(autouse=True)
def _few_threads(monkeypatch):
    """Keep the kernels of these tests small."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
