"""The door in front of Gradio: only what the console needs, only signed in, only our own origin.

Gradio answers many more paths than our pages use: it takes uploads and writes them to a temporary
folder in clear, serves files, keeps run histories, edits its own code. A person's photos must
never lie on disk in clear, so this is a list of what is let through, and everything else is 404.
Every page and every event asks who it is (`door.py`): somebody whose session has ended is led to
sign-in and back, and a page that is for others says for whom.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import quote, urlsplit

from console import plain
from console.client import ApiProblem
from console.document import Message, Send, rewriting
from console.door import Door, SignedOut
from console.frame import top_bar
from console.places import landing_of, may_open

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Asgi: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

_ASSETS = re.compile(r"/(assets|static)/.+|/(theme\.css|favicon\.ico|manifest\.json|robots\.txt)")
_NAMED_BY_CONTENT = re.compile(r"/assets/.+-[\w-]{8}\.\w+|/theme\.css")  # theme.css?v=<digest>
_FOREVER = b"public, max-age=31536000, immutable"
_FOR_A_DAY = b"public, max-age=86400"
_TEXT, _HTML = "text/plain; charset=utf-8", "text/html; charset=utf-8"
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


@dataclass(frozen=True, slots=True)
class Served:
    """A file of our own, under a name that changes with its content."""

    path: str  # inside the console, for example "/hm-1f3a.js"
    kind: str
    body: bytes


class Guard:
    """ASGI middleware around the mounted Gradio application.

    Args:
        pages: Addresses of the console's pages.
        door: Tells who sent a request.
        sign_in: Where somebody who is not signed in is led.
        script: Our script, which every page loads.
        head: What else every page has in its head.
    """

    def __init__(
        self,
        app: Asgi,
        pages: frozenset[str],
        door: Door,
        sign_in: str,
        script: Served,
        head: str = "",
    ) -> None:
        self._app = app
        self._pages = pages
        self._door = door
        self._sign_in = sign_in
        self._script = script
        self._head = head

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        path = _path_inside(scope)
        if path == self._script.path:
            await _answer(_with_headers(send, _FOREVER), 200, self._script.body, self._script.kind)
        elif _ASSETS.fullmatch(path):
            kept = _FOREVER if _NAMED_BY_CONTENT.fullmatch(path) else _FOR_A_DAY
            await self._app(scope, receive, _with_headers(send, kept))
        else:
            await self._private(scope, receive, _with_headers(send, b"no-store"), path)

    async def _private(self, scope: Scope, receive: Receive, send: Send, path: str) -> None:
        page = path.strip("/")
        if page in self._pages and path != "/" and path.endswith("/"):
            place = str(scope["path"]).rstrip("/") + _query(scope)
            await _lead(send, 308, place)
        elif page in self._pages:
            await self._page(scope, receive, send, page)
        elif not _EVENTS.fullmatch(path):
            await _answer(send, 404, b"There is nothing here.")
        elif scope["method"] == "POST" and not _same_origin(scope):
            await _answer(send, 403, b"This came from another site.")
        else:
            await self._event(scope, receive, send)

    async def _page(self, scope: Scope, receive: Receive, send: Send, page: str) -> None:
        root = str(scope.get("root_path", "")).rstrip("/")
        here = f"{root}/{page}{_query(scope)}"
        try:
            account = await self._door.account(scope)
        except SignedOut:
            await _lead(send, 303, f"{self._sign_in}?next={quote(here, safe='/')}")
            return
        except ApiProblem as problem:
            shown = plain.unavailable(problem, here).encode()
            await _answer(send, problem.status, shown, _HTML)
            return
        if not may_open(page, account):
            home = f"{root}/{landing_of(account)}"
            if page:
                await _answer(send, 403, plain.not_yours(page, home).encode(), _HTML)
            else:
                await _lead(send, 303, home)
            return
        zipped = "gzip" in _header(scope, b"accept-encoding")
        told = rewriting(send, self._head, lambda current: top_bar(root, current, account), zipped)
        await self._app(_uncompressed(scope), receive, told)

    async def _event(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let an event of a page through; a session that has ended starts nothing."""
        try:
            await self._door.account(scope)
        except SignedOut:
            await _answer(send, 401, b"Sign in first.")
            return
        except ApiProblem:
            pass  # the page's own call meets the same problem, and says it in its own place
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


def _same_origin(scope: Scope) -> bool:
    """A browser names the page's origin on every POST; it has to be the host that was asked."""
    origin = _header(scope, b"origin")
    try:
        return not origin or urlsplit(origin).netloc == _header(scope, b"host")
    except ValueError:  # for example `http://[x`
        return False


def _query(scope: Scope) -> str:
    asked = bytes(scope.get("query_string", b"")).decode("latin-1")
    return f"?{asked}" if asked else ""


def _with_headers(send: Send, kept: bytes) -> Send:
    """Wrap `send` so that every answer has our headers; `kept` is its cache-control."""
    extra = (*HEADERS, (b"cache-control", kept))
    named = {name for name, _ in extra}

    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            found = message.get("headers", [])
            others = [pair for pair in found if pair[0].lower() not in named]
            last = HEADERS if message["status"] >= 400 and kept != b"no-store" else extra
            message = {**message, "headers": [*others, *last]}
        await send(message)

    return wrapped


async def _lead(send: Send, status: int, place: str) -> None:
    await _answer(send, status, b"", _TEXT, ((b"location", place.encode("latin-1")),))


async def _answer(
    send: Send,
    status: int,
    body: bytes,
    kind: str = _TEXT,
    headers: tuple[tuple[bytes, bytes], ...] = (),
) -> None:
    length = (b"content-length", str(len(body)).encode())
    typed = (b"content-type", kind.encode())
    await send(
        {"type": "http.response.start", "status": status, "headers": [typed, length, *headers]}
    )
    await send({"type": "http.response.body", "body": body})
