"""Embeddings: what the weights in installed packages say a text means. The one door to the extras `text` and `images`.

Nothing is downloaded and no code of the packages that carry the weights is run: only their files are read, as numbers.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

TEXT_HINT = 'words are compared as they are spelt, not by what they mean: pip install "dcai[text]" adds that'
# The files of wordllama 0.4 that are read, and their SHA-256.
_WORDS = {
    "weights/l2_supercat_256.safetensors": "64b47a2dc493cb8e85944076601189739852d7b64e0e1eedcb1937a251cd9fd5",
    "tokenizers/l2_supercat_tokenizer_config.json": "93248f2a9ec36c7b35f700a033d5f36228aae48db61aee31007fa49062cdeb68",
}
_BATCH = 2000
_LONGEST = 20_000  # characters of a text that are read


class Unusable(Exception):  # noqa: N818 (not an error: the word that an extra cannot be used)
    """An extra that is missing, or installed and broken; the text says which."""


def embed_texts(texts: Sequence[str]) -> Floats:
    """Return the mean of the word vectors of each text, of length 1, shape (n, 256); that of an empty text is 0.

    Raises
    ------
    Unusable
        Where the extra is not installed, or its files cannot be read.
    """
    from scipy import sparse

    vectors, tokenizer = _load_words()
    parts = []
    for start in range(0, len(texts), _BATCH):
        batch = [text[:_LONGEST] for text in texts[start : start + _BATCH]]
        words = [np.asarray(w.ids, dtype=np.intp) for w in tokenizer.encode_batch(batch, add_special_tokens=False)]
        ends = np.cumsum([0, *(len(w) for w in words)])
        held = np.minimum(np.concatenate([*words, np.zeros(0, dtype=np.intp)]), len(vectors) - 1)
        counts = sparse.csr_matrix((np.ones(len(held), dtype=np.float32), held, ends), (len(batch), len(vectors)))
        parts.append(np.asarray(counts @ vectors, dtype=np.float64))
    found = np.vstack([*parts, np.zeros((0, vectors.shape[1]))])
    return np.asarray(found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9))


@lru_cache(maxsize=1)
def _load_words() -> tuple[npt.NDArray[np.float32], Any]:
    """Load the vectors and the tokenizer that wordllama carries, without importing it: it would set up logging, and download."""
    folder = find_package("wordllama")
    if folder is None:
        raise Unusable(TEXT_HINT)
    try:
        weights, rules = (read_known("text", folder / name, digest) for name, digest in _WORDS.items())
        from safetensors.numpy import load
        from tokenizers import Tokenizer

        vectors = load(weights)["embedding.weight"].astype(np.float32)
        tokenizer = Tokenizer.from_str(rules.decode("utf-8"))
    except ImportError as error:
        raise Unusable(f"the extra text is installed and cannot be used (ImportError: {error})") from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return vectors, tokenizer


def read_known(extra: str, path: Path, digest: str) -> bytes:
    """Read a file that an extra carries; any other than the known one is refused, so nothing unknown is ever parsed.

    Raises
    ------
    Unusable
        Where the file is absent or another one.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise Unusable(
            f"the extra {extra} is installed and cannot be used ({type(error).__name__}: {error})"
        ) from error
    if hashlib.sha256(content).hexdigest() != digest:
        raise Unusable(f"the extra {extra} is installed and cannot be used ({path.name!r} is not the known file)")
    return content


def find_package(name: str) -> Path | None:
    """Find the folder of an installed package without importing it."""
    found = importlib.util.find_spec(name)
    return None if found is None or found.origin is None else Path(found.origin).parent
