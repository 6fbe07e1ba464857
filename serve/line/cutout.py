"""A figure and its ground: which pixels of a photo belong to the garment or the person. Pure.

Classical and on the CPU: the ground is what the photo's edges show. GrabCut (Rother, Kolmogorov and
Blake, 2004) finds the border between its colours and the figure's on a small copy; a guided filter
(He, Sun and Tang, 2010) then lays the outline along the edges of the whole photo. A person is
looked for around the largest face, everything else around the middle.

What it can't do: tell a figure from a ground of the same colours, see through glass, lace or single
hairs, or choose one of several people. `clear` says whether the border was a border at all; nothing
here refuses.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from serve.line import outline
from workspace.types import RGB, Face

Kind = Literal["person", "thing"]
Floats = NDArray[np.float32]
Mask = NDArray[np.uint8]  # 0 ground, 255 figure
_LONG_SIDE = 320  # pixels; the figure is looked for on small copies
_ROUNDS = 4  # of GrabCut
_LEAST, _MOST = 0.02, 0.9  # share of the photo that a figure takes
_SPECK = 0.04  # of the largest part; smaller ones are not the figure
_HOLE = 0.002  # of the photo; smaller holes are filled
_EDGE_SHARE = 0.004  # of the photo's long side: how far the outline may move to an edge
_EPSILON = 1e-3  # of the guided filter, for colours from 0 to 1
_BORDER = 9.0  # Lab units between figure and ground along a clear outline
_CLEAR = 0.6  # share of the outline that has to have them
_BUSY = 0.3  # share of a plain ground that differs from its own colour, at most
_SOLID = 0.55  # of its convex hull that a garment fills at least
_GARMENT_SHARE = 0.12  # of the photo; less may be a print on a shirt as pale as its ground
_KNEES = 4.2  # face heights from the chin to the knees: what is smooth below is floor
_LEGS = 6.8  # face heights from the chin to the feet, at most
_REACH = (
    3.2,
    0.9,
    9.5,
)  # of a person around the face: to each side in widths, up and down in heights


@dataclass(frozen=True, slots=True)
class Figure:
    """What stands out from a photo; `alpha` is as large as the photo."""

    alpha: Mask
    kind: Kind
    share: float  # of the photo's area, 0 to 1
    clear: bool  # its outline differs from the ground nearly everywhere
    cropped: bool  # it goes on below the photo's lower edge


def garment(image: RGB) -> Figure | None:
    """Find a garment on its ground; None where nothing sensible stands out."""
    small = _small(image)
    seeds = np.full(small.shape[:2], cv2.GC_PR_BGD, np.uint8)
    seeds[outline.differing(small)] = cv2.GC_PR_FGD
    _ring(seeds, bottom=True)
    found = _figure(image, small, seeds, "thing")
    if found is None:
        return None
    whole = found.share >= _GARMENT_SHARE and solidity(found.alpha) >= _SOLID
    return replace(found, clear=whole and _is_clear(small, _shrunk(found.alpha, small)))


def foreground(image: RGB, face: Face | None) -> Figure | None:
    """Find whom or what a photo shows; None where nothing sensible stands out.

    Args:
        face: The largest face; None looks for a thing in the middle.
    """
    small = _small(image)
    height, width = small.shape[:2]
    seeds = np.full((height, width), cv2.GC_PR_BGD, np.uint8)
    differs = outline.differing(small)
    if face is None:
        y, x = np.mgrid[0:height, 0:width]
        middle = ((x / width - 0.5) / 0.32) ** 2 + ((y / height - 0.5) / 0.38) ** 2 < 1
        seeds[middle | differs] = cv2.GC_PR_FGD
        _ring(seeds, bottom=True)
        return _figure(image, small, seeds, "thing")
    scale = small.shape[1] / image.shape[1]
    left, top, right, bottom = (value * scale for value in face.box)
    wide, high, middle_x = right - left, bottom - top, (left + right) / 2
    around = _box(small, middle_x - _REACH[0] * wide, top - _REACH[1] * high,
                  middle_x + _REACH[0] * wide, bottom + _REACH[2] * high)  # fmt: skip
    likely = _box(small, middle_x - 1.1 * wide, top - 0.35 * high,
                  middle_x + 1.1 * wide, bottom + 3.0 * high)  # fmt: skip
    seeds[around] = np.where(differs[around], cv2.GC_PR_FGD, cv2.GC_PR_BGD)
    seeds[likely] = cv2.GC_PR_FGD
    outside = np.ones((height, width), bool)
    outside[around] = False
    seeds[outside] = cv2.GC_BGD
    _ring(seeds, bottom=height > bottom + _LEGS * high, sides=round(bottom + 0.2 * high))
    below = slice(max(0, min(height, round(bottom + _KNEES * high))), height)
    seeds[below][_shaded_floor(small)[below]] = cv2.GC_BGD
    for half, upper, lower in ((0.35, top + 0.1 * high, bottom), (0.3, bottom, bottom + high),
                               (0.7, bottom + high, bottom + 2.6 * high)):  # fmt: skip
        sure = _box(small, middle_x - half * wide, upper, middle_x + half * wide, lower)
        seeds[sure] = cv2.GC_FGD  # face, neck, chest
    return _figure(image, small, seeds, "person")


def _figure(image: RGB, small: RGB, seeds: Mask, kind: Kind) -> Figure | None:
    if not (seeds & 1).any():
        return None
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(0)  # GrabCut draws its first colours by lot
    cv2.grabCut(np.ascontiguousarray(small), seeds, None, *models, _ROUNDS, cv2.GC_INIT_WITH_MASK)
    mask = _whole(((seeds & 1) > 0).astype(np.uint8))
    share = float(mask.mean())
    if not _LEAST <= share <= _MOST:
        return None
    return Figure(
        alpha=_fitted(image, mask),
        kind=kind,
        share=round(share, 3),
        clear=_is_plain(outline.differing(small), mask) and _is_clear(small, mask),
        cropped=bool(mask[-2:].any(axis=0).mean() > 0.05),
    )


def _shaded_floor(small: RGB) -> NDArray[np.bool_]:
    """Smooth pixels of the ground's hue, darker or a little lighter: what lies between two feet."""
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB).astype(np.float32)
    away = lab - outline.ground(lab)
    dark = (away[..., 0] < 10) & (away[..., 0] > -60)
    same = np.abs(away[..., 1:]).max(axis=2) < 6
    light = lab[..., 0]
    mean = cv2.blur(light, (5, 5))
    rough = np.sqrt(np.maximum(cv2.blur(light * light, (5, 5)) - mean * mean, 0))
    return np.asarray(dark & same & (rough < 3.0))


