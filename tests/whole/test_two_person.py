"""The two-person rule, from photos to pictures, with the real face networks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from compliance import audit
from identity import enrolment as enrolling
from tests.service import Service, enrolment, sample
from workspace.types import ModelId

CREATOR = frozenset({"models:read", "models:write", "generate", "images:read"})
LEGAL = frozenset({"models:read", "consents:write", "images:read", "audit:read"})


@pytest.fixture
def waiting(fresh_service: Service) -> dict[str, Any]:
    """A person enrolled by a creator where two are needed, and built."""
    service = fresh_service
    assert service.client.patch("/v1/policy", json={"two_person": True}).status_code == 200
    creator = service.client_of(scopes=CREATOR)
    made = creator.post("/v1/models", **enrolment(creator, sample("kenji"))).json()
    now, encoder = datetime.now(UTC), service.services.encoder
    status = enrolling.build(service.store, encoder, ModelId(made["id"]), now)
    assert status == "awaiting_approval"
    return {"id": str(made["id"]), "creator": creator}


def test_a_person_is_used_only_after_somebody_elses_yes(
    fresh_service: Service, waiting: dict[str, Any]
) -> None:
    creator, legal = waiting["creator"], fresh_service.client_of(scopes=LEGAL)
    body = {"tool": "editorial", "prompt": "$model in a garden", "model_id": waiting["id"]}
    url = f"/v1/models/{waiting['id']}"
    assert creator.get(url).json()["status"] == "awaiting_approval"
    refused = creator.post("/v1/generations", json=body)
    assert (refused.status_code, refused.json()["code"]) == (403, "approval_missing")
    assert creator.post(f"{url}/approve").json()["code"] == "scope_missing"
    assert creator.post(f"{url}/suspend").json()["code"] == "conflict"  # no way around
    assert creator.post(f"{url}/resume").json()["code"] in ("scope_missing", "conflict")
    assert legal.post(f"{url}/approve").json()["status"] == "ready"
    assert creator.post("/v1/generations", json=body).status_code == 202
    told = {e.action: e for e in audit.entries(fresh_service.store) if e.object_id == waiting["id"]}
    assert {"model.enrolled", "model.awaiting_approval", "model.approved"} <= told.keys()
    assert told["model.approved"].actor != told["model.enrolled"].actor
    assert told["model.approved"].facts["enrolled_by"] == told["model.enrolled"].actor


def test_whoever_enrolled_gives_no_second_yes(fresh_service: Service) -> None:
    service, both = fresh_service, fresh_service.client_of(scopes=CREATOR | LEGAL)
    service.client.patch("/v1/policy", json={"two_person": True})
    made = both.post("/v1/models", **enrolment(both, sample("kenji"))).json()["id"]
    now, encoder = datetime.now(UTC), service.services.encoder
    enrolling.build(service.store, encoder, ModelId(made), now)
    url = f"/v1/models/{made}"
    assert both.post(f"{url}/approve").json()["code"] == "approval_missing"
    service.client.patch("/v1/policy", json={"two_person": False})  # came too late for this one
    assert both.post(f"{url}/approve").json()["code"] == "approval_missing"
    assert service.client_of(scopes=LEGAL).post(f"{url}/approve").status_code == 200


def test_a_model_that_waits_is_erased_like_any_other(
    fresh_service: Service, waiting: dict[str, Any]
) -> None:
    url = f"/v1/models/{waiting['id']}"
    assert waiting["creator"].post(f"{url}/revoke").json()["status"] == "revoked"
    legal = fresh_service.client_of(scopes=LEGAL)
    assert legal.post(f"{url}/approve").json()["code"] == "model_revoked"
