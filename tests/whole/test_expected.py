"""The estimate of how long a generation takes, and the filters of the list of past ones."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from serve.line import gallery
from serve.wire import paging
from serve.work import expected
from tests.generating import ask, claim, draw, product_of, submit
from tests.service import Service


def left(service: Service, generation: str, seconds: float = 0.0) -> int | None:
    row = service.store.get("generations", generation)
    now = datetime.fromisoformat(row.columns["updated_at"]) + timedelta(seconds=seconds)
    return expected.seconds_left(service.store, row, now)


def test_time_left_is_what_was_measured_times_what_is_still_to_do(fresh_service, monkeypatch):
    service, product = fresh_service, product_of(fresh_service)
    done = submit(service, ask(product, n=2))
    assert left(service, done) is None  # nothing was measured yet
    say(monkeypatch, queued_seconds=1.0, total_seconds=9.0)
    draw(service, done)
    first, second = submit(service, ask(product, n=3)), submit(service, ask(product, n=2))
    assert (left(service, first), left(service, second)) == (12, 20)  # those before it count
    claim(service, first)
    assert (left(service, first), left(service, second)) == (12, 20)
    assert left(service, first, 3.0) == 9
    assert left(service, first, 60.0) == 1  # it never says that nothing is left
    service.store.db.execute("UPDATE generations SET step = 3, steps = 4 WHERE id = ?", [first])
    assert left(service, first) == 3
    shown = {item["id"]: item for item in service.client.get("/v1/generations").json()["items"]}
    assert 1 <= shown[first]["progress"]["eta_seconds"] <= 3
    assert shown[done]["progress"]["eta_seconds"] is None


def say(monkeypatch: pytest.MonkeyPatch, **times: float) -> None:
    """Let every picture say that it took so long."""
    usual = gallery.Facts.__init__

    def said(facts: gallery.Facts, *args: object, **values: object) -> None:
        usual(facts, *args, **{**values, **times})

    monkeypatch.setattr(gallery.Facts, "__init__", said)


def test_past_generations_are_found_by_tool_product_state_and_day(fresh_service, monkeypatch):
    service = fresh_service
    first, second = product_of(service), product_of(service)
    made = [submit(service, ask(each)) for each in (first, second, first, first)]
    draw(service, made[0])

    def found(**filters: str | int) -> list[str]:
        return [item["id"] for item in whole(service, filters)]

    assert found(product_id=first) == [made[3], made[2], made[0]]
    assert found(product_id=first, status="completed") == [made[0]]
    assert found(tool="editorial") == made[::-1] and found(tool="flatlay_to_catalog") == []
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    tomorrow = (midnight + timedelta(days=2)).isoformat()
    assert found(since=tomorrow) == [] and found(before=tomorrow) == made[::-1]
    assert found(since="2020-01-01T00:00:00Z") == made[::-1]
    assert service.client.get("/v1/generations", params={"since": "today"}).status_code == 422
    monkeypatch.setattr(paging, "MOST_OPENED", 2)  # a page looks at two rows at most
    assert found(product_id=second, limit=1) == [made[1]]


def whole(service: Service, filters: dict[str, str | int]) -> list[dict[str, object]]:
    """Every page of the list."""
    items, cursor = [], None
    while True:
        asked = filters | ({"cursor": cursor} if cursor else {})
        page = service.client.get("/v1/generations", params=asked).json()
        items += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return items


def test_a_past_result_says_all_that_made_it(fresh_service):
    changes = {"label": "none", "label_reason": "Our own", "seed": 0, "aspect_ratio": "3:4"}
    wanted = ask(product_of(fresh_service), **changes)
    shown = fresh_service.client.get(f"/v1/generations/{submit(fresh_service, wanted)}").json()
    asked = json.loads(json.dumps(wanted.to_json()))
    del asked["candidate_id"]  # of a fictional person: no generation of a caller's has one
    assert {name: shown[name] for name in asked} == asked
