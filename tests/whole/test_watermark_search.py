"""The whole search for a watermark: odd scales, large pictures, and pictures without one."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from compliance.marks.watermark import Watermark
from tests.test_watermark import MARK, crop, half, jpeg, marked, photo, water


def test_nothing_is_found_in_pictures_without_it() -> None:
    for k in (0, 1, -1):
        assert water().find(photo(k)) is None
        assert water().find(photo(k), any_way_up=True) is None
    assert Watermark(bytes(32)).find(marked()) is None  # another appliance's key


@pytest.mark.parametrize("k", [1, 2, -1])
def test_every_sample_is_found_after_several_changes(k: int) -> None:
    for change in (jpeg, half, crop, lambda one: half(crop(one)), lambda one: jpeg(crop(one))):
        found = water().find(change(marked(k)))
        assert found is not None and found.mark == MARK


def test_a_large_picture_is_found_at_any_scale() -> None:
    pixels = water().embed(photo(0, 900, 1200), MARK)
    assert pixels is not None
    for side in (900, 640, 411, 300):
        small = Image.fromarray(pixels).resize((side, side * 4 // 3))
        found = water().find(np.asarray(small))
        assert found is not None and found.mark == MARK, side
