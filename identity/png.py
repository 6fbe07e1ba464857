"""Finds PNG files that pack more pixels than their header declares. Pure, standard library only.

Pillow stops reading when the declared picture is full, so such a file is harmless to it; it is
refused all the same, because nobody's camera makes one and other readers may follow the data.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

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
