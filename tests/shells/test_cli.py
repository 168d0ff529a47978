"""The command line as a user meets it: real processes, sentences and exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import pandas as pd
import pytest

from dcai.corrections.log import CorrectionLog
from dcai.shells.cli import COMMANDS, EXIT_CODES, cli, main
from tests.corrections.conftest import audit_of


def call(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dcai", *map(str, arguments)], capture_output=True, text=True, check=False
    )


def test_every_command_exists_and_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    context = click.Context(cli)
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        assert command.help
        assert command.name == name
        with pytest.raises(SystemExit) as stop:
            main([name, "--help"])
        assert stop.value.code == 0
        assert f"dcai {name}" in capsys.readouterr().out


def test_a_command_that_reads_a_notebook_imports_no_grammars_that_nobody_needs(tmp_path: Path) -> None:
    """jsonschema would import them to check addresses in any script: most of what a short command costs."""
    book = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}
    (tmp_path / "n.ipynb").write_text(json.dumps(book))
    code = (
        "import sys\nfrom dcai.shells.cli import main\n"
        "try: main(['lint', 'n.ipynb'])\nexcept SystemExit: pass\n"
        "assert 'jsonschema' in sys.modules\nassert not {'lark', 'rfc3987_syntax.syntax_helpers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True)


def test_an_unknown_command_is_refused() -> None:
    done = call("adit")
    assert done.returncode == 2
    assert "No such command 'adit'" in done.stderr


def test_the_codes_of_errors() -> None:
    assert [code for _, code in EXIT_CODES] == [4, 2, 2, 2, 1, 2, 2, 130]


def test_a_place_that_cannot_be_written_to_is_one_sentence_and_exit_2(tmp_path: Path, pets) -> None:
    pets.to_csv(tmp_path / "pets.csv", index=False)
    (tmp_path / "file").write_text("")
    done = call("audit", tmp_path / "pets.csv", "-o", tmp_path / "file" / "report.html")
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("dcai: ")


@pytest.fixture
def reviewed(tmp_path: Path, pets) -> tuple[Path, Path]:
    from dcai.corrections.session import Review

    csv, log = tmp_path / "pets.csv", tmp_path / "corrections" / "y.jsonl"
    pets.to_csv(csv, index=False)
    review = Review(audit_of(pets), log, by="ada")
    review.decide(3, "relabel", "bird")
    return csv, log


def test_apply_and_check(reviewed: tuple[Path, Path], tmp_path: Path) -> None:
    csv, log = reviewed
    done = call("apply", csv, log, "-o", tmp_path / "out.csv")
    assert done.returncode == 0, done.stderr
    assert "1 cells changed, 0 rows left out" in done.stdout
    assert (tmp_path / "out.csv").read_text() == csv.read_text().replace("2,tweet,cat", "2,tweet,bird")
    checked = call("check", tmp_path / "out.csv", log)
    assert checked.returncode == 0
    assert checked.stdout.startswith("applied")
    told = json.loads(call("apply", tmp_path / "out.csv", log, "-o", tmp_path / "again.csv", "--json").stdout)
    assert told["changed"] == 0
    assert told["already"] == 1


def test_stale_corrections_exit_with_4_and_write_nothing(reviewed: tuple[Path, Path], tmp_path: Path) -> None:
    csv, log = reviewed
    csv.write_text(csv.read_text().replace("2,tweet,cat", "2,tweet,cow"))
    done = call("apply", csv, log, "-o", tmp_path / "out.csv")
    assert done.returncode == 4
    assert done.stderr.startswith("dcai: 1 of 1 standing corrections")
    assert done.stderr.endswith("`dcai check FILE LOG` tells all of them; --stale skip applies the others.\n")
    assert not (tmp_path / "out.csv").exists()
    assert call("check", csv, log).returncode == 4
    skipped = call("apply", csv, log, "-o", tmp_path / "out.csv", "--stale", "skip")
    assert skipped.returncode == 0
    assert "1 corrections did not fit" in skipped.stderr


def test_a_renamed_column_is_named_by_an_option(
    reviewed: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def tell(*arguments: object) -> tuple[object, str, str]:
        with pytest.raises(SystemExit) as stop:
            main([*map(str, arguments)])
        return stop.value.code, *capsys.readouterr()

    csv, log = reviewed
    text = csv.read_text()
    csv.write_text(text.replace(",y\n", ",animal\n", 1))
    code, _, said = tell("apply", csv, log, "-o", tmp_path / "out.csv")
    assert code == 2
    assert said.endswith("Give the file that was reviewed, or --rename OLD=NEW where columns were renamed.\n")
    out, parquet = tmp_path / "out.csv", tmp_path / "out.parquet"
    assert tell("apply", csv, log, "-o", out, "--rename", "y=animal")[0] == 0
    assert out.read_text() == csv.read_text().replace("2,tweet,cat", "2,tweet,bird")
    assert tell("check", out, log, "--rename", "y=animal")[1].startswith("applied")
    pd.read_csv(csv).to_parquet(tmp_path / "pets.parquet")
    assert tell("apply", tmp_path / "pets.parquet", log, "-o", parquet, "--rename", "y=animal")[0] == 0
    assert pd.read_parquet(parquet)["animal"].tolist() == pd.read_csv(out)["animal"].tolist()
    for wrong, words in {"y": "must be OLD=NEW", "y=tier": "There is no column 'tier'"}.items():
        code, _, said = tell("check", csv, log, "--rename", wrong)
        assert (code, words in said) == (2, True)


def test_bad_input_exits_with_2_and_one_sentence(reviewed: tuple[Path, Path], tmp_path: Path) -> None:
    csv, log = reviewed
    missing = call("apply", tmp_path / "no.csv", log, "-o", tmp_path / "out.csv")
    assert missing.returncode == 2
    assert "There is no file" in missing.stderr
    log.write_text("nonsense\n")
    malformed = call("apply", csv, log, "-o", tmp_path / "out.csv")
    assert malformed.returncode == 2
    assert "Line 1 of y.jsonl is not JSON" in malformed.stderr
    assert "Traceback" not in missing.stderr + malformed.stderr
    assert CorrectionLog.read_or_new(tmp_path / "none.jsonl").corrections == ()
