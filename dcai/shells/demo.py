"""The whole story on data that dcai's dependencies carry: find, fix, prove, promote, in a scratch git repository."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dcai.base import git, store
from dcai.base.display import show_text
from dcai.base.errors import GitError, InputError

Say = Callable[[str], None]

TRAIN_ROWS = 1000
PLANTED = 150
REVIEWER = "demo script"
# Repairs of the makers' names in the cars data that anybody who knows cars would make.
MAKERS = {
    "chevroelt": "chevrolet",
    "chevy": "chevrolet",
    "toyouta": "toyota",
    "maxda": "mazda",
    "vokswagen": "volkswagen",
    "vw": "volkswagen",
    "mercedes": "mercedes-benz",
}

ABOUT = f"""# What lies here

* `digits_train.csv`, `digits_test.csv`: scikit-learn's handwritten digits (8 x 8 pixels), split at random.
  **{PLANTED} of the {TRAIN_ROWS} training labels were made wrong on purpose**; the test labels are as published.
* `digits_truth.csv`: the labels before that; only the demo's script, which plays the reviewer, reads it.
* `cars.csv`: 406 cars (vega-datasets), as published: makers spelt in several ways, missing values.
"""

REVIEW = [
    "# Find and fix\n\nRun the cells, then decide with the keyboard: `q` keeps the label, `w` takes the suggestion, `?` shows all keys.",
    'import pandas as pd\n\nimport dcai\n\ndigits = pd.read_csv("data/digits_train.csv")\naudit = dcai.audit(digits, label="digit", key="id")\naudit',
    'dcai.review(audit, "corrections/digit-mine.jsonl")  # the script\'s own decisions are in corrections/digit.jsonl',
]

TRAIN = [
    "# Train on corrected labels\n\nThe second cell holds the parameters of the pipeline.",
    (
        'train: str = "data/digits_train.csv"  # table with the column digit\n'
        'corrections: str = "corrections/digit.jsonl"  # decisions to apply first; empty for none\n'
        "C: float = 1.0  # inverse strength of the regularisation"
    ),
    (
        "import pandas as pd\nfrom sklearn.linear_model import LogisticRegression\nfrom sklearn.pipeline import make_pipeline\n"
        "from sklearn.preprocessing import StandardScaler\n\nimport dcai\n\nrows = pd.read_csv(train)\n"
        "if corrections:\n    rows = rows.pipe(dcai.CorrectionLog.read(corrections).apply)\n"
        'test = pd.read_csv("data/digits_test.csv")'
    ),
    (
        'pixels = [c for c in rows if c.startswith("pixel")]\n'
        "model = make_pipeline(StandardScaler(), LogisticRegression(C=C, max_iter=1000, random_state=0))\n"
        'model.fit(rows[pixels], rows["digit"])\n'
        "guess = model.predict(test[pixels])"
    ),
    (
        'dcai.record(accuracy=(guess == test["digit"]).mean(), rows=len(rows))\n'
        'test[["id"]].assign(label=guess).to_csv(dcai.artifact("predictions.csv"), index=False)'
    ),
]


@dataclass(frozen=True)
class _Digits:
    """The digits with planted errors: the tables, and the true labels of the training rows."""

    train: pd.DataFrame
    test: pd.DataFrame
    truth: pd.Series[Any]


def tell_story(folder: Path, say: Say) -> None:
    """Go the whole way in a new folder, saying at each step what happened.

    Raises
    ------
    InputError
        Where the folder exists and is not empty.
    GitError
        Where there is no git.
    """
    started = time.monotonic()
    digits, cars = _make_folder(folder, say)
    log = _find_and_fix_digits(digits, folder, say)
    _find_and_fix_cars(cars, folder, say)
    _prove(digits, log, folder, say)
    _promote(folder, say)
    say(f"\nDone in {time.monotonic() - started:.0f} s. Everything is in {folder}")


def _make_folder(folder: Path, say: Say) -> tuple[_Digits, pd.DataFrame]:
    if folder.exists() and any(folder.iterdir()):
        raise InputError(f"The folder {str(folder)!r} is not empty. Name a new one: the demo starts from nothing.")
    say("0  A fresh git repository")
    (folder / "data").mkdir(parents=True, exist_ok=True)
    try:
        subprocess.run(["git", "init", "--quiet", str(folder)], check=True, capture_output=True)
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        raise GitError(
            f"git could not make a repository in {str(folder)!r}: {error}. Install git and try again."
        ) from error
    nobody = {"user.name": "dcai demo", "user.email": "demo@localhost"} if git.identity(folder) is None else {}
    # A scratch repository asks for nobody's signature, and runs nobody's hooks.
    for name, value in {**nobody, "commit.gpgSign": "false", "core.hooksPath": ".git/hooks"}.items():
        subprocess.run(["git", "-C", str(folder), "config", name, value], check=True, capture_output=True)
    digits, cars = _plant_errors(), _read_cars()
    digits.train.to_csv(folder / "data" / "digits_train.csv", index=False)
    digits.test.to_csv(folder / "data" / "digits_test.csv", index=False)
    digits.train[["id"]].assign(digit=digits.truth).to_csv(folder / "data" / "digits_truth.csv", index=False)
    cars.to_csv(folder / "data" / "cars.csv", index=False)
    store.write_atomic(folder / "data" / "README.md", ABOUT)
    store.write_atomic(folder / "review.ipynb", _notebook(REVIEW))
    store.write_atomic(folder / "train.ipynb", _notebook(TRAIN))
    files = ["data", "review.ipynb", "train.ipynb"]
    commit = git.commit_only(folder, files, "Data with planted label errors, and two notebooks")
    say(
        f"   {folder}\n   data/: digits ({TRAIN_ROWS} training rows, {PLANTED} labels made wrong on purpose), cars (dirty as published)"
    )
    say(f"   committed {str(commit)[:10]}")
    return digits, cars


def _plant_errors() -> _Digits:
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    table = pd.DataFrame(pixels.astype(int), columns=[f"pixel{i:02d}" for i in range(pixels.shape[1])])
    table.insert(0, "id", np.arange(len(table)))
    table["digit"] = labels
    random = np.random.default_rng(7)
    order = random.permutation(len(table))
    train = table.iloc[np.sort(order[:TRAIN_ROWS])].reset_index(drop=True)
    test = table.iloc[np.sort(order[TRAIN_ROWS:])].reset_index(drop=True)
    truth = train["digit"].copy()
    wrong = random.choice(TRAIN_ROWS, PLANTED, replace=False)
    train.loc[wrong, "digit"] = (truth[wrong] + random.integers(1, 10, PLANTED)) % 10
    return _Digits(train, test, truth)


def _read_cars() -> pd.DataFrame:
    text = (resources.files("vega_datasets") / "_data" / "cars.json").read_text(encoding="utf-8")
    cars = pd.DataFrame(json.loads(text))
    cars.insert(1, "Maker", cars["Name"].str.split().str[0])
    return cars


def _notebook(cells: list[str]) -> str:
    """Write a notebook whose first cell is text and whose others are code."""
    import nbformat
    from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

    made = [new_markdown_cell(cells[0], id="about")]
    made += [new_code_cell(source, id=f"cell-{i}") for i, source in enumerate(cells[1:], 1)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    text: str = nbformat.writes(new_notebook(cells=made, metadata=kernel))
    return text + "\n"


def _find_and_fix_digits(digits: _Digits, folder: Path, say: Say) -> Path:
    from dcai.corrections.session import Review
    from dcai.findings.report import audit

    say("\n1  Find: dcai.audit(digits, label='digit', key='id')")
    found = audit(digits.train, "digit", key="id", progress=False)
    wrong = (digits.truth != digits.train["digit"]).to_numpy()
    rows = found.by("labels").findings["row"].to_numpy(int)
    for check in found.checks.itertuples():
        say(
            f"   {check.detector:12} {check.status:8} {check.findings:4} findings   {show_text(check.reason, 60)}".rstrip()
        )
    say(f"   {len(rows)} labels look wrong; {wrong[rows].sum()} of them are among the {wrong.sum()} planted ones")
    say("\n2  Fix: a script that knows the truth plays the reviewer of every suspicious label")
    review = Review(found, folder / "corrections" / "digit.jsonl", by=REVIEWER)
    for finding, row in zip(review.queue()["finding"], review.queue()["row"], strict=True):
        if wrong[row]:
            review.decide(finding, "relabel", int(digits.truth[row]), column="digit")
        else:
            review.decide(finding, "keep")
    left = int((review.log.apply(digits.train)["digit"] != digits.truth).sum())
    say(
        f"   {len(review.log)} decisions, one line each in corrections/digit.jsonl; {left} of {wrong.sum()} wrong labels are left"
    )
    return review.log.path


def _find_and_fix_cars(cars: pd.DataFrame, folder: Path, say: Say) -> None:
    from dcai.corrections.session import Review
    from dcai.findings.report import audit

    say("\n   The same for values: dcai.audit(cars)")
    found = audit(cars, progress=False)
    review = Review(found, folder / "corrections" / "cars.jsonl", by=REVIEWER)
    repaired: dict[str, str] = {}
    for finding in found.by("variants").findings.itertuples():
        given = str(finding.given)
        if finding.column == "Maker" and given in MAKERS:
            review.decide(str(finding.finding), "edit", MAKERS[given])
            repaired[given] = MAKERS[given]
    known = sorted(set(cars["Maker"]) & set(MAKERS))
    listed = ", ".join(f"{old} -> {new}" for old, new in sorted(repaired.items()))
    say(
        f"   {len(found)} findings; of {len(known)} misspelt or short makers {len(repaired)} were found and repaired: {listed}"
    )
    missed = sorted(set(known) - set(repaired))
    if missed:
        say(f"   not found: {', '.join(missed)} (another name is no misspelling)")
    commit = git.commit_only(folder, ["corrections"], "Corrected labels and makers")
    say(f"   committed {str(commit)[:10]}")


def _prove(digits: _Digits, log: Path, folder: Path, say: Say) -> None:
    from dcai.experiments.comparison import compare

    say(f"\n3  Prove: dcai.compare(train, test, label='digit', log=...), on the same {len(digits.test)} held-out rows")
    result = compare(digits.train, digits.test, "digit", str(log), key="id", repeats=5)
    for approach, row in result.table.iterrows():
        gain = (
            ""
            if approach == "baseline"
            else f"   gain {row['gain']:+.3f} ({row['gain_low']:+.3f} to {row['gain_high']:+.3f})"
        )
        say(f"   {approach!s:14} accuracy {row['score']:.3f} ({row['low']:.3f} to {row['high']:.3f}){gain}")
    result.save(folder / "comparison.svg")
    say("   95 % intervals; the picture is comparison.svg")


def _promote(folder: Path, say: Say) -> None:
    from dcai.pipelines.pipeline import promote
    from dcai.pipelines.runs import history, run

    say("\n4  Promote: dcai promote train.ipynb --commit; dcai run train -p corrections=; dcai run train")
    inputs = ["data/digits_train.csv", "data/digits_test.csv"]
    made = promote(folder / "train.ipynb", inputs=inputs, commit=True, root=folder).promotion
    assert made is not None
    say(f"   {', '.join(made.files)}\n   committed {str(made.commit)[:10]}")
    for values in ({"corrections": ""}, {}):
        done = run("train", values, root=folder)
        told = ", ".join(f"{k}={v!r}" for k, v in values.items()) or "defaults"
        say(f"   run {done.record.run} ({told}): {done.status}, accuracy {done.metrics['accuracy']:.3f}")
    say(
        f"   {len(history('train', root=folder))} runs in runs/train/, each with parameters, commit, inputs, corrections and metrics"
    )
