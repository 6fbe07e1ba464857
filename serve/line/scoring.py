"""How well a picture kept the person and the product.

Identity: the cosine between the likeness' embedding and the largest face of the picture. Small
pictures are enlarged first (bicubic, short side 512 px), because the face networks were made for
photographs; no face gives no score. Only the pack's own gates say what a score means.

Product: agreement of colours, 0 to 1. Both pictures lose their background (pixels close to the
border colour); what is left is counted in a coarse Lab histogram. The score is the share of the
product's colours that the picture also holds, where a colour counts fully if the picture has it
on at least as much of its own foreground as a garment would cover:

    score = sum over bins of min(p, q / COVERED) for the product's p and the picture's q

It sees no shape and no pattern; several products give the lowest of their scores.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from serve.line.outline import border_colour
from workspace.ports import FaceEncoder
from workspace.types import RGB, Embedding

SHORT_SIDE = 512  # pixels; smaller pictures are enlarged before faces are looked for
COVERED = 0.25  # share of the picture's foreground that a garment covers at least
_BACKGROUND_DISTANCE = 12.0  # Lab units; closer to the border colour is background
_BINS = (4, 8, 8)  # lightness counts less than colour
_LONG_SIDE = 256  # pixels; colours are compared on small copies


def identity_score(encoder: FaceEncoder, likeness: Embedding, image: RGB) -> float | None:
    """Cosine of the picture's largest face to the likeness; None without a face.

    Embeddings of different encoders are never compared: then there is no score.
    """
    if encoder.encoder_id != likeness.encoder_id:
        return None
    large = enlarged(image)
    faces = encoder.detect(large)
    if not faces:
        return None
    found = encoder.embed(large, faces[0])
    return round(float(np.dot(found.vector, likeness.vector)), 4)


def enlarged(image: RGB) -> RGB:
    """Enlarge (bicubic) to a short side of at least `SHORT_SIDE`."""
    height, width = image.shape[:2]
    scale = SHORT_SIDE / min(height, width)
    if scale <= 1:
        return image
    size = (round(width * scale), round(height * scale))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


def product_score(products: Sequence[RGB], image: RGB) -> float | None:
    """Agreement of the picture with the products' colours, 0 to 1; None without products."""
    if not products:
        return None
    drawn = _histogram(image)
    scores = [np.minimum(_histogram(product), drawn / COVERED).sum() for product in products]
    return round(float(min(1.0, *scores) if len(scores) > 1 else min(1.0, scores[0])), 4)


def _histogram(image: RGB) -> NDArray[np.float64]:
    """Share of each coarse Lab colour among the foreground pixels."""
    height, width = image.shape[:2]
    scale = _LONG_SIDE / max(height, width)
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).reshape(-1, 3).astype(np.float64)
    ground = np.array([[border_colour(image)]], dtype=np.uint8)
    ground_lab = cv2.cvtColor(ground, cv2.COLOR_RGB2LAB).reshape(3).astype(np.float64)
    far = np.linalg.norm(lab - ground_lab, axis=1) > _BACKGROUND_DISTANCE
    pixels = lab[far] if far.any() else lab
    ranges = [(0.0, 256.0)] * 3
    counts, _ = np.histogramdd(pixels, bins=_BINS, range=ranges)
    # Neighbouring bins share: a colour near a bin's edge must not count as another colour.
    for axis in range(3):
        counts = _shared_along(counts, axis)
    return np.asarray(counts / counts.sum())


def _shared_along(counts: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """Give a quarter of every bin to each neighbour; at the ends it stays."""
    moved = np.moveaxis(counts, axis, 0)
    shared = moved * 0.5
    shared[1:] += moved[:-1] * 0.25
    shared[:-1] += moved[1:] * 0.25
    shared[0] += moved[0] * 0.25
    shared[-1] += moved[-1] * 0.25
    return np.moveaxis(shared, 0, axis)
