"""The command `lint`: decode, call, encode."""

from __future__ import annotations

import click

from dcai.base.records import Lint

_ABOVE = 3


@click.command()
@click.argument("notebooks", nargs=-1, required=True, metavar="NOTEBOOK...", type=click.Path())
@click.option("--fail-above", type=click.IntRange(0), metavar="N", help="Exit with code 3 above so many problems.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON, one line for each notebook.")
def lint(notebooks: tuple[str, ...], *, fail_above: int | None, as_json: bool) -> int:
    """Read each NOTEBOOK, without running it: its parameters and types, and what would go wrong in a run."""
    from dcai.base import contract
    from dcai.pipelines.notebooks.problems import lint as lint_notebook

    total = 0
    for path in notebooks:
        found = lint_notebook(path)
        total += len(found.problems)
        click.echo(contract.to_json(found) if as_json else _describe(found))
    return _ABOVE if fail_above is not None and total > fail_above else 0


def _describe(found: Lint) -> str:
    from dcai.base.display import show_text
    from dcai.base.errors import shorten

    lines = [show_text(found.notebook)]
    for one in found.parameters:
        default = f" = {shorten(one.source, 60)}" if one.source else ", to be given"
        kind = str(one.schema.get("x-python", "any"))
        lines.append(
            show_text(f"  parameter {one.name}: {kind}{default}" + ("" if one.settable else " (cannot be set)"))
        )
    for problem in found.problems:
        where = ":".join(str(n) for n in (problem.cell, problem.line) if n is not None)
        lines.append(show_text(f"  {f'cell {where}' if where else 'notebook'}  {problem.code}: {problem.message}"))
    lines.append("  no problems found" if not found.problems else f"  {len(found.problems)} to look at")
    return "\n".join(lines)
