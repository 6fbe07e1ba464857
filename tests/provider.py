"""A real OpenID Connect provider on loopback, for tests: authlib's own server, in a process.

    python -m tests.provider REDIRECT_URI

It prints its port, knows one client, and lets a browser in as whoever `be` names: a person of
`PEOPLE`, JSON claims, or `nobody`, who presses Cancel. PKCE is demanded, a code works once, keys
can be changed (`POST /new-keys`).
"""

from __future__ import annotations

import asyncio
import json
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from typing import Any
from urllib.parse import parse_qs

import httpx

CLIENT, SECRET = "housemodel", "s3cret of the client+/"
PEOPLE: dict[str, dict[str, Any]] = {
    "ines": {"email": "ines@house.example", "groups": ["creators", "everybody"]},
    "lea": {"email": "lea@house.example", "groups": ["lawyers"]},
    "audrey": {"email": "audrey@house.example", "groups": ["auditors"]},
    "tom": {"email": "tom@house.example", "groups": ["everybody", "admin", "legal"]},
}
for _person in PEOPLE.values():
    _person["email_verified"] = True


@contextmanager
def running_provider(redirect_uri: str) -> Iterator[str]:
    """Start the provider's process; yields its issuer."""
    command = [sys.executable, "-m", "tests.provider", redirect_uri]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        issuer = f"http://127.0.0.1:{port}"
        try:
            deadline = time.monotonic() + 30
            while True:
                try:
                    httpx.get(f"{issuer}/keys", trust_env=False).raise_for_status()
                    break
                except httpx.HTTPError:
                    assert time.monotonic() < deadline and process.poll() is None
                    time.sleep(0.05)
            yield issuer
        finally:
            process.terminate()
            process.wait(timeout=20)


@dataclass
class _Client:
    """The one client, as authlib asks for it."""

    redirect_uri: str

    def get_client_id(self) -> str:
        return CLIENT

    def get_default_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_allowed_scope(self, scope: str) -> str:
        return scope

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri == self.redirect_uri

    def check_client_secret(self, client_secret: str) -> bool:
        return client_secret == SECRET

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == "client_secret_basic"

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "authorization_code"


class _Code:
    """A code that was given out."""

    def __init__(self, code: str, asked: Any, who: str) -> None:
        self.code, self.who, self._asked = code, who, dict(asked)

    def get_redirect_uri(self) -> Any:
        return self._asked["redirect_uri"]

    def get_scope(self) -> Any:
        return self._asked["scope"]

    def get_nonce(self) -> Any:
        return self._asked.get("nonce")

    def get_auth_time(self) -> int:
        return int(time.time())

    def get_acr(self) -> None:
        return None

    def get_amr(self) -> None:
        return None

    @property
    def code_challenge(self) -> Any:
        return self._asked.get("code_challenge")

    @property
    def code_challenge_method(self) -> Any:
        return self._asked.get("code_challenge_method")


