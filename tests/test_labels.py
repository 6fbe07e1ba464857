"""Visible labels: which one is chosen, how large it is, what is beside the picture."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from compliance.marks import fingerprints, sentences
from compliance.marks.labels import Labels, Shows, load_labels
from serve.settings import PROJECT
from workspace.errors import Fault
from workspace.types import RGB

FOLDER = PROJECT / "configs" / "labels"


@pytest.fixture(scope="module")
def labels() -> Labels:
    return load_labels(FOLDER)


@pytest.mark.parametrize(
    ("label", "asked", "shows", "chosen"),
    [
        ("auto", ("EU",), "real_person", ("eu",)),
        ("auto", ("DE",), "synthetic", ("eu",)),
        ("auto", ("DE",), "nobody", ()),
        ("auto", ("US-NY",), "real_person", ()),
        ("auto", ("US",), "synthetic", ("us_ny",)),
        ("auto", ("US-CA",), "synthetic", ()),
        ("auto", ("CN",), "nobody", ("cn",)),
        ("auto", ("*",), "synthetic", ("eu", "us_ny", "cn")),
        ("auto", ("GB",), "real_person", ()),
        ("cn", ("EU",), "real_person", ("cn",)),
        ("none", ("*",), "real_person", ()),
    ],
)
def test_territory_and_kind_of_person_choose_the_label(
    labels: Labels, label: str, asked: tuple[str, ...], shows: Shows, chosen: tuple[str, ...]
) -> None:
    assert labels.chosen(label, asked, shows) == chosen


def ink_rows(before: RGB, after: RGB) -> int:
    """Height in pixels of the letters: rows of the plate that hold white."""
    changed = np.any(after != before, axis=2)
    white = changed & (after.min(axis=2) > 200)
    return int(white.any(axis=1).sum())


@pytest.mark.parametrize("size", [(128, 96), (256, 192), (1024, 768)])
def test_letters_are_as_high_as_the_rule_says(labels: Labels, size: tuple[int, int]) -> None:
    ground = np.full((*size, 3), 90, np.uint8)
    for name, share in (("eu", 0.035), ("cn", 0.05)):
        drawn, applied = labels.draw(ground, (name,))
        assert applied == name and ink_rows(ground, drawn) >= share * min(size)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_letters_stand_out_on_every_ground(labels: Labels, level: int) -> None:
    ground = np.full((256, 192, 3), level, np.uint8)
    drawn, _ = labels.draw(ground, ("eu",))
    plate = drawn[225:250, 6:14].min(), drawn[225:250].max()
    assert int(plate[1]) - int(plate[0]) > 150


def test_several_labels_share_a_plate_at_the_lower_left(labels: Labels) -> None:
    ground = np.full((1024, 768, 3), 200, np.uint8)
    drawn, applied = labels.draw(ground, ("eu", "us_ny", "cn"))
    changed = np.argwhere(np.any(drawn != ground, axis=2))
    assert applied == "eu+us_ny+cn"
    assert changed[:, 0].min() > 1024 * 0.75 and changed[:, 1].max() < 768 * 0.75


def test_of_several_labels_those_that_fit_are_drawn(labels: Labels) -> None:
    ground = np.full((128, 96, 3), 90, np.uint8)
    assert labels.draw(ground, ("us_ny",))[1] == "too_small"
    assert labels.draw(ground, ("eu", "us_ny"))[1] == "eu"


def test_what_can_not_be_read_is_not_drawn(labels: Labels) -> None:
    ground = np.full((40, 30, 3), 90, np.uint8)
    drawn, applied = labels.draw(ground, ("eu",))
    assert applied == "too_small" and np.array_equal(drawn, ground)
    assert labels.words(("eu",)) == "AI GENERATED"
    assert labels.draw(ground, ())[1] == "none"


def test_every_letter_of_every_label_is_in_the_font(labels: Labels) -> None:
    ground = np.full((600, 800, 3), 90, np.uint8)
    empty = labels.draw(ground, ("cn",))[0]
    for name in ("eu", "us_ny", "cn"):
        for edited in (False, True):
            assert labels.draw(ground, (name,), edited)[1] == name
    assert ink_rows(ground, empty) > 0


def test_beside_every_picture_are_sentences_in_eight_languages() -> None:
    shown: tuple[Shows, ...] = ("real_person", "synthetic", "nobody")
    for shows in shown:
        for told in (sentences.caption(shows), sentences.alt_text(shows)):
            assert tuple(sorted(told)) == sentences.LANGUAGES
            assert all(text.endswith(".") and text.isprintable() for text in told.values())


def test_an_unknown_key_of_a_preset_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "labels"
    shutil.copytree(FOLDER, folder)
    (folder / "eu.toml").write_text((FOLDER / "eu.toml").read_text() + "\ncolour = 'red'\n")
    with pytest.raises(Fault, match=r"eu\.toml has an unknown key"):
        load_labels(folder)
    (folder / "eu.toml").unlink()
    with pytest.raises(Fault):
        load_labels(folder)


def test_looks_tell_pictures_apart_and_copies_together() -> None:
    rng = np.random.default_rng(2)
    one, other = (rng.integers(0, 256, (8, 6, 3), dtype=np.uint8) for _ in range(2))
    large, small = (np.kron(one, np.ones((k, k, 1), np.uint8)) for k in (64, 16))
    looks = [
        fingerprints.look_of(each)
        for each in (large, small, np.kron(other, np.ones((32, 32, 1), np.uint8)))
    ]
    assert fingerprints.distance(looks[0], looks[1]) <= fingerprints.NEAR
    assert fingerprints.distance(looks[0], looks[2]) > 3 * fingerprints.NEAR
