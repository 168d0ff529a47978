"""Files that a notebook uses without declaring them: each planted one is named, with the line to add."""

from __future__ import annotations

import json
import os
from types import FunctionType

import pytest

from dcai.pipelines.pipeline import load_pipeline, promote
from dcai.pipelines.processes.watcher import Watch, watch
from dcai.pipelines.promotion.uses import Uses, note_undeclared
from tests.pipelines.conftest import call_main, git, write

READING = """
import io, os, sqlite3, shutil, subprocess
from pathlib import Path
import numpy as np, pandas as pd
rows = [len(pd.read_csv("data/csv.csv")), len(pd.read_parquet("data/parquet.parquet")), len(pd.read_json("data/json.json"))]
open("data/open.txt").read(), Path("data/path.txt").read_text(), io.open(b"data/bytes.txt").read()
np.load("data/numpy.npy")
handle = os.open("data/os.txt", os.O_RDONLY); os.close(handle)
connection = sqlite3.connect("data/base.db"); connection.execute("select * from t").fetchall(); connection.close()
shutil.copy("data/copied.txt", "out/copy.txt")
os.chdir("data"); open("chdir.txt").read(); os.chdir("..")
exec("open('data/' + 'hid' + 'den.txt').read()")
subprocess.run(["cat", "data/named.txt"], check=True, stdout=subprocess.DEVNULL)
"""
WRITING = """
pd.DataFrame({"a": [1]}).to_csv("out/csv.csv"); pd.DataFrame({"a": [1]}).to_parquet("out/parquet.parquet")
with open("out/open.txt", "w") as stream: stream.write("x")
np.save("out/numpy.npy", np.zeros(2))
with open("out/part.tmp", "w") as stream: stream.write("x")
os.replace("out/part.tmp", "out/renamed.txt")
base = sqlite3.connect("out/new.db"); base.execute("create table t (a)"); base.commit(); base.close()
with open("out/open.txt") as stream: stream.read()
open("out/gone.txt", "w").close(); os.remove("out/gone.txt")
subprocess.run("echo x > out/by_a_program.txt", shell=True, check=True)
with open("data/log.txt", "a") as stream: stream.write("x")
print(rate, sum(rows))
"""
READ = ["base.db", "bytes.txt", "chdir.txt", "copied.txt", "csv.csv", "hidden.txt", "json.json", "numpy.npy", "open.txt", "os.txt",
        "parquet.parquet", "path.txt"]  # fmt: skip
WRITTEN = ["copy.txt", "new.db", "numpy.npy", "open.txt", "renamed.txt"]


@pytest.fixture
def busy(repo):
    """A notebook that reads and writes in all the ways that we know, and its files."""
    import sqlite3

    import numpy as np
    import pandas as pd

    (repo / "data").mkdir()
    (repo / "out").mkdir()
    for name in (
        "open.txt",
        "path.txt",
        "bytes.txt",
        "os.txt",
        "copied.txt",
        "chdir.txt",
        "hidden.txt",
        "named.txt",
        "log.txt",
        "unused.txt",
    ):
        (repo / "data" / name).write_text("x\n")
    frame = pd.DataFrame({"a": [1, 2]})
    frame.to_csv(repo / "data" / "csv.csv")
    frame.to_parquet(repo / "data" / "parquet.parquet")
    frame.to_json(repo / "data" / "json.json")
    np.save(repo / "data" / "numpy.npy", np.zeros(2))
    base = sqlite3.connect(repo / "data" / "base.db")
    base.execute("create table t (a)")
    base.commit()
    base.close()
    (repo / "helper.py").write_text("X = 1\n")
    write(repo / "train.ipynb", "rate = 1", READING, "import helper\n%run helper.py\n!true", WRITING)
    return repo


def test_every_use_is_seen_and_named_once(busy):
    made = promote("train.ipynb", outputs=["out/csv.csv"])
    written = ["data/log.txt", *(f"out/{name}" for name in WRITTEN)]
    assert made.promotion.undeclared == {"inputs": ["data"], "outputs": written}
    seen = {n.partition(" without")[0] for n in made.promotion.notes if " without declaring it" in n}
    assert len(seen) == 2
    notes = "\n".join(made.promotion.notes)
    assert "Add to pipelines/train/pipeline.yaml: inputs: [data]" in notes
    assert f"Add to pipelines/train/pipeline.yaml: outputs: [out/csv.csv, {', '.join(written)}]" in notes
    # No event of Python's: a shell, and pyarrow's own writer.
    assert (
        "While it ran, 'out/by_a_program.txt', 'out/parquet.parquet' changed through another program or library."
        in notes
    )
    assert (
        "Its code names 'data/named.txt', but nothing was seen to open it." not in notes
    )  # it stands in a command, not as a text
    assert "It starts other programs (cat, sh): what those read was not observed." in notes
    for harmless in ("unused", "helper", "gone.txt", "part.tmp", "dcai-check", "site-packages", ".ipython"):
        assert harmless not in notes


