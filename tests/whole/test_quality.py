"""A good photo passes; each fault is named, measured and explained."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from identity import measures, quality
from identity.limits import load_limits
from tests.identity_fixtures import (
    NAMES,
    ROOT,
    astronaut,
    encoder,
    faces_of,
    limits,
    sample,
    six_friends,
)
from workspace.errors import Fault
from workspace.types import RGB, Check, Face, PhotoKind

LIMITS = limits().quality
FRONTAL = Face(
    (100, 100, 300, 360), ((150, 200), (250, 200), (200, 257), (165, 300), (235, 300)), 0.9
)


def checked(kind: PhotoKind, image: RGB, faces: tuple[Face, ...] | None = None) -> list[Check]:
    found = encoder().detect(image) if faces is None else faces
    return list(quality.check(kind, image, found, LIMITS))


def failed(kind: PhotoKind, image: RGB, faces: tuple[Face, ...] | None = None) -> set[str]:
    return {check.code for check in checked(kind, image, faces) if check.status == "fail"}


def blurred(image: RGB, sigma: float) -> RGB:
    return cv2.GaussianBlur(image, (0, 0), sigma)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["full_body", "close_up"])
def test_the_sample_people_pass_every_check(name, kind):
    checks = checked(kind, sample(name, kind), faces_of(name, kind))
    assert {check.status for check in checks} == {"pass"}, checks
    assert [check.code for check in checks] == [
        "size", "resolution", "one_person", "face_size", "framing", "frontal", "sharpness", "light"
    ]  # fmt: skip


def test_every_check_says_what_it_measured_and_what_to_do():
    for image in (sample("kenji", "close_up")[:400], six_friends()):
        for check in checked("full_body", image):
            assert check.measured is not None and check.threshold is not None
            assert check.photo == "full_body" and check.hint.endswith(".")


def test_a_small_picture_is_refused_and_a_modest_one_warned():
    small = cv2.resize(sample("amara", "close_up"), (600, 800))
    by_code = {check.code: check for check in checked("close_up", small)}
    assert by_code["too_small"].status == "fail"
    assert (by_code["too_small"].measured, by_code["too_small"].threshold) == (600, 768)
    assert by_code["low_resolution"].status == "warn"
    body = cv2.resize(sample("amara", "full_body"), (1100, 1466), interpolation=cv2.INTER_AREA)
    assert [c.code for c in checked("full_body", body) if c.status != "pass"] == ["low_resolution"]


def test_no_face_is_refused():
    empty = np.full((1600, 1200, 3), 200, np.uint8)
    checks = checked("full_body", empty)
    assert checks[-1].code == "no_face" and checks[-1].status == "fail" and checks[-1].measured == 0


def test_several_people_are_refused():
    six = next(c for c in checked("full_body", six_friends()) if c.code == "several_people")
    assert (six.status, six.measured, six.threshold) == ("fail", 6, 1)
    for kind in ("full_body", "close_up"):
        both = np.hstack([sample("amara", kind), sample("mateo", kind)])
        assert "several_people" in failed(kind, both)


def test_a_small_face_in_the_background_is_no_second_person():
    picture = sample("kenji", "full_body").copy()
    poster = cv2.resize(sample("mateo", "close_up"), (90, 120), interpolation=cv2.INTER_AREA)
    picture[300:420, 60:150] = poster
    assert len(encoder().detect(picture)) == 2
    assert "several_people" not in failed("full_body", picture)


@pytest.mark.parametrize(("kind", "width"), [("close_up", 200), ("full_body", 48)])
def test_a_face_below_the_limit_is_refused_at_the_limit_it_passes(kind, width):
    image = np.full((2000, 1500, 3), 128, np.uint8)
    face = replace(FRONTAL, box=(100.0, 100.0, 100.0 + width, 100.0 + width * 1.3))
    assert "face_too_small" not in failed(kind, image, (face,))
    smaller = replace(face, box=(100.0, 100.0, 99.5 + width, 100.0 + width * 1.3))
    assert "face_too_small" in failed(kind, image, (smaller,))


@pytest.mark.parametrize("name", ["amara", "mateo"])
def test_cut_heads_and_feet_are_refused(name):
    whole = sample(name, "full_body")
    height = len(whole)
    face = faces_of(name, "full_body")[0]
    forehead = int(face.box[1])
    for part in (
        whole[: height // 2],  # half a body
        whole[: int(height * 0.7)],  # to the knees
        whole[: int(height * 0.9)],  # to the ankles
        whole[: int(height * 0.945)],  # without soles
    ):
        assert "head_or_feet_cut" in failed("full_body", part, (face,)), part.shape
    assert "head_or_feet_cut" in failed("full_body", whole[forehead:])  # without hair


@pytest.mark.parametrize("name", ["ingrid", "kenji"])
def test_a_little_less_room_around_the_person_is_fine(name):
    whole = sample(name, "full_body")
    face = faces_of(name, "full_body")[0]
    top, left = int(face.box[1] - 0.4 * face.height), len(whole[0]) // 8
    assert "head_or_feet_cut" not in failed("full_body", whole[top:, left:-left])


def test_feet_on_another_floor_are_not_cut():
    whole = sample("ingrid", "full_body").astype(np.float32)
    height, width = whole.shape[:2]
    shade = np.linspace(0.75, 1.0, width)[None, :, None]  # light from one side
    whole[int(height * 0.93) :] *= (0.8, 0.7, 0.5)  # a wooden floor
    assert "head_or_feet_cut" not in failed("full_body", (whole * shade).astype(np.uint8))


def test_a_chin_cut_off_is_refused_in_a_close_up():
    face = faces_of("kenji", "close_up")[0]
    cut = sample("kenji", "close_up")[: int(face.box[3]) - 5]
    assert "head_or_feet_cut" in failed("close_up", cut, (face,))


def turned(sideways: float = 0, up: float = 0) -> Face:
    left, right, nose, *mouth = FRONTAL.landmarks
    return replace(FRONTAL, landmarks=(left, right, (nose[0] + sideways, nose[1] + up), *mouth))


def test_a_turned_or_tilted_head_is_measured_in_degrees():
    assert measures.turn(FRONTAL).largest < 1
    assert measures.turn(turned(sideways=55)).yaw == pytest.approx(45, abs=1)
    assert measures.turn(turned(sideways=-55)).yaw == pytest.approx(-45, abs=1)
    assert measures.turn(turned(up=20)).pitch > 10
    angle = np.radians(20)
    spin = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = tuple(map(tuple, np.array(FRONTAL.landmarks) @ spin.T))
    tilted = measures.turn(replace(FRONTAL, landmarks=points))
    assert tilted.roll == pytest.approx(20, abs=0.1) and abs(tilted.yaw) < 1


def test_a_profile_is_refused():
    image = np.full((1500, 1200, 3), 128, np.uint8)
    assert "not_frontal" in failed("close_up", image, (turned(sideways=50),))
    assert "not_frontal" not in failed("close_up", image, (turned(sideways=10),))


@pytest.mark.parametrize("name", NAMES)
def test_strong_blur_is_refused_in_both_photos(name):
    for kind, sigma in (("close_up", 6), ("full_body", 5)):
        image = blurred(sample(name, kind), sigma)
        assert "blurred" in failed(kind, image, faces_of(name, kind))


def test_sharpness_does_not_depend_on_resolution():
    image, faces = sample("mateo", "close_up"), faces_of("mateo", "close_up")
    half = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    face = Face(tuple(x / 2 for x in faces[0].box), faces[0].landmarks, 0.9)  # type: ignore[arg-type]
    full_size = measures.sharpness(image, faces[0], 192)
    assert measures.sharpness(half, face, 192) == pytest.approx(full_size, abs=0.05)
    real = astronaut()
    assert measures.sharpness(real, encoder().detect(real)[0], 64) > 0.55


@pytest.mark.parametrize("name", NAMES)
def test_darkness_is_refused_and_dark_skin_is_not(name):
    image, faces = sample(name, "close_up"), faces_of(name, "close_up")
    assert "too_dark" in failed("close_up", (image * 0.3).astype(np.uint8), faces)
    assert "too_dark" not in failed("close_up", (image * 0.9).astype(np.uint8), faces)


def test_overexposure_and_half_shadow_are_refused():
    image, faces = sample("ingrid", "close_up"), faces_of("ingrid", "close_up")
    bright = np.clip(image.astype(float) * 2, 0, 255).astype(np.uint8)
    assert "too_bright" in failed("close_up", bright, faces)
    half = image.astype(float)
    half[:, : half.shape[1] // 2] *= 0.35
    assert "harsh_shadow" in failed("close_up", half.astype(np.uint8), faces)


@pytest.mark.parametrize("kind", ["full_body", "close_up"])
def test_odd_faces_and_pictures_never_break_a_check(kind):
    rng = np.random.default_rng(3)
    for _ in range(15):
        height, width = rng.integers(16, 400, 2)
        image = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        left, top = rng.uniform(-50, 400, 2)
        box = (left, top, left + rng.uniform(1, 200), top + rng.uniform(1, 200))
        points = tuple((float(x), float(y)) for x, y in rng.uniform(-50, 450, (5, 2)))
        assert checked(kind, image, (Face(box, points, 0.9),))
    for points in (((5.0, 5.0),) * 5, FRONTAL.landmarks):
        assert checked(kind, np.zeros((20, 20, 3), np.uint8), (Face((0, 0, 9, 9), points, 1),))


def test_both_photos_are_judged_in_under_two_seconds():
    encoder().detect(sample("amara", "close_up"))  # warm
    started = time.process_time()
    for kind in ("full_body", "close_up"):
        checked(kind, sample("amara", kind))
    assert time.process_time() - started < 2


def test_limits_refuse_unknown_missing_and_wrong_keys(tmp_path: Path):
    good = (ROOT / "configs" / "quality.toml").read_text()
    for wrong in (
        good.replace("min_short_side = 768", "min_short_side = 'x'", 1),
        good.replace("[light]", "[light]\nunknown = 1"),
        good.replace("duplicate = 0.60", ""),
        "[photos",
    ):
        (tmp_path / "quality.toml").write_text(wrong)
        with pytest.raises(Fault, match=r"quality\.toml"):
            load_limits(tmp_path / "quality.toml")
    with pytest.raises(Fault):
        load_limits(tmp_path / "missing.toml")
