"""Measure what reading finds in a folder of notebooks whose parameters a person has tagged.

Run: python tests/benchmarks/bench_notebooks.py FOLDER [--alarms CODE [SEED]]. The folder holds notebooks of any
origin; nothing in them is executed. Printed: how often the tagged cell is found when its tag is taken away (over
all notebooks, and as the mean over their origins: what stands before `__` in a file's name), which share of the
names bound in the tagged cell is offered, whether the type of each literal default is the one that Python gives
it, the problems by code, and the milliseconds of CPU that a notebook takes. `--alarms` prints 80 problems of one code,
drawn by the seed, each with its cell, to be judged by hand.
"""

import ast
import json
import random
import statistics
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path

from dcai.base.errors import DcaiError
from dcai.pipelines.notebooks.documents import PARAMETERS, is_python, is_tagged, parse_cell, read_notebook
from dcai.pipelines.notebooks.parameters import find_in
from dcai.pipelines.notebooks.problems import lint_in

SHOWN = 80


def untag(notebook):
    """A copy whose cells are not tagged as parameters: all that a notebook has whose author never heard of tags."""
    copied = type(notebook)({**notebook, "cells": []})
    for cell in notebook.cells:
        tags = [t for t in cell.metadata.get("tags") or [] if t != PARAMETERS]
        copied.cells.append(type(cell)({**cell, "metadata": type(cell)({**cell.metadata, "tags": tags})}))
    return copied


def bound_in(tree):
    """The names that a cell binds by assignment, wherever in it, and those with a literal value at its top level."""
    names = {
        n.id
        for s in ast.walk(tree)
        if isinstance(s, (ast.Assign, ast.AnnAssign))
        for t in (s.targets if isinstance(s, ast.Assign) else [s.target])
        for n in ast.walk(t)
        if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store) and not n.id.startswith("_")
    }
    literals = {}
    for statement in tree.body:
        one = isinstance(statement, ast.Assign) and len(statement.targets) == 1
        if one and isinstance(statement.targets[0], ast.Name):
            try:
                literals[statement.targets[0].id] = type(ast.literal_eval(statement.value)).__name__
            except (ValueError, TypeError, SyntaxError):
                literals.pop(statement.targets[0].id, None)
    return names, literals


def measure(path, totals):
    notebook = read_notebook(path)
    tagged = [i for i, c in enumerate(notebook.cells) if c.cell_type == "code" and is_tagged(c, PARAMETERS)]
    if not is_python(notebook) or not tagged:
        return "another language" if tagged else "no tagged cell"
    parsed = parse_cell(notebook.cells[tagged[0]].source)
    if parsed is None:
        return "tagged cell is not valid Python"
    names, literals = bound_in(parsed[0])
    if not names:
        return "tagged cell binds no name"
    began = time.process_time()
    found = lint_in(notebook, path.name)
    totals["ms"].append(1000 * (time.process_time() - began))
    totals["problems"][path.name] = found.problems
    offered = {p.name: p for p in found.parameters}
    totals["offered"].append((len(names & offered.keys()), len(names)))
    kinds = [
        (n, kind, offered[n].schema.get("x-python"), offered[n].source)
        for n, kind in literals.items()
        if n in offered and kind != "NoneType"
    ]
    wrong = [k for k in kinds if k[1] != k[2]]
    totals["types"].append((len(kinds) - len(wrong), len(kinds)))
    totals["wrong types"] += [(path.name, *k) for k in wrong]
    totals["first"][path.name] = (find_in(untag(notebook), path.name).cell, tagged[0], bool(literals))
    return "measured"


def report(totals, kinds):
    print("notebooks:", dict(kinds))
    print("origins:", len({name.partition("__")[0] for name in totals["first"]}))
    for what, only in (("all", False), ("those with a literal default", True)):
        origins = defaultdict(list)
        for name, (guess, truth, literal) in totals["first"].items():
            if literal or not only:
                origins[name.partition("__")[0]].append(guess == truth)
        hits = [hit for of in origins.values() for hit in of]
        print(f"tagged cell found untagged, {what}: {sum(hits)} of {len(hits)} = {statistics.mean(hits):.1%}")
        print(f"  mean over origins: {statistics.mean(statistics.mean(of) for of in origins.values()):.1%}")
    for what in ("offered", "types"):
        good, of = (sum(column) for column in zip(*totals[what], strict=True))
        print(f"{what}: {good} of {of} = {good / of:.1%}")
    for one in totals["wrong types"][:20]:
        print("  type:", one)
    number = len(totals["problems"])
    codes = Counter(p.code for found in totals["problems"].values() for p in found)
    with_code = Counter(code for found in totals["problems"].values() for code in {p.code for p in found})
    for code, count in sorted(codes.items()):
        print(f"  {code}: {count} in {with_code[code]} of {number} notebooks")
    print(f"ms of CPU: median {statistics.median(totals['ms']):.1f}, largest {max(totals['ms']):.0f}")


def show_alarms(totals, code, seed, folder):
    found = [(n, p) for n, problems in sorted(totals["problems"].items()) for p in problems if p.code == code]
    random.Random(seed).shuffle(found)
    for name, problem in found[:SHOWN]:
        print(f"## {name} cell {problem.cell}:{problem.line}\n{problem.message}")
        if problem.cell and problem.line:
            source = json.loads((folder / name).read_text("utf-8"))["cells"][problem.cell - 1]["source"]
            lines = ("".join(source) if isinstance(source, list) else source).splitlines()
            print("\n".join(f"    {line[:160]}" for line in lines[max(0, problem.line - 4) : problem.line + 3]))


def main(folder, code=None, seed="0"):
    totals = {"ms": [], "problems": {}, "offered": [], "types": [], "wrong types": [], "first": {}}
    kinds = Counter()
    for path in sorted(folder.rglob("*.ipynb")):
        try:
            kinds[measure(path, totals)] += 1
        except DcaiError as error:
            kinds["refused"] += 1
            print(f"refused: {str(error)[:200]}")
    if code is None:
        report(totals, kinds)
        for name, (guess, truth, literal) in totals["first"].items():
            if guess != truth:
                offer = None if guess is None else guess + 1
                print(f"  missed: {name}: cell {truth + 1}, offered {offer}{'' if literal else ', no literal default'}")
    else:
        show_alarms(totals, code, int(seed), folder)


if __name__ == "__main__":
    arguments = [a for a in sys.argv[1:] if a != "--alarms"]
    main(Path(arguments[0]), *arguments[1:])
