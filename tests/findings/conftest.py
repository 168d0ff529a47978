"""Tables with errors that are known, because they were planted here or are known to be in real data."""

import importlib.resources
import json

import numpy as np
import pandas as pd
import pytest

from dcai.findings.report import audit


@pytest.fixture(scope="session")
def cars():
    text = (importlib.resources.files("vega_datasets") / "_data" / "cars.json").read_text()
    frame = pd.DataFrame(json.loads(text))
    return frame.assign(Maker=frame["Name"].str.split().str[0])


@pytest.fixture(scope="session")
def digits():
    """700 real digits, 35 of them with a planted wrong label: (frame, planted rows, true labels)."""
    from sklearn.datasets import load_digits

    data = load_digits(as_frame=True)
    frame = data.data.iloc[:700].assign(digit=data.target.iloc[:700])
    draw = np.random.default_rng(7)
    planted = draw.choice(len(frame), 35, replace=False)
    frame.iloc[planted, -1] = (frame["digit"].to_numpy()[planted] + draw.integers(1, 10, len(planted))) % 10
    return frame, frozenset(planted.tolist()), data.target.iloc[:700].to_numpy()


@pytest.fixture(scope="session")
def digits_audit(digits):
    return audit(digits[0], "digit", progress=False)


@pytest.fixture(scope="session")
def blobs():
    """Two clean classes that two numbers tell apart: (frame with 120 rows, row positions of 6 planted errors)."""
    draw = np.random.default_rng(1)
    label = np.repeat(["cat", "dog"], 60)
    x = draw.normal(size=(120, 2)) + np.where(label == "cat", -3, 3)[:, None]
    planted = np.array([3, 17, 40, 70, 90, 110])
    label[planted] = np.where(label[planted] == "cat", "dog", "cat")
    frame = pd.DataFrame({"x": x[:, 0], "y": x[:, 1], "label": label}, index=[f"r{i}" for i in range(120)])
    return frame, frozenset(planted.tolist())


class Verdicts:
    """A log that says what it is told."""

    def __init__(self, *rows):
        self.rows = rows

    def settled(self, frame, label):
        return pd.DataFrame(list(self.rows), columns=["row", "column", "verdict", "value"])


@pytest.fixture
def verdicts():
    return Verdicts
