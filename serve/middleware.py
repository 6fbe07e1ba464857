"""Around every request: its id, the body limit, security headers, one log line, two metrics.

Pure ASGI, outermost inside Starlette's own error guard. A body is read only for a caller that the
gate knows (`/v1`), within a limit (413) and a time; the rest of a refused one is not read. What no
handler knew becomes `internal` here. A log line carries the request id, the method, the route's
template, the status and the time; never a query, a body, a name or a key.
"""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import NoReturn

import anyio
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve import problems
from serve.callers.buckets import Rate
from serve.work.guarding import place_of
from workspace.errors import HousemodelError, InvalidRequest, PayloadTooLarge

REQUEST_ID_HEADER = "x-request-id"
MAX_JSON_BYTES = 1 << 20
MAX_SIGN_IN_BYTES = 1 << 14
_DRAFT_FILES = "/v1/drafts/enrolment/files/"
_FORMS = ("models", "photos/check", "pictures", "products", "verify")
UPLOADS = frozenset(f"/v1/{form}" for form in _FORMS) | {
    _DRAFT_FILES + kind for kind in ("full_body", "close_up", "evidence")
}
READ_SECONDS = 20.0  # for a whole body
UPLOAD_SECONDS = 60.0  # for a whole multipart body
STALL_SECONDS = 10.0  # without a single byte
Gate = Callable[[Scope], Awaitable[None]]  # raises unless the caller may send a body
Observe = Callable[[str, str, int, float], None]  # method, route template, status, seconds
_log = logging.getLogger("housemodel.http")
_CLEAN_ID = re.compile(rb"[A-Za-z0-9_.:-]{1,64}")
RATE = "rate"  # in a request's state: what is left of the caller's pace, for the answer's headers
_PROVIDER = ("/sign-in/provider", "/sign-in/provider/back")
_SIGN_IN = ("/sign-in", "/sign-out", *_PROVIDER)
_ONLY_TLS = b"max-age=31536000"  # seconds: for a year, a browser asks this host by TLS alone
_TALENT = "/talent/"  # nobody is known there before the body is read
_POLICY_PAGE = "/policy"
_API_POLICY = b"default-src 'none'; frame-ancestors 'none'"
_CONSOLE_POLICY = (
    b"default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    b"style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; media-src 'self' data: blob:; "
    b"font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; "
    b"frame-ancestors 'none'; form-action 'self'; base-uri 'self'; object-src 'none'"
)
_PAGE_POLICY = (
    b"default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; "
    b"frame-ancestors 'none'; base-uri 'none'"
)


class _Stop(Exception):
    """Ends the reading of a body that is refused."""


