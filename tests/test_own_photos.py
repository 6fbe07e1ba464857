"""Own photos that are a custom model's: told by the reference photos' looks, gone with it."""

from __future__ import annotations

import io
from dataclasses import asdict
from datetime import timedelta

import numpy as np
import pytest
from PIL import Image

from compliance import own_photos
from compliance.marks import fingerprints
from identity import likeness
from serve.custody import pictures, withdrawal
from serve.line import gallery, swaps
from serve.line.asked import Asked
from serve.line.cutout import Figure
from tests.homes import NOW, caller
from tests.simulated import SUMMARY
from workspace.errors import NotFound, ToolNotAllowed
from workspace.store import WorkspaceStore
from workspace.tombstones import Grave
from workspace.types import RGB, ModelId, Tool

MODEL = ModelId("mdl_anna")


def photo(seed: int) -> RGB:
    """Soft shapes; another seed is another picture."""
    coarse = np.random.default_rng(seed).integers(0, 256, (16, 12, 3)).astype(np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((120, 160), Image.Resampling.BICUBIC))


FULL_BODY, CLOSE_UP, OTHER = photo(1), photo(2), photo(3)


def saved(picture: RGB) -> RGB:
    """The picture mirrored, smaller, and as a JPEG file opened again."""
    file = io.BytesIO()
    Image.fromarray(picture[:, ::-1]).resize((90, 120)).save(file, "JPEG", quality=85)
    return np.asarray(Image.open(file))


@pytest.fixture
def with_model(store: WorkspaceStore) -> WorkspaceStore:
    stamp = NOW.isoformat()
    columns = {"status": "ready", "kind": "real_person", "version": 1}
    store.put("models", MODEL, {"name": "Anna"}, created_at=stamp, updated_at=stamp, **columns)
    likeness.save_photos(store, MODEL, FULL_BODY, CLOSE_UP)
    return store


def brought(store: WorkspaceStore, picture: RGB) -> str:
    rules = own_photos.shipped_own_photos()
    declared = own_photos.declared(rules, [(box.id, box.sha256) for box in rules.attestations])
    alpha = np.full(picture.shape[:2], 255, np.uint8)
    figure = Figure(alpha, "thing", 0.5, True, False)
    return pictures.add(
        store, picture, figure, (b"file", "image/jpeg"), declared, 24, caller(store), NOW
    )


def asked_of(picture_id: str) -> Asked:
    return Asked(
        Tool.BACKGROUND_SWAP, "a beach", None, (), 1, "", 1, "internal", "web", ("*",),
        picture_id=picture_id,
    )  # fmt: skip


def swapped(store: WorkspaceStore, name: str, picture_id: str) -> str:
    """A finished swap of a photo: its generation and one image."""
    generation, image = f"gen_{name}", f"img_{name}"
    asked, at = asked_of(picture_id), NOW.isoformat()
    store.put(
        "generations", generation, {"asked": asked.to_json()}, status="completed", created_at=at,
        tool=asked.tool.value, n=1, actor="key_1", priority=0, compat_key="", cost=1,
    )  # fmt: skip
    facts = gallery.Facts(9, 9, None, None, None, None, "p", "d", "e", 0, 0, 0)
    store.put(
        "images", image, asdict(facts), generation_id=generation, k=0, model_id=None, seed=1,
        created_at=at,
    )  # fmt: skip
    store.assets.put(b"png", gallery.KIND, image, "image/png")
    return image


@pytest.mark.parametrize("reference", [FULL_BODY, CLOSE_UP])
def test_a_reference_photo_is_told_by_its_look(with_model: WorkspaceStore, reference: RGB) -> None:
    assert likeness.shown_in(with_model, fingerprints.looks_of(saved(reference))) == MODEL
    assert likeness.shown_in(with_model, fingerprints.looks_of(OTHER)) is None


def test_photos_that_were_sealed_before_are_noted_when_asked_for(
    with_model: WorkspaceStore,
) -> None:
    with_model.destroy("meta", f"looks {MODEL}")
    assert likeness.shown_in(with_model, fingerprints.looks_of(CLOSE_UP)) == MODEL
    assert with_model.note(f"looks {MODEL}") is not None


def test_own_photos_go_with_the_model_that_they_show_and_no_others(
    with_model: WorkspaceStore,
) -> None:
    store = with_model
    shown, mirrored, other = (brought(store, one) for one in (FULL_BODY, saved(CLOSE_UP), OTHER))
    of_shown, of_other = (swapped(store, name, one) for name, one in (("a", shown), ("b", other)))
    done = withdrawal.revoke(store, MODEL, caller(store), NOW)
    assert (done.destroyed["own_photo"], done.destroyed["image"]) == (2, 1)
    assert not gallery.has(store, of_shown) and gallery.has(store, of_other)
    listed = done.certificate["statement"]["destroyed"]
    assert listed["own_photo"]["count"] == listed["own_photo_origin"]["count"] == 2
    assert "file" not in listed
    swaps.check_photo(store, asked_of(other))
    with pytest.raises(NotFound):  # one that was being drawn meanwhile is not published
        swaps.check_photo(store, asked_of(shown))
    assert [row["id"] for row in store.raw("pictures")] == [other]
    for gone in (shown, mirrored):
        assert store.assets.owned_by(gone) == []
    assert store.note(f"looks {MODEL}") is None
    assert likeness.looks(store, MODEL) == ()
    again = withdrawal.revoke(store, MODEL, caller(store), NOW + timedelta(hours=1))
    assert again.certificate == done.certificate  # nothing was left to destroy


def test_parts_of_a_copy_that_was_put_back_take_their_own_photos_along(
    with_model: WorkspaceStore,
) -> None:
    store = with_model
    brought(store, FULL_BODY)
    store.destroy("models", MODEL)
    withdrawal.erase_again(store, [Grave(store.workspace.id, MODEL, NOW, "erased")])
    assert store.count("pictures") == 0 and store.note(f"looks {MODEL}") is None


def test_a_photo_that_became_a_models_after_it_was_brought_is_refused(
    store: WorkspaceStore, request: pytest.FixtureRequest
) -> None:
    mine, other = brought(store, FULL_BODY), brought(store, OTHER)
    request.getfixturevalue("with_model")
    assert swaps.fitted(store, asked_of(other), SUMMARY, NOW).picture_id == other
    with pytest.raises(ToolNotAllowed):
        swaps.fitted(store, asked_of(mine), SUMMARY, NOW)
