"""The invisible watermark: what it survives, and that nothing else is taken for it."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from PIL import Image

from compliance.marks import codes
from compliance.marks.watermark import MIN_SIDE, Watermark
from serve.showcase import samples
from workspace.errors import MarkingFailed
from workspace.types import RGB

KEY = b"watermark key of the tests, 32 b"
MARK = codes.watermark_id(KEY, "img_one")


@cache
def water() -> Watermark:
    return Watermark(KEY)


@cache
def photo(k: int = 0, width: int = 192, height: int = 256) -> RGB:
    file = [*(one.full_body for one in samples.people()), samples.products()[0].photo][k]
    return np.asarray(Image.open(file).convert("RGB").resize((width, height)))


@cache
def marked(k: int = 0) -> RGB:
    pixels = water().embed(photo(k), MARK)
    assert pixels is not None
    return pixels


def jpeg(picture: RGB, quality: int = 80) -> RGB:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def half(picture: RGB) -> RGB:
    size = picture.shape[1] // 2, picture.shape[0] // 2
    return np.asarray(Image.fromarray(picture).resize(size))


def crop(picture: RGB) -> RGB:
    """Cut a tenth off both sides, unevenly."""
    return np.ascontiguousarray(picture[7:237, 13:186])


@pytest.mark.parametrize("change", [jpeg, half, crop])
def test_it_is_found_after_what_pictures_go_through(change: Callable[[RGB], RGB]) -> None:
    found = water().find(change(marked()))
    assert found is not None and found.mark == MARK


def mirrored(picture: RGB) -> RGB:
    return jpeg(np.ascontiguousarray(crop(picture)[:, ::-1]))


def turned(picture: RGB) -> RGB:
    return jpeg(np.ascontiguousarray(np.rot90(picture)))


@pytest.mark.parametrize("change", [mirrored, turned])
def test_a_mirrored_or_turned_picture_is_known_where_somebody_asks(
    change: Callable[[RGB], RGB],
) -> None:
    changed = change(marked())
    assert water().find(changed) is None
    found = water().find(changed, any_way_up=True)
    assert found is not None and found.mark == MARK


def test_it_can_hardly_be_seen() -> None:
    error = np.mean((marked().astype(float) - photo().astype(float)) ** 2)
    assert 10 * np.log10(255**2 / error) > 45


def test_the_same_picture_and_id_give_the_same_pixels() -> None:
    again = Watermark(KEY).embed(photo(), MARK)
    assert np.array_equal(marked(), again)


@pytest.mark.parametrize("level", [0, 255])
def test_plain_pictures_can_be_marked_too(level: int) -> None:
    pixels = water().embed(np.full((256, 192, 3), level, np.uint8), MARK)
    assert pixels is not None and water().find(pixels) is not None


def test_small_pictures_carry_none() -> None:
    assert water().embed(photo()[:, : MIN_SIDE - 1], MARK) is None
    assert water().find(np.zeros((16, 16, 3), np.uint8)) is None


def test_a_picture_that_can_not_be_marked_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Watermark, "_says", lambda *_: False)
    with pytest.raises(MarkingFailed):
        water().embed(photo(), MARK)


def test_an_id_is_the_same_every_time_and_only_its_key_makes_it() -> None:
    assert codes.watermark_id(KEY, "img_one") == MARK != codes.watermark_id(KEY, "img_two")
    assert codes.is_ours(KEY, MARK) and not codes.is_ours(bytes(32), MARK)
    changed = f"{int(MARK, 16) ^ 1 << 40:016x}"
    assert not codes.is_ours(KEY, changed)


def test_lost_bits_are_found_again() -> None:
    rng = np.random.default_rng(3)
    soft = codes.encode(MARK) + rng.normal(0, 0.6, codes.CODED_BITS)
    assert (np.sign(soft) != codes.encode(MARK)).sum() >= 3
    assert codes.decode(soft) == MARK
