"""Where a request really comes from: what trusted proxies say, and nobody else.

`X-Forwarded-For` and `X-Forwarded-Proto` count only on a connection from an address in the
configured networks (`[http] trusted_proxies`; none by default). The list is read from its end: each
trusted proxy wrote who asked it, and the first address that is no trusted proxy is the caller.
What the caller wrote itself stands before that and is not looked at. Sign-in throttles, networks of
keys and workspaces and the `Secure` cookie all use what is found here.
"""

from __future__ import annotations

from collections.abc import Iterable

from starlette.types import ASGIApp, Receive, Scope, Send

from workspace import networks

_FOR, _PROTO = b"x-forwarded-for", b"x-forwarded-proto"


class Forwarded:
    """The outermost ASGI application.

    Args:
        trusted: Networks whose proxies are believed.
    """

    def __init__(self, app: ASGIApp, trusted: Iterable[str]) -> None:
        self._app = app
        self._trusted = networks.clean(trusted, "/http/trusted_proxies")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with the address and scheme that its caller used."""
        peer = scope["client"][0] if scope.get("client") else ""
        if self._trusted and scope["type"] == "http" and networks.holds(self._trusted, peer):
            scope = {**scope, "client": (self._caller(scope, peer), 0)}
            said = _listed(scope, _PROTO)
            if said and said[-1].lower() in ("http", "https"):
                scope["scheme"] = said[-1].lower()
        await self._app(scope, receive, send)

    def _caller(self, scope: Scope, peer: str) -> str:
        caller = peer
        for written in reversed(_listed(scope, _FOR)):
            address = networks.address_of(_without_port(written))
            if address is None:  # whoever wrote that is the last one known
                break
            caller = str(address)
            if not networks.holds(self._trusted, caller):
                break
        return caller


def was_forwarded(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Tell whether a proxy, trusted or not, passed this request on."""
    return any(name in (_FOR, b"forwarded", b"via") for name, _ in headers)


def _listed(scope: Scope, name: bytes) -> list[str]:
    """The parts of a list that may stand in several header fields, in order."""
    fields = [value.decode("latin-1") for key, value in scope["headers"] if key == name]
    return [part.strip() for field in fields for part in field.split(",") if part.strip()]


def _without_port(written: str) -> str:
    if written.startswith("["):
        return written[1:].partition("]")[0]
    return written.partition(":")[0] if written.count(":") == 1 else written
