"""Classes too rare to learn or to check."""

import numpy as np
import pandas as pd

from dcai.findings.report import audit


def judge(*counts):
    label = np.repeat([f"k{i}" for i in range(len(counts))], counts)
    frame = pd.DataFrame({"x": np.arange(len(label)) % 7, "label": label})
    return audit(frame, "label", detectors="class_imbalance", progress=False), frame


def test_rare_classes_are_named_with_their_figures():
    found, frame = judge(600, 380, 20, 3)
    assert found.findings["given"].tolist() == ["k3", "k2"]
    assert (found.findings["row"] == -1).all()
    assert (found.findings["column"] == "label").all()
    first, second = found.findings["reason"]
    assert first.startswith(
        "'k3' has 3 rows (< 1 % of 1,003); 'k0' has 200 times as many. Not every one of 5 folds holds one"
    )
    assert second.startswith("'k2' has 20 rows (2 % of 1,003); 'k0' has 30 times as many.")
    assert set(frame["label"].iloc[found.findings["peers"].iloc[1]]) == {"k2"}


def test_uneven_is_not_rare():
    found, _ = judge(900, 100)
    assert not len(found)
    assert "2 classes, from 100 to 900 rows" in found.checks["reason"].item()


def test_many_rare_classes_are_one_finding():
    found, _ = judge(2000, *([4] * 30))
    assert len(found) == 1
    assert (
        found.findings["reason"]
        .item()
        .startswith("30 of the 31 classes have fewer than 7 rows, for example 'k1', 'k10'")
    )


def test_a_number_has_no_classes():
    check = audit(
        pd.DataFrame({"x": range(50), "y": np.linspace(0, 1, 50)}), "y", detectors="class_imbalance", progress=False
    ).checks.iloc[0]
    assert (check["status"], check["reason"]) == ("skipped", "the label is a number, not a class")
