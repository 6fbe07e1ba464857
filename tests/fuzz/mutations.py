"""Damaged and malicious picture files, each made again from two numbers: the run's seed, its own.

Seeds are small pictures of every kind that is accepted, made here from the sample photos (HEIC, for
which nothing here can write, from the files beside the tests). A mutation damages bytes anywhere,
puts odd numbers where sizes stand, or takes the file's own parts (segments, chunks, boxes) apart
and puts them together wrongly, with checksums that fit, so that it gets past the first look.
"""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from compliance.marks import certificates, manifest, signing
from identity.containers import MAX_SCANS
from serve.showcase.samples import people
from tests import hostile

HEIC = Path(__file__).resolve().parents[1] / "heic"
ODD = (0, 1, 2, 127, 128, 255, 256, 32767, 32768, 65535, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
Parts = list[bytes]
EXIF = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"


@cache
def seeds() -> tuple[tuple[str, bytes], ...]:
    """Kind and bytes of each file that mutations start from."""
    person = next(iter(people()))
    with Image.open(person.close_up) as opened:
        photo = opened.convert("RGB").resize((240, 320))
    alpha = Image.fromarray(np.dstack([np.asarray(photo), np.asarray(photo)[..., 0]]))
    grey = Image.fromarray(np.asarray(photo)[..., 0].astype(np.uint16) * 257)
    made = [
        ("JPEG", photo, {"quality": 85}),
        ("JPEG", photo, {"quality": 70, "progressive": True, "exif": EXIF[6:]}),
        ("JPEG", photo.convert("CMYK"), {}),
        ("JPEG", photo.convert("L"), {"icc_profile": b"\0\0\2\x0cADBE" + b"\0" * 516}),
        ("PNG", photo, {}),
        ("PNG", photo.convert("P"), {"transparency": 3}),
        ("PNG", grey, {}),
        ("PNG", alpha, {"optimize": False}),
        ("WEBP", photo, {"quality": 80, "exif": EXIF[6:]}),
        ("WEBP", alpha, {"lossless": True}),
    ]
    files = [(kind, hostile.encoded(image, kind, **options)) for kind, image, options in made]
    files.append(("JPEG", person.full_body.read_bytes()))
    files.append(("WEBP", hostile.animated_webp()))
    files += _signed(photo)
    files += [("HEIC", path.read_bytes()) for path in sorted(HEIC.glob("*.heic")) for _ in "123"]
    return tuple(files)


def _signed(photo: Image.Image) -> list[tuple[str, bytes]]:
    """Pictures with a manifest; their signatures are new in every run, all else is the same."""
    credential, settings = marking()
    definition = manifest.created("0", "img_0")
    files = [("JPEG", hostile.encoded(photo, "JPEG")), ("PNG", hostile.encoded(photo, "PNG"))]
    return [
        (kind, signing.sign(settings, credential, definition, data, f"image/{kind.lower()}"))
        for kind, data in files
    ]


@cache
def marking() -> tuple[certificates.Credential, Any]:
    """A credential of this process, and the settings of a library that trusts it."""
    now = datetime.now(UTC)
    credential = certificates.read(*certificates.make_development(now), now)
    return credential, signing.context([credential.anchor])


def mutated(seed: int, number: int) -> bytes:
    """The file of this number in the run of this seed."""
    chance = random.Random(f"{seed}/{number}")
    if chance.random() < 0.004:
        return chance.choice(BOMBS)()
    kind, data = chance.choice(seeds())
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        if chance.random() < 0.5:
            data = apart(kind, data, chance)
        else:
            data = chance.choice(ANYWHERE)(data, chance)
    return data


def _place(data: bytes, chance: random.Random) -> int:
    """Somewhere; in every second case near the start, where the header is."""
    end = min(len(data), 2048) if chance.random() < 0.5 else len(data)
    return chance.randrange(max(1, end))


def _flip(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.choice((1, 2, 8, 64))):
        if changed:
            changed[_place(data, chance)] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _cut(data: bytes, chance: random.Random) -> bytes:
    return data[: _place(data, chance)]


def _without(data: bytes, chance: random.Random) -> bytes:
    start = _place(data, chance)
    return data[:start] + data[start + chance.choice((1, 2, 4, 100, 5000)) :]


def _twice(data: bytes, chance: random.Random) -> bytes:
    start, length = _place(data, chance), chance.choice((1, 4, 64, 4096))
    return (
        data[: start + length]
        + data[start : start + length] * chance.choice((1, 3, 50))
        + (data[start + length :])
    )


def _junk(data: bytes, chance: random.Random) -> bytes:
    start = _place(data, chance)
    return data[:start] + chance.randbytes(chance.choice((1, 16, 300, 3000))) + data[start:]


def _odd_number(data: bytes, chance: random.Random) -> bytes:
    changed, value = bytearray(data), chance.choice(ODD)
    size = chance.choice((1, 2, 4))
    start = _place(data, chance)
    packed = (value & ((1 << 8 * size) - 1)).to_bytes(size, chance.choice(("big", "little")))
    changed[start : start + size] = packed
    return bytes(changed)


def _spliced(data: bytes, chance: random.Random) -> bytes:
    """The head of one file and the tail of another."""
    other = chance.choice(seeds())[1]
    return data[: _place(data, chance)] + other[_place(other, chance) :]


ANYWHERE: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    _flip, _flip, _cut, _without, _twice, _junk, _odd_number, _odd_number, _spliced,
)  # fmt: skip