def as_png(image: RGB, alpha: Mask, side: int) -> bytes:
    """Write a figure without its ground, as a PNG whose longer side has `side` pixels at most."""
    picture, file = Image.fromarray(np.dstack([image, alpha])), io.BytesIO()
    picture.thumbnail((side, side))
    picture.save(file, "PNG", compress_level=4)
    return file.getvalue()


def solidity(mask: Mask) -> float:
    """How much of its convex hull a mask fills, 0 to 1."""
    points = cv2.findNonZero(mask)
    if points is None:
        return 0.0
    hull = float(cv2.contourArea(cv2.convexHull(points)))
    return min(1.0, float((mask > 0).sum()) / max(hull, 1.0))


def _whole(mask: Mask) -> Mask:
    """Keep the large parts and fill the small holes."""
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
    if count < 2:
        return mask
    areas = stats[1:, cv2.CC_STAT_AREA]
    kept = 1 + np.flatnonzero(areas >= _SPECK * areas.max())
    mask = np.isin(labels, kept).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(1 - mask)
    holes = [k for k in range(1, count) if stats[k][cv2.CC_STAT_AREA] < _HOLE * mask.size]
    mask[np.isin(labels, holes)] = 1
    return mask


def _fitted(image: RGB, mask: Mask) -> Mask:
    """Enlarge the mask and lay its outline along the edges of the photo."""
    height, width = image.shape[:2]
    large = cv2.resize(mask.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    large = np.clip(large, 0, 1).astype(np.float32)
    # Twice the coarse pixel: so far off may the small copy's outline be.
    radius = max(2, round(max(_EDGE_SHARE, 1.5 / _LONG_SIDE) * max(height, width)))
    kernel = np.ones((2 * radius + 1, 2 * radius + 1), np.uint8)
    hard = (large > 0.5).astype(np.uint8)
    inner, outer = cv2.erode(hard, kernel, borderValue=1) > 0, cv2.dilate(hard, kernel) > 0
    guide, likely = _likeness(image, inner, ~outer, radius)
    fitted = _guided(guide, large, radius)
    # The filter leaves a veil on both sides; a steeper edge has none.
    fitted = np.minimum(np.clip((fitted - 0.15) / 0.7, 0, 1), likely)
    fitted[inner], fitted[~outer] = 1.0, 0.0
    return np.asarray(fitted * 255, np.uint8)


def _likeness(
    image: RGB, inner: NDArray[np.bool_], outer: NDArray[np.bool_], radius: int
) -> tuple[Floats, Floats]:
    """How far each pixel is from the ground beside it; and that as a share of the figure's way."""
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.float32)
    ground, figure = (_spread(lab, part, radius) for part in (outer, inner))
    far = np.linalg.norm(lab - ground, axis=2)
    way = np.linalg.norm(figure - ground, axis=2)
    share = np.clip(1.6 * far / np.maximum(way, 1e-3), 0, 1)
    share[way < _BORDER] = 1.0  # no border of colours here: the outline stays as it was found
    return np.clip(far / 60, 0, 1), share


