"""Crops: the face where the pack expects it, the person head to toe, the garment whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from identity.encoder import InsightFaceEncoder
from serve.line import conditioning, outline, scoring
from tests.service import sample, sample_product
from tests.simulated import SUMMARY
from workspace.types import RGB, Embedding, Face

GREY = (205, 205, 210)


def canvas(width: int, height: int, *boxes: tuple[int, int, int, int, tuple[int, int, int]]) -> RGB:
    image = Image.new("RGB", (width, height), GREY)
    for left, top, right, bottom, colour in boxes:
        ImageDraw.Draw(image).rectangle((left, top, right - 1, bottom - 1), fill=colour)
    return np.asarray(image)


def face(left: float, top: float, right: float, bottom: float) -> Face:
    return Face((left, top, right, bottom), ((0.0, 0.0),) * 5, 0.9)


def box_of(image: RGB, colour: tuple[int, int, int]) -> tuple[int, int, int, int]:
    rows, columns = np.where(np.abs(image.astype(int) - colour).max(axis=2) < 60)
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


def load(path: Path) -> RGB:
    return np.asarray(Image.open(path).convert("RGB"))


@pytest.mark.parametrize("centre", [(0.5, 0.5), (0.5, 0.4)])
@pytest.mark.parametrize("at", [(100, 120), (0, 0), (260, 340)])
def test_the_face_takes_its_share_at_its_place_even_at_an_edge(
    at: tuple[int, int], centre: tuple[float, float]
) -> None:
    red = (220, 20, 20)
    left, top = at
    image = canvas(360, 460, (left, top, left + 100, top + 120, red))
    crop = conditioning.crop_close_up(
        image, face(left, top, left + 100, top + 120), (96, 128), 0.5, centre
    )
    assert crop.shape == (128, 96, 3) and crop.dtype == np.uint8
    middle = crop[round(128 * centre[1]), round(96 * centre[0])]
    assert np.abs(middle.astype(int) - red).max() < 10
    if at == (100, 120):
        seen = box_of(crop, red)
        assert abs((seen[2] - seen[0]) - 48) <= 1


def test_a_person_is_framed_head_to_toe() -> None:
    blue = (30, 40, 160)
    image = canvas(600, 800, (270, 100, 330, 700, blue))
    framed = conditioning.fit_full_body(image, face(280, 127, 320, 187), (64, 128), (0.82, 0.94))
    _, top, _, bottom = box_of(framed, blue)
    assert 0.80 <= (bottom - top) / 128 <= 0.95


def test_without_a_framing_the_whole_photo_is_kept() -> None:
    image = canvas(600, 300, (0, 0, 600, 300, (10, 200, 10)))
    whole = conditioning.fit_product(image, (100, 100))
    assert whole.shape == (100, 100, 3)


def test_a_garment_fills_its_share_wherever_it_lies() -> None:
    red = (200, 20, 30)
    for left, top in ((10, 20), (250, 400)):
        image = canvas(600, 800, (left, top, left + 150, top + 200, red))
        framed = conditioning.fit_product(image, (96, 128), (0.76, 0.90))
        x0, y0, x1, y1 = box_of(framed, red)
        assert 0.74 <= max((x1 - x0) / 96, (y1 - y0) / 128) <= 0.92
        assert abs((x0 + x1) / 2 - 48) <= 3 and abs((y0 + y1) / 2 - 64) <= 3


def test_a_photo_without_an_outline_is_kept_whole() -> None:
    assert outline.garment(canvas(100, 100)) is None
    noise = np.random.default_rng(1).integers(0, 255, (200, 300, 3), dtype=np.uint8)
    assert conditioning.fit_product(noise, (48, 64), (0.8, 0.9)).shape == (64, 48, 3)
    top, bottom = outline.person(canvas(300, 400), face(140, 40, 160, 65))
    assert 0 <= top < bottom <= 400


def test_the_sample_people_are_framed_as_the_pack_was_trained(encoder: InsightFaceEncoder) -> None:
    person = sample("kenji")
    close_up, full_body = load(person.close_up), load(person.full_body)
    found, standing = encoder.detect(close_up)[0], encoder.detect(full_body)[0]
    large = conditioning.crop_close_up(close_up, found, (480, 640), 0.5)
    assert 0.4 <= encoder.detect(large)[0].width / 480 <= 0.6
    top, bottom = outline.person(full_body, standing)
    assert top < standing.box[1] and bottom > 0.9 * full_body.shape[0]


def test_references_come_in_the_packs_sizes_and_the_same_every_time() -> None:
    image = canvas(400, 500, (150, 100, 250, 220, (180, 120, 90)))
    one = (image, face(150, 100, 250, 220))
    first, again = (conditioning.references(SUMMARY, one, one, (image, image)) for _ in range(2))
    assert first.close_up is not None and again.close_up is not None
    assert first.close_up.shape == (144, 144, 3) and len(first.products) == 2
    assert np.array_equal(first.close_up, again.close_up)
    nobody = conditioning.references(SUMMARY, None, None, ())
    assert (nobody.close_up, nobody.full_body, nobody.products) == (None, None, ())


def test_the_same_persons_picture_scores_high_and_anothers_low(encoder: InsightFaceEncoder) -> None:
    photos = [load(sample(name).close_up) for name in ("kenji", "amara")]
    likeness = encoder.embed(photos[0], encoder.detect(photos[0])[0])
    same, other = (scoring.identity_score(encoder, likeness, photo) for photo in photos)
    assert same is not None and other is not None and same > 0.95 and other < same - 0.3


def test_small_pictures_are_enlarged_and_empty_ones_have_no_score(
    encoder: InsightFaceEncoder,
) -> None:
    photo = load(sample("kenji").close_up)
    likeness = encoder.embed(photo, encoder.detect(photo)[0])
    small = np.asarray(Image.fromarray(photo).resize((96, 128)))
    assert scoring.enlarged(small).shape[:2] == (683, 512)
    assert scoring.enlarged(photo) is photo
    score = scoring.identity_score(encoder, likeness, small)
    assert score is not None and score > 0.5
    assert scoring.identity_score(encoder, likeness, canvas(96, 128)) is None


def test_scores_of_different_encoders_are_never_compared(encoder: InsightFaceEncoder) -> None:
    strange = Embedding(np.ones(128, np.float32), "another_encoder")
    assert scoring.identity_score(encoder, strange, load(sample("kenji").close_up)) is None


def test_a_picture_that_wears_the_product_scores_higher_than_one_that_does_not() -> None:
    red = load(sample_product("red-tee").photo)
    blue = load(sample_product("cobalt-trousers").photo)
    dressed = canvas(
        192, 256, (70, 90, 120, 160, (205, 10, 15)), (80, 40, 110, 90, (190, 140, 110))
    )
    score, wrong = (scoring.product_score((p,), dressed) for p in (red, blue))
    assert score is not None and wrong is not None and score > 0.5 > wrong
    assert scoring.product_score((red, blue), dressed) == pytest.approx(wrong)
    assert scoring.product_score((), dressed) is None
    assert scoring.product_score((red,), red) == 1.0
