"""Untrusted bytes become upright sRGB pixels, or the right refusal."""

from __future__ import annotations

import io
import random
import struct
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from identity import photos
from identity.containers import ADAM7, holds_more_than_declared
from identity.photos import PhotoLimits, decode, encode, encode_png, kind_of
from tests import hostile
from tests.identity_fixtures import limits
from workspace.errors import HousemodelError, PayloadTooLarge, UnsupportedImage

LIMITS = PhotoLimits(max_bytes=8 << 20, max_pixels=4_000_000, max_side=1500, min_side=16)
HEIC = Path(__file__).parent / "heic"
RED, WHITE = (255, 0, 0), (255, 255, 255)


def picture(width: int = 60, height: int = 40) -> Image.Image:
    noise = np.random.default_rng(7).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(noise)


def saved(image: Image.Image, format_: str, **options: object) -> bytes:
    if format_ == "HEIF":  # the decoder that the product carries can't write: made once, kept
        name = "flat_60x40" if image.size == (60, 40) else f"noise_{image.width}x{image.height}"
        return (HEIC / f"{name}.heic").read_bytes()
    file = io.BytesIO()
    image.save(file, format_, **options)
    return file.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + check


def png(depth: int, colour: int, rows: bytes, *extra: bytes, side: int = 20) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, depth, colour, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + body


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "WEBP", "HEIF"])
def test_every_accepted_format_gives_its_pixels(format_):
    flat = Image.new("RGB", (60, 40), (200, 60, 30))
    decoded = decode(saved(flat, format_), LIMITS)
    assert decoded.shape == (40, 60, 3) and decoded.dtype == np.uint8
    assert np.abs(decoded.astype(int) - (200, 60, 30)).max() <= 6


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff\xd8", b"<svg/>", b"<!doctype html>", b"%PDF-1.7", hostile.animated_gif()],
    ids=["empty", "two bytes", "svg", "html", "pdf", "gif"],
)
def test_what_is_no_photo_is_unsupported_whatever_its_name(data):
    assert kind_of(data) is None
    with pytest.raises(UnsupportedImage):
        decode(data, LIMITS)


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "WEBP", "HEIF"])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.95])
def test_truncated_files_are_unsupported(format_, kept):
    whole = saved(picture(60, 90), format_)
    with pytest.raises(UnsupportedImage):
        decode(whole[: int(len(whole) * kept)], LIMITS)


def test_a_jpeg_without_its_last_two_bytes_is_unsupported():
    with pytest.raises(UnsupportedImage):
        decode(saved(picture(), "JPEG")[:-2], LIMITS)


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "WEBP", "HEIF"])
def test_flipped_bytes_never_raise_anything_but_ours(format_):
    rng = random.Random(11)
    whole = saved(picture(64, 64), format_)
    for _ in range(60):
        broken = bytearray(whole)
        for _ in range(rng.randint(1, 8)):
            broken[rng.randrange(12, len(broken))] = rng.randrange(256)
        try:
            decode(bytes(broken), LIMITS)
        except HousemodelError as error:
            assert isinstance(error, UnsupportedImage | PayloadTooLarge)


def test_too_many_bytes_are_refused_before_they_are_looked_at():
    small = PhotoLimits(max_bytes=10, max_pixels=100, max_side=10, min_side=1)
    with pytest.raises(PayloadTooLarge):
        decode(b"x" * 11, small)


@pytest.mark.parametrize("side", [2001, 12_000, 30_000])
def test_too_many_pixels_are_refused_from_the_header(side):
    row = b"\0" * 100  # the pixels are not there; they must never be asked for
    with pytest.raises(PayloadTooLarge):
        decode(png(8, 2, row, side=side), LIMITS)


def test_a_small_header_over_a_huge_stream_is_refused():
    with pytest.raises(UnsupportedImage):
        decode(png(8, 0, b"\0" * 8_000_000), LIMITS)


@pytest.mark.parametrize(
    "data",
    [
        png(8, 0, (b"\0" + b"\7" * 20) * 20, chunk(b"abCd", b"") * 200_000),
        b"\xff\xd8" + b"\xff\xe5\x00\x02" * 500_000,
        b"\xff\xd8\xff\xe5\x00\x02" + b"\0" * 5_000_000,
        b"\xff\xd8" + b"\xff" * 5_000_000,
        saved(picture(), "JPEG", progressive=True)[:-2] + b"\xff\xda" * 32,
    ],
    ids=["png chunks", "jpeg segments", "jpeg junk", "jpeg padding", "jpeg scans"],
)
def test_files_built_to_waste_time_are_refused_at_once(data):
    started = time.process_time()
    with pytest.raises(UnsupportedImage, match="more parts"):
        decode(data, LIMITS)
    assert time.process_time() - started < 0.3


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"iCCP"])
def test_a_bomb_in_a_text_or_profile_chunk_is_refused(kind):
    header = {b"zTXt": b"a\0\0", b"iTXt": b"a\0\1\0\0\0", b"iCCP": b"a\0\0"}[kind]
    bomb = chunk(kind, header + zlib.compress(b"a" * 20_000_000, 1))
    with pytest.raises(UnsupportedImage):
        decode(png(8, 0, (b"\0" + b"\7" * 20) * 20, bomb), LIMITS)


@pytest.mark.parametrize("format_", ["PNG", "WEBP"])
def test_animations_are_refused(format_):
    frames = [Image.new("RGB", (40, 40), colour) for colour in ("red", "blue")]
    data = saved(frames[0], format_, save_all=True, append_images=frames[1:])
    with pytest.raises(UnsupportedImage, match="animation"):
        decode(data, LIMITS)


