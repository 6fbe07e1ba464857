"""What is left of a person after erasure, and what a late replay may not bring back."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from compliance import audit, consent
from identity import enrolment as enrolling
from serve import queue
from serve.line.asked import Asked
from tests.generating import ask, draw, product_of, submit
from tests.service import Service, enrolment, garment, sample
from workspace.errors import ConsentMissing, ConsentSuspended
from workspace.types import GenerationId, ModelId

SECRET = "Zebrafink"
TERMS = {"intended_use": f"{SECRET} wedding", "compensation": f"{SECRET} 500 EUR"}


@pytest.fixture
def model(fresh_service: Service) -> str:
    """A model that is ready, built in this thread; its enrolment had the key `enrol`."""
    service = fresh_service
    body = enrolment(service.client, sample("kenji"), consent=json.dumps(TERMS))
    made = service.client.post("/v1/models", headers={"Idempotency-Key": "enrol"}, **body).json()
    now = datetime.now(UTC)
    status = enrolling.build(service.store, service.services.encoder, ModelId(made["id"]), now)
    assert status == "ready"
    return str(made["id"])


def move(service: Service, model: str, how: str, key: str | None = None) -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    answer = service.client.post(f"/v1/models/{model}/{how}", json={}, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def generate(service: Service, model: str, **changes: Any) -> Any:
    body = {"tool": "editorial", "prompt": f"{SECRET}, $model in a park", "model_id": model}
    headers = {"Idempotency-Key": "generate"}
    return service.client.post("/v1/generations", json={**body, **changes}, headers=headers)


@pytest.mark.parametrize("how", ["erase", "revoke"])
def test_no_word_about_the_person_is_left(fresh_service: Service, model: str, how: str) -> None:
    service = fresh_service
    generation = generate(service, model, metadata={"note": SECRET}).json()["id"]
    if how == "erase":
        assert service.client.delete(f"/v1/models/{model}").status_code == 200
    else:
        move(service, model, "revoke")
    shown = service.client.get(f"/v1/generations/{generation}").json()
    assert (shown["status"], shown["prompt"], shown["metadata"]) == ("cancelled", "", {})
    given = consent.current(service.store, model)
    assert given is not None and given.status == ("expired" if how == "erase" else "revoked")
    assert (given.terms.intended_use, given.terms.compensation.words) == ("", "")
    assert given.terms.purposes and given.attestations  # what was agreed stays
    opened = json.dumps([row.private for row in service.store.find("generations")])
    assert SECRET not in opened
    prints = service.store.db.execute(
        "SELECT COUNT(*) FROM idempotency WHERE fingerprint <> '' AND route NOT LIKE '%/revoke'"
    )
    assert prints.fetchone()[0] == 0
    assert audit.verify(service.store).intact and service.store.verify().intact


def test_a_late_replay_brings_nothing_back(fresh_service: Service, model: str) -> None:
    service = fresh_service
    assert generate(service, model).status_code == 202
    service.client.delete(f"/v1/models/{model}")
    body = enrolment(service.client, sample("kenji"), consent=json.dumps(TERMS))
    again = service.client.post("/v1/models", headers={"Idempotency-Key": "enrol"}, **body)
    assert (again.status_code, again.json()["code"]) == (409, "idempotency_conflict")
    assert generate(service, model).json()["code"] == "idempotency_conflict"
    assert service.store.count("models", "status <> 'erased'") == 0


def test_an_erased_product_is_not_made_again_by_a_replay(fresh_service: Service) -> None:
    client, key = fresh_service.client, {"Idempotency-Key": "p"}
    made = client.post("/v1/products", headers=key, **garment("red-tee")).json()
    assert client.delete(f"/v1/products/{made['id']}").status_code == 204
    again = client.post("/v1/products", headers=key, **garment("red-tee"))
    assert (again.status_code, again.json()["code"]) == (409, "idempotency_conflict")


def test_a_withdrawal_may_be_repeated_with_its_key(fresh_service: Service, model: str) -> None:
    first = move(fresh_service, model, "revoke", "w")
    again = move(fresh_service, model, "revoke", "w")
    assert sum(first["destroyed"].values()) == 3 and again["destroyed"] == {}


def test_a_damaged_record_does_not_stop_an_erasure(fresh_service: Service, model: str) -> None:
    service = fresh_service
    generate(service, model)
    for table in ("consents", "generations"):
        service.store.db.execute(f"UPDATE {table} SET sealed = x'00'")
    assert service.client.delete(f"/v1/models/{model}").json()["status"] == "erased"
    assert service.store.verify().intact


def test_a_late_replay_of_resume_changes_nothing(fresh_service: Service, model: str) -> None:
    service = fresh_service
    move(service, model, "suspend")
    assert move(service, model, "resume", "r")["status"] == "ready"
    assert move(service, model, "suspend", "s")["status"] == "suspended"
    shown = move(service, model, "resume", "r")
    assert (shown["status"], shown["consent_status"]) == ("suspended", "suspended")
    assert move(service, model, "resume")["status"] == "ready"
    assert move(service, model, "suspend", "s")["status"] == "ready"


def test_suspended_while_it_is_drawn_is_not_published(fresh_service: Service, model: str) -> None:
    service = fresh_service
    generation = GenerationId(generate(service, model).json()["id"])
    drawn: list[bool] = []
    render = service.diffusion.render

    def suspending(jobs: Any) -> Any:
        yield from render(jobs)
        move(service, model, "suspend")
        drawn.append(True)

    service.diffusion.render = suspending  # type: ignore[method-assign]
    with pytest.raises(ConsentSuspended):
        draw(service, generation)
    assert drawn and service.store.count("images") == 0
    assert queue.status_of(service.store, generation) == "running"  # the dispatcher ends it


def test_a_consent_that_starts_later_is_refused_at_once(fresh_service: Service) -> None:
    service = fresh_service
    body = enrolment(service.client, sample("kenji"), consent='{"starts_at": "2099-01-01"}')
    answer = service.client.post("/v1/models", **body)
    assert answer.status_code == 422 and answer.json()["pointer"] == "/consent/starts_at"
    assert service.store.count("models") == service.store.count("assets") == 0


def test_nothing_is_embedded_outside_of_the_consents_dates(fresh_service: Service) -> None:
    service = fresh_service
    body = enrolment(service.client, sample("kenji"), consent='{"expires_at": "2030-01-01"}')
    made = ModelId(service.client.post("/v1/models", **body).json()["id"])
    later = datetime(2030, 1, 1, tzinfo=UTC)
    for now in (later, datetime.now(UTC) - timedelta(days=1)):
        with pytest.raises(ConsentMissing):
            enrolling.build(service.store, service.services.encoder, made, now)
    assert service.store.count("assets", "kind = 'likeness'") == 0


def test_a_callers_own_words_are_nowhere_in_clear(fresh_service: Service) -> None:
    service = fresh_service
    for name in ("purpose", "channel"):
        body = {"tool": "editorial", "prompt": "a park", name: "zebrafink-wedding"}
        answer = service.client.post("/v1/generations", json=body)
        assert answer.status_code == 422 and answer.json()["pointer"] == f"/{name}"
    added = service.client.post("/v1/products", **garment("red-tee", category="zebrafink"))
    assert added.json()["category"] == "zebrafink"
    assert service.client.get("/v1/products").json()["items"][0]["category"] == "zebrafink"
    folder = service.store.folder
    assert not any(b"zebrafink" in path.read_bytes() for path in folder.glob("store.db*"))


def test_a_generation_without_the_model_keeps_its_words(fresh_service: Service, model: str) -> None:
    service = fresh_service
    kept = submit(service, ask(product_of(service)))
    service.client.delete(f"/v1/models/{model}")
    asked = Asked.from_json(service.store.get("generations", kept).private["asked"])
    assert asked.prompt == "$product on a chair"
