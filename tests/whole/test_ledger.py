"""The ledger over HTTP: what was made, what went out, who may report it, and what outlives."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from compliance import approvals, audit, consent, ledger
from tests.service import Service
from tests.talents import Desk, open_desk
from workspace.types import ConsentStatus, ImageId, ModelId


@dataclass
class Shoot:
    """One person and one picture of them."""

    desk: Desk
    model: ModelId
    image: str

    def publish(self, key: str | None = None, **body: Any) -> Any:
        headers = {"Idempotency-Key": key} if key else {}
        url = f"/v1/images/{self.image}/publications"
        return self.desk.client.post(url, json=body, headers=headers)

    def get(self, what: str, **params: str) -> Any:
        return self.desk.client.get(f"/v1/models/{self.model}/{what}", params=params)


@pytest.fixture(scope="module")
def desk(service: Service) -> Desk:
    return open_desk(service, "ledger")


@pytest.fixture(scope="module")
def narrow(desk: Desk) -> Shoot:
    """A person whose consent covers two purposes; nothing is ever published of them."""
    model = desk.person("Ines", purposes=["lookbook", "email"])
    return Shoot(desk, model, desk.picture(model))


@pytest.fixture
def shoot(desk: Desk, narrow: Shoot) -> Iterator[Shoot]:
    """A new person; the picture is the other one's, under another id."""
    model = desk.person(f"P{desk.store.count('models')}")
    image = desk.copy_of(narrow.image, model)
    yield Shoot(desk, model, image)
    desk.store.destroy("images", image)


def test_what_was_made_and_published_is_listed_by_consent_and_period(shoot: Shoot) -> None:
    made = shoot.publish(purpose="email", where="Autumn letter", territories=["de"])
    assert made.status_code == 201, made.text
    shown = shoot.get("ledger").json()
    assert (shown["made"], shown["published"], shown["damaged"]) == (1, 1, [])
    first, second = shown["entries"]
    wanted = ("made", shoot.image, "lookbook", "editorial")
    assert (first["event"], first["image_id"], first["purpose"], first["tool"]) == wanted
    assert (second["event"], second["purpose"], second["channel"]) == ("published", "email", "web")
    assert (second["territories"], second["where"]) == (["DE"], "Autumn letter")
    given = consent.current(shoot.desk.store, shoot.model)
    assert given is not None and second["consent_id"] == given.id
    counted = {"consent_id": given.id, "consent_version": 1, "made": 1, "published": 1}
    assert shown["by_consent"] == [counted]
    listed = shoot.desk.client.get(f"/v1/images/{shoot.image}/publications").json()
    assert listed["items"] == [made.json()]
    past = shoot.get("ledger", **{"from": "2020-01-01", "to": "2020-02-01"}).json()
    assert (past["entries"], past["made"]) == ([], 0)


@pytest.mark.parametrize(
    "period",
    [
        {"from": "2020-02-01", "to": "2020-01-01"},
        {"from": (datetime.now(UTC) + timedelta(days=9)).isoformat()},
        {"from": "yesterday"},
        {"from": "0001-01-01T00:00:00+14:00"},
        {"format": "xlsx"},
    ],
)
def test_a_period_that_makes_no_sense_is_refused(narrow: Shoot, period: dict[str, str]) -> None:
    for what in ("ledger", "statement"):
        answer = narrow.get(what, **period)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


def test_a_publication_is_audited_without_its_words_and_a_replay_makes_no_second(
    shoot: Shoot,
) -> None:
    first = shoot.publish("once", where="zebra.example/amara")
    assert shoot.publish("once", where="zebra.example/amara").json() == first.json()
    assert len(shoot.get("ledger").json()["entries"]) == 2
    entry = audit.entries(shoot.desk.store, limit=10_000)[-1]
    assert (entry.action, entry.object_id) == ("image.published", shoot.image)
    assert entry.facts["publication"] == first.json()["id"] and "zebra" not in str(entry)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"purpose": "paid_ads"}, 403, "consent_out_of_scope"),
        ({"channel": "social"}, 403, "consent_out_of_scope"),
        ({"territories": ["EU", "JP"]}, 403, "consent_out_of_scope"),
        ({"territories": ["*"]}, 403, "consent_out_of_scope"),
        ({"purpose": "revenge"}, 422, "invalid_request"),
        ({"where": "two\nlines"}, 422, "invalid_request"),
        ({"wear": "x"}, 422, "invalid_request"),
    ],
)
def test_what_the_consent_does_not_cover_is_not_recorded(
    narrow: Shoot, body: dict[str, Any], status: int, code: str
) -> None:
    answer = narrow.publish(**body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert narrow.get("ledger").json()["published"] == 0


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (ConsentStatus.SUSPENDED, "consent_suspended"),
        (ConsentStatus.EXPIRED, "consent_expired"),
        (ConsentStatus.REVOKED, "model_revoked"),
    ],
)
def test_a_consent_that_ended_or_rests_lets_nothing_out(
    shoot: Shoot, status: ConsentStatus, code: str
) -> None:
    store = shoot.desk.store
    given = consent.current(store, shoot.model)
    assert given is not None
    consent.set_status(store, given.id, status, datetime.now(UTC), "key_legal")
    assert shoot.publish().json()["code"] == code
    assert shoot.get("ledger").json()["published"] == 0


