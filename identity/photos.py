"""Turns untrusted bytes into pixels, and pixels into files. Nothing else here is trusted or kept.

Order of `decode`, and none of it may be swapped: byte limit, kind by magic bytes (never by name),
parts and pixels as the file declares them, only then decoding. The EXIF orientation and the ICC
profile are applied, and then all metadata is gone, because only an array of pixels is returned.

- Accepted: JPEG, PNG, WEBP, HEIC; 1 to 16 bits, grey, palette, CMYK, alpha (laid over white).
- Refused: every other kind, animations, damaged and oversized files. Pillow is asked for exactly
  the one format that the bytes claim, and whatever it raises becomes `UnsupportedImage`.
- Memory: at most `DECODERS` pictures are decoded at once, large ones one after the other; results
  are at most `max_side` px long.

It does not judge whether a picture is a good reference photo; that is `identity/quality.py`.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pi_heif
from PIL import Image, ImageCms, PngImagePlugin

from identity import containers
from workspace.errors import HousemodelError, PayloadTooLarge, UnsupportedImage
from workspace.types import RGB

Format = Literal["png", "jpeg", "webp"]
MEDIA_TYPES: dict[Format, str] = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}
DECODERS = 2  # pictures decoded at the same time
LARGE_PIXELS = 16_000_000  # from here on a picture is decoded alone; it needs up to 0.7 GiB
JPEG_QUALITY, WEBP_QUALITY = 95, 92
MAX_PROFILE_BYTES = 1 << 20  # of an ICC profile; larger ones are ignored
HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
DRAFT_SHARE = 0.75  # of max_side; what a JPEG decoded at a fraction must at least have
ORIENTATION = 0x0112  # EXIF tag
UPRIGHT: dict[int, Callable[[RGB], RGB]] = {  # how each EXIF orientation is undone
    2: np.fliplr,
    3: lambda image: np.rot90(image, 2),
    4: np.flipud,
    5: lambda image: image.transpose(1, 0, 2),
    6: lambda image: np.rot90(image, -1),
    7: lambda image: np.rot90(image, 2).transpose(1, 0, 2),
    8: np.rot90,
}
WHITE = (255, 255, 255)
_decoders = threading.BoundedSemaphore(DECODERS)
_large = threading.Lock()

pi_heif.register_heif_opener(thumbnails=False)


@dataclass(frozen=True, slots=True)
class PhotoLimits:
    """What a file may be before it is decoded, and how large it is kept afterwards."""

    max_bytes: int  # of the file
    max_pixels: int  # width times height, as its header says
    max_side: int  # px; longer pictures are shrunk to this after decoding
    min_side: int  # px; a shorter side is no photo at all


def decode(data: bytes, limits: PhotoLimits) -> RGB:
    """Decode a photo to upright sRGB pixels without metadata.

    Raises:
        PayloadTooLarge: more bytes or more pixels than `limits` allow.
        UnsupportedImage: not a complete, still JPEG, PNG, WEBP or HEIC picture.
    """
    if len(data) > limits.max_bytes:
        raise PayloadTooLarge(
            f"The file has {len(data):,} bytes; at most {limits.max_bytes:,} are taken."
        )
    kind = kind_of(data)
    if kind is None:
        raise UnsupportedImage("The file is not a JPEG, PNG, WEBP or HEIC picture.")
    if containers.too_many_parts(kind, data):
        raise UnsupportedImage(f"The {kind} file has more parts than a photo has.")
    with _decoders:
        try:
            return _decode(data, kind, limits)
        except HousemodelError:
            raise
        except (MemoryError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise PayloadTooLarge("The picture has far too many pixels.") from error
        # Image parsers raise whatever damaged bytes lead them to: OSError, SyntaxError,
        # ValueError, struct.error, zlib.error, EOFError, IndexError and more.
        except Exception as error:
            raise UnsupportedImage(f"The {kind} file is damaged or incomplete.") from error


def encode(image: RGB, format: Format = "png", xmp: bytes = b"") -> tuple[bytes, str]:
    """Write pixels as a file: the bytes and their media type.

    Args:
        xmp: The only metadata, an XMP packet; none when empty.
    """
    file = io.BytesIO()
    picture = Image.fromarray(image)
    if format == "png":
        texts = PngImagePlugin.PngInfo()
        if xmp:
            texts.add_itxt("XML:com.adobe.xmp", xmp.decode())
        picture.save(file, "PNG", compress_level=4, pnginfo=texts)
    elif format == "jpeg":
        picture.save(file, "JPEG", quality=JPEG_QUALITY, subsampling=0, xmp=xmp)
    else:
        picture.save(file, "WEBP", quality=WEBP_QUALITY, method=4, xmp=xmp)
    return file.getvalue(), MEDIA_TYPES[format]


def encode_png(image: RGB) -> bytes:
    """Write pixels as a PNG without metadata."""
    return encode(image, "png")[0]


def kind_of(data: bytes) -> str | None:
    """Name the picture format by its first bytes: JPEG, PNG, WEBP, HEIC, or None."""
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] == b"ftyp" and data[8:12] in HEIC_BRANDS:
        return "HEIC"
    return None


def _decode(data: bytes, kind: str, limits: PhotoLimits) -> RGB:
    # `Image.open` reads the header only. Its own guard against bombs (Image.MAX_IMAGE_PIXELS) is
    # left as it is, because it is global: other libraries in this process rely on it.
    with Image.open(io.BytesIO(data), formats=["HEIF" if kind == "HEIC" else kind]) as picture:
        _check_header(picture, kind, limits)
        if kind == "PNG" and containers.holds_more_than_declared(data):
            raise UnsupportedImage("The PNG file holds more than its header declares.")
        orientation = _orientation(picture)
        profile = picture.info.get("icc_profile")
        with _large if picture.width * picture.height > LARGE_PIXELS else nullcontext():
            picture.draft(None, _draft_size(picture.size, limits.max_side))
            picture.load()
            # NOTE only after `load`: before it, `thumbnail` would ask for a draft of the draft.
            picture.thumbnail((limits.max_side, limits.max_side), reducing_gap=2.0)
        pixels = np.asarray(_to_srgb(picture, profile), np.uint8)
    return np.ascontiguousarray(UPRIGHT.get(orientation, np.asarray)(pixels))


def _draft_size(size: tuple[int, int], max_side: int) -> tuple[int, int]:
    """Size that libjpeg may go down to: a huge JPEG is decoded at a half or a quarter at once."""
    scale = min(1.0, DRAFT_SHARE * max_side / max(size))
    return max(1, int(size[0] * scale)), max(1, int(size[1] * scale))


def _check_header(picture: Image.Image, kind: str, limits: PhotoLimits) -> None:
    width, height = picture.size
    if width * height > limits.max_pixels:
        raise PayloadTooLarge(
            f"The picture is {width} x {height} px; "
            f"at most {limits.max_pixels // 1_000_000} million pixels are taken."
        )
    if min(width, height) < limits.min_side:
        raise UnsupportedImage(f"The picture is only {width} x {height} px.")
    # A HEIC file may hold a burst, and a phone's JPEG a depth map: their first picture is the
    # photo. A PNG or WEBP with frames is an animation.
    if kind in ("PNG", "WEBP") and getattr(picture, "is_animated", False):
        raise UnsupportedImage("The file is an animation; send a still photo.")


def _to_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """Make RGB of any mode; colours of another profile are converted, alpha is laid over white."""
    if picture.mode.startswith("I;16") or picture.mode in ("I", "F"):
        return _from_deep_grey(picture)
    if picture.mode in ("P", "PA", "LA", "La", "RGBa", "RGBA") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, (*WHITE, 255))
        picture = Image.alpha_composite(white, picture).convert("RGB")
    if picture.mode not in ("RGB", "CMYK", "L"):
        picture = picture.convert("RGB")
    if profile and len(profile) <= MAX_PROFILE_BYTES:
        picture = _apply_profile(picture, profile)
    return picture.convert("RGB")


def _apply_profile(picture: Image.Image, profile: bytes) -> Image.Image:
    """Convert to sRGB; a profile that can't be used is ignored, as browsers do."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "sRGB" in ImageCms.getProfileDescription(source):
            return picture
        target = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(picture, source, target, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return picture
    return converted if converted is not None else picture


def _from_deep_grey(picture: Image.Image) -> Image.Image:
    """Scale 16-bit grey to 8 bits; Pillow's own conversion would clip it to white."""
    deep = np.asarray(picture.convert("I"), np.int32)
    return Image.fromarray((np.clip(deep, 0, 65535) // 257).astype(np.uint8)).convert("RGB")


def _orientation(picture: Image.Image) -> int:
    """Read the EXIF orientation, 1 to 8; damaged EXIF means upright, not a refusal."""
    try:
        return int(picture.getexif().get(ORIENTATION, 1))
    except Exception:  # the EXIF parser raises whatever damaged bytes lead it to
        return 1