class Frame:
    """The middleware.

    Args:
        max_upload_bytes: Limit of a body on `UPLOADS` and the console; others have
            `MAX_JSON_BYTES`.
        observe: Told about every finished request.
        gate: Asked once per request, before the first byte of a body is taken.
        console_prefix: Below it, the console's content policy holds and its own limits apply.
        by_tls: Browsers reach this by TLS, also where a request does not say so.
    """

    def __init__(
        self,
        app: ASGIApp,
        max_upload_bytes: int,
        observe: Observe,
        gate: Gate,
        console_prefix: str = "/console",
        by_tls: bool = False,
    ) -> None:
        self._app = app
        self._max_upload_bytes = max_upload_bytes
        self._observe = observe
        self._gate = gate
        self._console_prefix = console_prefix
        self._by_tls = by_tls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        in_console = self._in_console(scope)
        exchange = _Exchange(scope, receive, send, self._limit(scope), self._headers(scope))
        if in_console or str(scope["path"]).startswith("/v1/"):
            exchange.gate = self._gate
            exchange.lenient = in_console
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
        path = str(scope["path"])
        if path in _SIGN_IN or path.startswith(_TALENT):
            return MAX_SIGN_IN_BYTES
        multipart = _header(scope, b"content-type").lower().startswith(b"multipart/")
        upload = self._in_console(scope) or (multipart and path in UPLOADS)
        return self._max_upload_bytes if upload else MAX_JSON_BYTES

    def _in_console(self, scope: Scope) -> bool:
        path = str(scope["path"])
        return path == self._console_prefix or path.startswith(self._console_prefix + "/")

    def _headers(self, scope: Scope) -> list[tuple[bytes, bytes]]:
        policy, referrer = _API_POLICY, b"no-referrer"
        if self._in_console(scope):
            policy = _CONSOLE_POLICY
        elif scope["path"] in _SIGN_IN:
            # NOTE: with `no-referrer` a browser would send `Origin: null` along with our own form.
            policy, referrer = _PAGE_POLICY, b"same-origin"
        elif scope["path"] == _POLICY_PAGE:
            policy = _PAGE_POLICY
        headers = [
            (b"content-security-policy", policy),
            (b"x-content-type-options", b"nosniff"),
            (b"x-frame-options", b"DENY"),
            (b"referrer-policy", referrer),
            (b"cross-origin-opener-policy", b"same-origin"),
            (b"cross-origin-resource-policy", b"same-origin"),
        ]
        if self._by_tls or scope.get("scheme") == "https":
            headers.append((b"strict-transport-security", _ONLY_TLS))
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
        self._whole = False  # the body has ended
        self._ends_at: float | None = None  # anyio's clock; from the first byte asked for
        self._refusal: HousemodelError | None = None
        self.gate: Gate | None = None
        self.lenient = False  # whom the gate refuses may still send a small body
        self.status: int | None = None
        given = _header(scope, REQUEST_ID_HEADER.encode())
        clean = given.decode() if _CLEAN_ID.fullmatch(given) else ""
        self.request_id = clean or f"req_{secrets.token_hex(8)}"
        scope.setdefault("state", {})["request_id"] = self.request_id
        self._asked = dict(scope)  # as it came: a mounted application writes its own into it

    async def run(self, app: ASGIApp) -> None:
        length = _header(self._scope, b"content-length")
        if length.isdigit() and int(length) > self._limit:
            self._refusal = self._too_large()
        else:
            await self._call(app)
        if self._refusal is not None and self.status is None:
            error, self._refusal = self._refusal, None
            self._headers.append((b"connection", b"close"))
            await self._answer(error)

    async def _call(self, app: ASGIApp) -> None:
        try:
            await app(self._scope, self._receive_counted, self._send_framed)
        except (_Stop, ClientDisconnect):
            pass
        except Exception as error:
            if self._refusal is not None:
                return
            _log.error(
                "%s failed unexpectedly: %s\n%s",
                self.request_id,
                type(error).__name__,
                place_of(error),
            )
            if self.status is None:
                await self._answer(HousemodelError())

    async def _receive_counted(self) -> Message:
        await self._pass_gate()
        message = await self._receive() if self._whole else await self._in_time()
        if message["type"] == "http.request":
            self._whole = not message.get("more_body", False)
            self._read_bytes += len(message.get("body", b""))
            if self._read_bytes > self._limit:
                self._stop(self._too_large())
        return message

    async def _pass_gate(self) -> None:
        """Ask once who calls; a body is taken for nobody else."""
        gate, self.gate = self.gate, None
        if gate is None:
            return
        try:
            await gate(self._asked)
        except HousemodelError as error:
            if not self.lenient:
                self._stop(error)
            self._limit = min(self._limit, MAX_JSON_BYTES)

    async def _in_time(self) -> Message:
        whole = UPLOAD_SECONDS if self._limit > MAX_JSON_BYTES else READ_SECONDS
        if self._ends_at is None:
            self._ends_at = anyio.current_time() + whole
        try:
            with anyio.fail_after(min(STALL_SECONDS, self._ends_at - anyio.current_time())):
                return await self._receive()
        except TimeoutError:
            self._stop(InvalidRequest("The body took too long to arrive."))

    def _stop(self, error: HousemodelError) -> NoReturn:
        """Refuse the body; whatever a handler makes of that is not sent."""
        self._refusal = error
        raise _Stop

    async def _send_framed(self, message: Message) -> None:
        if self._refusal is not None and self.status is None:
            return  # whatever a handler made of the broken body; the refusal follows
        if message["type"] == "http.response.start":
            self.status = message["status"]
            own = {name for name, _ in message.get("headers", ())}
            rate: Rate | None = self._scope["state"].get(RATE)
            more = [*self._headers, *(rate.headers if rate else ())]
            added = [(name, value) for name, value in more if name not in own]
            identity = (REQUEST_ID_HEADER.encode(), self.request_id.encode())
            message = {**message, "headers": [*message.get("headers", ()), *added, identity]}
        await self._send(message)

    def _too_large(self) -> PayloadTooLarge:
        limit = f"{self._limit >> 20} MiB" if self._limit >> 20 else f"{self._limit >> 10} KiB"
        return PayloadTooLarge(f"A body of this kind has {limit} at most.")

    async def _answer(self, error: HousemodelError) -> None:
        response = problems.respond(error, self.request_id)
        await response(self._scope, self._receive, self._send_framed)


def _header(scope: Scope, name: bytes) -> bytes:
    for key, value in scope.get("headers", ()):
        if key == name:
            return bytes(value)
    return b""
