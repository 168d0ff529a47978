"""Who may ask, and which paths: every route, so that a new one cannot be forgotten."""

import json
import shutil
from dataclasses import replace

import pytest
from tornado.httpclient import HTTPClientError

from dcai.base import contract
from dcai.pipelines.archive import ledger
from dcai.shells.server import ROUTES
from dcai.shells.server_paths import Served

VERBS = ("get", "post", "put", "patch", "delete", "head")
EVERY = [(route, verb) for route, handler in ROUTES for verb in VERBS if verb in vars(handler)]


def test_every_route_has_a_verb():
    assert {route for route, _ in EVERY} == {route for route, _ in ROUTES}
    assert len(EVERY) >= len(ROUTES)


@pytest.mark.parametrize(("route", "verb"), EVERY)
async def test_a_stranger_is_refused(route, verb, jp_serverapp, http_server_client, jp_base_url):
    body = b"{}" if verb in ("post", "put", "patch") else None
    for headers in ({}, {"Authorization": "token wrong"}):
        with pytest.raises(HTTPClientError) as refused:
            await http_server_client.fetch(
                f"{jp_base_url}dcai/api/{route}", method=verb.upper(), body=body, headers=headers
            )
        assert refused.value.code == 403


@pytest.mark.parametrize(("route", "verb"), [e for e in EVERY if e[1] == "post"])
async def test_a_cookie_without_xsrf_token_is_refused(route, verb, jp_serverapp, http_server_client, jp_base_url):
    """A page of another origin can make the browser send the cookie, but not the token."""
    token = jp_serverapp.identity_provider.token
    login = await http_server_client.fetch(
        f"{jp_base_url}tree?token={token}", follow_redirects=False, raise_error=False
    )
    cookies = [c.split(";")[0] for c in login.headers.get_list("Set-Cookie")]
    assert any(c.startswith("username-") for c in cookies)
    cookie = {"Cookie": "; ".join(cookies)}
    with pytest.raises(HTTPClientError) as refused:
        await http_server_client.fetch(f"{jp_base_url}dcai/api/{route}", method="POST", body=b"{}", headers=cookie)
    assert refused.value.code == 403
    assert "_xsrf" in json.loads(refused.value.response.body)["error"]


ESCAPES = ["../secret.ipynb", "a/../../secret.ipynb", "/../secret.ipynb", "link/secret.ipynb", "file.ipynb"]
ESCAPES += ["..\\secret.ipynb", "a\0b.ipynb", ".hidden/secret.ipynb", "circle/x.ipynb", "x" * 5000 + ".ipynb"]


@pytest.fixture
def outside(root, write_notebook):
    """Make a secret beside the served folder, and links that lead there."""
    write_notebook("../secret.ipynb", "secret = 1")
    write_notebook(".hidden/secret.ipynb", "secret = 1")
    (root / "link").symlink_to(root.parent)
    (root / "file.ipynb").symlink_to(root.parent / "secret.ipynb")
    (root / "circle").symlink_to(root / "circle")
    return root


@pytest.mark.parametrize("path", ESCAPES)
async def test_no_path_leads_outside(path, outside, ask):
    order = {"notebook": path, "name": "x", "check": False, "commit": False}
    answers = [await ask("promote", order)]
    if "\0" not in path:  # tornado takes such characters out of an address
        answers += [await ask("parameters", notebook=path), await ask("pipelines", path=path)]
    for code, refusal in answers:
        assert code == 404
        assert "in the folder that this server serves" in refusal["error"]
        assert str(outside) not in json.dumps(refusal)


@pytest.mark.parametrize("where", ["..", "link", "a/../.."])
async def test_no_root_leads_outside(where, outside, ask):
    run = {"root": where, "pipeline": "p", "run": "r"}
    assert (await ask("runs", root=where, pipeline="p", limit=1))[0] == 404
    assert (await ask("runs", {"root": where, "pipeline": "p", "parameters": {}}))[0] == 404
    assert (await ask("progress", **run))[0] == 404
    assert (await ask("cancel", run))[0] == 404


@pytest.mark.parametrize("name", ["../p", "..", "a/b", "/etc", "p\0", ""])
async def test_names_are_no_paths(name, root, ask):
    assert (await ask("runs", root="", pipeline=name, limit=1))[0] == 400
    assert (await ask("runs", {"root": "", "pipeline": name, "parameters": {}}))[0] == 400
    assert (await ask("progress", root="", pipeline="p", run=name))[0] == 400
    assert (await ask("cancel", {"root": "", "pipeline": "p", "run": name}))[0] == 400


async def test_a_linked_pipeline_is_not_listed_and_not_run(root, ask):
    elsewhere = root.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "pipeline.yaml").write_text("name: p\nnotebook: pipeline.ipynb\n")
    (root / "pipelines").mkdir()
    (root / "pipelines" / "p").symlink_to(elsewhere)
    assert (await ask("pipelines", path=""))[1]["pipelines"] == []
    assert (await ask("runs", {"root": "", "pipeline": "p", "parameters": {}}))[0] == 404


LINKS = ["pipelines", "runs", "pipelines/p", "pipelines/p/pipeline.yaml", "pipelines/p/pipeline.ipynb", "runs/p"]
RUN_LINKS = ["runs/p/r", "runs/p/r/run.json", "runs/p/r/events.jsonl"]
OUT = "is a link that leads out of the folder that this server serves. Put a real file or folder in its place."


