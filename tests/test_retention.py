"""People and results are destroyed when the published policy says so, and never silently."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from compliance import audit, consent, erasure, policy, retention, retention_page
from compliance.retention import RetentionRules, destroy_by, load_retention
from compliance.terms import parse_terms
from identity.models import TABLE
from serve.custody import retaining
from serve.settings import PROJECT
from serve.work.held import HeldClock
from serve.work.upkeep import Upkeep
from tests.homes import NOW, ROOT_KEY, caller, guidelines, open_store, ticked
from tests.service import Service, new_client
from workspace.errors import Fault, RetentionPolicyMissing
from workspace.registry import Registry
from workspace.store import WorkspaceStore
from workspace.types import ModelId, new_id

RULES = RetentionRules()
DAY = timedelta(days=1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[WorkspaceStore]:
    with open_store(tmp_path / "home") as opened:
        yield opened


def person(store: WorkspaceStore, days: int = 365) -> ModelId:
    """A ready model with a consent of so many days and a photo, made without face networks."""
    model_id = ModelId(new_id("mdl"))
    terms = parse_terms({"expires_at": (NOW + days * DAY).isoformat()}, NOW)
    texts = guidelines()
    consent.record(store, model_id, terms, ticked(texts), texts, caller(store), NOW)
    made = NOW.isoformat()
    private = {"name": "Zebrafink", "checks": [], "tools": []}
    columns = {"status": "ready", "kind": "real_person", "version": 1}
    store.put(TABLE, model_id, private, **columns, created_at=made, updated_at=made)
    store.assets.put(b"photo", "close_up", model_id, "image/jpeg")
    return model_id


def picture(store: WorkspaceStore, at: datetime, approval: str | None = None) -> str:
    image_id = new_id("img")
    columns = {"generation_id": new_id("gen"), "k": 0, "model_id": None, "seed": 1}
    store.put("images", image_id, {}, **columns, created_at=at.isoformat())
    store.assets.put(b"picture", "image", image_id, "image/png")
    if approval:
        decided = None if approval == "pending" else at.isoformat()
        row = {"model_id": "mdl_1", "status": approval, "created_at": at.isoformat()}
        store.put("image_approvals", image_id, {}, **row, decided_at=decided)
    return image_id


def keep_results(store: WorkspaceStore, days: int | None) -> None:
    policy.change(store, {"results_days": days}, caller(store), NOW)


@pytest.mark.parametrize(
    ("ends", "acted", "met", "wanted"),
    [
        (100, 0, None, (130, retention.CONSENT_ENDED)),
        (3000, 0, None, (1095, retention.LAST_INTERACTION)),
        (3000, 2000, None, (3030, retention.CONSENT_ENDED)),
        (100, 0, 20, (20, retention.PURPOSE_MET)),
        (100, 0, 400, (130, retention.CONSENT_ENDED)),
    ],
)
def test_the_earliest_reason_decides(ends: int, acted: int, met: Any, wanted: Any) -> None:
    at, cause = destroy_by(
        NOW + ends * DAY, NOW + acted * DAY, NOW + met * DAY if met else None, RULES
    )
    assert ((at - NOW).days, cause) == wanted


def test_a_person_is_destroyed_when_the_grace_is_over_and_not_before(store) -> None:
    ended, stays = person(store, days=10), person(store)
    up = [0.0]  # the machine's own seconds, which nobody sets
    upkeep = Upkeep(RULES, HeldClock(lambda: up[0]))
    registry = Registry(store.folder.parent.parent, ROOT_KEY)
    upkeep.of_store(registry, store, NOW + 39 * DAY)
    assert store.assets.owned_by(ended)
    up[0] += DAY.total_seconds()
    upkeep.of_store(registry, store, NOW + 40 * DAY)
    registry.close()
    assert not store.assets.owned_by(ended) and store.assets.owned_by(stays)
    assert store.get(TABLE, ended).columns["status"] == "erased"
    statement = erasure.check(erasure.latest(store, ended), store.signer.public_pem)
    assert (statement["cause"], statement["actor"]) == ("consent_ended", "retention")
    certified = [e for e in audit.entries(store) if e.action == "erasure.certified"]
    assert certified[0].facts["cause"] == "consent_ended"
    assert audit.verify(store).intact


def test_a_clock_that_leaps_ahead_destroys_nobody_for_a_day(store) -> None:
    ended, up = person(store, days=10), [0.0]
    upkeep = Upkeep(RULES, HeldClock(lambda: up[0]))
    registry = Registry(store.folder.parent.parent, ROOT_KEY)
    upkeep.of_store(registry, store, NOW)
    for _ in range(23):  # an hour each, with a calendar that is years ahead
        up[0] += 3600
        upkeep.of_store(registry, store, NOW + 900 * DAY + timedelta(seconds=up[0]))
        assert store.assets.owned_by(ended)
    up[0] += 3600  # it was set right: time goes on as before
    upkeep.of_store(registry, store, NOW + timedelta(seconds=up[0]))
    assert store.assets.owned_by(ended)
    up[0] += 3600  # it leaps again, and nobody sets it right for a day
    upkeep.of_store(registry, store, NOW + 900 * DAY + timedelta(seconds=up[0]))
    assert store.assets.owned_by(ended)
    up[0] += DAY.total_seconds()
    upkeep.of_store(registry, store, NOW + 900 * DAY + timedelta(seconds=up[0]))
    registry.close()
    assert not store.assets.owned_by(ended)


def test_where_a_machine_is_paused_every_night_people_are_destroyed_a_day_late(store) -> None:
    ended, registry, up = person(store, days=1), Registry(store.folder.parent.parent, ROOT_KEY), 0.0
    upkeep, gone = Upkeep(RULES, HeldClock(lambda: up)), -1
    for night in range(29, 34):  # half of each day is not counted by the machine
        for hour in (0, 12):
            upkeep.of_store(registry, store, NOW + night * DAY + timedelta(hours=hour))
            up += 12 * 3600 if hour == 0 else 0
            if gone < 0 and not store.assets.owned_by(ended):
                gone = night
    registry.close()
    assert gone in (31, 32)  # it was due on day 31
    certified = [e for e in audit.entries(store) if e.action == "erasure.certified"]
    assert (
        datetime.fromisoformat(certified[0].at) >= NOW + gone * DAY
    )  # what is written of it has the present time


def test_neither_a_small_step_back_nor_a_new_start_restores_trust(store) -> None:
    ended, up = person(store, days=10), [0.0]
    registry = Registry(store.folder.parent.parent, ROOT_KEY)
    upkeep = Upkeep(RULES, HeldClock(lambda: up[0]))
    upkeep.of_store(registry, store, NOW)
    wrong = NOW + 900 * DAY
    again = Upkeep(RULES, HeldClock(lambda: up[0]))  # the gateway was started again
    anew = Upkeep(RULES, HeldClock(lambda: up[0] - 5e6, lambda: "another boot"))
    # At its second look the clock was set two hours back: it is still years ahead.
    for hours, one in ((2, upkeep), (1, upkeep), (2, again), (3, anew)):
        up[0] += 3600
        one.of_store(registry, store, wrong + timedelta(hours=hours))
        assert store.assets.owned_by(ended)
    up[0] += 22 * 3600  # a day since it leapt, counted over both starts
    anew.of_store(registry, store, wrong + timedelta(hours=25))
    registry.close()
    assert not store.assets.owned_by(ended)


def test_what_is_kept_of_the_clock_is_damaged_so_nobody_is_destroyed_for_a_day(store) -> None:
    ended, up = person(store, days=10), [0.0]
    registry = Registry(store.folder.parent.parent, ROOT_KEY)
    Upkeep(RULES, HeldClock(lambda: up[0])).of_store(registry, store, NOW)
    registry.control.execute("UPDATE meta SET value = x'00' WHERE key = 'clock'")
    upkeep = Upkeep(RULES, HeldClock(lambda: up[0]))
    upkeep.of_store(registry, store, NOW + 900 * DAY)
    assert store.assets.owned_by(ended)
    up[0] += DAY.total_seconds()
    upkeep.of_store(registry, store, NOW + 901 * DAY)
    registry.close()
    assert not store.assets.owned_by(ended)


def test_the_persons_own_acts_count_and_the_brands_do_not(store) -> None:
    model_id = person(store, days=3650)
    audit.append(store, "generation.admitted", "gen_1", "key_1", NOW + 900 * DAY)
    assert [s.cause for s in retention.due(store, RULES, NOW + 1095 * DAY)] == ["last_interaction"]
    retention.touch(store, model_id, NOW + 1000 * DAY)
    assert retention.due(store, RULES, NOW + 1095 * DAY) == []
    assert len(retention.due(store, RULES, NOW + 2095 * DAY)) == 1


def test_legal_says_when_the_purpose_is_met(store) -> None:
    model_id = person(store)
    retention.set_purpose_met(store, model_id, NOW + DAY, caller(store), NOW)
    assert audit.entries(store)[-1].action == "retention.changed"
    retaining.sweep(store, RULES, NOW + 2 * DAY)
    assert erasure.latest(store, model_id)["statement"]["cause"] == "purpose_met"
    assert store.note(f"retention {model_id}") is None


def test_a_damaged_consent_does_not_keep_others_beyond_their_time(store) -> None:
    damaged, other = person(store, days=1), person(store, days=1)
    store.db.execute("UPDATE consents SET sealed = x'00' WHERE model_id = ?", [damaged])
    retaining.sweep(store, RULES, NOW + 400 * DAY)
    assert store.assets.owned_by(damaged) and not store.assets.owned_by(other)


def test_results_are_destroyed_after_the_days_that_the_workspace_says(store) -> None:
    old, new = picture(store, NOW - 8 * DAY), picture(store, NOW - 6 * DAY)
    retaining.sweep(store, RULES, NOW)
    assert store.count("images") == 2  # nothing was said
    keep_results(store, 7)
    retaining.sweep(store, RULES, NOW)
    assert [row["id"] for row in store.raw("images")] == [new]
    assert not store.assets.owned_by(old) and store.assets.owned_by(new)
    entry = audit.entries(store)[-1]
    assert (entry.action, entry.facts) == (
        "images.destroyed",
        {"images": 1, "cause": "results_days"},
    )


def test_what_is_not_stored_goes_when_it_was_fetched_or_after_a_day(store) -> None:
    fetched, left = picture(store, NOW), picture(store, NOW)
    assert not retaining.fetched(store, fetched, NOW)
    keep_results(store, 0)
    assert retaining.fetched(store, fetched, NOW) and not retaining.fetched(store, fetched, NOW)
    retaining.sweep(store, RULES, NOW + timedelta(hours=23))
    assert [row["id"] for row in store.raw("images")] == [left]
    retaining.sweep(store, RULES, NOW + timedelta(hours=25))
    assert store.count("images") == store.count("assets") == 0


def test_a_picture_that_waits_for_approval_is_kept_until_it_is_decided(store) -> None:
    keep_results(store, 0)
    waits = picture(store, NOW - 2 * DAY, "pending")
    decided = picture(store, NOW - 2 * DAY, "approved")
    assert not retaining.fetched(store, waits, NOW)
    retaining.sweep(store, RULES, NOW)
    assert [row["id"] for row in store.raw("images")] == [waits] != [decided]
    retaining.sweep(store, RULES, NOW + 29 * DAY)
    assert store.count("images") == 0


def test_nobody_is_enrolled_while_no_policy_is_published(store) -> None:
    without = replace(RULES, own_page=False)
    assert retention.version_shown(store, RULES) == RULES.version
    with pytest.raises(RetentionPolicyMissing):
        retention.version_shown(store, without)
    change = {"retention_url": "https://brand.example/retention"}
    policy.change(store, change, caller(store), NOW)
    assert retention.version_shown(store, without) == ""
    assert retention.page_url(store, RULES) == "https://brand.example/retention"


def test_the_page_says_the_numbers_in_force() -> None:
    changed = replace(RULES, grace_days=17, last_interaction_days=500, unfetched_hours=9)
    text = retention_page.as_markdown(changed)
    assert "17 days" in text and "500 days" in text and "9 hours" in text
    assert "3 years" in retention_page.as_markdown(RULES)
    assert retention_page.digest(changed) != retention_page.digest(RULES)


def test_the_numbers_that_ship_are_the_defaults_and_nonsense_is_refused(tmp_path: Path) -> None:
    shipped = PROJECT / "configs" / "retention.toml"
    assert load_retention(shipped) == RULES
    file = tmp_path / "retention.toml"
    for old, new in (
        ("grace_days = 30", "grace_days = -1"),
        ("grace_days = 30", ""),
        ("[people]", "other = 1\n[people]"),
        ("own_page = true", 'own_page = "yes"'),
        ("draft_most_days = 7", "draft_most_days = 8"),
        ("draft_hours = 24", "draft_hours = 169"),
    ):
        file.write_text(shipped.read_text().replace(old, new))
        with pytest.raises(Fault):
            load_retention(file)


def test_everybody_reads_the_policy_and_callers_are_told_where_it_is(service: Service) -> None:
    page = new_client(service.app, {}).get("/policy")
    assert page.status_code == 200 and "30 days" in page.text and "<script" not in page.text
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert "atelier" not in page.text
    for route in ("/v1/capabilities", "/v1/guidelines"):
        assert service.client.get(route).json()["retention_policy_url"] == "/policy"


def test_retention_is_shown_and_brought_forward_by_legal(service: Service) -> None:
    store = service.store
    model_id = person(store)
    shown = service.client.get(f"/v1/models/{model_id}/retention").json()
    assert shown["cause"] == "consent_ended" and shown["purpose_met_at"] is None
    later = {"purpose_met_at": "2099-01-01T00:00:00+00:00"}
    url = f"/v1/models/{model_id}/retention"
    assert service.client.patch(url, json=later).status_code == 200
    creator = service.client_of(scopes=frozenset({"models:read", "models:write"}))
    assert creator.patch(url, json=later).json()["code"] == "scope_missing"
    assert service.client.patch(url, json={}).status_code == 422
    other = service.client_of(service.other("elsewhere"))
    assert other.get(url).status_code == other.patch(url, json=later).status_code == 404
    service.client.delete(f"/v1/models/{model_id}")
    assert service.client.get(url).status_code == 404
    assert service.client.patch(url, json=later).status_code == 410


def test_nobody_is_taken_in_by_the_api_while_no_policy_is_published(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = replace(service.services.parts, retention=replace(RULES, own_page=False))
    services = replace(service.services, parts=parts)
    monkeypatch.setitem(service.app.state._state, "services", services)
    files = {"full_body": ("a.jpg", b"x", "image/jpeg"), "close_up": ("b.jpg", b"x", "image/jpeg")}
    data = {"name": "Zebrafink", "gender": "female", "attestations": "[]"}
    answer = service.client.post("/v1/models", data=data, files=files)
    assert (answer.status_code, answer.json()["code"]) == (403, "retention_policy_missing")
    renewed = service.client.post(
        f"/v1/models/{person(service.store)}/consents", json={"attestations": []}
    )
    assert renewed.json()["code"] == "retention_policy_missing"
    assert new_client(service.app, {}).get("/policy").status_code == 404
    assert service.client.get("/v1/capabilities").json()["retention_policy_url"] is None
