"""What waits for a yes: models of the two-person rule, campaigns, images; over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from compliance import approvals, audit
from serve.line import gallery, marking
from serve.work import leases, recovery
from tests.consenting import Unseeing, agree, ask, person, worker
from tests.generating import draw
from tests.service import EVERYTHING, Service, boxes, open_service
from workspace.types import Approval, GenerationId, ModelId

CREATOR = frozenset({"models:read", "models:write", "generate", "images:read"})
REVIEWER = frozenset({"models:read", "images:read", "review"})
OLD_KEY = EVERYTHING - {"consents:write", "review"}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    home = tmp_path_factory.mktemp("approvals") / "home"
    with open_service(home, Unseeing(), start=False) as opened:
        yield opened


def actions(service: Service, object_id: str) -> list[str]:
    last = service.store.db.execute("SELECT MAX(seq) FROM audit").fetchone()[0]
    found = audit.entries(service.store, max(0, last - 100))
    return [entry.action for entry in found if entry.object_id == object_id]


def drawn(service: Service, model: ModelId, n: int = 1) -> list[str]:
    """Ids of images of the person, drawn and published to the workspace."""
    published = draw(service, ask(service, model, n=n))[0]
    assert published is not None
    return list(published.images)


def code_of(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def fetch(client: TestClient, image: str) -> list[int]:
    urls = (
        f"/v1/images/{image}",
        f"/v1/images/{image}?format=jpeg",
        f"/v1/images/{image}/manifest",
    )
    return [client.get(url).status_code for url in urls]


def test_an_image_that_waits_leaves_only_to_those_who_decide(service: Service) -> None:
    image = drawn(service, person(service, approval="per_image"))[0]
    maker, reviewer = service.client_of(scopes=CREATOR), service.client_of(scopes=REVIEWER)
    assert fetch(maker, image) == [403, 403, 403]
    assert code_of(maker.get(f"/v1/images/{image}")) == (403, "approval_missing")
    assert fetch(reviewer, image) == [200, 200, 200]
    assert code_of(maker.post(f"/v1/images/{image}/approve")) == (403, "scope_missing")
    answer = reviewer.post(f"/v1/images/{image}/approve")
    assert answer.status_code == 200 and answer.json()["status"] == "approved"
    assert fetch(maker, image) == [200, 200, 200]
    assert actions(service, image)[-1] == "image.approved"


def test_a_declined_image_is_destroyed_and_stays_declined(service: Service) -> None:
    first, second = drawn(service, person(service, approval="per_image"), 2)
    url = f"/v1/images/{first}"
    declined = service.client.post(f"{url}/decline").json()
    assert (declined["status"], declined["url"]) == ("declined", None)
    assert fetch(service.client, first) == [404, 404, 404]
    assert not gallery.has(service.store, first) and gallery.has(service.store, second)
    assert service.store.assets.owned_by(first) == []
    assert service.client.post(f"{url}/decline").json() == declined
    assert service.client.post(f"{url}/approve").status_code == 404
    assert actions(service, first) == ["image.declined"]


def test_what_was_approved_may_be_declined_later(service: Service) -> None:
    image = drawn(service, person(service, approval="per_image"))[0]
    for answer in ("approve", "approve", "decline"):
        assert service.client.post(f"/v1/images/{image}/{answer}").status_code == 200
    assert actions(service, image) == ["image.approved", "image.declined"]
    assert fetch(service.client, image) == [404, 404, 404]


def test_waiting_images_are_listed_and_shown_as_pending(service: Service) -> None:
    model = person(service, approval="per_image")
    images = drawn(service, model, 3)
    service.client.post(f"/v1/images/{images[0]}/approve")
    gallery.destroy(service.store, images[1])
    found = service.client.get("/v1/approvals", params={"model_id": model}).json()["items"]
    assert [(one["image_id"], one["status"]) for one in found] == [(images[2], "pending")]
    shown = service.client.get("/v1/generations", params={"model_id": model}).json()["items"][0]
    states = {one["id"]: one["approval"] for one in shown["images"]}
    assert states == {images[0]: "approved", images[2]: "pending"}
    assert service.client_of(scopes=CREATOR).get("/v1/approvals").status_code == 403


def test_nothing_waits_where_the_consent_asks_for_nothing(service: Service) -> None:
    image = drawn(service, person(service))[0]
    assert fetch(service.client_of(scopes=CREATOR), image) == [200, 200, 200]
    assert approvals.state_of(service.store, image) is Approval.NONE
    assert service.client.post(f"/v1/images/{image}/approve").status_code == 404


def test_the_version_in_force_when_it_is_published_decides_whether_it_waits(
    service: Service,
) -> None:
    model = person(service)
    waiting = ask(service, model)
    agree(service, model, approval="per_image")
    published = draw(service, waiting)[0]
    assert published is not None
    assert approvals.state_of(service.store, published.images[0]) is Approval.PENDING


def test_a_forged_answer_does_not_open(service: Service) -> None:
    image = drawn(service, person(service, approval="per_image"))[0]
    service.store.db.execute("UPDATE image_approvals SET status = 'approved' WHERE id = ?", [image])
    assert code_of(service.client.get(f"/v1/images/{image}")) == (500, "seal_broken")


def test_a_campaign_is_asked_about_then_drawn_for(service: Service) -> None:
    model, client = person(service, approval="per_campaign"), service.client
    request = {"tool": "editorial", "prompt": "$model", "model_id": model}
    assert code_of(client.post("/v1/generations", json=request)) == (403, "approval_missing")
    body = {"name": "autumn-26", "channels": ["web"], "note": "Ten looks\nin Lisbon"}
    headers = {"Idempotency-Key": "one"}
    url = f"/v1/models/{model}/campaigns"
    made, again = (client.post(url, json=body, headers=headers) for _ in range(2))
    assert made.status_code == 201 and made.json() == again.json()
    assert code_of(client.post(url, json=body)) == (409, "conflict")
    campaign = made.json()["id"]
    named = request | {"campaign": "autumn-26"}
    waits = client.post("/v1/generations", json=named)
    assert code_of(waits) == (403, "approval_missing") and waits.json()["pointer"] == "/campaign"
    assert client.post(f"/v1/campaigns/{campaign}/approve").json()["status"] == "approved"
    for word in ("autumn-26", campaign):
        accepted = client.post("/v1/generations", json=request | {"campaign": word})
        assert accepted.status_code == 202
        shown = client.get(accepted.json()["status_url"]).json()
        assert shown["campaign"] == campaign
    outside = client.post("/v1/generations", json=named | {"channel": "print"})
    assert code_of(outside) == (403, "consent_out_of_scope")
    assert "The campaign covers web" in outside.json()["detail"]
    assert actions(service, campaign) == ["campaign.proposed", "campaign.approved"]
    entries = audit.entries(service.store, 0, 10_000)
    assert "autumn-26" not in str(entries) and "Lisbon" not in str(entries)
    assert [one["id"] for one in client.get(url).json()["items"]] == [campaign]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/name"),
        ({"name": "two words"}, "/name"),
        ({"name": "a", "purpose": "spying"}, "/purpose"),
        ({"name": "a", "channels": ["web", "tv"]}, "/channels/1"),
        ({"name": "a", "territories": ["Atlantis"]}, "/territories/0"),
        ({"name": "a", "note": "\x00"}, "/note"),
        ({"name": "a", "status": "approved"}, "/status"),
    ],
)
def test_a_campaign_that_makes_no_sense_is_refused(
    service: Service, body: dict[str, Any], pointer: str
) -> None:
    model = person(service)
    answer = service.client.post(f"/v1/models/{model}/campaigns", json=body)
    assert answer.status_code == 422 and answer.json()["pointer"] == pointer


def test_ids_of_another_workspace_are_not_found(service: Service) -> None:
    model = person(service, approval="per_image")
    image = drawn(service, model)[0]
    made = service.client.post(f"/v1/models/{model}/campaigns", json={"name": "x"}).json()["id"]
    stranger = service.client_of(service.other("stranger"))
    for path in (
        f"/v1/models/{model}/approve",
        f"/v1/campaigns/{made}/approve",
        f"/v1/campaigns/{made}/decline",
        f"/v1/images/{image}/approve",
        f"/v1/images/{image}/decline",
    ):
        assert stranger.post(path).status_code == 404, path
    assert stranger.post(f"/v1/models/{model}/campaigns", json={"name": "x"}).status_code == 404
    assert stranger.get(f"/v1/models/{model}/campaigns").status_code == 404
    assert stranger.get("/v1/approvals").json()["items"] == []


def test_a_campaign_needs_a_person(service: Service) -> None:
    body = {"tool": "editorial", "prompt": "a chair", "campaign": "spring"}
    answer = service.client.post("/v1/generations", json=body)
    assert answer.status_code == 422 and answer.json()["pointer"] == "/campaign"


def test_the_second_yes_is_somebody_elses(service: Service) -> None:
    model = person(service, status="awaiting_approval")
    url, request = f"/v1/models/{model}/approve", {"tool": "editorial", "prompt": "$model"}
    refused = service.client.post("/v1/generations", json=request | {"model_id": model})
    assert code_of(refused) == (403, "approval_missing")
    assert service.client_of(scopes=OLD_KEY).post(url).status_code == 403
    row = service.store.get("models", model)
    service.store.put("models", model, {**row.private, "enrolled_by": _actor(service)})
    assert code_of(service.client.post(url)) == (403, "approval_missing")
    second = service.client_of(scopes=frozenset({"models:read", "consents:write"}))
    assert second.post(url).json()["status"] == "ready"
    assert second.post(url).json()["status"] == "ready"  # once more changes nothing
    assert actions(service, model) == ["model.approved"]
    ask(service, model)


def _actor(service: Service) -> str:
    """The actor of the service's own client, as the audit log names it."""
    service.client.patch("/v1/policy", json={"purpose": "lookbook"})
    service.client.patch("/v1/policy", json={"purpose": "ecommerce_pdp"})
    last = service.store.db.execute("SELECT MAX(seq) FROM audit").fetchone()[0]
    return audit.entries(service.store, last - 1)[0].actor


