"""Where a person or a garment begins and ends in a photo with a fairly plain ground. Pure.

The ground is what the photo's sides show: each row is compared with a colour that runs evenly from
its left to its right edge, so a wall that meets a floor is ground, too. What differs is the
figure. It is a measure for framing only; where it finds nothing sensible, proportions of the human
body or the whole photo take its place.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from workspace.types import RGB, Face

_LONG_SIDE = 256  # pixels; outlines are measured on small copies
_DISTANCE = 14.0  # Lab units between ground and figure
_EDGE = 4  # columns of a small copy that show the ground
_SPECK = 0.02  # share of a line that must differ to count
_HAIR = 0.45  # face heights above the face box that hair and skull take
_HEADS = (4.0, 12.0)  # face heights that a person in a full-body photo may take, least and most
_USUAL = 8.4  # face heights from the hair to the feet
_SMALLEST_SHARE = 0.1  # of the photo's side that a garment takes at least


def border_colour(image: RGB) -> tuple[int, int, int]:
    """The median colour of the photo's outermost pixels."""
    edge = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    red, green, blue = np.median(edge, axis=0)
    return int(red), int(green), int(blue)


def person(image: RGB, face: Face) -> tuple[float, float]:
    """Find the top of the hair and the end of the feet, in pixels from the photo's top.

    Args:
        image: A full-body photo.
        face: The person's face in it.
    """
    figure, scale = _figure(image)
    top = max(0.0, face.box[1] - _HAIR * face.height)
    centre, reach = (face.box[0] + face.box[2]) / 2, 2.5 * face.width
    columns = figure[:, _span(centre - reach, centre + reach, scale, figure.shape[1])]
    rows = np.flatnonzero(columns.mean(axis=1) > _SPECK) if columns.size else np.array([])
    bottom = (rows[-1] + 1) * scale if rows.size else 0.0
    if not _HEADS[0] <= (bottom - top) / max(face.height, 1.0) <= _HEADS[1]:
        bottom = top + _USUAL * face.height
    return top, min(float(bottom), float(image.shape[0]))


def garment(image: RGB) -> tuple[float, float, float, float] | None:
    """Find the box around what is not ground: left, top, right, bottom; None if unclear."""
    figure, scale = _figure(image)
    count, _, stats, _ = cv2.connectedComponentsWithStats(figure.astype(np.uint8))
    parts = [stats[k] for k in range(1, count) if stats[k][4] > _SPECK * figure.size / 4]
    if not parts:
        return None
    left, top = (float(min(part[k] for part in parts) * scale) for k in (0, 1))
    right, bottom = (float(max(part[k] + part[k + 2] for part in parts) * scale) for k in (0, 1))
    height, width = image.shape[:2]
    if right - left < _SMALLEST_SHARE * width and bottom - top < _SMALLEST_SHARE * height:
        return None
    return left, top, min(right, float(width)), min(bottom, float(height))


def _figure(image: RGB) -> tuple[NDArray[np.bool_], float]:
    """Mark what differs from the ground on a small copy; its scale in pixels of the photo."""
    height, width = image.shape[:2]
    scale = max(1.0, max(height, width) / _LONG_SIDE)
    size = (max(2, round(width / scale)), max(2, round(height / scale)))
    small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    return differing(small), scale


def differing(small: RGB) -> NDArray[np.bool_]:
    """Mark the pixels of a small copy that differ from the ground."""
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB).astype(np.float32)
    return np.asarray(np.linalg.norm(lab - ground(lab), axis=2) > _DISTANCE)


def ground(lab: NDArray[np.float32]) -> NDArray[np.float32]:
    """The ground's colour (Lab) at each pixel of a small copy, as its left and right sides say."""
    width = lab.shape[1]
    sides = min(_EDGE, width // 2)
    left = np.median(lab[:, :sides], axis=1)[:, None]
    right = np.median(lab[:, -sides:], axis=1)[:, None]
    along = np.linspace(0, 1, width, dtype=np.float32)[None, :, None]
    return np.asarray(left * (1 - along) + right * along, np.float32)


def _span(start: float, end: float, scale: float, size: int) -> slice:
    return slice(max(0, int(start / scale)), min(size, int(np.ceil(end / scale))))
