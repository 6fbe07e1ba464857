"""Every route that can hand out a picture: it validates, or it is an upload, or nothing leaves."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import c2pa
import numpy as np
import pytest
from PIL import Image

from compliance.marks import signing
from compliance.provenance import Marker
from identity.photos import kind_of
from tests.service import Service
from tests.test_role_matrix import routes
from workspace.errors import MarkingFailed, StorageFull
from workspace.store import WorkspaceStore

# Where results leave, and where people get their own uploads back, which no algorithm made.
RESULTS = {
    "GET /v1/images/{image_id}",
    "GET /talent/{token}/images/{image_id}",
    "GET /v1/models/{model_id}/export",
}
UPLOADS = {
    "GET /v1/models/{model_id}/photos/{kind}",
    "GET /v1/products/{product_id}/photo",
    "GET /v1/products/{product_id}/cutout",  # the upload without its ground
}


@pytest.fixture(scope="module")
def made(service: Service) -> dict[str, str]:
    """One finished image of a person in a product, and every id that a path may ask for."""
    ids = {"model_id": service.model("amara"), "product_id": service.product("red-tee")}
    done = service.generate(
        tool="editorial",
        prompt="$model wearing $product",
        model_id=ids["model_id"],
        product_ids=[ids["product_id"]],
    )
    assert done["status"] == "completed", done
    link = service.client.post(f"/v1/models/{ids['model_id']}/talent-links", json={"days": 2})
    assert link.status_code == 201, link.text
    token = str(link.json()["url"]).rsplit("/", 1)[1]
    service.client.post(f"/talent/{token}/open")
    image = done["images"][0]
    return {
        **ids, "generation_id": done["id"], "image_id": image["id"], "kind": "close_up",
        "token": token, "consent_id": image["consent_id"],
    }  # fmt: skip


def asked(
    service: Service, made: dict[str, str], only: set[str] | None = None
) -> Iterator[tuple[str, bytes]]:
    """Every picture that any GET route answers with, in every format; zips are opened."""
    for method, path in (one.split(" ", 1) for one in only or routes(service)):
        names = re.findall(r"{(\w+)}", path)
        if method != "GET" or path.endswith("/events") or not set(names) <= set(made):
            continue
        for format in ("", "jpeg", "webp"):
            query = {"images": "true", **({"format": format} if format else {})}
            url = path.format(**made)
            answer = service.client.get(url, params=query)
            if answer.headers.get("content-type") == "application/zip":
                with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
                    for name in archive.namelist():
                        inside = archive.read(name)
                        if kind_of(inside) and not name.startswith("photos/"):
                            yield f"{method} {path}", inside
            elif kind_of(answer.content):
                yield f"{method} {path}", answer.content


def test_every_result_that_any_route_returns_validates(
    service: Service, made: dict[str, str]
) -> None:
    seen: set[str] = set()
    for route, picture in asked(service, made):
        seen.add(route)
        if route in UPLOADS:
            assert b"c2pa" not in picture  # nobody says that an algorithm made it
            continue
        with c2pa.Reader(f"image/{str(kind_of(picture)).lower()}", io.BytesIO(picture)) as reader:
            assert reader.get_validation_state() == "Valid", route
            assert "trainedAlgorithmicMedia" in reader.json()
        pixels = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"))
        assert service.services.parts.marker.watermark_of(pixels), route
    assert seen == RESULTS | UPLOADS


@contextmanager
def failing(monkeypatch: pytest.MonkeyPatch, how: str) -> Iterator[None]:
    """Make marking fail: a refused signature, a signer that dies, a watermark, a full disk."""

    def refuse(*_: Any, **__: Any) -> Any:
        raise {
            "certificate": MarkingFailed("The C2PA library refused."),
            "killed": BrokenPipeError("the signer is gone"),
            "watermark": MarkingFailed("The watermark can't be read back."),
            "disk": StorageFull(),
        }[how]

    with monkeypatch.context() as patched:
        if how == "watermark":
            patched.setattr(Marker, "watermarked", refuse)
        elif how == "disk":
            patched.setattr(WorkspaceStore, "put", refuse)
        else:
            patched.setattr(signing, "sign", refuse)
        yield


@pytest.mark.parametrize("how", ["certificate", "killed", "watermark"])
def test_when_marking_fails_nothing_is_published(
    service: Service, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    tables = ("images", "assets", "fingerprints", "uses")
    before = [service.store.count(table) for table in tables]
    with failing(monkeypatch, how):
        done = service.generate(tool="editorial", prompt="a chair", n=2)
    assert done["status"] == "failed" and done["images"] == []
    assert done["error"]["code"] == ("internal" if how == "killed" else "marking_failed")
    assert [service.store.count(table) for table in tables] == before


@pytest.mark.parametrize("how", ["certificate", "killed"])
def test_when_marking_fails_no_new_copy_leaves_by_any_route(
    service: Service, made: dict[str, str], monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    kept = {data for _, data in asked(service, made, RESULTS) if kind_of(data) == "PNG"}
    with failing(monkeypatch, how):
        left = [data for _, data in asked(service, made, RESULTS)]
    assert left and all(data in kept for data in left)  # they were marked when they were made


def test_a_full_disk_leaves_no_picture_behind(
    service: Service, made: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = [service.store.count(table) for table in ("images", "assets", "fingerprints")]
    files = sorted(path.name for path in service.store.folder.rglob("*.bin"))
    real = WorkspaceStore.put

    def full(self: WorkspaceStore, table: str, *rest: Any, **more: Any) -> None:
        if table == "fingerprints":  # the last thing that is written of an image
            raise StorageFull()
        real(self, table, *rest, **more)

    answer = None
    with monkeypatch.context() as patched:
        patched.setattr(WorkspaceStore, "put", full)
        answer = service.client.post(
            "/v1/generations", json={"tool": "editorial", "prompt": "a chair"}
        )
        assert answer.status_code == 202
        for _ in range(20):
            shown = service.client.get(answer.json()["status_url"]).json()
            assert shown["images"] == []
            assert [service.store.count(t) for t in ("images", "assets", "fingerprints")] == before
    assert sorted(path.name for path in service.store.folder.rglob("*.bin")) == files
    service.client.post(answer.json()["cancel_url"])
