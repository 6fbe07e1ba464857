"""uvicorn's HTTP protocol with bounds on what costs nothing to whoever is not signed in.

uvicorn lets a caller, who need not be signed in, send headers without end, or one byte a minute.
Here a request's line and headers have `MAX_HEAD_BYTES` (431, or 400 where they are whole) and
`HEAD_SECONDS` (408); what frames a body in chunks has a share of it. Bodies themselves are bounded
in `middleware.py`. WebSockets are not served, so that nothing leaves the count of connections.

A connection ends by itself when it is of no use: without a request under way (what begins none does
not count as one), when its peer does not take what it is sent (also what was left when it was
closed), and at once above the bound of those that are open. A few above it are told so with 503.
"""

from __future__ import annotations

import asyncio
import functools
from typing import Any

from uvicorn.loops.auto import auto_loop_factory
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 1 << 16  # of a request's line and headers
HEAD_SECONDS = 10.0  # from the connection, or the first byte of a further request, to the last one
HANDSHAKE_SECONDS = 10.0  # of TLS; such a connection is not counted before
TAKE_SECONDS = 30.0  # in which a peer takes `LEAST_TAKEN`, or all, of what waits for it
LEAST_TAKEN = 1 << 16
SURPLUS = 64  # connections above the bound that are told; what is above them is cut off
_SHARE = 4  # what frames a body may take a quarter of it, beside the headers
_REASONS = {408: b"Request Timeout", 431: b"Request Header Fields Too Large"}


def tls_loop() -> asyncio.AbstractEventLoop:
    """The loop that uvicorn would take, whose servers wait less for TLS; uvicorn has no setting."""
    loop = auto_loop_factory()()
    listening = functools.partial(loop.create_server, ssl_handshake_timeout=HANDSHAKE_SECONDS)
    loop.create_server = listening  # type: ignore[method-assign]
    return loop


class _Line:
    """A transport that tells when it is closed, wherever uvicorn does that."""

    def __init__(self, transport: asyncio.Transport, protocol: BoundedProtocol) -> None:
        self._transport, self._protocol = transport, protocol

    def close(self) -> None:
        """Close when everything is sent, and see that this ends."""
        self._protocol.see_that_it_is_taken()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class BoundedProtocol(HttpToolsProtocol):
    """One connection."""

    _fed = 0  # bytes since the message began, its body, too
    _body = 0
    _head = 0  # bytes of headers that are whole
    _piece = 0  # bytes that came last and are of no message before the one that may begin in them
    _waiting: asyncio.TimerHandle | None = None  # for the end of a head
    _taking: asyncio.TimerHandle | None = None  # for the peer to take what it is sent
    _left = 0  # bytes that it had not taken at the last look

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request, or end what is too much."""
        super().connection_made(_Line(transport, self))  # type: ignore[arg-type]
        most = self.config.limit_concurrency
        if most is not None:
            if len(self.connections) > most + SURPLUS:
                transport.abort()
                return
            # uvicorn would answer everybody with 503 while the bound is reached.
            told = len(self.connections) > most
            self.limit_concurrency = 0 if told else most + SURPLUS + 1
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        super().connection_lost(exc)
        self._unset_keepalive_if_required()
        self._wait_no_more()
        self._look_no_more()

    def eof_received(self) -> None:
        """See that what is left is taken: the transport closes itself now."""
        super().eof_received()
        self.see_that_it_is_taken()

    def data_received(self, data: bytes) -> None:
        """Take what came, unless it is too much that is no body."""
        self._piece = len(data)
        self._fed += len(data)
        idle, self.timeout_keep_alive_task = self.timeout_keep_alive_task, None
        super().data_received(data)
        if idle is not None:
            # NOTE: an empty line, or the rest of a body that nobody reads, begins no request.
            if self._waiting is None and self.cycle.response_complete:
                self.timeout_keep_alive_task = idle
            else:
                idle.cancel()
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

    def pause_writing(self) -> None:
        """See that the peer takes what it is sent."""
        super().pause_writing()
        self.see_that_it_is_taken()

    def resume_writing(self) -> None:
        """It does."""
        super().resume_writing()
        if not self.transport.is_closing():
            self._look_no_more()

    def see_that_it_is_taken(self) -> None:
        """Cut the connection off when its peer takes nothing, or hardly anything."""
        if self._taking is None and self in self.connections:  # else it is lost already
            self._left = self.transport.get_write_buffer_size()
            self._taking = self.loop.call_later(TAKE_SECONDS, self._look)

    def _look(self) -> None:
        left = self.transport.get_write_buffer_size()
        if self._left - left < LEAST_TAKEN:
            self.transport.abort()
        else:
            self._left = left
            self._taking = self.loop.call_later(TAKE_SECONDS, self._look)

    def _look_no_more(self) -> None:
        if self._taking is not None:
            self._taking.cancel()
            self._taking = None

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
