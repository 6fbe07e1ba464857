"""Cut-outs, composed pictures and guessed garments, on pictures whose outline is known."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from serve.line import compose, cutout, garments
from serve.line.cutout import Figure
from workspace.types import RGB, Face

SAMPLES = Path(__file__).resolve().parents[1] / "packs" / "mannequin" / "samples" / "products"
SIZE = (240, 180)  # rows, columns


def grounded(seed: int = 0) -> RGB:
    """A pale wall over a darker floor, slightly uneven."""
    wall = np.full((*SIZE, 3), (224, 222, 218), np.float32)
    wall[200:] = (196, 190, 184)
    noise = np.random.default_rng(seed).normal(0, 2, wall.shape)
    return np.asarray(np.clip(wall + noise, 0, 255), np.uint8)


def standing() -> tuple[RGB, np.ndarray, Face]:
    """Somebody in red and blue before the wall; where they are, and their face."""
    mask = np.zeros(SIZE, np.uint8)
    cv2.ellipse(mask, (90, 40), (12, 16), 0, 0, 360, 1, -1)
    cv2.rectangle(mask, (84, 50), (96, 64), 1, -1)
    cv2.rectangle(mask, (64, 62), (116, 130), 1, -1)
    cv2.rectangle(mask, (68, 130), (86, 214), 1, -1)
    cv2.rectangle(mask, (94, 130), (112, 214), 1, -1)
    colours = np.zeros((*SIZE, 3), np.uint8)
    colours[:62] = (150, 100, 80)
    colours[62:130] = (180, 40, 40)
    colours[130:] = (30, 40, 90)
    photo = np.where(mask[..., None] > 0, colours, grounded())
    face = Face((80.0, 26.0, 100.0, 54.0), ((85.0, 36.0), (95.0, 36.0)), 0.99)
    return np.asarray(photo, np.uint8), mask > 0, face


def overlap(found: np.ndarray, true: np.ndarray) -> float:
    return float((found & true).sum() / (found | true).sum())


def test_a_person_is_cut_out_along_the_outline_and_between_the_legs() -> None:
    photo, mask, face = standing()
    figure = cutout.foreground(photo, face)
    assert figure is not None and figure.kind == "person"
    assert figure.clear and not figure.cropped
    assert overlap(figure.alpha > 127, mask) > 0.93
    assert figure.alpha[180, 90] == 0  # the floor between the legs


def test_a_busy_ground_is_said_to_be_unclear() -> None:
    photo, mask, face = standing()
    rng = np.random.default_rng(3)
    blocks = rng.integers(0, 255, (24, 18, 3), dtype=np.uint8)
    busy = cv2.resize(blocks, SIZE[::-1], interpolation=cv2.INTER_NEAREST)
    figure = cutout.foreground(np.where(mask[..., None], photo, busy), face)
    assert figure is None or not figure.clear


def test_an_empty_wall_has_no_figure() -> None:
    assert cutout.garment(np.full((*SIZE, 3), 230, np.uint8)) is None


def test_a_thing_without_a_face_is_found_in_the_middle() -> None:
    photo, mask = grounded(), np.zeros(SIZE, np.uint8)
    cv2.rectangle(mask, (60, 70), (120, 170), 1, -1)
    photo = np.where(mask[..., None] > 0, np.uint8([40, 120, 60]), photo)
    figure = cutout.foreground(np.asarray(photo, np.uint8), None)
    assert figure is not None and figure.kind == "thing"
    assert overlap(figure.alpha > 127, mask > 0) > 0.95


def figure_of(mask: np.ndarray) -> Figure:
    alpha = np.asarray(mask * 255, np.uint8)
    return Figure(alpha, "person", float(mask.mean()), True, False)


def test_the_figure_stays_and_the_old_ground_goes() -> None:
    photo, mask, _ = standing()
    scene = np.full((64, 48, 3), (60, 140, 70), np.uint8)
    made = compose.compose(photo, figure_of(mask), scene, 5)
    assert made.shape == photo.shape
    away = np.abs(made.astype(int) - photo).max(axis=2)
    inner = cv2.erode(mask.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    assert away[inner].mean() < 30  # only its light leans towards the scene's
    ground = ~(cv2.dilate(mask.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0)
    assert np.abs(made[ground].mean(axis=0) - (60, 140, 70)).max() < 12
    assert np.array_equal(made, compose.compose(photo, figure_of(mask), scene, 5))


def test_no_rim_of_the_old_ground_is_left_around_the_figure() -> None:
    photo, mask, face = standing()
    figure = cutout.foreground(photo, face)
    assert figure is not None
    made = compose.compose(photo, figure, np.full((64, 48, 3), (20, 60, 30), np.uint8), 1)
    ring = (cv2.dilate(mask.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0) & ~mask
    pale = (made[ring].min(axis=1) > 170).mean()  # the old wall is paler than all of the new scene
    assert pale < 0.05


def test_whom_the_pack_drew_is_painted_out() -> None:
    drawn, mask, face = standing()
    empty = compose.without_people(drawn, (face,))
    assert np.abs(empty.astype(int)[mask] - grounded()[mask]).mean() < 12
    assert np.array_equal(compose.without_people(drawn, ()), drawn)


def test_the_closest_size_of_the_pack_is_taken() -> None:
    sizes = {"3:4": (192, 256), "1:1": (224, 224), "4:3": (256, 192)}
    assert compose.nearest_ratio((2000, 1500), sizes) == "3:4"
    assert compose.nearest_ratio((1000, 1100), sizes) == "1:1"


@pytest.mark.parametrize(
    ("name", "category"), [("cobalt-trousers", "trousers"), ("red-tee", "t-shirt")]
)
def test_a_garment_is_told_by_its_shape(name: str, category: str) -> None:
    photo = Image.open(SAMPLES / f"{name}.jpg").convert("RGB")
    photo.thumbnail((300, 300))
    figure = cutout.garment(np.asarray(photo))
    assert figure is not None and figure.clear
    assert garments.category(figure.alpha) == category


def test_a_mask_without_a_shape_has_no_category() -> None:
    assert garments.category(np.zeros((50, 50), np.uint8)) is None
