"""Lists with damaged rows in them; event streams whose key was revoked."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from fastapi.security import HTTPAuthorizationCredentials
from starlette.requests import Request

from serve.api import access, events
from serve.callers import auth
from serve.dispatcher import Dispatcher
from tests.generating import ask, draw, product_of, submit
from tests.service import Service


@pytest.mark.parametrize("table", ["generations", "images"])
def test_a_damaged_generation_hides_no_other(fresh_service: Service, table: str) -> None:
    service = fresh_service
    product = product_of(service)
    bad, good = submit(service, ask(product)), submit(service, ask(product))
    draw(service, bad)
    column = "id" if table == "generations" else "generation_id"
    service.store.db.execute(f"UPDATE {table} SET sealed = x'00' WHERE {column} = ?", [bad])
    page = service.client.get("/v1/generations").json()
    assert [item["id"] for item in page["items"]] == [good]
    assert page["damaged"] == [{"id": bad, "code": "seal_broken"}]


def test_damaged_rows_do_not_break_the_pages(fresh_service: Service) -> None:
    service = fresh_service
    made = [product_of(service) for _ in range(5)]
    bad = made[3]  # on the first page, as its last row
    service.store.db.execute("UPDATE products SET sealed = x'00' WHERE id = ?", [bad])
    seen, damaged, cursor = [], [], None
    while True:
        params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = service.client.get("/v1/products", params=params).json()
        seen += [item["id"] for item in page["items"]]
        damaged += [item["id"] for item in page["damaged"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert sorted(seen) == sorted(set(made) - {bad}) and damaged == [bad]


def test_a_revoked_key_hears_no_more_events(
    fresh_service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service, now = fresh_service, datetime.now(UTC)
    monkeypatch.setattr(events, "RECHECK_SECONDS", 0.0)
    registry, generation = service.services.registry, submit(service, ask(product_of(service)))
    key_id, secret = auth.create_key(registry, service.workspace.id, {"generate"}, now)
    scope = {"type": "http", "app": service.app, "headers": [], "method": "GET", "path": "/v1/x"}
    bearer = HTTPAuthorizationCredentials(scheme="Bearer", credentials=secret)
    visit = access.visit_of(Request(scope), bearer, None, ("generate",))

    async def listen() -> list[str]:
        heard = []
        async for event in events._stream(visit, generation):
            heard.append(event.split("\n")[0])
            auth.revoke_key(registry, key_id, now)
            dispatcher: Dispatcher = service.services.dispatcher
            await asyncio.to_thread(dispatcher.run_once)
        return heard

    assert asyncio.run(asyncio.wait_for(listen(), 20)) == ["event: status"]