def test_under_the_two_person_rule_terms_are_legals(service: Service) -> None:
    model = person(service)
    old = service.client_of(scopes=OLD_KEY)
    body = {"consent": {"purposes": ["lookbook"]}, "attestations": boxes(service.client)}
    consents, resume = f"/v1/models/{model}/consents", f"/v1/models/{model}/resume"
    assert old.post(consents, json=body).status_code == 201
    service.client.patch("/v1/policy", json={"two_person": True})
    try:
        assert code_of(old.post(consents, json=body)) == (403, "scope_missing")
        assert old.post(f"/v1/models/{model}/suspend").status_code == 200
        assert code_of(old.post(resume)) == (403, "scope_missing")
        assert service.client.post(resume).status_code == 200
        assert service.client.post(consents, json=body).status_code == 201
    finally:
        service.client.patch("/v1/policy", json={"two_person": False})


def test_what_a_request_does_not_say_is_the_workspaces_own(service: Service) -> None:
    usual = {"purpose": "press", "channel": "print", "territories": ["US-NY"]}
    before = service.client.get("/v1/policy").json()
    service.client.patch("/v1/policy", json=usual)
    try:
        waiting = ask(service, person(service))
        chosen = ask(service, person(service), purpose="lookbook")
    finally:
        service.client.patch("/v1/policy", json={name: before[name] for name in usual})
    shown = service.client.get(f"/v1/generations/{waiting}").json()
    assert {name: shown[name] for name in usual} == usual
    assert service.client.get(f"/v1/generations/{chosen}").json()["purpose"] == "lookbook"
    last = service.store.db.execute("SELECT MAX(seq) FROM audit").fetchone()[0]
    told = next(e for e in audit.entries(service.store, last - 20) if e.object_id == waiting)
    assert (told.facts["purpose"], told.facts["territories"]) == ("press", "US-NY")


