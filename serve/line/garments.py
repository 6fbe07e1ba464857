"""What kind of garment a cut-out is, by its shape alone. Pure; a suggestion, never a reason.

The outline is measured row by row (how wide, how much of that is garment, how far from the middle)
and compared with mean shapes: the nearest mean after Fisher's linear discriminants. The numbers in
`configs/garment_shapes.json` come from `benchmarks/garments.py` and public-domain photos; that file
says how often they are right. Colour, fabric and buttons are not looked at, so that a shirt and a
jacket differ by their cut only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from serve.line.cutout import Mask, solidity

_SHIPPED = Path(__file__).resolve().parents[2] / "configs" / "garment_shapes.json"
_ROWS = 12  # bands from the collar to the hem
_FLAT = 0.05  # of the photo's side: a smaller box has no shape

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Shapes:
    """The mean shapes of each category, and the directions in which they differ most."""

    categories: tuple[str, ...]
    mean: Floats  # of all features
    axes: Floats  # features x directions
    centres: Floats  # categories x directions


@cache
def shipped_shapes() -> Shapes:
    """The shapes that ship."""
    return shapes_of(json.loads(_SHIPPED.read_text(encoding="utf-8")))


def shapes_of(raw: Mapping[str, Any]) -> Shapes:
    """Read what `benchmarks/garments.py` wrote."""
    return Shapes(
        tuple(raw["categories"]),
        *(np.asarray(raw[name], np.float64) for name in ("mean", "axes", "centres")),
    )


def category(alpha: Mask, shapes: Shapes | None = None) -> str | None:
    """Guess a category such as `dress`; None where the mask has no shape to speak of."""
    shapes = shapes or shipped_shapes()
    found = features(alpha)
    if found is None:
        return None
    place = (found - shapes.mean) @ shapes.axes
    return shapes.categories[int(np.linalg.norm(shapes.centres - place, axis=1).argmin())]


def features(alpha: Mask) -> Floats | None:
    """Measure a mask; the same numbers whatever the photo's size."""
    points = cv2.findNonZero((alpha > 127).astype(np.uint8))
    if points is None:
        return None
    left, top, wide, high = cv2.boundingRect(points)
    if min(wide / alpha.shape[1], high / alpha.shape[0]) < _FLAT:
        return None
    box = (alpha[top : top + high, left : left + wide] > 127).astype(np.float32)
    bands = [band for band in np.array_split(box, _ROWS) if band.size]
    if len(bands) < _ROWS:
        return None
    columns = np.linspace(-1, 1, wide)
    rows: list[float] = []
    for band in bands:
        across = band.mean(axis=0)
        inside = np.flatnonzero(across > 0.5)
        span = (inside[-1] - inside[0] + 1) / wide if inside.size else 0.0
        spread = float((across * np.abs(columns)).sum() / max(float(across.sum()), 1e-6))
        rows += [float(across.mean()), span, spread]
    middle = box[:, wide // 2 - max(1, wide // 20) : wide // 2 + max(1, wide // 20)].mean(axis=1)
    lower = float(middle[int(0.55 * high) :].mean())  # low between two legs
    shape = [np.log(high / wide), solidity(alpha), float(box.mean()), lower, float(middle.mean())]
    return np.asarray([*rows, *shape], np.float64)