def _spread(lab: Floats, known: NDArray[np.bool_], radius: int) -> Floats:
    """The colours of a part, carried on across its edge."""
    weight = known.astype(np.float32)
    side = (6 * radius + 1, 6 * radius + 1)
    total = cv2.blur(weight, side)[..., None]
    near = cv2.blur(lab * weight[..., None], side) / np.maximum(total, 1e-4)
    whole = lab[known].mean(axis=0) if known.any() else lab.mean(axis=(0, 1))
    return np.asarray(np.where(total > 1e-3, near, whole), np.float32)


def _guided(guide: Floats, mask: Floats, radius: int) -> Floats:
    side = (2 * radius + 1, 2 * radius + 1)
    mean, mean_mask = cv2.blur(guide, side), cv2.blur(mask, side)
    spread = cv2.blur(guide * guide, side) - mean * mean
    together = cv2.blur(guide * mask, side) - mean * mean_mask
    slope = together / (spread + _EPSILON)
    offset = mean_mask - slope * mean
    return np.asarray(cv2.blur(slope, side) * guide + cv2.blur(offset, side), np.float32)


def _is_clear(small: RGB, mask: Mask) -> bool:
    """Whether colours change across most of the outline."""
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB).astype(np.float32)
    kernel = np.ones((3, 3), np.uint8)
    inner = cv2.erode(mask, kernel, iterations=2, borderValue=1).astype(np.float32)
    outer = (1 - cv2.dilate(mask, kernel, iterations=2)).astype(np.float32)
    rim = (cv2.dilate(mask, kernel) - mask) > 0
    means = []
    for weight in (inner, outer):
        total = cv2.blur(weight, (11, 11))[..., None]
        means.append(cv2.blur(lab * weight[..., None], (11, 11)) / np.maximum(total, 1e-4))
        rim &= total[..., 0] > 0.02
    if not rim.any():
        return False
    far = np.linalg.norm(means[0] - means[1], axis=2)[rim] > _BORDER
    return bool(far.mean() >= _CLEAR)


def _is_plain(differs: NDArray[np.bool_], mask: Mask) -> bool:
    """Whether the ground is one colour, or two that meet in a line."""
    ground = cv2.dilate(mask, np.ones((7, 7), np.uint8)) == 0
    return bool(ground.any() and differs[ground].mean() < _BUSY)


def _shrunk(alpha: Mask, small: RGB) -> Mask:
    size = (small.shape[1], small.shape[0])
    small_alpha = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)
    return np.asarray(small_alpha > 127, np.uint8)


def _ring(seeds: Mask, bottom: bool, sides: int | None = None) -> None:
    """The photo's edges are ground; a person may go on below, and from row `sides` to the side."""
    seeds[:2] = cv2.GC_BGD
    seeds[:sides, :2] = seeds[:sides, -2:] = cv2.GC_BGD
    if bottom:
        seeds[-2:] = cv2.GC_BGD


def _small(image: RGB) -> RGB:
    height, width = image.shape[:2]
    scale = min(1.0, _LONG_SIDE / max(height, width))
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _box(image: RGB, left: float, top: float, right: float, bottom: float) -> tuple[slice, slice]:
    height, width = image.shape[:2]
    rows = slice(max(0, min(height, round(top))), max(0, min(height, round(bottom))))
    return rows, slice(max(0, min(width, round(left))), max(0, min(width, round(right))))
