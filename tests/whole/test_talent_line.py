"""From the request to the person's yes: one picture through the whole line, and what is owed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.consenting import Unseeing, ask, person
from tests.service import Service, new_client, open_service, wait
from workspace.types import ModelId

PAY = {"basis": "per_image", "amount": "40", "currency": "EUR", "per": "published_image"}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with open_service(tmp_path / "home", Unseeing()) as opened:
        yield opened


def draw(service: Service, model: ModelId, **changes: Any) -> str:
    generation = ask(service, model, **changes)
    done = wait(service.client, f"/v1/generations/{generation}", "queued", "running")
    assert done["status"] == "completed", done
    return str(done["images"][0]["id"])


def enter(service: Service, model: ModelId) -> tuple[Any, str]:
    url = service.client.post(f"/v1/models/{model}/talent-links", json={}).json()["url"]
    guest, path = new_client(service.app, {}), url.removeprefix("http://testserver")
    guest.post(f"{path}/open")
    return guest, path


def press(guest: Any, path: str, act: str, **form: str) -> Any:
    token = re.search(r'name="token" value="([^"]+)"', guest.get(path).text)
    assert token is not None
    return guest.post(f"{path}/{act}", data={"token": token[1], **form})


def test_a_picture_leaves_when_the_person_says_yes_and_is_paid_when_it_goes_out(
    service: Service,
) -> None:
    model = person(service, approval="per_image", compensation=PAY)
    image, unwanted = draw(service, model), draw(service, model, seed=8)
    creator = service.client_of(scopes=frozenset({"generate", "images:read"}))
    url, out = f"/v1/images/{image}", f"/v1/images/{image}/publications"
    assert creator.get(url).json()["code"] == "approval_missing"
    assert service.client.post(out, json={}).json()["code"] == "approval_missing"
    guest, path = enter(service, model)
    assert "Waiting for your answer (2)" in guest.get(path).text
    seen = guest.get(f"{path}/images/{image}")
    marks = service.services.parts.marker.report(seen.content, seen.headers["content-type"])
    assert marks["validation_state"] in ("Valid", "Trusted")
    press(guest, path, "answer", kind="image", about=image, answer="approve")
    press(guest, path, "answer", kind="image", about=unwanted, answer="decline")
    assert creator.get(url).status_code == 200
    assert creator.get(f"/v1/images/{unwanted}").status_code == 404
    assert service.client.post(out, json={"where": "shop.example"}).status_code == 201
    account = service.client.get(f"/v1/models/{model}/ledger").json()
    assert (account["made"], account["published"]) == (2, 1)
    pay = service.client.get(f"/v1/models/{model}/statement").json()
    assert pay["totals"] == {"EUR": "40.00"}


def test_a_pause_from_the_page_refuses_what_waits_and_a_withdrawal_leaves_the_account(
    service: Service,
) -> None:
    model = person(service, compensation={**PAY, "per": "image"})
    draw(service, model)
    guest, path = enter(service, model)
    service.services.dispatcher.stop()
    waiting = ask(service, model)
    press(guest, path, "pause")
    shown = service.client.get(f"/v1/generations/{waiting}").json()
    assert (shown["status"], shown["error"]["code"]) == ("refused", "consent_suspended")
    assert press(guest, path, "withdraw", word="WITHDRAW").status_code == 200
    assert service.client.get(f"/v1/models/{model}").json()["status"] == "revoked"
    assert guest.get(f"{path}/certificate").json()["statement"]["cause"] == "withdrawn"
    account = service.client.get(f"/v1/models/{model}/ledger").json()
    assert (account["made"], account["published"]) == (1, 0)
    pay = service.client.get(f"/v1/models/{model}/statement").json()
    assert pay["totals"] == {"EUR": "40.00"}