def apart(kind: str, data: bytes, chance: random.Random) -> bytes:
    """Take a file into its parts, do something to them, and write it again."""
    split, join = SURGERY[kind]
    parts = split(data)
    for _ in range(chance.choice((1, 1, 2, 4))):
        if not parts:
            return data
        at = chance.randrange(len(parts))
        act = chance.randrange(6)
        if act == 0:
            parts.pop(at)
        elif act == 1:
            parts.insert(chance.randrange(len(parts) + 1), parts[at])
        elif act == 2:
            other = chance.randrange(len(parts))
            parts[at], parts[other] = parts[other], parts[at]
        elif act == 3:
            parts += parts[at : at + 1] * chance.choice((10, 500))
        else:
            damage = chance.choice((_odd_number, _odd_number, _flip, _cut))
            parts[at] = parts[at][:2] + damage(parts[at][2:], chance)
    return join(parts)


def _segments(data: bytes) -> Parts:
    """A JPEG's segments, each with its marker; the pixels are part of the last one."""
    parts, place = [], 2
    while place + 4 <= len(data) and data[place] == 0xFF and data[place + 1] != 0xDA:
        end = place + 2 + int.from_bytes(data[place + 2 : place + 4], "big")
        parts.append(data[place:end])
        place = max(end, place + 2)
    return [*parts, data[place:]]


def _chunks(data: bytes) -> Parts:
    """A PNG's chunks without length and checksum."""
    parts, place = [], 8
    while place + 8 <= len(data):
        (length,) = struct.unpack(">I", data[place : place + 4])
        parts.append(data[place + 4 : place + 8 + length])
        place += length + 12
    return parts


def _with_checks(parts: Parts) -> bytes:
    written = (
        struct.pack(">I", max(0, len(part) - 4)) + part + struct.pack(">I", zlib.crc32(part))
        for part in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(written)


def _riff(data: bytes) -> Parts:
    parts, place = [], 12
    while place + 8 <= len(data):
        length = int.from_bytes(data[place + 4 : place + 8], "little")
        parts.append(data[place : place + 4] + data[place + 8 : place + 8 + length])
        place += 8 + length + length % 2
    return parts


def _as_riff(parts: Parts) -> bytes:
    body = b"".join(
        part[:4] + struct.pack("<I", max(0, len(part) - 4)) + part[4:] + b"\0" * (len(part) % 2)
        for part in parts
    )
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def _boxes(data: bytes) -> Parts:
    return list(_each_box(data))


def _each_box(data: bytes) -> Iterator[bytes]:
    """The boxes of a HEIC file, and those inside of `meta`, length and all."""
    place = 0
    while place + 8 <= len(data):
        length = max(8, int.from_bytes(data[place : place + 4], "big"))
        box = data[place : place + length]
        if box[4:8] == b"meta" and len(box) > 20:
            yield box[:12]
            yield from _each_box(box[12:])
        else:
            yield box
        place += length


def _as_heic(parts: Parts) -> bytes:
    """Put boxes in a row; `meta` is made as long as what follows it, but for the pixels."""
    whole = b"".join(parts)
    start, pixels = whole.find(b"meta"), whole.rfind(b"mdat")
    if start >= 4 and pixels > start:
        length = struct.pack(">I", pixels - 4 - (start - 4))
        whole = whole[: start - 4] + length + whole[start:]
    return whole


SURGERY: dict[str, tuple[Callable[[bytes], Parts], Callable[[Parts], bytes]]] = {
    "JPEG": (_segments, lambda parts: b"\xff\xd8" + b"".join(parts)),
    "PNG": (_chunks, _with_checks),
    "WEBP": (_riff, _as_riff),
    "HEIC": (_boxes, _as_heic),
}


def _many_chunks() -> bytes:
    return _with_checks([*_chunks(seeds()[4][1])[:1], *[b"tEXta\0b"] * 300_000])


def _many_scans(more: int) -> Callable[[], bytes]:
    """A JPEG of as many pixels and scans as are let in, and some scans more."""

    def make() -> bytes:
        whole = hostile.encoded(Image.new("RGB", (7000, 7100)), "JPEG", progressive=True)
        scan = whole[whole.rfind(b"\xff\xda") : -2]
        extra = MAX_SCANS - whole.count(b"\xff\xda") + more
        return whole[:-2] + scan * extra + whole[-2:]

    return make


def _text_bomb() -> bytes:
    first, *rest = _chunks(seeds()[4][1])
    packed = zlib.compress(b"\0" * (64 << 20))
    return _with_checks([first, b"zTXtComment\0\0" + packed, b"iCCPx\0\0" + packed, *rest])


def _large(kind: str) -> Callable[[], bytes]:
    def make() -> bytes:
        return hostile.encoded(Image.new("RGB", (7000, 7100), (9, 9, 9)), kind)

    return make


def _wide() -> bytes:
    return hostile.png_of(2_000_000, 24, hostile.packed_zeros(48, 3_000_001))


BOMBS: tuple[Callable[[], bytes], ...] = tuple(
    cache(make)
    for make in (
        hostile.huge_png, hostile.lying_png, hostile.animated_gif, _many_chunks,
        _many_scans(0), _many_scans(1), _text_bomb, _large("JPEG"), _large("PNG"), _wide,
        bytes, hostile.svg_named_png,
    )
)  # fmt: skip
