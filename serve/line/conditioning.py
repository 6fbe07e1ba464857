"""Reference photos -> the crops that a pack was trained on. Pure.

Sizes are (width, height) in pixels; they and the framing come from the pack's summary. Where a
crop reaches beyond the photo, the photo's outermost pixels go on, so that no hard edge appears
that training never saw. Where person or garment end is measured in `outline.py`. Nothing
is sharpened, retouched or recoloured.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from serve.line import outline
from serve.line.outline import border_colour
from workspace.types import RGB, Face, PackSummary, References

Size = tuple[int, int]
Box = tuple[float, float, float, float]  # left, top, right, bottom
Shares = tuple[float, float]  # least and most
_SMALLEST_CROP = 8.0  # pixels; a box below it holds no face


def references(
    pack: PackSummary,
    close_up: tuple[RGB, Face] | None,
    full_body: tuple[RGB, Face] | None,
    products: Sequence[RGB],
) -> References:
    """Crop all references of one render to the pack's slots."""
    sizes = pack.reference_sizes
    return References(
        close_up=(
            crop_close_up(
                *close_up, sizes["close_up"], pack.close_up_face_width, pack.close_up_face_center
            )
            if close_up
            else None
        ),
        full_body=(
            fit_full_body(*full_body, sizes["full_body"], pack.full_body_person_height)
            if full_body
            else None
        ),
        products=tuple(fit_product(one, sizes["product"], pack.product_fill) for one in products),
    )


def crop_close_up(
    image: RGB,
    face: Face,
    size: Size,
    face_width: float,
    face_center: tuple[float, float] = (0.5, 0.5),
) -> RGB:
    """Crop so that the face box takes `face_width` of the width, its centre at `face_center`.

    Args:
        image: The whole close-up photo.
        face: The face in it.
        size: Of the result.
        face_width: Share of the result's width, 0 to 1.
        face_center: Shares of the result's width and height.
    """
    width = max(face.width / face_width, _SMALLEST_CROP)
    height = width * size[1] / size[0]
    left = (face.box[0] + face.box[2]) / 2 - width * face_center[0]
    top = (face.box[1] + face.box[3]) / 2 - height * face_center[1]
    return _cut(image, (left, top, left + width, top + height), size)


def fit_full_body(image: RGB, face: Face, size: Size, height: Shares | None = None) -> RGB:
    """Frame the person, head to toe: so tall a share of the result, in its middle.

    Args:
        height: The person's share of the result's height; None fits the whole photo.
    """
    if height is None:
        return _fit(image, size)
    top, bottom = outline.person(image, face)
    middle = (face.box[0] + face.box[2]) / 2
    high = (bottom - top) / (sum(height) / 2)
    wide = high * size[0] / size[1]
    upper = (top + bottom) / 2 - high / 2
    return _cut(image, (middle - wide / 2, upper, middle + wide / 2, upper + high), size)


def fit_product(image: RGB, size: Size, fill: Shares | None = None) -> RGB:
    """Frame the garment: its longer side takes so large a share of the result.

    Args:
        fill: The share; None fits the whole photo.
    """
    found = outline.garment(image) if fill is not None else None
    if fill is None or found is None:
        return _fit(image, size)
    left, top, right, bottom = found
    scale = max((right - left) / size[0], (bottom - top) / size[1]) / (sum(fill) / 2)
    wide, high = size[0] * scale, size[1] * scale
    x, y = (left + right - wide) / 2, (top + bottom - high) / 2
    return _cut(image, (x, y, x + wide, y + high), size)


def _fit(image: RGB, size: Size) -> RGB:
    height, width = image.shape[:2]
    scale = max(width / size[0], height / size[1])
    wide, high = size[0] * scale, size[1] * scale
    left, top = (width - wide) / 2, (height - high) / 2
    return _cut(image, (left, top, left + wide, top + high), size)


def _cut(image: RGB, box: Box, size: Size) -> RGB:
    """Resample `box` of the image to `size`; the part of the box inside the image, antialiased."""
    height, width = image.shape[:2]
    inside = (max(box[0], 0.0), max(box[1], 0.0), min(box[2], width), min(box[3], height))
    scale_x, scale_y = size[0] / (box[2] - box[0]), size[1] / (box[3] - box[1])
    left, right = (round((inside[k] - box[0]) * scale_x) for k in (0, 2))
    top, bottom = (round((inside[k] - box[1]) * scale_y) for k in (1, 3))
    if right <= left or bottom <= top or inside[2] <= inside[0] or inside[3] <= inside[1]:
        return np.full((size[1], size[0], 3), border_colour(image), dtype=np.uint8)
    source = Image.fromarray(np.ascontiguousarray(image))
    # NOTE: `reducing_gap` stays off: it would make the result depend on Pillow's version.
    patch = source.resize((right - left, bottom - top), Image.Resampling.LANCZOS, box=inside)
    margins = ((top, size[1] - bottom), (left, size[0] - right), (0, 0))
    return np.pad(np.asarray(patch, dtype=np.uint8), margins, mode="edge")