def test_a_smaller_maximum_refuses_the_newest_first(service: Service) -> None:
    model = person(service)
    waiting = [ask(service, model) for _ in range(3)]
    body = {"consent": {"max_images": 2}, "attestations": boxes(service.client)}
    assert service.client.post(f"/v1/models/{model}/consents", json=body).status_code == 201
    states = [service.client.get(f"/v1/generations/{one}").json()["status"] for one in waiting]
    assert states == ["queued", "queued", "refused"]


def test_a_consent_that_ended_shows_as_expired_and_is_noted(service: Service) -> None:
    model = person(service, expires_at=(datetime.now(UTC) + timedelta(days=1)).isoformat())
    waiting = ask(service, model)
    worker(service, datetime.now(UTC) + timedelta(days=2)).run_once()
    shown = service.client.get(f"/v1/models/{model}").json()
    assert (shown["status"], shown["consent_status"]) == ("expired", "expired")
    assert actions(service, shown["consent_id"])[-1] == "consent.expired"
    assert service.client.get(f"/v1/generations/{waiting}").json()["error"]["code"] == (
        "consent_expired"
    )


def test_a_consent_that_ended_may_be_suspended_so_that_a_renewal_brings_nothing_back(
    service: Service,
) -> None:
    model = person(service, expires_at=(datetime.now(UTC) + timedelta(days=1)).isoformat())
    worker(service, datetime.now(UTC) + timedelta(days=2)).run_once()
    url, body = f"/v1/models/{model}", {"attestations": boxes(service.client)}
    assert service.client.post(f"{url}/suspend").json()["status"] == "suspended"
    assert service.client.post(f"{url}/consents", json=body).json()["status"] == "suspended"
    request = {"tool": "editorial", "prompt": "$model", "model_id": model}
    assert code_of(service.client.post("/v1/generations", json=request))[1] == "consent_suspended"
    assert service.client.post(f"{url}/resume").json()["status"] == "ready"
    ask(service, model)


