"""Finds picture files that are built to cost a reader its time. Pure, standard library only.

- `too_many_parts`: a PNG of a million empty chunks, a JPEG of a million empty segments, of junk
  between segments or of forty scans. Pillow walks chunks and segments in Python, some 10 us
  each, and libjpeg goes over the whole picture for every scan.
- `holds_more_than_declared`: a PNG that packs more pixels than its header says. Pillow stops when
  the declared picture is full, so it is harmless to it; but nobody's camera makes one.

Whether a file is damaged is not judged here; the decoder does that.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from itertools import islice

MAX_PARTS = 20_000  # chunks of a PNG (40 MiB in IDAT chunks of 8 KiB are 5,000), steps in a JPEG
MAX_SCANS = 32  # of a JPEG; a progressive one has about ten. At 50 megapixels each costs 40 ms
SIGNATURE_BYTES = 8
PIECE_BYTES = 1 << 20  # inflated at a time, and thrown away at once
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by PNG colour type
WHOLE = ((0, 0, 1, 1),)
ADAM7 = (  # left, top, step right, step down of the seven passes of an interlaced PNG
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)


def too_many_parts(kind: str, data: bytes) -> bool:
    """Say whether a JPEG or PNG file has more parts than any camera or editor writes."""
    if kind == "PNG":
        return next(islice(_chunks(data), MAX_PARTS, None), None) is not None
    if kind == "JPEG":
        return data.count(b"\xff\xda") > MAX_SCANS or _header_steps(data) > MAX_PARTS
    return False


def holds_more_than_declared(data: bytes) -> bool:
    """Say whether the packed pixels are more than the header has room for.

    Never inflates more than the header declares and one piece; a damaged file is not judged here.
    """
    room, filled = 0, 0
    inflater = zlib.decompressobj()
    try:
        for kind, content in _chunks(data):
            if kind == b"IHDR":
                room = _declared_bytes(bytes(content))
            elif kind == b"IDAT":
                packed: memoryview | bytes = content
                while packed and not inflater.eof:
                    filled += len(inflater.decompress(packed, PIECE_BYTES))
                    packed = inflater.unconsumed_tail
                    if filled > room:
                        return True
    except (struct.error, zlib.error, KeyError):
        return False
    return False


def _header_steps(data: bytes) -> int:
    """Count the segments and junk bytes that a reader walks over before a JPEG's first scan."""
    place, steps = 2, 0
    while place + 4 <= len(data) and steps <= MAX_PARTS:
        steps += 1
        marker = data[place + 1]
        if data[place] != 0xFF or marker in (0x00, 0xFF):
            place += 1  # junk or padding
        elif marker == 0xDA:
            break
        elif 0xD0 <= marker <= 0xD9 or marker == 0x01:
            place += 2  # these stand alone
        else:
            place += 2 + max(2, int.from_bytes(data[place + 2 : place + 4], "big"))
    return steps


def _chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    view, place = memoryview(data), SIGNATURE_BYTES
    while place + 8 <= len(view):
        length, kind = struct.unpack(">I4s", view[place : place + 8])
        yield kind, view[place + 8 : place + 8 + length]
        place += length + 12  # length, kind and checksum around the content


def _declared_bytes(header: bytes) -> int:
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    total = 0
    for left, top, right, down in ADAM7 if interlaced else WHOLE:
        columns, rows = -(-max(0, width - left) // right), -(-max(0, height - top) // down)
        if columns:
            total += rows * (1 + -(-columns * depth * CHANNELS[colour] // 8))
    return total
