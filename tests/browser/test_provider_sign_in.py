"""Through the sign-in provider in a real browser, over TLS and from another site.

The provider is at 127.0.0.1 and we are at localhost, which is another site to a browser: our strict
session cookie has to come with the first page of the console all the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from serve.api.provider import COOKIE
from serve.callers import auth
from serve.callers.provided import ProviderRules
from serve.callers.provider import Provider
from serve.callers.ways_in import CALLBACK, Client, WaysIn, host_of
from serve.http_server import HttpServer
from serve.tls import Certificate
from tests.line import free_port
from tests.provider import CLIENT, SECRET, running_provider
from tests.service import Service, open_service
from tests.whole.test_tls import hello, make_pair

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
Seen = list[tuple[str, set[str]]]  # path, names of the cookies that came with it


def _site(service: Service, seen: Seen) -> Any:
    """The service, with a blank page for the console, noting what the browser sends."""

    async def site(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await hello(scope, receive, send)
            return
        sent = dict(scope["headers"]).get(b"cookie", b"").decode()
        seen.append((scope["path"], {part.split("=")[0] for part in sent.split("; ") if part}))
        await (hello if scope["path"].startswith("/console") else service.app)(scope, receive, send)

    return site


@pytest.fixture
def door(chromium: Any, tmp_path: Path) -> Iterator[tuple[Any, Seen]]:
    """The sign-in page of a house with a provider, and what the browser sent since."""
    port, seen = free_port(), []
    back = f"https://localhost:{port}{CALLBACK}"
    with (
        running_provider(back) as issuer,
        open_service(tmp_path / "home", None, start=False) as service,  # type: ignore[arg-type]
    ):
        ours = Client(issuer, CLIENT, SECRET, back, ("openid",), frozenset({host_of(issuer)}), None)
        rules = ProviderRules(
            issuer, "atelier", {"auditors": ("auditor",), "creators": ("creator",)}
        )
        ways = WaysIn(True, "House ID", ours, rules)
        service.app.state.services = replace(
            service.services, ways_in=ways, provider=Provider(ours)
        )
        server = HttpServer(
            _site(service, seen), "127.0.0.1", port, Certificate(*make_pair(tmp_path, "house"))
        )
        context = chromium.new_context(ignore_https_errors=True)
        page = context.new_page()
        page.goto(f"https://localhost:{port}/sign-in?next=/console/verify")
        yield page, seen
        context.close()
        server.stop()


def test_the_button_leads_there_and_back_into_the_console(door: tuple[Any, Seen]) -> None:
    page, seen = door
    page.get_by_role("link", name="Sign in with House ID").click()
    page.wait_for_url("**/authorize**")
    page.get_by_role("link", name="audrey").click()
    page.wait_for_url("**/console/verify")
    sent = dict(seen)
    assert sent[CALLBACK] == {COOKIE} and sent["/console/verify"] == {auth.COOKIE}
    (kept,) = page.context.cookies()
    assert (kept["name"], kept["sameSite"], kept["secure"]) == (auth.COOKIE, "Strict", True)


def test_who_has_to_wait_is_told_so(door: tuple[Any, Seen]) -> None:
    page, _ = door
    page.get_by_role("link", name="Sign in with House ID").click()
    page.get_by_role("link", name="ines").click()
    told = page.get_by_role("alert")
    told.wait_for()
    assert "confirm it first" in told.inner_text() and not page.context.cookies()
