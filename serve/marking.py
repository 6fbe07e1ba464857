"""Pixels -> a marked file: the only place where a finished picture gets its bytes.

Rules: a result is kept as a marked PNG and leaves as that, or as a copy in another format whose
manifest names the stored PNG as its parent. What can't be marked doesn't leave (`marking_failed`).
The pixels of a PNG are exactly what was drawn; only the file around them carries ids and signature,
so the same request and seed give the same pixels and another file.
"""

from __future__ import annotations

from compliance.provenance import Marked, Marker
from identity.photos import MEDIA_TYPES, Format, decode, encode
from serve.products import STORED
from workspace.types import RGB, new_id


def mark(marker: Marker, picture: RGB) -> Marked:
    """Give a new picture its id and its marks.

    Raises:
        MarkingFailed: it may not be published.
    """
    data, media_type = encode(picture, "png", marker.xmp)
    return marker.mark(data, media_type, new_id("img"))


def copy(marker: Marker, stored: Marked, format: Format) -> Marked:
    """Write a stored picture in a format; PNG is how it is kept.

    Raises:
        MarkingFailed: it may not leave.
    """
    if MEDIA_TYPES[format] == stored.media_type:
        return stored
    data, media_type = encode(decode(stored.data, STORED), format, marker.xmp)
    return marker.mark(data, media_type, stored.image_id, stored)
