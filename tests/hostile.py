"""Hostile and odd picture files, made here: nothing that attacks is kept in the repository."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image


def photo_pixels(height: int = 1600, width: int = 1200) -> np.ndarray:
    """A smooth colourful picture without a person."""
    y, x = np.mgrid[0:height, 0:width]
    return np.dstack([x % 256, y % 256, (x + y) // 2 % 256]).astype(np.uint8)


def encoded(image: Image.Image, format_: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, format_, **options)
    return out.getvalue()


def jpeg() -> bytes:
    return encoded(Image.fromarray(photo_pixels()), "JPEG", quality=80)


def truncated_jpeg() -> bytes:
    whole = jpeg()
    return whole[: len(whole) // 2]


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(
        ">I", zlib.crc32(kind + content)
    )  # fmt: skip


def png_of(width: int, height: int, rows: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", rows)
        + _chunk(b"IEND", b"")
    )


def packed_zeros(repeats: int, block: int = 3_000_000) -> bytes:
    """A valid zlib stream of `repeats * block` zero bytes, made without packing them all.

    One packed block that ends on a byte (a full flush) is repeated. The checksum of n zeros is
    known: Adler-32's second sum is n times the first, which stays 1 (RFC 1950, section 8).
    """
    packer = zlib.compressobj(9, wbits=-15)
    piece = packer.compress(b"\0" * block) + packer.flush(zlib.Z_FULL_FLUSH)
    checksum = (repeats * block) % 65521 << 16 | 1
    return b"\x78\xda" + piece * repeats + b"\x03\x00" + struct.pack(">I", checksum)


def huge_png() -> bytes:
    """A real 30,000 x 30,000 grey PNG: under 1 MB packed, 900 MB unpacked."""
    return png_of(30_000, 30_000, packed_zeros(300, 3_000_100))


def lying_png() -> bytes:
    """A header of 1,200 x 1,600 over 900 MB of packed pixels."""
    return png_of(1_200, 1_600, packed_zeros(300))


def svg_named_png() -> bytes:
    return b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def html_named_png() -> bytes:
    return b"<!doctype html><script>alert(1)</script>" + b" " * 4000


def animated_gif() -> bytes:
    frames = [Image.new("P", (900, 900), k) for k in range(5)]
    return encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])


def animated_webp() -> bytes:
    frames = [Image.new("RGB", (900, 1200), (k * 40, 0, 0)) for k in range(5)]
    return encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:])


def sixteen_bit_png() -> bytes:
    return encoded(Image.fromarray(photo_pixels()[..., 0].astype(np.uint16) * 257), "PNG")


def cmyk_jpeg() -> bytes:
    return encoded(Image.fromarray(photo_pixels()).convert("CMYK"), "JPEG")


def palette_png() -> bytes:
    return encoded(Image.fromarray(photo_pixels()).convert("P"), "PNG")


def transparent_png() -> bytes:
    rgba = np.dstack([photo_pixels(), np.full((1600, 1200), 128, np.uint8)])
    return encoded(Image.fromarray(rgba), "PNG")