def test_what_is_declared_is_not_reported(busy, capsys):
    options = [part for name in READ for part in ("--input", f"data/{name}")]
    code, _, said = call_main(capsys, "promote", "train.ipynb", *options, "--output", "data/log.txt", "--output", "out")
    assert code == 0, said
    assert "without declaring it" not in said
    assert load_pipeline("train").outputs == ("data/log.txt", "out")


def test_the_notebook_does_not_notice_that_it_is_watched(repo, monkeypatch, tmp_path):
    startup = tmp_path / "startup.py"
    startup.write_text("mine = 'set by my own start-up file'\n")
    monkeypatch.setenv("PYTHONSTARTUP", str(startup))
    write(
        repo / "train.ipynb", "rate = 1",
        "import os, sys\nnames = sorted(n for n in globals() if 'watch' in n.lower())\nassert not names, names\n"
        f"assert os.environ['PYTHONSTARTUP'] == {str(startup)!r}\nassert mine.startswith('set') and rate\n"
        "open(3.5, 'r') if False else None\n"
        "try:\n    open('absent.txt')\nexcept FileNotFoundError as error:\n    assert error.filename == 'absent.txt'\n"
        "for number in range(3, 200):\n    try: os.fstat(number)\n    except OSError: continue\n"
        "with open('out.txt', 'w') as stream: stream.write('x')",
    )  # fmt: skip
    assert promote("train.ipynb").promotion.undeclared == {"outputs": ["out.txt"]}


def test_what_hears_every_event_of_a_notebook_is_a_plain_function_which_is_quick(tmp_path, monkeypatch):
    hooks = []
    monkeypatch.setattr("sys.addaudithook", hooks.append)
    monkeypatch.setenv("PYTHONSTARTUP", "watch.py")
    watch(str(tmp_path / "told.jsonl"), None)
    assert [type(hook) for hook in hooks] == [FunctionType]
    hooks[0]("builtins.id", (1,))
    hooks[0]("open", (str(tmp_path / "a.csv"), "r", os.O_RDONLY))
    assert (tmp_path / "told.jsonl").read_text().splitlines()[1:] == [json.dumps(["reads", str(tmp_path / "a.csv")])]


def test_what_a_command_sets_before_it_begins_is_not_told(tmp_path):
    one = Watch(str(tmp_path / "told.jsonl"))
    for line in ("PASSWORD=hunter2 psql", "/bin/cat x"):
        one.listen("os.system", (line,))
    told = [json.loads(line) for line in (tmp_path / "told.jsonl").read_text().splitlines()]
    os.close(one._out)
    assert told == [["watching", ""], ["starts", "sh"], ["starts", "cat"]]


def test_nothing_is_told_to_a_file_that_has_taken_the_place_of_the_one_to_tell(tmp_path):
    one = Watch(str(tmp_path / "told.jsonl"))
    with (tmp_path / "mine.txt").open("wb") as mine:
        os.dup2(mine.fileno(), one._out)  # as it comes when a notebook closes whatever is open, and opens something
        one.listen("open", ("data.csv", "r", os.O_RDONLY))
    os.close(one._out)
    assert (tmp_path / "mine.txt").read_bytes() == b""
    one.listen("open", ("more.csv", "r", os.O_RDONLY))  # and nobody notices that it is closed


def test_logs_outside_files_and_other_kernels_are_told_apart():
    uses = Uses(
        reads=("corrections/digit.jsonl", "a b.csv"), outside=("/srv/x.csv",), mentions=("data/x.h5",), programs=("ls",),
        hidden_writes=("y.bin",),
    )  # fmt: skip
    notes, missing = note_undeclared(uses, {"corrections": [], "inputs": ["z.csv"], "outputs": []}, "p.yaml")
    assert missing == {"inputs": ["a b.csv"], "corrections": ["corrections/digit.jsonl"]}
    assert notes == [
        "It reads 'a b.csv' without declaring it. Add to p.yaml: inputs: [z.csv, \"a b.csv\"]",
        "It reads the corrections of 'corrections/digit.jsonl' without declaring it. Add to p.yaml: corrections: [corrections/digit.jsonl]",
        "While it ran, 'y.bin' changed through another program or library. If it writes them, declare them as outputs.",
        "Its code names 'data/x.h5', but nothing was seen to open it. If a library or program reads it, declare it as an input.",
        "It uses '/srv/x.csv' outside of the repository: another machine will not have it. Make the path a parameter.",
        "It starts other programs (ls): what those read was not observed.",
    ]
    covered = {"corrections": ["corrections"], "inputs": ["a b.csv", "/srv", "y.bin", "data"], "outputs": []}
    assert note_undeclared(Uses(reads=uses.reads, mentions=uses.mentions), covered, "p.yaml") == ([], {})
    blind, _ = note_undeclared(Uses(seen=False), {}, "p.yaml")
    assert blind == ["Which files it reads could not be observed in this kernel, so undeclared ones are not reported."]


def test_files_named_for_a_library_that_opens_them_itself(repo):
    (repo / "data.feather").write_bytes(b"x")
    write(repo / "train.ipynb", "rate = 1", "path = 'data.feather'\nprint(rate, path)")
    git(repo, "add", "-A")
    assert any("Its code names 'data.feather'" in n for n in promote("train.ipynb").promotion.notes)
