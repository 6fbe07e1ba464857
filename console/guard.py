"""The door in front of Gradio: only what the console needs, only signed in, only our own origin.

Gradio answers many more paths than our pages use: it takes uploads and writes them to a temporary
folder in clear, serves files, keeps run histories, edits its own code. A person's photos must
never lie on disk in clear, so this is a list of what is let through, and everything else is 404.
It checks that a session cookie is there, not that it is valid: each API call does that.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from console.client import SESSION_COOKIE
from console.document import Message, Send, rewriting

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Asgi: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

_ASSETS = re.compile(r"/(assets|static)/.+|/(theme\.css|favicon\.ico|manifest\.json|robots\.txt)")
_EVENTS = re.compile(
    r"/config/?|/gradio_api/(queue/(join|data)|heartbeat/\w+|startup-events|cancel|reset/?|info/?)"
)

# 'unsafe-eval' and 'unsafe-inline': Gradio compiles its templates and event code in the browser.
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self'; worker-src 'self' blob:; frame-ancestors 'none'; object-src 'none'; "
    "base-uri 'self'; form-action 'self'"
)
HEADERS = (
    (b"content-security-policy", _POLICY.encode()),
    (b"referrer-policy", b"same-origin"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
)


class Guard:
    """ASGI middleware around the mounted Gradio application."""

    def __init__(self, app: Asgi, pages: frozenset[str], sign_in: str, head: str = "") -> None:
        self._app = app
        self._head = head
        self._pages = pages
        self._sign_in = sign_in

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        path = _path_inside(scope)
        send = _with_headers(send, private=not _ASSETS.fullmatch(path))
        if _ASSETS.fullmatch(path):
            await self._app(scope, receive, send)
        elif path.strip("/") in self._pages and path != "/" and path.endswith("/"):
            place = str(scope["path"]).rstrip("/").encode()
            await _answer(send, 308, b"", ((b"location", place),))
        elif path.strip("/") in self._pages:
            if _has_session(scope):
                await self._app(_uncompressed(scope), receive, rewriting(send, self._head))
            else:
                await _answer(send, 303, b"", ((b"location", self._sign_in.encode()),))
        elif not _EVENTS.fullmatch(path):
            await _answer(send, 404, b"There is nothing here.")
        elif not _has_session(scope):
            await _answer(send, 401, b"Sign in first.")
        elif scope["method"] == "POST" and not _same_origin(scope):
            await _answer(send, 403, b"This came from another site.")
        else:
            await self._app(scope, receive, send)


def _path_inside(scope: Scope) -> str:
    path, root = str(scope["path"]), str(scope.get("root_path", ""))
    return (path[len(root) :] if root and path.startswith(root) else path) or "/"


def _header(scope: Scope, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")


def _uncompressed(scope: Scope) -> Scope:
    """The same request without leave to compress, because the document is still to be changed."""
    kept = [pair for pair in scope["headers"] if pair[0] != b"accept-encoding"]
    return {**scope, "headers": kept}


def _has_session(scope: Scope) -> bool:
    try:
        cookies = SimpleCookie(_header(scope, b"cookie"))
    except CookieError:
        return False
    return SESSION_COOKIE in cookies


def _same_origin(scope: Scope) -> bool:
    """A browser names the page's origin on every POST; it has to be the host that was asked."""
    origin = _header(scope, b"origin")
    try:
        return not origin or urlsplit(origin).netloc == _header(scope, b"host")
    except ValueError:  # for example `http://[x`
        return False


def _with_headers(send: Send, private: bool) -> Send:
    extra = (*HEADERS, (b"cache-control", b"no-store")) if private else HEADERS
    named = {name for name, _ in extra}

    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [pair for pair in message.get("headers", []) if pair[0].lower() not in named]
            message = {**message, "headers": [*kept, *extra]}
        await send(message)

    return wrapped


async def _answer(
    send: Send, status: int, body: bytes, headers: tuple[tuple[bytes, bytes], ...] = ()
) -> None:
    plain = (b"content-type", b"text/plain; charset=utf-8")
    await send({"type": "http.response.start", "status": status, "headers": [plain, *headers]})
    await send({"type": "http.response.body", "body": body})
