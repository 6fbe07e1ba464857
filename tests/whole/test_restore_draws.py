"""A home that was backed up while it ran draws the same picture on another machine."""

from __future__ import annotations

import io
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from serve import local
from serve.__main__ import main
from serve.callers import auth
from serve.settings import load_settings
from tests.line import new_key
from tests.service import enrolment, garment, sample, wait

ASK = {"tool": "editorial", "prompt": "$product on a rooftop", "n": 1, "seed": 20261122}


@contextmanager
def running(home: Path, key: str = ""):
    settings = load_settings(home=home)
    key = key or new_key(settings, "demo", "enterprise", auth.SCOPES - {"admin"})
    with local.running(settings) as client:
        client.headers["Authorization"] = f"Bearer {key}"
        yield client, key


def enrol(client: Any, name: str) -> str:
    answer = client.post("/v1/models", **enrolment(client, sample(name)))
    assert answer.status_code == 202, answer.text
    assert wait(client, f"/v1/models/{answer.json()['id']}", "building")["status"] == "ready"
    return str(answer.json()["id"])


def draw(client: Any, product: str) -> tuple[str, np.ndarray]:
    answer = client.post("/v1/generations", json={**ASK, "product_ids": [product]})
    assert answer.status_code == 202, answer.text
    done = wait(client, answer.json()["status_url"], "queued", "running", seconds=90)
    assert done["status"] == "completed", done
    return done["images"][0]["url"], pixels(client, done["images"][0]["url"])


def pixels(client: Any, url: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(client.get(f"{url}?format=png").content)))


@pytest.mark.timeout(300)
def test_the_same_seed_gives_the_same_picture_after_a_restore(tmp_path: Path, face_pack) -> None:
    here, there, vault = tmp_path / "here", tmp_path / "there", tmp_path / "vault"
    with running(here) as (client, key):
        leaves = enrol(client, "kenji")
        product = client.post("/v1/products", **garment("red-tee")).json()["id"]
        url, picture = draw(client, product)
        assert main(["backup", str(vault), "--home", str(here)]) == 0  # while it runs
        assert client.delete(f"/v1/models/{leaves}").status_code == 200
    register, root = tmp_path / "here.tombstones", here / "root.key"
    where = ["restore", str(vault), "--home", str(there), "--root-key", str(root)]
    assert main([*where, "--tombstones", str(register)]) == 0
    with running(there, key) as (client, _):
        assert np.array_equal(pixels(client, url), picture)
        _, again = draw(client, product)
        assert again.shape == picture.shape
        # The watermark and the visible label differ by the image's id, by a little.
        assert np.abs(again.astype(int) - picture.astype(int)).mean() < 2.0
        assert client.get(f"/v1/models/{leaves}").json()["status"] in ("erased", "revoked")
        assert client.get(f"/v1/models/{leaves}/photos/close_up").status_code in (404, 410)
        assert client.get("/v1/audit/verify").json()["intact"]
