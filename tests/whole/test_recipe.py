"""The mannequin recipe: references keep faces where the targets have them; blends add up."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from tests.conftest import MANNEQUIN


@pytest.fixture
def recipe(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The recipe's package, importable as its README says."""
    monkeypatch.syspath_prepend(str(MANNEQUIN))
    for name in ("blend", "compose", "likeness"):
        import_module(f"recipe.{name}")
    return import_module("recipe")


def _shard(boxes: bool) -> dict[str, Any]:
    """One person whose close-up is one dark square on a clear ground."""
    close = np.zeros((1, 128, 128, 4), np.uint8)
    close[:, 48:80, 48:80, 3] = 255
    plain = np.zeros((1, 256, 192, 4), np.uint8)
    shard = {
        "target": plain,
        "product": np.zeros((1, 128, 96, 4), np.uint8),
        "close_up": close,
        "full_body": np.zeros((1, 128, 64, 4), np.uint8),
        "labels": np.zeros((1, 6), np.int64),
        "takes": np.zeros((1, 4), np.float32),
        "owner": np.zeros(1, np.int64),
    }
    return shard | ({"boxes": np.array([[0.0, 0.0, 1.0]], np.float32)} if boxes else {})


def _off(recipe: ModuleType, boxes: bool) -> float:
    """The farthest that the square's centre came to lie from the middle in 12 passes, pixels."""
    farthest = 0.0
    for seed in range(12):
        picture = recipe.compose.compose(_shard(boxes), seed).close_up[0].mean(-1)
        dark = np.argwhere(picture < 110)
        farthest = max(farthest, float(np.abs(dark.mean(0) - 63.5).max()))
    return farthest


def test_an_aligned_face_is_not_moved_by_what_spoils_uploads(recipe: ModuleType) -> None:
    assert _off(recipe, boxes=True) < 0.3
    assert _off(recipe, boxes=False) > 0.8  # else this test could not fail


def test_a_blend_is_the_mean_of_what_went_on_from_one_start(recipe: ModuleType) -> None:
    def checkpoint(value: float, seen: int, size: str = "small") -> dict[str, Any]:
        return {"average": {"w": torch.full((2,), value)}, "state": {"seen": seen}, "size": size}

    out = recipe.blend.blend(checkpoint(0.0, 100), [checkpoint(1.0, 110), checkpoint(3.0, 120)])
    assert out["average"]["w"].tolist() == [2.0, 2.0] and out["state"]["seen"] == 130
    with pytest.raises(ValueError, match="sizes"):
        recipe.blend.blend(checkpoint(0.0, 1), [checkpoint(0.0, 1, "large")])


def test_likeness_prefers_the_right_faces(recipe: ModuleType) -> None:
    torch.manual_seed(0)
    people = torch.randn(6, 48, 256)
    width = recipe.likeness.faces(people, "close_up").shape[1]
    told = recipe.likeness.Likeness({"close_up": (torch.zeros(width), torch.eye(width)[:, :64])})
    framing = torch.zeros(6)
    assert told(people, people, framing) < told(people.roll(1, 0), people, framing)