def test_a_running_generation_that_a_crash_leaves_keeps_its_reason(service: Service) -> None:
    model = person(service)
    running: GenerationId = ask(service, model)
    assert leases.claim(service.store, running, "boot_dead", datetime.now(UTC), 600)
    service.client.post(f"/v1/models/{model}/suspend")
    recovery.recover(service.store, "boot_next", datetime.now(UTC), 3)
    shown = service.client.get(f"/v1/generations/{running}").json()
    assert (shown["status"], shown["error"]["code"]) == ("refused", "consent_suspended")


def test_an_answer_that_is_gone_is_no_yes(service: Service) -> None:
    image = drawn(service, person(service, approval="per_image"))[0]
    service.client.post(f"/v1/images/{image}/approve")
    service.store.destroy("image_approvals", image)
    assert fetch(service.client_of(scopes=CREATOR), image) == [403, 403, 403]
    shown = service.client.get("/v1/generations").json()["items"][0]["images"]
    assert [one["approval"] for one in shown if one["id"] == image] == ["pending"]


def test_a_no_while_a_copy_is_made_keeps_it_here(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = drawn(service, person(service, approval="per_image"))[0]
    service.client.post(f"/v1/images/{image}/approve")
    real = marking.copy

    def slow(*args: Any) -> Any:
        assert service.client.post(f"/v1/images/{image}/decline").status_code == 200
        return real(*args)

    monkeypatch.setattr(marking, "copy", slow)
    assert service.client.get(f"/v1/images/{image}?format=jpeg").status_code == 404
