"""The command line: every verb is loaded when it is used, every error becomes one sentence and an exit code."""

from __future__ import annotations

import sys
from importlib import import_module
from keyword import iskeyword
from typing import NoReturn

import click

from dcai import __version__
from dcai.base.errors import DcaiError, GitError, InputError, LogError, RunError, StaleError
from dcai.base.thrift import spare_imports

# Each verb, the module that holds its command, and its line in `dcai --help` (so that help loads nothing).
COMMANDS = {
    "demo": ("dcai.shells.cli_demo", "The whole story on bundled data, offline, in a minute or two."),
    "lab": ("dcai.shells.cli_demo", "Open JupyterLab with the dcai panel."),
    "audit": ("dcai.shells.cli_find", "Find wrong labels and inconsistent data in a CSV or Parquet file."),
    "apply": ("dcai.shells.cli_fix", "Write a corrected copy of a file."),
    "check": ("dcai.shells.cli_fix", "Hold the corrections of a log against a file."),
    "export": ("dcai.shells.cli_exchange", "Write decisions for Label Studio, Argilla or a spreadsheet."),
    "import": ("dcai.shells.cli_exchange", "Read decisions that were made there."),
    "forget": ("dcai.shells.cli_exchange", "Say what a log and git's history hold of columns that must be forgotten."),
    "compare": ("dcai.shells.cli_prove", "Raw against corrected data on the same held-out rows."),
    "curve": ("dcai.shells.cli_prove", "What more rows, better labels and more reviews are worth."),
    "drift": (
        "dcai.shells.cli_drift",
        "Name what changed between reference and current data; exit 3 when drift is found.",
    ),
    "slices": ("dcai.shells.cli_drift", "Find the groups of rows in which a model fails, and why."),
    "scorecard": ("dcai.shells.cli_drift", "Ask whether data are good: one page for people, JSON for a gate."),
    "profile": ("dcai.shells.cli_drift", "Write a data dictionary of a file."),
    "lint": ("dcai.shells.cli_lint", "Read a notebook for what would make its runs differ from what its author saw."),
    "promote": ("dcai.shells.cli_promote", "Make a notebook a pipeline in git."),
    "run": ("dcai.shells.cli_promote", "Run a pipeline or a notebook headlessly, and record the truth."),
    "runs": ("dcai.shells.cli_runs", "List runs, newest first."),
    "diff": ("dcai.shells.cli_operate", "Say what two runs differ in."),
    "reproduce": ("dcai.shells.cli_operate", "Make a run once more, and compare its metrics."),
    "tag": ("dcai.shells.cli_operate", "Name a run, or go back to what it has made."),
    "due": ("dcai.shells.cli_operate", "Say whether a pipeline would run now, and why."),
    "sweep": ("dcai.shells.cli_sweep", "Run a pipeline with many sets of parameters."),
    "trace": ("dcai.shells.cli_lineage", "Say which run, data and corrected labels made a file."),
    "impact": ("dcai.shells.cli_lineage", "Say which runs and artifacts a bad file or cell made stale."),
}

# The one table of exit codes for errors; a run's own exit code comes from its status.
EXIT_CODES: tuple[tuple[type[BaseException], int], ...] = (
    (StaleError, 4),
    (InputError, 2),
    (LogError, 2),
    (GitError, 2),
    (RunError, 1),
    (DcaiError, 2),
    (OSError, 2),
    (KeyboardInterrupt, 130),
)


class LazyGroup(click.Group):
    """A group of commands that are imported one by one, when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        """Name the verbs in the order of the data's way."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 (click's signature)
        """Import one verb."""
        if cmd_name not in COMMANDS:
            return None
        name = f"{cmd_name}_" if iskeyword(cmd_name) else cmd_name  # `import` cannot be a function's name
        command: click.Command = getattr(import_module(COMMANDS[cmd_name][0]), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 (click's signature)
        """List the verbs without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="dcai")
def cli() -> None:
    """Find wrong labels and values, fix them, prove that it helped, promote the notebook to a pipeline."""


def code_of(error: BaseException) -> int:
    """Return the exit code of an error."""
    return next(code for kind, code in EXIT_CODES if isinstance(error, kind))


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line; the only place where dcai's errors end a process."""
    spare_imports()
    try:
        # Outside click's standalone mode a command's `exit(code)` comes back as the result.
        code = cli.main(arguments, prog_name="dcai", standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except (click.exceptions.Abort, KeyboardInterrupt):
        click.echo("dcai: interrupted", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (DcaiError, OSError) as error:
        click.echo(f"dcai: {error.at_command_line if isinstance(error, DcaiError) else error}", err=True)
        sys.exit(code_of(error))