def test_an_image_that_waits_for_the_person_is_not_published_by_anybody(shoot: Shoot) -> None:
    store, image, now = shoot.desk.store, ImageId(shoot.image), datetime.now(UTC)
    approvals.await_images(store, [image], shoot.model, now)
    answer = shoot.publish()
    assert (answer.status_code, answer.json()["code"]) == (403, "approval_missing")
    approvals.decide_image(store, image, True, "tal_1", now)
    assert shoot.publish().status_code == 201


def test_pay_is_stated_for_published_images_and_the_same_in_both_forms(shoot: Shoot) -> None:
    assert shoot.get("statement").json()["totals"] == {}
    shoot.publish()
    shoot.publish(channel="print")  # the same image: it is paid once
    shown = shoot.get("statement").json()
    assert shown["totals"] == {"EUR": "25.00"}
    assert [(line["quantity"], line["amount"]) for line in shown["lines"]] == [(1, "25.00")]
    table = shoot.get("statement", format="csv")
    assert table.headers["content-type"].startswith("text/csv")
    assert shoot.model in table.headers["content-disposition"]
    (row,) = csv.DictReader(io.StringIO(table.content.decode("utf-8-sig")))
    assert (row["amount"], row["currency"], row["basis"]) == ("25.00", "EUR", "per_image")


def test_a_spreadsheet_runs_nothing_of_what_was_reported(shoot: Shoot) -> None:
    evil = ["=1+1", "+cmd|' /C calc'!A0", "-2", "@SUM(A1)", "＝1"]
    for where in evil:
        shoot.publish(where=where)
    table = shoot.get("ledger", format="csv").content.decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(table)))
    assert [row["event"] for row in rows] == ["made", *["published"] * 5]
    assert [row["where"] for row in rows] == ["", *(f"'{where}" for where in evil)]


def test_words_go_with_the_person_and_the_account_stays(shoot: Shoot) -> None:
    store = shoot.desk.store
    shoot.publish(where="zebra.example")
    assert ledger.forget_words(store, shoot.model) == 1
    assert ledger.forget_words(store, shoot.model) == 0
    consent.close(store, shoot.model, datetime.now(UTC), "key_legal")
    store.destroy("images", shoot.image)
    assert [entry["where"] for entry in shoot.get("ledger").json()["entries"]] == [None, ""]
    assert shoot.get("statement").json()["totals"] == {"EUR": "25.00"}
    listed = shoot.desk.client.get(f"/v1/images/{shoot.image}/publications").json()["items"]
    assert len(listed) == 1


def test_a_damaged_row_is_named_and_hides_no_other(shoot: Shoot) -> None:
    damaged = shoot.publish().json()["id"]
    kept = shoot.publish().json()["id"]
    store = shoot.desk.store
    store.db.execute("UPDATE publications SET image_id = 'img_x' WHERE id = ?", [damaged])
    shown = shoot.get("ledger").json()
    assert shown["damaged"] == [damaged] == shoot.get("statement").json()["damaged"]
    assert [entry["publication_id"] for entry in shown["entries"]] == [None, kept]
    store.destroy("publications", damaged)


def test_only_those_who_account_or_review_may(service: Service, shoot: Shoot) -> None:
    def of(scope: str) -> Any:
        return service.client_of(shoot.desk.workspace, frozenset({scope}))

    ledger_url = f"/v1/models/{shoot.model}/ledger"
    image_url = f"/v1/images/{shoot.image}/publications"
    for scope in ("models:read", "generate", "review", "admin"):
        assert of(scope).get(ledger_url).json()["code"] == "scope_missing"
    for scope in ("consents:write", "audit:read"):
        assert of(scope).get(ledger_url).status_code == 200
        assert of(scope).post(image_url, json={}).json()["code"] == "scope_missing"
    assert of("review").post(image_url).status_code == 201
    for client in (service.client, shoot.desk.client):
        known = client is shoot.desk.client
        for url in (ledger_url, ledger_url.replace("ledger", "statement"), image_url):
            assert client.get(url).status_code == (200 if known else 404)
    assert service.client.post(image_url, json={}).status_code == 404


def test_an_image_of_nobody_may_go_anywhere_and_is_in_no_ones_account(shoot: Shoot) -> None:
    store = shoot.desk.store
    row = store.get("generations", store.get("images", shoot.image).columns["generation_id"])
    row.private["asked"]["model_id"] = None
    store.put("generations", row.id, row.private, model_id=None)
    answer = shoot.publish(channel="social")
    assert answer.status_code == 201
    assert (answer.json()["model_id"], answer.json()["consent_id"]) == (None, None)
    assert shoot.get("ledger").json()["published"] == 0
