"""A home that was backed up while it ran draws the same picture on another machine."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from identity.encoder import InsightFaceEncoder
from serve.__main__ import main
from tests.homes import ROOT_KEY
from tests.service import Service, open_service

ASK = {"tool": "editorial", "prompt": "$product on a rooftop", "n": 1, "seed": 20261122}


def draw(service: Service, product: str) -> tuple[str, np.ndarray]:
    done = service.generate(**ASK, product_ids=[product])
    assert done["status"] == "completed", done
    return done["images"][0]["url"], pixels(service, done["images"][0]["url"])


def pixels(service: Service, url: str) -> np.ndarray:
    answer = service.client.get(f"{url}?format=png")
    assert answer.status_code == 200, answer.text
    return np.asarray(Image.open(io.BytesIO(answer.content)))


def test_the_same_seed_gives_the_same_picture_after_a_restore(
    tmp_path: Path, encoder: InsightFaceEncoder
) -> None:
    here, there, vault = tmp_path / "here", tmp_path / "there", tmp_path / "vault"
    key = tmp_path / "kept.key"
    key.touch(mode=0o600)
    key.write_text(ROOT_KEY.hex())
    with open_service(here, encoder) as service:
        (here / "root.key").touch(mode=0o600)
        (here / "root.key").write_text(ROOT_KEY.hex())
        leaves, product = service.model("kenji"), service.product()
        url, picture = draw(service, product)
        assert main(["backup", str(vault), "--home", str(here)]) == 0  # while it runs
        assert service.client.delete(f"/v1/models/{leaves}").status_code == 200
        secret = service.client.headers["authorization"]
    register = tmp_path / "here.tombstones"
    where = ["restore", str(vault), "--home", str(there), "--root-key", str(key)]
    assert main([*where, "--tombstones", str(register)]) == 0
    with open_service(there, encoder) as service:
        service.client.headers["authorization"] = secret  # the key from before opens it
        assert np.array_equal(pixels(service, url), picture)
        _, again = draw(service, product)
        # The watermark differs by the image's id, by a little.
        assert np.abs(again.astype(int) - picture.astype(int)).mean() < 2.0
        assert service.client.get(f"/v1/models/{leaves}").json()["status"] in ("erased", "revoked")
        assert service.client.get(f"/v1/models/{leaves}/photos/close_up").status_code in (404, 410)
        assert service.client.get("/v1/audit/verify").json()["intact"]
