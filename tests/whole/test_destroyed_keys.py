"""After a withdrawal nothing on disk opens anything of the person: not here, not from a backup.

The keys of everything that belongs to the person are taken down before, as they lie on disk and in
clear, with the sealed bytes themselves. Afterwards every file under the home, the temp folder of
this run and the shared memory is searched for them. A control proves that the search finds them in
the backup. The same search with a real Ray is in tests/cluster/test_line.py.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from compliance import audit, erasure
from identity import enrolment as enrolling
from identity.encoder import InsightFaceEncoder
from serve.__main__ import main
from tests.generating import ask, draw, product_of, submit
from tests.service import Service, enrolment, open_service, sample
from tests.whole.test_canaries import found_in
from workspace.store import WorkspaceStore
from workspace.types import GenerationId, ModelId

NAME = "Zebrafink Quillfeather"


def keys_of(store: WorkspaceStore) -> dict[str, list[bytes]]:
    """SHA-256 of an object's id -> its key wrapped, its key in clear, what it sealed."""
    found: dict[str, list[bytes]] = {}
    for row in store.db.query("SELECT object_id, wrapped FROM object_keys"):
        object_id = row["object_id"]
        table, _, row_id = object_id.partition(":")
        key = store._keys.unwrap(object_id, row["wrapped"])
        sealed = next(store.raw(table, "id = ?", (row_id,)))["sealed"]
        material = [row["wrapped"], key, key.hex().encode(), bytes(sealed)]
        if table == "assets":
            material.append((store.folder / "assets" / f"{row_id}.sealed").read_bytes()[:200])
        found[hashlib.sha256(object_id.encode()).hexdigest()] = material
    return found


def made_of(service: Service) -> tuple[ModelId, list[str]]:
    """A person with a photo, an embedding, evidence, a finished image and one that waits."""
    person, client = sample("kenji"), service.client
    body = enrolment(client, person, name=NAME, consent='{"intended_use": "Zebrafink wedding"}')
    files = [*body["files"].items(), ("evidence", ("a.pdf", b"%PDF-1.7 Zebrafink", "x/y"))]
    answer = client.post("/v1/models", data=body["data"], files=files)
    assert answer.status_code == 202, answer.text
    made = answer.json()
    model_id, now = ModelId(made["id"]), datetime.now(UTC)
    assert enrolling.build(service.store, service.services.encoder, model_id, now) == "ready"
    request = {"tool": "editorial", "prompt": f"{NAME}: $model in a park", "model_id": model_id}
    first = client.post("/v1/generations", json={**request, "n": 2}).json()["id"]
    (done,) = draw(service, GenerationId(first))
    assert done is not None and len(done.images) == 2
    assert client.post("/v1/generations", json=request).status_code == 202
    return model_id, [str(image) for image in done.images]


def listed_in(certificate: dict[str, Any]) -> set[str]:
    kinds = certificate["statement"]["destroyed"].values()
    return {digest for kind in kinds for digest in kind["object_id_sha256"]}


@pytest.mark.timeout(300)
def test_nothing_of_a_person_is_left_and_no_backup_brings_it_back(
    home: Path, tmp_path_factory: pytest.TempPathFactory, encoder: InsightFaceEncoder
) -> None:
    backup, outside = (tmp_path_factory.mktemp(name) for name in ("backup", "outside"))
    with open_service(home, encoder, start=False) as service:
        model_id, images = made_of(service)
        keys = keys_of(service.store)
        service.store.db.erase_log()
        shutil.copytree(home, backup / "home")
        answer = service.client.post(f"/v1/models/{model_id}/revoke", json={})
        assert answer.status_code == 200, answer.text
        certificate = answer.json()["certificate"]
        destroyed = listed_in(certificate)
        # Photos, vector, form, two images with facts and fingerprints, name, consent, requests.
        assert len(destroyed) >= 11 and destroyed <= keys.keys()
        needles = [needle for digest in destroyed for needle in keys[digest]]
        needles += [NAME.encode(), b"Zebrafink"]
        public = service.client.get("/v1/erasure-key").json()["public_key"]
        while_open = found_in(home.parent, needles)
        assert while_open == {}
        kept = service.client.get(f"/v1/models/{model_id}/erasure-certificate").json()
        assert kept == certificate
    assert found_in(home.parent, needles) == {} == found_in(Path("/dev/shm"), needles)
    assert found_in(backup, needles)  # the search would find them
    check_alone(outside, certificate, public)

    shutil.rmtree(home)
    shutil.copytree(backup / "home", home)
    with open_service(home, encoder, start=False) as service:
        shown = service.client.get(f"/v1/models/{model_id}").json()
        assert (shown["status"], shown["name"]) == ("revoked", None)
        for gone in (f"/v1/models/{model_id}/photos/close_up", f"/v1/images/{images[0]}"):
            assert service.client.get(gone).status_code == 404
        waiting = service.store.count("generations", "status IN ('queued', 'running')")
        assert waiting == service.store.count("images") == 0
        again = service.client.get(f"/v1/models/{model_id}/erasure-certificate").json()
        assert again["statement"]["cause"] == erasure.COPY_PUT_BACK
        assert listed_in(again) >= destroyed
        assert found_in(home.parent, needles) == {}
        report = audit.verify(service.store)
        assert report.intact and service.store.verify().intact
    check_alone(outside, again, public)


def check_alone(folder: Path, certificate: dict[str, Any], public: str) -> None:
    """With nothing but the two files, by the command."""
    (folder / "certificate.json").write_text(json.dumps(certificate))
    (folder / "key.pem").write_text(public)
    asked = ["erasure", "verify", str(folder / "certificate.json")]
    assert main([*asked, "--key", str(folder / "key.pem")]) == 0


def test_a_workspace_that_stores_no_results_hands_a_picture_out_once(
    fresh_service: Service,
) -> None:
    service = fresh_service
    assert service.client.patch("/v1/policy", json={"results_days": 0}).status_code == 200
    (made,) = draw(fresh_service, submit(fresh_service, ask(product_of(fresh_service))))
    assert made is not None
    url = f"/v1/images/{made.images[0]}"
    assert fresh_service.client.get(f"{url}/manifest").status_code == 200
    assert fresh_service.client.get(url).status_code == 200
    assert fresh_service.client.get(url).status_code == 404
    shown = fresh_service.client.get(f"/v1/generations/{made.id}").json()
    assert (shown["status"], shown["images"]) == ("completed", [])
