"""The `dcai.yaml` that a correction log is under."""

from __future__ import annotations

from pathlib import Path

from dcai.base import git
from dcai.base.settings import Settings, find_settings
from dcai.corrections.decisions.attributes import OWN


def settings_of(log: Path) -> Settings:
    """Read the `dcai.yaml` that a log is under: at the root of its repository, else beside the folder of logs."""
    folder = log.parent
    inside = git.root_of(folder) is not None
    return find_settings(folder if inside or folder.name != OWN else folder.parent)
