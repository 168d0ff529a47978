import numpy as np
import pytest
from sklearn.datasets import load_digits

from dcai.base.fingerprints import hash_rows, plain, to_hex
from dcai.base.records import Correction
from dcai.base.table import make_table
from dcai.corrections.decisions.matching import Columns
from dcai.corrections.log import CorrectionLog


@pytest.fixture
def write_log(tmp_path):
    """Return a function that writes a log of label corrections: {row position: new label, or None to exclude the row}.

    Rows in `certified` were accepted as members of a certified group, or for another reason that `spared` names.
    """

    def write(frame, label, fixes, *, key=None, column=None, name="label.jsonl", certified=(), spared=None):
        table = make_table(frame, label, key=key)
        declared = Columns(table.identifying, label)
        hashes = hash_rows(frame).tolist()
        target = column or label
        drafts = []
        for place, (row, value) in enumerate(fixes.items()):
            exclude = value is None
            drafts.append(
                Correction(
                    v=1,
                    id="",
                    verdict="exclude" if exclude else ("relabel" if target == label else "edit"),
                    key=table.keys[row],
                    part=None,
                    column=None if exclude else target,
                    given=None if exclude else plain(frame[target].iloc[row]),
                    value=None if exclude else plain(value),
                    row=f"{to_hex(hashes[row])}:{declared.digest}",
                    by="ada",
                    at="",
                    why=(spared or {"certificate": "c1"}) if row in certified else {},
                    note="",
                    columns=list(declared.identity) if place == 0 else None,
                    label=label if place == 0 else None,
                )
            )
        return CorrectionLog.read_or_new(tmp_path / name).append(*drafts)

    return write


@pytest.fixture(scope="session")
def digits():
    """Return digits with 30 % of the labels changed to another class, and the true labels."""
    frame = load_digits(as_frame=True).frame
    rng = np.random.default_rng(1)
    wrong = rng.random(len(frame)) < 0.3
    shift = rng.integers(1, 10, len(frame))
    given = np.where(wrong, (frame["target"] + shift) % 10, frame["target"])
    noisy = frame.drop(columns="target").assign(digit=[f"digit {d}" for d in given])
    return noisy, [f"digit {d}" for d in frame["target"]]


@pytest.fixture(scope="session")
def digit_fixes(digits):
    frame, truth = digits
    return {row: right for row, (given, right) in enumerate(zip(frame["digit"], truth, strict=True)) if given != right}
