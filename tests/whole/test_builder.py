"""The builder: every enrolment comes to an end, and nobody waits for another's trouble."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from serve import idempotency
from serve.work.builder import Builder, Pace
from tests.generating import until
from tests.homes import bytes_under
from tests.service import Service, enrolment, sample
from workspace.errors import EngineFailed, StorageFull
from workspace.types import RGB, Embedding, Face

QUICK = Pace(wait=0.02, look=0.2, max_tries=3)


class Shaky:
    """The real encoder, whose first `breaks` embeddings fail."""

    def __init__(self, whole: Any, breaks: int) -> None:
        self.encoder_id, self.detect = whole.encoder_id, whole.detect
        self._whole, self.breaks = whole, breaks

    def embed(self, image: RGB, face: Face) -> Embedding:
        if self.breaks > 0:
            self.breaks -= 1
            raise EngineFailed("It broke.")
        found: Embedding = self._whole.embed(image, face)
        return found


@contextmanager
def building(service: Service, breaks: int = 0) -> Iterator[Builder]:
    """Run a quick builder that knows nothing but the stores."""
    encoder = Shaky(service.services.encoder, breaks)
    builder = Builder(replace(service.services.parts, encoder=encoder), QUICK)
    builder.start()
    try:
        yield builder
    finally:
        builder.stop()


def enrolled(service: Service, person: str = "kenji", client: Any = None, **headers: str) -> str:
    client = client or service.client
    answer = client.post("/v1/models", **enrolment(client, sample(person)), headers=headers)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def status(client: Any, model_id: str) -> str:
    return str(client.get(f"/v1/models/{model_id}").json()["status"])


def test_a_locked_workspace_keeps_nobody_else_waiting_and_is_built_once_unlocked(
    fresh_service: Service,
) -> None:
    service, registry = fresh_service, fresh_service.services.registry
    client = service.client_of(service.other("b"))
    locked, free = enrolled(service), enrolled(service, "mateo", client)
    registry.lock(service.workspace.id)
    with building(service) as builder:
        builder.build(service.workspace.id, locked, False)  # type: ignore[arg-type]
        until(lambda: status(client, free) == "ready")
        registry.unlock(service.workspace.id)
        until(lambda: status(service.client, locked) == "ready")


def test_a_face_replica_that_breaks_once_is_asked_again(fresh_service: Service) -> None:
    model_id = enrolled(fresh_service)
    with building(fresh_service, breaks=1):
        until(lambda: status(fresh_service.client, model_id) == "ready")


def test_a_person_who_can_not_be_built_is_refused_and_the_photos_destroyed(
    fresh_service: Service,
) -> None:
    service, model_id = fresh_service, enrolled(fresh_service)
    with building(service, breaks=100):
        until(lambda: status(service.client, model_id) == "needs_attention")
    shown = service.client.get(f"/v1/models/{model_id}").json()
    assert shown["name"] is None and shown["checks"][-1]["code"] == "not_built"
    assert service.store.assets.owned_by(model_id) == []
    assert service.client.get("/v1/audit/verify").json()["intact"]


@pytest.mark.parametrize("damage", ["photo", "row"])
def test_one_damaged_model_ends_alone(fresh_service: Service, damage: str) -> None:
    service, store = fresh_service, fresh_service.store
    bad, good = enrolled(service), enrolled(service, "mateo")
    if damage == "photo":
        asset = store.assets.owned_by(bad, "close_up")[0]
        (store.folder / "assets" / f"{asset}.sealed").write_bytes(b"x")
    else:
        store.db.execute("UPDATE models SET sealed = x'00' WHERE id = ?", [bad])
    with building(service):
        until(lambda: status(service.client, good) == "ready")
        until(lambda: store.count("models", "status = 'needs_attention'") == 1)
    assert status(service.client, bad) == "needs_attention"
    assert store.assets.owned_by(bad) == []


def test_an_enrolment_and_its_idempotency_key_are_kept_together_or_not_at_all(
    fresh_service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service, real, calls = fresh_service, idempotency.remember, []

    def remember(*args: Any) -> None:
        calls.append(args)
        if len(calls) == 1:
            raise StorageFull()
        real(*args)

    monkeypatch.setattr(idempotency, "remember", remember)
    body = enrolment(service.client, sample("kenji"))
    answer = service.client.post("/v1/models", **body, headers={"Idempotency-Key": "k1"})
    assert answer.status_code == 507
    assert service.store.count("models") == service.store.count("assets") == 0
    first = enrolled(service, **{"Idempotency-Key": "k1"})
    assert enrolled(service, **{"Idempotency-Key": "k1"}) == first
    assert service.store.count("models") == 1
    assert b"Kenji" not in bytes_under(service.store.folder)
