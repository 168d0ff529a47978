"""Keys that hide sensitive values: made once, readable by their owner alone, and never silently another one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dcai.base.errors import LogError, MissingError
from dcai.base.keyring import choose_key, find_folder, make_key, read_key


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration folder of the test's own."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config"


def test_a_key_is_made_once_and_for_its_owner_alone(config: Path) -> None:
    name = choose_key()
    assert choose_key() == name
    path = config / "dcai" / "keys" / f"{name}.key"
    assert find_folder() == path.parent
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(read_key(name)) == 32
    assert make_key() != name
    assert choose_key() == name  # the oldest


def test_a_lost_changed_or_open_key_is_an_error_with_the_way_out() -> None:
    name = choose_key()
    path = find_folder() / f"{name}.key"
    path.chmod(0o644)
    with pytest.raises(LogError, match="Others can read the key .*chmod 600"):
        read_key(name)
    path.chmod(0o600)
    path.write_text("ab" * 32)
    with pytest.raises(LogError, match="was changed: it is not the one of that name. Restore the file"):
        read_key(name)
    path.unlink()
    with pytest.raises(MissingError, match=f"The key '{name}' .* is not at .* Copy that file from whoever"):
        read_key(name)
    with pytest.raises(MissingError):
        read_key("../../etc/passwd")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_said(config: Path) -> None:
    config.mkdir(mode=0o500)
    with pytest.raises(LogError, match="could not be written to .* set XDG_CONFIG_HOME"):
        make_key()


def test_a_file_in_the_way_is_said(config: Path) -> None:
    config.write_text("in the way")
    with pytest.raises(LogError, match="The key that hides sensitive columns could not be written"):
        make_key()