@pytest.fixture
def linked(root, write_notebook, tmp_path):
    """Return a function that moves one thing of a pipeline with a run away and links to it, and a look at what is there."""
    write_notebook("work.ipynb", "rounds = 1")
    write_notebook("pipelines/p/pipeline.ipynb", "rounds = 1")
    (root / "pipelines/p/pipeline.yaml").write_text("name: p\n")
    (root / "runs/p/r").mkdir(parents=True)
    (root / "runs/p/r/events.jsonl").touch()
    # A run that is settled by whoever reads it: its process is gone.
    record = ledger.begin("r", "p", "pipelines/p/pipeline.ipynb", "python3", root=root, parameters={})
    ledger.write_record(root / "runs/p/r/run.json", replace(record, started="2020-01-31T12:00:00+00:00"))
    elsewhere = tmp_path / "elsewhere"

    def link(place):
        shutil.move(root / place, elsewhere)
        (root / place).symlink_to(elsewhere)

    def look():
        found = [elsewhere, *elsewhere.rglob("*")]
        return {p: p.read_bytes() for p in found if p.is_file()}, sorted(found)

    return link, look


@pytest.mark.parametrize("place", LINKS)
async def test_nothing_of_ours_is_read_or_written_through_a_link(place, linked, root, ask):
    link, look = linked
    link(place)
    before = look()
    run = {"root": "", "pipeline": "p", "run": "r"}
    answers = [
        await ask("promote", {"notebook": "work.ipynb", "name": "p", "check": False, "commit": False}),
        await ask("runs", {"root": "", "pipeline": "p", "parameters": {}}),
        await ask("runs", root="", pipeline="p", limit=1),
    ]
    if place.startswith("runs"):
        answers += [await ask("progress", **run), await ask("cancel", run)]
    for code, refusal in answers:
        assert code == 404
        assert refusal["error"].endswith(OUT)
    code, listed = await ask("pipelines", path="")
    assert listed.get("pipelines", []) == [] or OUT in listed["pipelines"][0]["problem"]
    assert "2020-01-31" not in json.dumps(listed)
    assert look() == before


@pytest.mark.parametrize("place", RUN_LINKS)
async def test_no_run_is_read_or_settled_through_a_link(place, linked, root, ask):
    link, look = linked
    link(place)
    before = look()
    run = {"root": "", "pipeline": "p", "run": "r"}
    for code, refusal in (
        await ask("runs", root="", pipeline="p", limit=1),
        await ask("progress", **run),
        await ask("cancel", run),
    ):
        assert code == 404
        assert refusal["error"].startswith(f"'{place}")  # or a file in it
        assert refusal["error"].endswith(OUT)
    (listed,) = (await ask("pipelines", path=""))[1]["pipelines"]
    assert (listed["problem"], listed["last"]) == (f"{place!r} {OUT}", None)
    assert look() == before


async def test_links_that_stay_inside_are_followed(linked, root, ask):
    (root / "runs").rename(root / "volume")
    (root / "runs").symlink_to("volume")
    (listed,) = (await ask("pipelines", path=""))[1]["pipelines"]
    assert (listed["problem"], listed["runs"], listed["last"]["status"]) == ("", 1, "interrupted")
    settled = contract.from_json(ledger.RunRecord, (root / "volume/p/r/run.json").read_text())
    assert settled.error.error == "RunnerGone"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("It does not exist in {top}. Make it.", "It does not exist in the served folder. Make it."),
        ("In {top}: no", "In the served folder: no"),
        ("{top}/a b/c.csv", "a b/c.csv"),
        ("in {above}: hook", "in the repository around the served folder: hook"),
        ("{above}/.git/hooks/commit-msg", "../../.git/hooks/commit-msg"),
        ("'{above}/other/x'", "'../../other/x'"),
    ],
)
def test_sentences_name_no_path_of_this_machine(said, shown, tmp_path):
    above = tmp_path / "above"
    top = above / "middle" / "served"
    top.mkdir(parents=True)
    (above / ".git").mkdir()
    assert Served.of(top).hide(said.format(top=top, above=above)) == shown


def test_a_path_that_only_looks_alike_stays(tmp_path):
    said = f"{tmp_path}.bak, {tmp_path}2/x, {tmp_path}-old/y, /mnt{tmp_path}/z"
    assert Served.of(tmp_path).hide(said) == said


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("{", "is not valid JSON"),
        ("[]", "must be a JSON object"),
        ('{"root": "", "pipeline": "p"}', "lacks the field 'parameters'"),
        ('{"root": "", "pipeline": "p", "parameters": {}, "rot": 1}', "Did you mean 'root'?"),
        ('{"root": 1, "pipeline": "p", "parameters": {}}', "RunRequest.root must be str"),
        ('{"root": "", "pipeline": "p", "parameters": {"a": NaN}}', "NaN is not a JSON value"),
    ],
)
async def test_bodies_are_read_strictly(body, sentence, root, ask):
    code, refusal = await ask("runs", body)
    assert code == 400
    assert sentence in refusal["error"]


async def test_bytes_that_are_no_text_are_refused(jp_fetch, root):
    with pytest.raises(HTTPClientError) as refused:
        await jp_fetch("dcai", "api", "runs", method="POST", body=b"\xff{}")
    assert refused.value.code == 400
    assert "must be UTF-8 text" in json.loads(refused.value.response.body)["error"]


async def test_arguments_are_read_strictly(root, ask):
    code, refusal = await ask("parameters")
    assert (code, refusal["error"]) == (400, "The address must hold the argument 'notebook' once. Got it 0 times.")
    for limit in ("0", "-1", "many", "100000"):
        code, refusal = await ask("runs", root="", pipeline="p", limit=limit)
        assert code == 400
        assert "a number from 1 to 500" in refusal["error"]
