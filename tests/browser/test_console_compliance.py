"""Legal's day in the console: a second yes, the log, a link for the person, a withdrawal."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import httpx
import pytest

from compliance import policy
from serve.callers import auth
from serve.showcase import walk
from serve.showcase.samples import people
from workspace.types import Caller

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


@pytest.fixture
def two_persons(site):
    """The workspace asks for a second person; afterwards it does not."""
    registry = site.services.registry
    workspace = registry.by_name("demo")
    legal = Caller(workspace.id, "per_legal", frozenset({"consents:write"}))
    store = registry.store(workspace.id)
    policy.change(store, {"two_person": True}, legal, datetime.now(UTC))
    yield workspace
    policy.change(store, {"two_person": False}, legal, datetime.now(UTC))


@pytest.fixture
def client(site):
    """Another actor than the visitor: an API key of the same workspace; erases what it enrolled."""
    registry, now = site.services.registry, datetime.now(UTC)
    scopes = {"models:read", "models:write"}
    _, key = auth.create_key(registry, registry.by_name("demo").id, scopes, now)
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=site.base_url, headers=headers, timeout=60) as service:
        yield service
        for model in service.get("/v1/models").json()["items"]:
            if model["name"] == "Anna Zwei":
                service.delete(f"/v1/models/{model['id']}")


def test_a_model_that_waits_is_approved_and_its_end_and_the_log_are_shown(
    visitor, client, two_persons
):
    enrolled = enrol(client, people()[0])
    visitor.open("compliance")
    visitor.page.locator("#waiting label", has_text="Anna Zwei").click()
    visitor.page.click("#approve")
    visitor.see("#compliance-notice .hm-good:has-text('Approved')")
    assert "Anna Zwei" in visitor.see("#ending").inner_text()
    assert "none missing" in visitor.see("#audit-state .hm-good").inner_text()
    visitor.page.get_by_label("Find in the log").fill(enrolled)
    visitor.page.click("#audit-find")
    visitor.see("#audit-log td:has-text('model.')")
    assert client.get(f"/v1/models/{enrolled}").json()["status"] == "ready"


def test_a_person_gets_a_link_and_a_withdrawal_leaves_a_certificate(visitor, client):
    enrolled = enrol(client, people()[1])
    visitor.open(f"models?model={enrolled}")
    visitor.see("#model-detail h2:has-text('Anna Zwei')")
    visitor.page.locator("#talent-link button[type=submit]").click()
    address = visitor.see("#talent-link .hm-address").inner_text()
    assert httpx.get(address, follow_redirects=True, timeout=60).status_code == 200
    typed = visitor.page.locator("#revoke-name input, #revoke-name textarea")
    typed.press_sequentially("Anna Zwei")
    visitor.see("#revoke:not([disabled])").click()
    link = visitor.see("#models-notice a[download]", slow=True)
    with visitor.page.expect_download() as started:
        link.click()
    certificate = json.loads(started.value.path().read_text())
    assert certificate["statement"]["model_id"] == enrolled


def enrol(client: httpx.Client, person) -> str:
    """Enrol a sample person under another name; returns when the model is built."""
    boxes = client.get("/v1/capabilities").json()["attestations"]
    photos = {
        kind: (f"{kind}.jpg", path.read_bytes(), "image/jpeg")
        for kind, path in (("full_body", person.full_body), ("close_up", person.close_up))
    }
    ticked = json.dumps([{"id": box["id"], "sha256": box["sha256"]} for box in boxes])
    fields = {"name": "Anna Zwei", "gender": "female", "attestations": ticked}
    fields["allow_duplicate"] = "true"
    answer = client.post("/v1/models", files=photos, data=fields)
    assert answer.status_code == 202, answer.text
    walk.wait(client, f"/v1/models/{answer.json()['id']}", {"building", "draft"})
    return str(answer.json()["id"])
