"""Around every request: its id, the body limit, security headers, one log line, two metrics.

Pure ASGI, outermost inside Starlette's own error guard. A body that is too large is answered
with 413 as soon as that is known, and the rest is not read. What no handler knew becomes
`internal` here. A log line carries the request id, the method, the route's template, the status
and the time; never a query, a body, a name or a key.
"""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Callable

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve import problems
from serve.guarding import place_of
from workspace.errors import HousemodelError, PayloadTooLarge

REQUEST_ID_HEADER = "x-request-id"
MAX_JSON_BYTES = 1 << 20
Observe = Callable[[str, str, int, float], None]  # method, route template, status, seconds
_log = logging.getLogger("housemodel.http")
_CLEAN_ID = re.compile(rb"[A-Za-z0-9_.:-]{1,64}")
_API_POLICY = b"default-src 'none'; frame-ancestors 'none'"
_CONSOLE_POLICY = (
    b"default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    b"style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; media-src 'self' data: blob:; "
    b"font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; "
    b"frame-ancestors 'none'; form-action 'self'; base-uri 'self'; object-src 'none'"
)
_PAGE_POLICY = (
    b"default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"
)


class _TooLarge(Exception):
    """Ends the reading of a body that went over its limit."""


class Frame:
    """The middleware.

    Args:
        max_upload_bytes: Limit of a multipart body; JSON bodies have `MAX_JSON_BYTES`.
        observe: Told about every finished request.
        console_prefix: Below it, the console's content policy holds and its own limits apply.
    """

    def __init__(
        self,
        app: ASGIApp,
        max_upload_bytes: int,
        observe: Observe,
        console_prefix: str = "/console",
    ) -> None:
        self._app = app
        self._max_upload_bytes = max_upload_bytes
        self._observe = observe
        self._console_prefix = console_prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, receive, send, self._limit(scope), self._headers(scope))
        started = time.perf_counter()
        try:
            await exchange.run(self._app)
        finally:
            seconds = time.perf_counter() - started
            self._finish(scope, exchange, seconds)

    def _finish(self, scope: Scope, exchange: _Exchange, seconds: float) -> None:
        route = scope.get("route")
        template = str(getattr(route, "path", "other"))
        status = exchange.status or 499  # the caller left before there was an answer
        self._observe(scope["method"], template, status, seconds)
        _log.info(
            "%s %s %s %d %.1f ms",
            exchange.request_id,
            scope["method"],
            template,
            status,
            seconds * 1000,
        )

    def _limit(self, scope: Scope) -> int:
        kind = _header(scope, b"content-type")
        multipart = kind.startswith(b"multipart/") or self._in_console(scope)
        return self._max_upload_bytes if multipart else MAX_JSON_BYTES

    def _in_console(self, scope: Scope) -> bool:
        path = str(scope["path"])
        return path == self._console_prefix or path.startswith(self._console_prefix + "/")

    def _headers(self, scope: Scope) -> list[tuple[bytes, bytes]]:
        policy = _API_POLICY
        if self._in_console(scope):
            policy = _CONSOLE_POLICY
        elif scope["path"] in ("/sign-in", "/sign-out"):
            policy = _PAGE_POLICY
        headers = [
            (b"content-security-policy", policy),
            (b"x-content-type-options", b"nosniff"),
            (b"x-frame-options", b"DENY"),
            (b"referrer-policy", b"no-referrer"),
            (b"cross-origin-opener-policy", b"same-origin"),
            (b"cross-origin-resource-policy", b"same-origin"),
        ]
        if not self._in_console(scope):
            headers.append((b"cache-control", b"no-store"))
        return headers


class _Exchange:
    """One request and its answer."""

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        limit: int,
        headers: list[tuple[bytes, bytes]],
    ) -> None:
        self._scope, self._receive, self._send = scope, receive, send
        self._limit, self._headers = limit, headers
        self._read_bytes = 0
        self._too_large = False
        self.status: int | None = None
        given = _header(scope, REQUEST_ID_HEADER.encode())
        clean = given.decode() if _CLEAN_ID.fullmatch(given) else ""
        self.request_id = clean or f"req_{secrets.token_hex(8)}"
        scope.setdefault("state", {})["request_id"] = self.request_id

    async def run(self, app: ASGIApp) -> None:
        length = _header(self._scope, b"content-length")
        if length.isdigit() and int(length) > self._limit:
            await self._refuse()
            return
        try:
            await app(self._scope, self._receive_counted, self._send_framed)
        except (_TooLarge, ClientDisconnect):
            pass
        except Exception as error:
            _log.error(
                "%s failed unexpectedly: %s\n%s",
                self.request_id,
                type(error).__name__,
                place_of(error),
            )
            if self.status is None:
                await self._answer(HousemodelError())
        if self._too_large and self.status is None:
            await self._refuse()

    async def _receive_counted(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._read_bytes += len(message.get("body", b""))
            if self._read_bytes > self._limit:
                self._too_large = True
                raise _TooLarge
        return message

    async def _send_framed(self, message: Message) -> None:
        if self._too_large and self.status is None:
            return  # whatever a handler made of the broken body; the 413 follows
        if message["type"] == "http.response.start":
            self.status = message["status"]
            own = {name for name, _ in message.get("headers", ())}
            added = [(name, value) for name, value in self._headers if name not in own]
            identity = (REQUEST_ID_HEADER.encode(), self.request_id.encode())
            message = {**message, "headers": [*message.get("headers", ()), *added, identity]}
        await self._send(message)

    async def _refuse(self) -> None:
        limit = self._limit // (1 << 20)
        self._headers.append((b"connection", b"close"))
        self._too_large = False
        await self._answer(PayloadTooLarge(f"A body of this kind has {limit} MiB at most."))

    async def _answer(self, error: HousemodelError) -> None:
        response = problems.respond(error, self.request_id)
        await response(self._scope, self._receive, self._send_framed)


def _header(scope: Scope, name: bytes) -> bytes:
    for key, value in scope.get("headers", ()):
        if key == name:
            return bytes(value)
    return b""
