"""How the console speaks to the service: HTTP, with the session cookie of whoever is looking.

Every call carries the cookie `hm_session` of the person at the browser and the header
`X-Housemodel-Console: 1`, so the service decides what that person may do. Nothing is cached and
nothing is kept: a client lives as long as one event of one page. Photo bytes never come this way;
the browser posts them to the API itself (see `assets/console.js`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import gradio as gr
import httpx

SESSION_COOKIE = "hm_session"
CONSOLE_HEADER = "X-Housemodel-Console"

Json: TypeAlias = dict[str, Any]
ClientFactory: TypeAlias = Callable[[gr.Request], httpx.AsyncClient]


@dataclass(eq=False)  # not frozen: Python itself writes an exception's traceback
class ApiProblem(Exception):
    """What the service answered instead of a result (RFC 9457), ready to be shown."""

    status: int
    code: str
    title: str
    detail: str
    remedy: str
    request_id: str
    checks: tuple[Json, ...] = ()

    @property
    def parts(self) -> list[str]:
        """Title, detail and remedy as sentences; a detail that repeats the title is left out."""
        said = dict.fromkeys((self.title, self.detail, self.remedy))
        return [part.rstrip(". ") + "." for part in said if part]


def problem_of(body: object, status: int) -> ApiProblem:
    """Read a problem document; an answer that is none becomes one that says so."""
    found = body if isinstance(body, dict) else {}
    return ApiProblem(
        status=status,
        code=str(found.get("code", "internal")),
        title=str(found.get("title", "The service gave no usable answer")),
        detail=str(found.get("detail") or ""),
        remedy=str(found.get("remedy", "Try again in a moment.")),
        request_id=str(found.get("request_id") or ""),
        checks=tuple(check for check in found.get("checks") or () if isinstance(check, dict)),
    )


class Api:
    """The service as one person at one browser sees it."""

    def __init__(self, make_client: ClientFactory, request: gr.Request) -> None:
        self._make_client = make_client
        self._request = request

    async def call(self, method: str, path: str, **options: Any) -> Any:
        """Send one request and answer its JSON.

        Raises:
            ApiProblem: the service refused or failed, or did not answer at all.
        """
        try:
            async with self._make_client(self._request) as client:
                response = await client.request(method, path, **options)
        except httpx.HTTPError as error:
            raise ApiProblem(
                503, "unavailable", "The service does not answer", "", "Try again in a moment.", ""
            ) from error
        body = _json(response)
        if response.is_error:
            raise problem_of(body, response.status_code)
        return body

    async def get(self, path: str, **query: Any) -> Json:
        """Read one resource."""
        answer = await self.call("GET", path, params=query)
        return answer if isinstance(answer, dict) else {}

    async def items(self, path: str, **query: Any) -> list[Json]:
        """Read the first page of a list."""
        answer = await self.call("GET", path, params=query)
        found = answer.get("items", []) if isinstance(answer, dict) else answer
        return [item for item in found or [] if isinstance(item, dict)]

    async def post(self, path: str, body: Json, key: str = "") -> Json:
        """Send a JSON body; `key` makes sending it twice harmless."""
        headers = {"Idempotency-Key": key} if key else {}
        answer = await self.call("POST", path, json=body, headers=headers)
        return answer if isinstance(answer, dict) else {}


def headers_of(request: gr.Request) -> dict[str, str]:
    """The headers that make a call the caller's own."""
    headers = {CONSOLE_HEADER: "1", "Accept": "application/json"}
    session = (request.cookies or {}).get(SESSION_COOKIE)
    if session:
        headers["Cookie"] = f"{SESSION_COOKIE}={session}"
    return headers


def origin_of(request: gr.Request) -> str:
    """The address that the browser used, for links that a person copies."""
    headers = request.headers or {}
    host = headers.get("host", "localhost")
    scheme = headers.get("x-forwarded-proto", "").split(",")[0].strip()
    origin = headers.get("origin", "")
    if not scheme:
        scheme = "https" if origin.startswith("https://") else "http"
    return f"{scheme}://{host}"


def address_of(request: gr.Request) -> str:
    """Where the browser is, which the service may have rules about; no address where unknown."""
    client = getattr(request, "client", None)
    return str(getattr(client, "host", None) or "unknown")


def in_process(app: Any, timeout_seconds: float = 60.0) -> ClientFactory:
    """Clients that call the ASGI application of this very process, without a socket."""

    def make(request: gr.Request) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(
                app=app, raise_app_exceptions=False, client=(address_of(request), 0)
            ),
            base_url=origin_of(request),
            headers=headers_of(request),
            timeout=timeout_seconds,
        )

    return make


def over_network(base_url: str, timeout_seconds: float = 60.0) -> ClientFactory:
    """Clients that call a service under `base_url`, for example on loopback."""

    def make(request: gr.Request) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=base_url, headers=headers_of(request), timeout=timeout_seconds
        )

    return make


def _json(response: httpx.Response) -> object:
    try:
        return response.json() if response.content else {}
    except ValueError:
        return None
