"""uvicorn's HTTP protocol with bounds on what comes before a body: its size and its time.

uvicorn lets a caller, who need not be signed in, send headers without end, or one byte a minute.
Here a request's line and headers have `MAX_HEAD_BYTES` (431, or 400 where they are whole) and
`HEAD_SECONDS` (408); what frames a body in chunks has a share of it. Bodies themselves are bounded
in `middleware.py`. WebSockets are not served, so that nothing leaves the count of connections.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 1 << 16  # of a request's line and headers
HEAD_SECONDS = 10.0  # from the connection, or the first byte of a further request, to the last one
_SHARE = 4  # what frames a body may take a quarter of it, beside the headers
_REASONS = {408: b"Request Timeout", 431: b"Request Header Fields Too Large"}


class BoundedProtocol(HttpToolsProtocol):
    """One connection."""

    _fed = 0  # bytes since the message began, its body, too
    _body = 0
    _head = 0  # bytes of headers that are whole
    _piece = 0  # bytes that came last and are of no message before the one that may begin in them
    _waiting: asyncio.TimerHandle | None = None  # for the end of a head

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._wait_no_more()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came, unless it is too much that is no body."""
        self._piece = len(data)
        self._fed += len(data)
        super().data_received(data)
        if self._fed - self._body > MAX_HEAD_BYTES + self._body // _SHARE:
            self._refuse(431)

    def on_message_begin(self) -> None:
        """Count anew for each request of the connection."""
        super().on_message_begin()
        self._fed, self._body, self._head, self._piece = self._piece, 0, 0, 0
        self._wait()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count a header that came whole; what is raised here is answered with 400."""
        self._head += len(name) + len(value)
        if self._head > MAX_HEAD_BYTES:
            raise ValueError("The headers are too long.")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Let the request in: the head is whole."""
        self._wait_no_more()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of a body; it is counted elsewhere."""
        self._body += len(body)
        self._piece = max(0, self._piece - len(body))
        super().on_body(body)

    def _wait(self) -> None:
        self._wait_no_more()
        self._waiting = self.loop.call_later(HEAD_SECONDS, self._refuse, 408)

    def _wait_no_more(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _refuse(self, status: int) -> None:
        """Say why, if no answer is under way, and close."""
        self._wait_no_more()
        if self.transport.is_closing():
            return
        under_way: Any = self.cycle
        if under_way is None or under_way.response_complete:
            line = b"HTTP/1.1 %d %s\r\n" % (status, _REASONS[status])
            self.transport.write(line + b"content-length: 0\r\nconnection: close\r\n\r\n")
        self.transport.close()
