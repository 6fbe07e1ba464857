"""`/v1/models/{id}/consents`: renew, narrow, what may not be renewed, and what holds at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from compliance import audit, consent
from identity import enrolment as enrolling
from tests.service import EVERYTHING, Service, boxes, enrolment, sample
from workspace.types import ConsentStatus, ModelId


@pytest.fixture
def model(fresh_service: Service) -> str:
    """A model that is ready, built in this thread."""
    service = fresh_service
    made = service.client.post("/v1/models", **enrolment(service.client, sample("kenji"))).json()
    now, encoder = datetime.now(UTC), service.services.encoder
    assert enrolling.build(service.store, encoder, ModelId(made["id"]), now) == "ready"
    return str(made["id"])


def record(service: Service, model: str, key: str = "", **terms: Any) -> Any:
    body = {"consent": terms, "attestations": boxes(service.client)}
    headers = {"Idempotency-Key": key} if key else {}
    return service.client.post(f"/v1/models/{model}/consents", json=body, headers=headers)


def generate(service: Service, model: str) -> Any:
    body = {"tool": "editorial", "prompt": "$model", "model_id": model, "purpose": "paid_ads"}
    return service.client.post("/v1/generations", json=body)


def test_a_new_version_is_recorded_audited_and_holds(fresh_service: Service, model: str) -> None:
    service = fresh_service
    ends = (datetime.now(UTC) + timedelta(days=30)).isoformat()
    answer = record(service, model, purposes=["lookbook"], expires_at=ends)
    made = answer.json()
    assert answer.status_code == 201 and made["version"] == 2 and made["status"] == "active"
    assert answer.headers["location"] == f"/v1/models/{model}/consents"
    assert made["terms"]["purposes"] == ["lookbook"] and len(made["attestations"]) > 3
    shown = service.client.get(f"/v1/models/{model}/consents").json()["items"]
    assert [one["version"] for one in shown] == [2, 1] and shown[0] == made
    assert shown[1]["terms"]["purposes"] != ["lookbook"]  # the old version is as it was
    assert service.client.get(f"/v1/models/{model}").json()["consent_id"] == made["id"]
    entry = [e for e in audit.entries(service.store) if e.action == "consent.recorded"][-1]
    assert entry.object_id == made["id"] and entry.facts["version"] == 2
    assert generate(service, model).json()["code"] == "consent_out_of_scope"


def test_narrowing_refuses_what_is_queued_at_once(fresh_service: Service, model: str) -> None:
    service = fresh_service
    queued = generate(service, model).json()
    assert record(service, model, purposes=["lookbook"]).status_code == 201
    ended = service.client.get(queued["status_url"]).json()
    assert (ended["status"], ended["error"]["code"]) == ("refused", "consent_out_of_scope")
    assert "lookbook" in ended["error"]["detail"] and ended["finished_at"]
    assert service.diffusion.batches == [] and service.store.count("images") == 0


def test_an_ended_consent_is_renewed(fresh_service: Service, model: str) -> None:
    service, now = fresh_service, datetime.now(UTC)
    given = consent.current(service.store, model)
    assert given is not None
    consent.set_status(service.store, given.id, ConsentStatus.EXPIRED, now, "test")
    assert generate(service, model).json()["code"] == "consent_expired"
    assert record(service, model).status_code == 201
    assert generate(service, model).status_code == 202


def test_a_key_records_one_version(fresh_service: Service, model: str) -> None:
    first, again = (record(fresh_service, model, key="k").json() for _ in range(2))
    assert first == again and first["version"] == 2
    other = record(fresh_service, model, key="k", purposes=["lookbook"])
    assert other.json()["code"] == "idempotency_conflict"


def test_a_suspended_model_stays_suspended(fresh_service: Service, model: str) -> None:
    service, url = fresh_service, f"/v1/models/{model}"
    service.client.post(f"{url}/suspend", json={})
    assert record(service, model).json()["status"] == "suspended"
    assert service.client.get(url).json()["status"] == "suspended"
    assert service.client.post(f"{url}/resume", json={}).json()["consent_status"] == "active"
    assert generate(service, model).status_code == 202


@pytest.mark.parametrize("how", ["revoke", "erase"])
def test_who_withdrew_stays_withdrawn(fresh_service: Service, model: str, how: str) -> None:
    service, url = fresh_service, f"/v1/models/{model}"
    service.client.post(f"{url}/revoke", json={}) if how == "revoke" else service.client.delete(url)
    answer = record(service, model)
    assert (answer.status_code, answer.json()["code"]) == (410, "model_revoked")


def test_what_is_not_right_records_nothing(fresh_service: Service, model: str) -> None:
    service, url = fresh_service, f"/v1/models/{model}/consents"
    ticked = boxes(service.client)
    wrong: list[tuple[Any, str]] = [
        ({"attestations": []}, "attestation_missing"),
        ({"attestations": ticked[1:]}, "attestation_missing"),
        ({}, "invalid_request"),
        ({"attestations": ticked, "consent": {"purposes": ["weapons"]}}, "invalid_request"),
        ({"attestations": ticked, "terms": {}}, "invalid_request"),
    ]
    for body, code in wrong:
        answer = service.client.post(url, json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert record(service, "mdl_nobody").status_code == 404
    reader = service.client_of(scopes=EVERYTHING - {"models:write", "consents:write"})
    assert reader.post(url, json={"attestations": ticked}).status_code == 403
    stranger = service.client_of(service.other("stranger"))
    assert stranger.post(url, json={"attestations": ticked}).status_code == 404
    assert len(consent.versions(service.store, model)) == 1


def test_a_model_that_is_not_built_takes_no_new_version(fresh_service: Service) -> None:
    service = fresh_service
    body = enrolment(service.client, sample("kenji"))
    made = service.client.post("/v1/models", **body).json()["id"]
    assert record(service, made).json()["code"] == "not_ready"


def test_a_damaged_version_is_named_and_hides_no_other(fresh_service: Service, model: str) -> None:
    service = fresh_service
    first = service.client.get(f"/v1/models/{model}/consents").json()["items"][0]["id"]
    record(service, model)
    changed = "UPDATE consents SET expires_at = '2099-01-01T00:00:00+00:00' WHERE version = 1"
    service.store.db.execute(changed)
    answer = service.client.get(f"/v1/models/{model}/consents")
    shown = answer.json()
    assert answer.status_code == 200 and [one["version"] for one in shown["items"]] == [2]
    assert shown["damaged"] == [{"id": first, "code": "seal_broken"}]
