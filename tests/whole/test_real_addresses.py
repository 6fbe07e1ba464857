"""Behind a trusted proxy everybody has an address: in throttles, networks and the console."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi.testclient import TestClient
from starlette.requests import Request

from console.client import in_process
from serve.__main__ import main
from serve.api.unlock import _from
from serve.callers import auth, people
from serve.callers.throttle import PER_ADDRESS, Throttle
from serve.forwarded import Forwarded
from tests.service import Service

pytestmark = pytest.mark.whole
PASSWORD = "correct horse battery"
PROXY = "10.0.0.1"


def browser(service: Service, address: str) -> TestClient:
    """Somebody at an address, who comes through the proxy."""
    client = TestClient(Forwarded(service.app, [PROXY]), client=(PROXY, 1), follow_redirects=False)
    client.headers["x-forwarded-for"] = f"198.51.100.1, {address}"
    return client


def test_one_address_behind_a_proxy_does_not_throttle_another(service: Service) -> None:
    before, service.app.state.throttle = service.app.state.throttle, Throttle()
    try:
        for _ in range(PER_ADDRESS):
            service.app.state.throttle.failed("somebody", "203.0.113.9", datetime.now(UTC))
        wrong = {"name": "nobody at all", "password": PASSWORD}
        found = [
            browser(service, address).post("/sign-in", json=wrong).status_code
            for address in ("203.0.113.9", "203.0.113.10")
        ]
    finally:
        service.app.state.throttle = before
    assert found == [429, 401]


def test_the_console_asks_from_where_its_browser_is(service: Service) -> None:
    registry, of = service.services.registry, service.workspace.id
    people.add(registry, of, "walled", ["auditor"], PASSWORD, datetime.now(UTC))
    session = auth.sign_in_person(registry, "walled", PASSWORD, datetime.now(UTC), 1)
    registry.set_networks(of, ["203.0.113.0/24"])

    async def ask(address: str) -> int:
        headers = [(b"host", b"testserver"), (b"cookie", f"hm_session={session}".encode())]
        scope = {"type": "http", "client": (address, 1), "headers": headers}
        request: Any = Request(scope)
        async with in_process(service.app)(request) as client:
            return (await client.get("/v1/account")).status_code

    try:
        found = [asyncio.run(ask(address)) for address in ("203.0.113.9", "127.0.0.1")]
    finally:
        registry.set_networks(of, [])
    assert found == [200, 403]


def test_what_a_proxy_passed_on_is_not_the_machine_itself() -> None:
    def at(address: str, *headers: tuple[bytes, bytes]) -> str:
        return _from(Request({"type": "http", "client": (address, 1), "headers": [*headers]}))

    assert at("127.0.0.1") == "127.0.0.1"
    assert at("127.0.0.1", (b"x-forwarded-for", b"203.0.113.9")) == "127.0.0.1 by proxy"
    assert at("203.0.113.9", (b"x-forwarded-for", b"127.0.0.1")) == "203.0.113.9"


def test_the_command_line_lists_networks_and_paces(
    home: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "root.key").parent.mkdir(parents=True, exist_ok=True)

    def run(*words: str) -> tuple[int, str]:
        status = main([*words, "--home", str(home)])
        return status, capsys.readouterr().out

    assert run("workspace", "create", "atelier")[0] == 0
    allowed = ("--allow", "10.20.0.0/16, 192.0.2.7")
    status, said = run("workspace", "networks", "atelier", *allowed)
    assert status == 0 and "10.20.0.0/16, 192.0.2.7/32" in said
    assert run("workspace", "networks", "atelier", "--allow", "house")[0] != 0
    assert run("workspace", "networks", "atelier", "--allow", ",")[0] != 0
    made = ("--workspace", "atelier", "--scopes", "generate", "--networks", "10.20.5.0/24")
    assert run("key", "create", *made, "--per-minute", "30")[0] == 0
    listed = run("key", "list")[1]
    assert "from 10.20.5.0/24" in listed and "30 a minute" in listed
    assert "anywhere" in run("workspace", "networks", "atelier", "--anywhere")[1]
    assert run("user", "readmit", "per_nobody", "--workspace", "atelier")[0] != 0
