"""Secrets are given by reference, reach the notebook, and are nowhere in what a run leaves behind."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
import time
import urllib.parse
from itertools import pairwise

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcai.base.errors import InputError, MissingError
from dcai.pipelines.archive.ledger import read_record
from dcai.pipelines.masking import Masker, is_reference, resolve
from dcai.pipelines.processes.pool import KernelPool
from dcai.pipelines.runs import run
from tests.pipelines.conftest import DCAI, write
from tests.pipelines.test_engine import call

SECRET = 'p@ss "w\\rd"/+&ü-7531'
SHOW = """import base64, json, sys, time, urllib.parse
from IPython.display import HTML, display
from dcai.pipelines.runtime.notebook import record
print(token, file=sys.stderr)
print(token[:7], end="", flush=True); time.sleep(0.4); print(token[7:], flush=True)
print(repr(token), json.dumps(token), token.encode().hex(), urllib.parse.quote(token), urllib.parse.quote_plus(token))
print(base64.b64encode(token.encode()), base64.b64encode(("user:" + token).encode()), sep="\\n")
display(HTML(f"<b>{token}</b>")); display({"application/json": {token: [token]}}, raw=True)
record(said=token, length=len(token))
token"""


def forms(secret):
    data = secret.encode()
    codes = [base64.b64encode(b"x" * n + data)[(n * 4 + 2) // 3 + 1 : -4] for n in range(3)]
    quoted = [urllib.parse.quote(secret), urllib.parse.quote_plus(secret), data.hex(), repr(secret)[1:-1]]
    return [data, *codes, *(q.encode() for q in quoted)]


@pytest.mark.parametrize("how", ["env:MY_TOKEN", "file:hidden/token.txt"])
def test_no_byte_of_a_run_holds_the_secret(repo, monkeypatch, how):
    monkeypatch.setenv("MY_TOKEN", SECRET)
    (repo / "hidden").mkdir()
    (repo / "hidden" / "token.txt").write_text(SECRET + "\n", "utf-8")
    write(repo / "case.ipynb", "token: 'SecretStr' = ''", SHOW, "raise ValueError(token)")
    heard = []
    with KernelPool(preload=[]) as pool:
        done = run("case.ipynb", {"token": how}, kernels=pool, progress=heard.append)
    assert (done.status, done.record.error.message) == ("failed", "***")
    assert done.metrics == {"said": "***", "length": len(SECRET)}  # the notebook itself had it
    assert done.record.parameters == {"token": how}
    saved = nbformat.read(done.folder / "output.ipynb", 4)
    assert saved.metadata.papermill.parameters == {"token": how}
    files = [p for p in done.folder.rglob("*") if p.is_file()]
    assert {p.name for p in files} == {"run.json", "events.jsonl", "openlineage.jsonl", "output.ipynb", "packages.txt"}
    for text in [*(p.read_bytes() for p in files), repr(heard).encode(), repr(done).encode()]:
        assert not [form for form in forms(SECRET) if form in text]
    joined = "".join(o.text for c in saved.cells for o in c.get("outputs", []) if o.output_type == "stream")
    assert SECRET not in joined  # not even where it was put out in two pieces


def test_a_secret_in_two_pieces_is_nowhere_when_the_runner_is_killed(repo, monkeypatch):
    monkeypatch.setenv("MY_TOKEN", SECRET)
    source = (
        "import os, sys, time\nprint('a' + token[:7], end='', flush=True); time.sleep(0.4)\n"
        "print(token[7:] + 'b', flush=True); time.sleep(0.4); print('done', flush=True); time.sleep(977)"
    )
    write(repo / "case.ipynb", "token: 'SecretStr' = ''", source)
    words = [sys.executable, "-m", "dcai", "run", "case.ipynb", "--run-id", "it", "-p", "token=env:MY_TOKEN", "--quiet"]
    environment = {**os.environ, "PYTHONPATH": str(DCAI)}
    log = repo / "runs" / "case" / "it" / "outputs.jsonl"
    with subprocess.Popen(words, cwd=repo, env=environment, stderr=subprocess.DEVNULL) as runner:
        deadline = time.monotonic() + 60
        while not (log.is_file() and "done" in log.read_text().partition('"stream"')[2]):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        runner.kill()
    read_record(log.parent)
    for path in (p for p in log.parent.rglob("*") if p.is_file()):
        assert not [form for form in (SECRET[:7], SECRET[7:]) if form.encode() in path.read_bytes()], path
    saved = nbformat.read(log.parent / "output.ipynb", 4).cells[2]
    assert "".join(o.text for o in saved.outputs) == "a***b\ndone\n"


def test_what_only_begins_like_a_secret_is_put_out_after_all(repo, monkeypatch):
    monkeypatch.setenv("MY_TOKEN", SECRET)
    source = "import sys, time\nprint(token[:3], end='', flush=True)\nif fails:\n    {}"
    for number, ending in enumerate(("time.sleep(977)", "raise ValueError('no')")):
        write(repo / f"case{number}.ipynb", "token: 'SecretStr' = ''\nfails = True", source.format(ending))
        done = run(f"case{number}.ipynb", {"token": "env:MY_TOKEN"}, cell_timeout=1.5)
        assert done.status == ("timed_out", "failed")[number]
        saved = nbformat.read(done.folder / "output.ipynb", 4).cells[2]
        assert saved.outputs[0].text == SECRET[:3]


@settings(max_examples=100)
@given(st.text("ab", min_size=4, max_size=9), st.text("ab*", max_size=40), st.lists(st.integers(0, 60), max_size=6))
def test_a_text_in_pieces_is_masked_as_the_whole_one(secret, text, places):
    masker = Masker.make([secret])
    cuts = sorted({0, *(min(p, len(text)) for p in places), len(text)})
    shown, rest = "", ""
    for begin, end in pairwise(cuts):
        safe, rest = masker.split(rest + text[begin:end])
        shown += safe
    assert shown + rest == masker.text(text)


def test_papermill_with_the_engine_takes_references_too(repo, monkeypatch):
    monkeypatch.setenv("MY_TOKEN", SECRET)
    write(repo / "case.ipynb", "token: 'SecretStr' = ''", "print(token)\nassert len(token) > 9")
    call("case.ipynb", parameters={"token": "env:MY_TOKEN"})
    for path in repo.glob("out.ipynb*"):
        assert SECRET not in path.read_text("utf-8")
    assert nbformat.read("out.ipynb", 4).cells[2].outputs[0].text == "***\n"


@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        ("env:NO_SUCH_NAME", InputError, "'token' refers to the environment variable 'NO_SUCH_NAME', which is not set"),
        ("file:absent", MissingError, "absent', which does not exist"),
        ("file:binary", InputError, "binary', which cannot be read"),
        ("abc", InputError, "has fewer than 4 characters, so it cannot be masked"),
        ("a\0bcd", InputError, "without the character NUL"),
    ],
)
def test_a_secret_that_is_not_there_or_cannot_be_hidden_is_refused_before_a_run(repo, value, kind, message):
    (repo / "binary").write_bytes(b"\xff\xfe")
    write(repo / "case.ipynb", "token: 'SecretStr' = ''", "print(token)")
    with pytest.raises(kind, match=message):
        run("case.ipynb", {"token": value})
    assert not (repo / "runs").exists()


def test_what_is_a_reference(tmp_path):
    assert [is_reference(v) for v in ("env:A_1", "file:a b", "env:1A", "env:", "file:", "env", 3)] == [
        True,
        True,
        *[False] * 5,
    ]
    assert resolve("t", "env:A", {"A": "value"}, tmp_path) == "value"
    (tmp_path / "two").write_bytes(b"line one\r\nline two\r\n")
    assert resolve("t", "file:two", {}, tmp_path) == "line one\nline two"  # text, without its last line end


@settings(max_examples=60)
@given(st.text(min_size=8, max_size=30), st.text(max_size=9), st.text(max_size=9))
def test_masked_text_does_not_hold_the_secret_whatever_surrounds_it(secret, before, after):
    secret = secret.encode("utf-8", "ignore").decode()
    if len(secret) < 8:
        return
    masker = Masker.make([secret])
    for text in (before + secret + after, urllib.parse.quote(secret), repr(secret), secret.encode().hex()):
        masked = masker.mask({"a": [text]})["a"][0]
        assert secret not in masked or secret in "***"
        assert "***" in masked
    for shift in range(3):
        data = b"x" * shift + secret.encode() + b"yz"
        assert "***" in masker.mask(base64.b64encode(data).decode())


def test_lines_of_a_long_secret_are_masked_by_themselves_and_nothing_is_masked_for_nothing():
    masker = Masker.make(["first line\nsecond line\nab", ""])
    assert masker.mask(["the second line", "ab", 3, None, ("first line",)]) == ["the ***", "ab", 3, None, ["***"]]
    assert masker.mask_bytes(b"\x00first line\x01") == b"\x00***\x01"
    plain = {"a": [1]}
    assert Masker.make([""]).mask(plain) is plain
