"""Reference photos -> the crops that a pack was trained on. Pure.

Sizes are (width, height) in pixels and come from the pack's summary. Where a crop reaches beyond
the photo it is filled with the photo's own border colour, so that no hard edge appears that
training never saw. Nothing is sharpened, retouched or recoloured.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from workspace.types import RGB, Face, PackSummary, References

Size = tuple[int, int]
Box = tuple[float, float, float, float]  # left, top, right, bottom
_SMALLEST_CROP = 8.0  # pixels; a box below it holds no face


def references(
    pack: PackSummary,
    close_up: tuple[RGB, Face] | None,
    full_body: RGB | None,
    products: Sequence[RGB],
) -> References:
    """Crop all references of one render to the pack's slots."""
    sizes = pack.reference_sizes
    return References(
        close_up=(
            crop_close_up(
                close_up[0],
                close_up[1],
                sizes["close_up"],
                pack.close_up_face_width,
                pack.close_up_face_center,
            )
            if close_up
            else None
        ),
        full_body=fit_full_body(full_body, sizes["full_body"]) if full_body is not None else None,
        products=tuple(fit_product(product, sizes["product"]) for product in products),
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


def fit_full_body(image: RGB, size: Size) -> RGB:
    """Fit the whole photo into the size: nobody loses feet; the rest is border colour."""
    return _fit(image, size)


def fit_product(image: RGB, size: Size) -> RGB:
    """Fit the whole product photo into the size; the rest is border colour."""
    return _fit(image, size)


def border_colour(image: RGB) -> tuple[int, int, int]:
    """The median colour of the photo's outermost pixels."""
    edge = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    red, green, blue = np.median(edge, axis=0)
    return int(red), int(green), int(blue)


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
    spot = (
        round((inside[0] - box[0]) * scale_x),
        round((inside[1] - box[1]) * scale_y),
        round((inside[2] - box[0]) * scale_x),
        round((inside[3] - box[1]) * scale_y),
    )
    canvas = Image.new("RGB", size, border_colour(image))
    patch = (spot[2] - spot[0], spot[3] - spot[1])
    if min(patch) > 0 and inside[2] > inside[0] and inside[3] > inside[1]:
        source = Image.fromarray(np.ascontiguousarray(image))
        # NOTE: `reducing_gap` stays off: it would make the result depend on Pillow's version.
        canvas.paste(source.resize(patch, Image.Resampling.LANCZOS, box=inside), spot[:2])
    return np.asarray(canvas, dtype=np.uint8)
