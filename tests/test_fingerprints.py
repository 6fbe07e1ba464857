"""The registry of looks: only of one's own workspace, and nothing of what was destroyed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from compliance.marks import fingerprints
from tests.homes import open_registry
from workspace.store import WorkspaceStore

NOW = datetime(2026, 11, 22, tzinfo=UTC)
LOOK, OTHER = "0f" * 32, "f0" * 32
CLOSE = "0f" * 31 + "0e"  # one bit differs
MARK = "00112233445566ff"


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[tuple[WorkspaceStore, WorkspaceStore]]:
    with open_registry(tmp_path) as registry:
        made = [registry.create(name, "pro", NOW) for name in ("one", "two")]
        yield registry.store(made[0].id), registry.store(made[1].id)


def test_an_image_is_found_by_look_and_by_watermark(
    stores: tuple[WorkspaceStore, WorkspaceStore],
) -> None:
    own, foreign = stores
    fingerprints.note(own, "img_one", LOOK, MARK, NOW)
    fingerprints.note(own, "img_two", OTHER, None, NOW)
    assert fingerprints.nearest(own, CLOSE) == fingerprints.Near("img_one", 1)
    assert fingerprints.of_watermark(own, MARK) == "img_one"
    assert fingerprints.nearest(own, "33" * 32) is None
    assert fingerprints.nearest(foreign, LOOK) is fingerprints.of_watermark(foreign, MARK) is None


def test_a_picture_is_known_mirrored_and_turned_and_not_the_closest_only(
    stores: tuple[WorkspaceStore, WorkspaceStore],
) -> None:
    own, _ = stores
    picture = np.random.default_rng(5).integers(0, 256, (40, 30, 3)).astype(np.uint8)
    look = fingerprints.look_of(picture)
    assert fingerprints.looks_of(picture)[0] == look
    close = f"{int(look, 16) ^ 1:064x}"
    fingerprints.note(own, "img_one", look, None, NOW)
    fingerprints.note(own, "img_two", close, None, NOW)
    fingerprints.note(own, "img_far", OTHER, None, NOW)
    for turns in range(4):
        for side in (picture, picture[:, ::-1]):
            looks = fingerprints.looks_of(np.ascontiguousarray(np.rot90(side, turns)))
            assert sorted(fingerprints.all_near(own, looks)) == ["img_one", "img_two"]
            assert fingerprints.are_near(looks, [OTHER, close])
    assert fingerprints.nearest(own, fingerprints.look_of(picture[:, ::-1].copy())) is None
    assert fingerprints.all_near(own, ["33" * 32]) == fingerprints.all_near(own, []) == []


def test_what_is_destroyed_is_forgotten_at_once(
    stores: tuple[WorkspaceStore, WorkspaceStore],
) -> None:
    own, _ = stores
    fingerprints.note(own, "img_one", LOOK, MARK, NOW)
    assert fingerprints.nearest(own, LOOK)
    fingerprints.forget(own, "img_one")
    assert MARK not in fingerprints._indexes[own].marks
    assert fingerprints.nearest(own, LOOK) is fingerprints.of_watermark(own, MARK) is None
    fingerprints.note(own, "img_new", LOOK, MARK, NOW)
    assert fingerprints.of_watermark(own, MARK) == "img_new"


def test_a_look_up_does_not_wait_for_ever_while_somebody_destroys(
    stores: tuple[WorkspaceStore, WorkspaceStore],
) -> None:
    own, _ = stores
    for k in range(5):
        fingerprints.note(own, f"img_{k}", LOOK, None, NOW)
    inside = threading.Event()

    def destroy() -> None:
        with own.transaction():
            inside.set()
            for k in range(5):
                fingerprints.forget(own, f"img_{k}")

    thread = threading.Thread(target=destroy)
    thread.start()
    inside.wait(5)
    fingerprints.nearest(own, LOOK)
    thread.join(5)
    assert not thread.is_alive() and fingerprints.nearest(own, LOOK) is None
