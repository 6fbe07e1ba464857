"""Pixels -> a marked file: the only place where a finished picture gets its bytes.

Order: visible label, invisible watermark, look (perceptual hash), file with XMP, signed manifest.
Rules: a result is kept as a marked PNG and leaves as that, or as a copy in another format whose
manifest names the stored PNG as its parent. What can't be marked doesn't leave (`marking_failed`).
The same request and seed draw the same pixels; the watermark then changes each by a few levels, for
every image in its own way, because it says which image it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from compliance.marks import fingerprints
from compliance.marks.labels import Labels, Shows
from compliance.marks.manifest import Input, packet_of
from compliance.provenance import Marked, Marker
from identity.photos import MEDIA_TYPES, Format, decode, encode
from serve.line import products
from serve.line.products import STORED
from workspace.errors import InvalidRequest
from workspace.store import WorkspaceStore
from workspace.types import RGB, new_id

MOST_PIXELS = 16_000_000  # of an enlarged copy


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the pictures of one generation are to say of themselves."""

    label: str  # "auto", "none" or a preset of configs/labels
    territories: tuple[str, ...]
    shows: Shows
    inputs: tuple[Input, ...] = ()
    photo: tuple[bytes, str] | None = None  # the file that was changed, and its media type


@dataclass(frozen=True, slots=True)
class Finished:
    """A marked file, and what is remembered of its marks beside it."""

    file: Marked
    look: str
    watermark_id: str | None  # None: the picture is too small to carry one
    label_applied: str  # presets joined by "+", or "none", or "too_small"
    shows: Shows


def mark(marker: Marker, labels: Labels, picture: RGB, wanted: Wanted) -> Finished:
    """Give a new picture its id, its label and its marks.

    Raises:
        MarkingFailed: it may not be published.
    """
    image_id = new_id("img")
    names = labels.chosen(wanted.label, wanted.territories, wanted.shows)
    edited = wanted.photo is not None
    pixels, applied = labels.draw(picture, names, edited)
    pixels, watermark_id = marker.watermarked(pixels, image_id)
    words, provider = labels.words(names, edited), labels.provider(names)
    packet = marker.packet(words, image_id, provider, edited)
    data, media_type = encode(pixels, "png", packet)
    if wanted.photo is not None:
        file = marker.mark_edited(data, media_type, image_id, *wanted.photo, packet=packet)
    else:
        file = marker.mark(data, media_type, image_id, packet=packet, inputs=wanted.inputs)
    return Finished(file, fingerprints.look_of(pixels), watermark_id, applied, wanted.shows)


def copy(marker: Marker, stored: Marked, format: Format, scale: int = 1) -> Marked:
    """Write a stored picture in a format; PNG is how it is kept.

    Args:
        scale: How many times as wide and as high, for viewing. Scores are of the stored picture.

    Raises:
        InvalidRequest: it would be larger than `MOST_PIXELS`.
        MarkingFailed: it may not leave.
    """
    if scale == 1 and MEDIA_TYPES[format] == stored.media_type:
        return stored
    picture = enlarged(decode(stored.data, STORED), scale)
    data, media_type = encode(picture, format, packet_of(stored.data))
    return marker.mark_copy(data, media_type, stored, scale > 1)


def enlarged(picture: RGB, scale: int) -> RGB:
    """Enlarge a picture by Lanczos' windowed sinc (Pillow): smoother to look at, nothing invented.

    Raises:
        InvalidRequest: it would be larger than `MOST_PIXELS`.
    """
    if scale == 1:
        return picture
    height, width = (side * scale for side in picture.shape[:2])
    if height * width > MOST_PIXELS:
        detail = f"An enlarged picture has {MOST_PIXELS:,} pixels at most; ask for a smaller scale."
        raise InvalidRequest(detail, (), None, "/scale")
    large = Image.fromarray(picture).resize((width, height), Image.Resampling.LANCZOS)
    return np.asarray(large, np.uint8)


def inputs_of(store: WorkspaceStore, product_ids: Sequence[str]) -> tuple[Input, ...]:
    """The product photos of a generation as ingredients: hashes, or the marks they came with.

    Raises:
        NotFound: a product is gone.
    """
    found = []
    for product_id in product_ids:
        digest = hashlib.sha256(products.open_photo(store, product_id)).hexdigest()
        origin = products.open_origin(store, product_id)
        file, media_type = origin or (None, "image/png")
        found.append(Input(digest, file, media_type))
    return tuple(found)
