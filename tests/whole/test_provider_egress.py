"""What is asked of a sign-in provider, and that nobody else is ever asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from serve.callers.provider import FAILED_SECONDS, KEPT_SECONDS, MOST_BYTES, Begun, Provider
from serve.callers.ways_in import Client
from tests.homes import NOW
from workspace.errors import HousemodelError, Unauthenticated, Unavailable

pytestmark = pytest.mark.whole
ISSUER = "https://id.example/house"
DOCUMENT = {
    "issuer": ISSUER,
    "authorization_endpoint": "https://id.example/go?realm=house",
    "token_endpoint": "https://id.example/token",
    "jwks_uri": "https://keys.example/keys",
}
BEGUN = Begun("state", "nonce", "verifier")
Answer = Callable[[httpx.Request], httpx.Response]


class Asked:
    """A provider whose answers the test writes; it keeps what it was asked."""

    def __init__(self, secret: str = "s:/ +", **answers: Any) -> None:
        self.urls: list[str] = []
        self.requests: list[httpx.Request] = []
        self.answers: dict[str, Any] = {
            "/house/.well-known/openid-configuration": DOCUMENT,
            "/token": {"id_token": "x.y.z"},
            "/keys": {"keys": []},
        } | {"/" + name: answer for name, answer in answers.items()}
        self.time = 0.0
        hosts = frozenset({"id.example:443", "keys.example:443"})
        ours = Client(ISSUER, "us", secret, "https://us.example/back", ("openid",), hosts, None)
        transport = httpx.MockTransport(self._answer)
        self.provider = Provider(ours, lambda: self.time, transport)

    def document(self, **changes: Any) -> None:
        self.answers["/house/.well-known/openid-configuration"] = {**DOCUMENT, **changes}

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.urls.append(str(request.url))
        self.requests.append(request)
        found = self.answers[request.url.path]
        if isinstance(found, httpx.Response):
            return found
        if isinstance(found, Exception):
            raise found
        return httpx.Response(200, content=json.dumps(found))


def test_the_browser_is_led_to_the_providers_own_page() -> None:
    asked = Asked()
    there, begun = asked.provider.begin()
    assert there.startswith("https://id.example/go?realm=house&response_type=code&client_id=us&")
    assert begun.verifier not in there and begun.state in there and begun.nonce in there
    asked.provider.begin()
    assert len(asked.urls) == 1  # the document is kept
    asked.time = KEPT_SECONDS + 1
    asked.provider.begin()
    assert len(asked.urls) == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": "https://id.example/house/"},
        {"issuer": None},
        {"authorization_endpoint": "https://evil.example/go"},
        {"authorization_endpoint": "http://id.example/go"},
        {"token_endpoint": "https://evil.example/token"},
        {"token_endpoint": "https://id.example@evil.example/token"},
        {"token_endpoint": "http://127.0.0.1:8000/token"},
        {"token_endpoint": None},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": ["https://keys.example/keys"]},
    ],
)
def test_a_document_that_names_somebody_else_is_not_followed(changes: dict[str, Any]) -> None:
    asked = Asked()
    asked.document(**changes)
    for _ in range(2):
        with pytest.raises(Unavailable):
            asked.provider.begin()
    assert asked.urls == [f"{ISSUER}/.well-known/openid-configuration"]  # and not again at once
    asked.document()
    asked.time = FAILED_SECONDS + 1
    assert asked.provider.begin()


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(302, headers={"location": "https://evil.example/"}),
        httpx.Response(500),
        httpx.Response(200, content=b"[]"),
        httpx.Response(200, content=b"{"),
        httpx.Response(200, content=b" " * (MOST_BYTES + 1)),
        httpx.ConnectTimeout("slow"),
        httpx.ReadError("gone"),
    ],
)
def test_an_answer_that_is_none_is_503(answer: Any) -> None:
    for name in ("token", "keys"):
        asked = Asked(**{name: answer})
        with pytest.raises(Unavailable):
            asked.provider.finish("code", None, BEGUN, NOW)
        assert not [url for url in asked.urls if "evil" in url]


def test_a_code_is_exchanged_with_our_secret_and_the_verifier() -> None:
    asked = Asked()
    with pytest.raises(HousemodelError):  # there is no key that could have signed
        asked.provider.finish("the code", ISSUER, BEGUN, NOW)
    sent = asked.requests[1]
    form = httpx.QueryParams(sent.content.decode())
    assert sent.method == "POST" and form["code_verifier"] == "verifier"
    assert (form["grant_type"], form["code"]) == ("authorization_code", "the code")
    assert sent.headers["authorization"] == "Basic dXM6cyUzQSUyRiUyMCUyQg=="  # us:s%3A%2F%20%2B
    assert "client_secret" not in form
    in_body = Asked()
    in_body.document(token_endpoint_auth_methods_supported=["client_secret_post"])
    public = Asked(secret="")
    for one in (in_body, public):
        with pytest.raises(HousemodelError):
            one.provider.finish("the code", None, BEGUN, NOW)
    sent_in_body = httpx.QueryParams(in_body.requests[1].content.decode())
    assert sent_in_body["client_secret"] == "s:/ +"
    assert httpx.QueryParams(public.requests[1].content.decode())["client_id"] == "us"


def test_the_wrong_issuer_in_the_answer_costs_no_request() -> None:
    asked = Asked()
    asked.document(authorization_response_iss_parameter_supported=True)
    for issuer in (None, "https://evil.example"):
        with pytest.raises(Unauthenticated):
            asked.provider.finish("code", issuer, BEGUN, NOW)
    assert len(asked.urls) == 1


def test_a_refusal_or_a_token_that_is_missing_signs_nobody_in() -> None:
    for answer in (
        httpx.Response(400),
        httpx.Response(401),
        {"access_token": "a"},
        {"id_token": 7},
    ):
        with pytest.raises(Unauthenticated):
            Asked(token=answer).provider.finish("code", None, BEGUN, NOW)
