import base64
import re
import xml.etree.ElementTree as ET

import altair as alt
import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.dummy import DummyClassifier
from sklearn.naive_bayes import GaussianNB

from dcai.base.charts import OfflineChart
from dcai.base.errors import InputError
from dcai.experiments.comparison import compare

HOSTILE = "</script><script>alert(1)</script>"


@pytest.fixture(scope="module")
def comparison():
    frame = load_iris(as_frame=True).frame
    return compare(frame, label="target", models={"guess": DummyClassifier(), HOSTILE: GaussianNB()}, repeats=2)


@pytest.fixture(scope="module")
def bundle(comparison):
    return comparison.chart()._repr_mimebundle_()


def texts_of(svg):
    return [e.text for e in ET.fromstring(svg).iter() if e.tag.endswith(("text", "tspan")) and e.text]


def test_a_notebook_gets_pictures_and_no_script(bundle):
    assert set(bundle) == {"text/plain", "image/svg+xml", "image/png"}
    assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG")
    assert "<script" not in bundle["image/svg+xml"]
    assert not re.search(r"(?:href|src)=|url\(http|@import", bundle["image/svg+xml"])


def test_a_notebook_may_ask_for_some_kinds_only(comparison):
    assert set(comparison.chart()._repr_mimebundle_(include={"image/svg+xml"})) == {"image/svg+xml"}
    assert "image/png" not in comparison.chart()._repr_mimebundle_(exclude={"image/png"})


def test_the_card_has_a_background_of_its_own(bundle):
    assert 'fill="#ffffff"' in bundle["image/svg+xml"]


def test_the_picture_names_approaches_axes_and_values(comparison, bundle):
    texts = texts_of(bundle["image/svg+xml"])
    assert {"baseline", "model-centric", "data-centric", "both", "guess, raw data"} <= set(texts)
    assert f"accuracy on {comparison.test_rows} test rows" in texts
    assert "gain in accuracy over the baseline" in texts
    assert f"{comparison.table.loc['baseline', 'score']:.3f}" in texts
    assert any("95 % interval" in t for t in texts)


def test_both_kinds_of_test_labels_are_told_apart(tmp_path):
    frame = load_iris(as_frame=True).frame
    both = compare(frame, label="target", models=GaussianNB(), repeats=2)
    doubled = pd.concat([both.estimates, both.estimates.assign(test_labels="corrected")])
    texts = texts_of(type(both)(doubled, both.scores, both.notes, both.metric, both.test_rows).chart().to_svg())
    assert {"test labels as given", "test labels corrected"} <= set(texts)


def test_saved_pages_hold_their_scripts_and_no_data_ends_one(comparison, tmp_path):
    page = comparison.chart().save(tmp_path / "chart.html").read_text(encoding="utf-8")
    assert HOSTILE not in page
    assert not re.search(r"<(?:script|link)[^>]*(?:src|href)=", page)
    assert page.count("<script") == page.count("</script>") == 2
    whole = comparison.save(tmp_path / "whole.html").read_text(encoding="utf-8")
    assert "<script" not in whole
    assert "data:image/svg+xml;base64," in whole


def test_pictures_are_saved_by_their_ending(comparison, tmp_path):
    assert comparison.save(tmp_path / "a.svg").read_text(encoding="utf-8").startswith("<svg")
    assert comparison.save(tmp_path / "a.PNG").read_bytes().startswith(b"\x89PNG")
    assert comparison.save(tmp_path / "a.md").read_text(encoding="utf-8").startswith("**")


def test_another_ending_is_refused(tmp_path):
    chart = OfflineChart(alt.Chart(pd.DataFrame({"x": [1]})).mark_bar().encode(x="x:Q"), "One bar")
    with pytest.raises(InputError, match=r"cannot be saved as 'a.pdf'. Expected a name that ends in .svg, .png, .html"):
        chart.save(tmp_path / "a.pdf")
    assert not list(tmp_path.iterdir())


def test_gains_in_several_metrics_stand_on_axes_of_their_own(comparison):
    from dcai.experiments.results.outcomes import Comparison

    frame = load_iris(as_frame=True).frame
    measured = compare(frame, label="petal length (cm)", models="ridge regression", search=False, repeats=2)
    both = Comparison.beside({"classes": comparison, "numbers": measured})
    texts = texts_of(both.chart().to_svg())
    assert {"gain in accuracy over the baseline", "gain in r2 over the baseline"} <= set(texts)
    alone = texts_of(Comparison.beside({"classes": comparison}).chart().to_svg())
    assert "gain in accuracy over the baseline" in alone
    assert "gain in r2 over the baseline" not in alone