def make_app(issuer: str, redirect_uri: str) -> Any:
    """The provider's ASGI application."""
    from authlib.oauth2.rfc6749 import AuthorizationServer, OAuth2Request, grants
    from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
    from authlib.oauth2.rfc6750 import BearerTokenGenerator
    from authlib.oauth2.rfc7636 import CodeChallenge
    from authlib.oidc.core import UserInfo
    from authlib.oidc.core.grants import OpenIDCode
    from joserfc.jwk import ECKey
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
    from starlette.routing import Route

    codes: dict[str, _Code] = {}
    client = _Client(redirect_uri)

    def new_key() -> Any:
        return ECKey.generate_key("P-256", {"use": "sig", "kid": secrets.token_hex(4)})

    key = [new_key()]

    class Grant(grants.AuthorizationCodeGrant):  # type: ignore[misc]
        TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic"]

        def save_authorization_code(self, code: str, request: Any) -> None:
            codes[code] = _Code(code, request.payload.data, request.user)

        def query_authorization_code(self, code: str, client: Any) -> Any:
            return codes.get(code)

        def delete_authorization_code(self, authorization_code: Any) -> None:
            codes.pop(authorization_code.code, None)

        def authenticate_user(self, authorization_code: Any) -> Any:
            return authorization_code.who

    class Code(OpenIDCode):  # type: ignore[misc]
        def exists_nonce(self, nonce: str, request: Any) -> bool:
            return False

        def resolve_client_private_key(self, client: Any) -> Any:
            return key[0]

        def get_client_algorithm(self, client: Any) -> str:
            return "ES256"

        def get_client_claims(self, client: Any) -> dict[str, Any]:
            now = int(time.time())
            return {"iss": issuer, "aud": [CLIENT], "iat": now, "exp": now + 300}

        def get_encode_header(self, client: Any) -> dict[str, str]:
            return {"alg": "ES256", "kid": key[0].kid}

        def get_compatible_claims(self, request: Any) -> dict[str, Any]:
            return self.get_client_claims(request.client)

        def generate_user_info(self, user: str, scope: str) -> Any:
            if user.startswith("{"):
                return UserInfo(**json.loads(user))
            return UserInfo(sub=f"sub-{user}", **PEOPLE[user])

    class Asked(OAuth2Request):  # type: ignore[misc]
        def __init__(self, method: str, url: str, form: Any, headers: Any) -> None:
            super().__init__(method, url, headers=headers)
            self.payload = BasicOAuth2Payload(form)

        @property
        def args(self) -> Any:
            return self.payload.data

        @property
        def form(self) -> Any:
            return self.payload.data

    class Server(AuthorizationServer):  # type: ignore[misc]
        def query_client(self, client_id: str) -> Any:
            return client if client_id == CLIENT else None

        def save_token(self, token: Any, request: Any) -> None:
            pass

        def create_oauth2_request(self, request: Any) -> Any:
            method, url, form, headers = request
            return Asked(method, url.replace("http:", "https:"), form, headers)

        def handle_response(self, status: int, body: Any, headers: Any) -> Response:
            given = dict(headers)
            if isinstance(body, dict):
                return JSONResponse(body, status, given)
            return Response(body, status, given)

        def send_signal(self, *args: Any, **more: Any) -> None:
            pass

    server = Server()
    server.register_token_generator(
        "default", BearerTokenGenerator(lambda *a, **k: secrets.token_urlsafe(32))
    )
    server.register_grant(Grant, [Code(require_nonce=True), CodeChallenge(required=True)])

    async def asked_by(request: Request) -> Any:
        body = {k: v[0] for k, v in parse_qs((await request.body()).decode()).items()}
        headers = {name.title(): value for name, value in request.headers.items()}
        return request.method, str(request.url), {**request.query_params, **body}, headers

    async def authorize(request: Request) -> Response:
        asked = await asked_by(request)
        who = asked[2].pop("be", None)
        if who is None:  # the page that a person would see
            links = [f'<p><a href="{escape(asked[1])}&amp;be={name}">{name}</a>' for name in PEOPLE]
            return HTMLResponse("<!doctype html><title>Who are you?</title>" + "".join(links))
        if who == "nobody":  # the person pressed Cancel
            query = f"?error=access_denied&state={asked[2]['state']}"
            return RedirectResponse(redirect_uri + query, 302)
        grant = server.get_consent_grant(asked, who)
        return server.create_authorization_response(asked, grant_user=who, grant=grant)

    async def token(request: Request) -> Response:
        return server.create_token_response(await asked_by(request))

    async def document(request: Request) -> Response:
        return JSONResponse(
            {
                "issuer": issuer,
                "authorization_endpoint": f"{issuer}/authorize",
                "token_endpoint": f"{issuer}/token",
                "jwks_uri": f"{issuer}/keys",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["ES256"],
                "token_endpoint_auth_methods_supported": ["client_secret_basic"],
                "code_challenge_methods_supported": ["S256"],
            }
        )

    async def keys(request: Request) -> Response:
        return JSONResponse({"keys": [key[0].as_dict(private=False)]})

    async def new_keys(request: Request) -> Response:
        key[0] = new_key()
        return Response(status_code=204)

    return Starlette(
        routes=[
            Route("/.well-known/openid-configuration", document),
            Route("/authorize", authorize),
            Route("/token", token, methods=["POST"]),
            Route("/keys", keys),
            Route("/new-keys", new_keys, methods=["POST"]),
        ]
    )


def main(redirect_uri: str) -> None:
    """Serve on a free port of loopback and print the port."""
    import socket

    import uvicorn

    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    config = uvicorn.Config(make_app(f"http://127.0.0.1:{port}", redirect_uri), log_level="error")
    print(port, flush=True)
    asyncio.run(uvicorn.Server(config).serve(sockets=[listening]))


if __name__ == "__main__":
    main(sys.argv[1])
