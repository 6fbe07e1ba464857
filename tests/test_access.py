"""Who may call from where, and how often: networks, addresses behind proxies, token buckets."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from compliance import audit
from serve.api.access import OUTSIDE_PER_MINUTE
from serve.api.talent import Paces
from serve.callers import auth
from serve.callers.buckets import Buckets
from serve.callers.pace import Pace
from serve.callers.throttle import PER_ADDRESS, Throttle
from serve.forwarded import Forwarded
from serve.locked import LockableSite
from tests.service import Service
from workspace import networks
from workspace.errors import AddressNotAllowed, InvalidRequest, RateLimited
from workspace.types import WorkspaceId

HERE = "10.1.2.3"


def call(service: Service, path: str, key: str, address: str = HERE) -> Any:
    """One request with a key, from an address."""
    client = TestClient(
        service.app, client=(address, 1), headers={"Authorization": f"Bearer {key}"}
    )
    return client.get(path)


def key_of(service: Service, workspace: WorkspaceId, **more: Any) -> str:
    now = datetime.now(UTC)
    return auth.create_key(service.services.registry, workspace, {"admin"}, now, **more)[1]


@pytest.mark.parametrize(
    ("listed", "address", "inside"),
    [
        (["10.0.0.0/8"], "10.1.2.3", True),
        (["10.0.0.0/8"], "::ffff:10.1.2.3", True),
        (["10.0.0.0/8"], "11.1.2.3", False),
        (["10.0.0.7"], "10.0.0.7", True),
        (["2001:db8::/32", "10.0.0.0/8"], "2001:db8::1", True),
        (["2001:db8::/32"], "10.1.2.3", False),
        (["0.0.0.0/0", "::/0"], "unknown", False),
        ([], "unknown", True),
    ],
)
def test_a_list_of_networks_lets_its_own_addresses_pass(
    listed: list[str], address: str, inside: bool
) -> None:
    written = networks.clean(listed)
    if inside:
        networks.check(written, address)
    else:
        with pytest.raises(AddressNotAllowed):
            networks.check(written, address)


@pytest.mark.parametrize("wrong", ["10.0.0.1/8", "10.0.0.0/33", "host.example", "", "1.2.3.4\n/8"])
def test_what_is_no_network_is_refused(wrong: str) -> None:
    with pytest.raises(InvalidRequest):
        networks.clean([wrong])


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::%eth0", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::", "2001:db8:1:3::/64"),
        ("::ffff:10.1.2.3", "10.1.2.3"),
        ("10.1.2.3", "10.1.2.3"),
        ("127.0.0.1 by proxy", "127.0.0.1 by proxy"),
    ],
)
def test_of_ipv6_a_throttle_counts_networks(address: str, counted: str) -> None:
    assert networks.throttle_key(address) == counted


def test_many_addresses_of_one_ipv6_network_have_no_more_tries_than_one() -> None:
    throttle, now = Throttle(), datetime.now(UTC)
    for number in range(PER_ADDRESS):
        throttle.failed(f"name {number}", f"2001:db8::{number:x}", now)
    with pytest.raises(RateLimited):
        throttle.check("another name", "2001:db8::ffff", now)
    throttle.check("another name", "2001:db8:0:1::1", now)


def test_one_ipv6_network_has_one_turn_to_unlock() -> None:
    async def two() -> None:
        site = LockableSite(None, None, None)  # type: ignore[arg-type]
        async with site._turn("2001:db8::1"):
            with pytest.raises(RateLimited):
                async with site._turn("2001:db8::2"):
                    pass

    asyncio.run(two())


@pytest.mark.parametrize("path", ["/talent/wrong", "/sign-in/provider"])
def test_pages_without_an_account_count_ipv6_networks(service: Service, path: str) -> None:
    state = service.app.state
    kept = state.paces, state.provider_pace
    state.paces, state.provider_pace = Paces(), Pace(1, timedelta(minutes=1))
    state.paces.misses = Pace(1, timedelta(minutes=1))
    try:
        answers = [
            TestClient(service.app, client=(address, 1)).get(path).status_code
            for address in ("2001:db8::1", "2001:db8::2", "2001:db8:0:1::1")
        ]
        assert answers[1] == 429 and 429 not in (answers[0], answers[2])
    finally:
        state.paces, state.provider_pace = kept


def test_a_bucket_gives_back_what_a_minute_allows() -> None:
    time = [0.0]
    buckets = Buckets(lambda: time[0])
    rates = [buckets.take(("key", 3), ("house", 100)) for _ in range(4)]
    assert [rate.remaining for rate in rates] == [2, 1, 0, 0]
    assert [rate.wait_seconds for rate in rates] == [0, 0, 0, 20]
    assert (rates[0].limit, rates[2].reset_seconds) == (3, 60)
    time[0] = 20.0
    assert buckets.take(("key", 3)).wait_seconds == 0
    assert buckets.take(("key", 3)).wait_seconds == 20
    assert buckets.take(("other key", 3)).remaining == 2


def test_a_refused_request_costs_the_workspace_nothing() -> None:
    buckets = Buckets(lambda: 0.0)
    for _ in range(50):
        buckets.take(("busy", 1), ("house", 3))
    assert [buckets.take((f"k{n}", 9), ("house", 3)).wait_seconds for n in range(3)] == [0, 0, 20]


def test_answers_say_what_is_left_and_when_to_come_back(service: Service) -> None:
    slow = key_of(service, service.workspace.id, per_minute=2)
    first, second, third = (call(service, "/v1/account", slow) for _ in range(3))
    assert [first.headers["ratelimit-" + n] for n in ("limit", "remaining", "reset")] == [
        "2",
        "1",
        "30",
    ]
    assert (second.status_code, third.status_code) == (200, 429)
    assert third.json()["code"] == "rate_limited" and third.headers["retry-after"] == "30"
    assert third.headers["ratelimit-remaining"] == "0"


def test_a_workspace_has_a_pace_for_all_its_callers_together(service: Service) -> None:
    house, before = service.workspace.id, service.app.state.buckets
    pro = service.services.plans["pro"]
    plans = service.services.plans
    assert isinstance(plans, dict)
    service.app.state.buckets = Buckets()
    plans["pro"] = replace(pro, max_requests_per_minute=3, max_caller_requests_per_minute=2)
    try:
        keys = [key_of(service, house) for _ in range(2)]
        found = [call(service, "/v1/account", keys[n % 2]).status_code for n in range(5)]
    finally:
        plans["pro"], service.app.state.buckets = pro, before
    assert found == [200, 200, 200, 429, 429]


def test_a_key_opens_from_its_networks_only(service: Service) -> None:
    key = key_of(service, service.workspace.id, allowed_from=["10.1.0.0/16"])
    assert call(service, "/v1/account", key).status_code == 200
    refused = call(service, "/v1/account", key, "10.2.0.1")
    assert (refused.status_code, refused.json()["code"]) == (403, "address_not_allowed")


def test_calls_from_outside_of_the_networks_are_counted_by_address(service: Service) -> None:
    key = key_of(service, service.workspace.id, allowed_from=["10.1.0.0/16"])
    state, before = service.app.state, service.app.state.buckets
    state.buckets = Buckets(lambda: 0.0)
    audited = len([*audit.entries(service.store, 0, 10_000)])
    outside = TestClient(service.app, client=("10.2.0.1", 1))
    try:
        for _ in range(OUTSIDE_PER_MINUTE - 1):
            state.buckets.take(("outside 10.2.0.1", OUTSIDE_PER_MINUTE))
        found = [call(service, "/v1/account", key, "10.2.0.1").status_code for _ in range(2)]
        found.append(outside.post("/sign-in", json={"key": key}).status_code)
        found.append(call(service, "/v1/account", key, "10.2.0.2").status_code)
        found.append(call(service, "/v1/account", key).status_code)
    finally:
        state.buckets = before
    assert found == [403, 429, 429, 403, 200]
    assert len([*audit.entries(service.store, 0, 10_000)]) == audited


def test_a_session_of_a_key_is_held_to_the_keys_networks(service: Service) -> None:
    key = key_of(service, service.workspace.id, allowed_from=["10.1.0.0/16"])
    inside = TestClient(service.app, client=(HERE, 1))
    assert inside.post("/sign-in", json={"key": key}).status_code == 204
    assert inside.get("/v1/account").status_code == 200
    outside = TestClient(service.app, client=("10.2.0.1", 1))
    assert outside.post("/sign-in", json={"key": key}).status_code == 403
    assert not outside.cookies
    outside.cookies = inside.cookies
    assert outside.get("/v1/account").status_code == 403


def test_a_workspace_is_called_from_its_networks_only(service: Service) -> None:
    house, registry = service.workspace.id, service.services.registry
    key = key_of(service, house)
    registry.set_networks(house, ["10.1.0.0/16", "192.0.2.4"])
    try:
        shown, refused = (
            call(service, "/v1/admin/workspace", key, address) for address in (HERE, "10.2.0.1")
        )
    finally:
        registry.set_networks(house, [])
    assert shown.json()["networks"] == ["10.1.0.0/16", "192.0.2.4/32"]
    assert refused.status_code == 403
    assert call(service, "/v1/admin/workspace", key, "10.2.0.1").status_code == 200


def seen(trusted: list[str], peer: str, *fields: tuple[str, str]) -> tuple[str, str]:
    """The address and the scheme that an application behind `Forwarded` sees."""
    found: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        found.append((scope["client"][0], scope["scheme"]))

    headers = [(name.encode(), value.encode()) for name, value in fields]
    scope = {"type": "http", "scheme": "http", "client": (peer, 5), "headers": headers}
    coroutine = Forwarded(app, trusted)(scope, None, None)  # type: ignore[arg-type]
    with pytest.raises(StopIteration):
        coroutine.send(None)
    address, scheme = found[0]
    return address, scheme


FOR, PROTO = "x-forwarded-for", "x-forwarded-proto"


def test_only_a_trusted_proxy_says_where_a_request_comes_from() -> None:
    said = ((FOR, "203.0.113.9"), (PROTO, "https"))
    assert seen(["10.0.0.0/8"], "10.0.0.1", *said) == ("203.0.113.9", "https")
    assert seen(["10.0.0.0/8"], "192.0.2.1", *said) == ("192.0.2.1", "http")
    assert seen([], "127.0.0.1", *said) == ("127.0.0.1", "http")
    assert seen(["10.0.0.0/8"], "10.0.0.1") == ("10.0.0.1", "http")


def test_what_the_caller_wrote_before_the_proxies_counts_for_nothing() -> None:
    proxies = ["10.0.0.0/8"]
    assert seen(proxies, "10.0.0.1", (FOR, "1.1.1.1, 203.0.113.9"))[0] == "203.0.113.9"
    assert seen(proxies, "10.0.0.1", (FOR, "1.1.1.1"), (FOR, "203.0.113.9, 10.0.0.2"))[0] == (
        "203.0.113.9"
    )
    assert seen(proxies, "10.0.0.1", (FOR, "10.9.9.9, 10.0.0.2"))[0] == "10.9.9.9"
    assert seen(proxies, "10.0.0.1", (FOR, "203.0.113.9, rubbish, 10.0.0.2"))[0] == "10.0.0.2"
    assert seen(proxies, "10.0.0.1", (FOR, "203.0.113.9:4711"))[0] == "203.0.113.9"
    assert seen(proxies, "10.0.0.1", (FOR, "[2001:db8::5]:4711"))[0] == "2001:db8::5"
    assert seen(proxies, "10.0.0.1", (FOR, "203.0.113.9"), (PROTO, "gopher"))[1] == "http"