def test_a_tiny_picture_is_no_photo():
    with pytest.raises(UnsupportedImage):
        decode(saved(picture(15, 100), "PNG"), LIMITS)


def test_larger_pictures_are_shrunk_to_the_longest_side():
    flat = Image.new("RGB", (2000, 1000))
    assert decode(saved(flat, "PNG"), LIMITS).shape == (750, 1500, 3)
    assert decode(saved(flat.resize((1000, 3400)), "JPEG"), LIMITS).shape == (1500, 441, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_exif_orientation_is_applied(orientation):
    upright = Image.new("RGB", (60, 40), "white")
    upright.paste(RED, (0, 0, 20, 10))  # a red corner, top left
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = upright.transpose(undo[orientation]) if orientation > 1 else upright
    exif = Image.Exif()
    exif[photos.ORIENTATION] = orientation
    decoded = decode(saved(stored, "PNG", exif=exif), LIMITS)
    assert np.array_equal(decoded, np.asarray(upright))


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_damaged_exif_is_ignored():
    for exif in (b"Exif\0\0MM\0*\xff\xff\xff\xff", b"Exif\0\0II", b"rubbish"):
        assert decode(saved(picture(), "JPEG", exif=exif), LIMITS).shape == (40, 60, 3)


def test_all_metadata_is_dropped():
    exif = Image.Exif()
    exif[0x010E] = "CANARY in a description"
    data = saved(picture(), "JPEG", exif=exif, comment=b"CANARY in a comment")
    assert b"CANARY" in data
    for format_ in ("png", "jpeg", "webp"):
        assert b"CANARY" not in encode(decode(data, LIMITS), format_)[0]


def test_colours_of_another_profile_are_converted_to_srgb():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = profile.replace(b"rXYZ", b"----").replace(b"gXYZ", b"rXYZ").replace(b"----", b"gXYZ")
    swapped = swapped.replace("sRGB".encode("utf-16-be"), "test".encode("utf-16-be"))
    red = Image.new("RGB", (20, 20), RED)
    assert decode(saved(red, "PNG", icc_profile=profile), LIMITS)[0, 0].tolist() == [255, 0, 0]
    assert decode(saved(red, "PNG", icc_profile=swapped), LIMITS)[0, 0].tolist() == [0, 255, 0]


def test_a_profile_that_cannot_be_used_is_ignored():
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    plain = decode(saved(picture(), "PNG"), LIMITS)
    for profile in (lab, b"not a profile"):
        data = saved(picture(), "PNG", icc_profile=profile)
        assert np.array_equal(decode(data, LIMITS), plain)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (saved(Image.new("RGB", (20, 20), RED).convert("P"), "PNG"), RED),
        (saved(Image.new("P", (20, 20)), "PNG", transparency=0), WHITE),
        (saved(Image.new("CMYK", (20, 20), (0, 255, 255, 0)), "JPEG"), RED),
        (saved(Image.new("L", (20, 20), 77), "JPEG"), (77, 77, 77)),
        (saved(Image.new("1", (20, 20), 1), "PNG"), WHITE),
        (saved(Image.new("RGBA", (20, 20), (255, 0, 0, 0)), "PNG"), WHITE),
        (saved(Image.new("RGBA", (20, 20), (*RED, 51)), "WEBP", lossless=True), (255, 204, 204)),
        (saved(Image.fromarray(np.full((20, 20), 32768, np.uint16)), "PNG"), (127, 127, 127)),
        (png(16, 2, (b"\0" + b"\x80\0\x40\0\x20\0" * 20) * 20), (128, 64, 32)),
        (png(16, 6, (b"\0" + b"\x80\0\x40\0\x20\0\xff\xff" * 20) * 20), (128, 64, 32)),
        (png(16, 4, (b"\0" + b"\x80\0\xff\xff" * 20) * 20), (128, 128, 128)),
    ],
    ids=[
        "palette", "palette with transparency", "cmyk", "grey", "bitmap", "transparent",
        "half transparent", "16-bit grey", "16-bit rgb", "16-bit rgba", "16-bit grey and alpha",
    ],
)  # fmt: skip
def test_every_pixel_format_gives_the_right_colour(data, expected):
    decoded = decode(data, LIMITS)
    assert decoded.shape == (20, 20, 3)
    assert np.abs(decoded.astype(int) - expected).max() <= 2


def test_an_interlaced_png_is_no_bomb():
    pixels = np.asarray(picture(20, 20))
    passes = [pixels[top::down, left::right] for left, top, right, down in ADAM7]
    rows = b"".join(b"\0" + row.tobytes() for part in passes for row in part)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 20, 20, 8, 2, 0, 0, 1))
    body = chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    data = b"\x89PNG\r\n\x1a\n" + header + body
    assert np.array_equal(decode(data, LIMITS), pixels)
    assert holds_more_than_declared(data.replace(body, chunk(b"IDAT", zlib.compress(rows + b"!"))))


def test_png_is_lossless_and_every_format_names_its_media_type():
    pixels = np.asarray(picture())
    assert np.array_equal(decode(encode_png(pixels), LIMITS), pixels)
    for format_, media_type in photos.MEDIA_TYPES.items():
        data, named = encode(pixels, format_)
        assert named == media_type and kind_of(data) == format_.upper()


def test_the_limits_that_ship_take_what_phones_send():
    shipped = limits().photos
    assert shipped.max_pixels >= 8160 * 6120 and shipped.max_bytes >= 25 << 20
