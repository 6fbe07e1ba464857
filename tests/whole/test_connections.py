"""Connections that cost their peer nothing end by themselves; those in use stay."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from serve import connections, http_server
from serve.http_server import HttpServer
from tests.line import free_port
from tests.whole.test_tls import hello, make_pair, serving

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
LARGE = 12 << 20  # bytes; more than the kernel holds for both ends
Serve = Callable[[Any], int]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Starts servers that have little patience and room for four; gives their ports."""
    monkeypatch.setattr(http_server, "IDLE_SECONDS", 0.3)
    monkeypatch.setattr(http_server, "CONNECTIONS_AT_ONCE", 4)
    monkeypatch.setattr(connections, "SURPLUS", 1)
    monkeypatch.setattr(connections, "TAKE_SECONDS", 0.4)
    monkeypatch.setattr(connections, "HANDSHAKE_SECONDS", 0.3)
    with ExitStack() as stack:

        def start(site: Any) -> int:
            port = free_port()
            stack.callback(HttpServer(site, "127.0.0.1", port).stop)
            return port

        yield start


async def large(scope: Any, receive: Any, send: Any) -> None:
    """A site with one long answer."""
    if scope["type"] == "lifespan":
        await hello(scope, receive, send)
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"x" * LARGE})


@contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=4) as connection:
        yield connection


def ended(connection: socket.socket, every: bytes = b"", seconds: float = 2.0) -> bool:
    """Whether the server ends a connection on which this is sent again and again."""
    connection.settimeout(0.05)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            connection.sendall(every)
            if not connection.recv(65536):
                return True
        except TimeoutError:
            continue
        except ConnectionError:
            return True
    return False


@pytest.mark.parametrize(
    ("asked", "every"),
    [(GET, b"\r\n"), (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n", b"y")],
    ids=["empty lines", "a body that nobody reads"],
)
def test_bytes_that_begin_no_request_keep_nothing_open(
    serve: Serve, asked: bytes, every: bytes
) -> None:
    with connected(serve(hello)) as connection:
        connection.sendall(asked)
        assert b"200 OK" in connection.recv(65536)
        assert ended(connection, every)


def test_requests_keep_a_connection_open(serve: Serve) -> None:
    with connected(serve(hello)) as connection:
        for _ in range(4):
            connection.sendall(GET)
            assert b"200 OK" in connection.recv(65536)
            time.sleep(0.12)
            connection.sendall(b"\r\n")  # allowed before a request


def test_who_takes_no_answer_is_cut_off(serve: Serve) -> None:
    port = serve(large)
    last = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    with ExitStack() as stack:
        opened = [stack.enter_context(connected(port)) for _ in range(3)]
        for connection, sent in zip(opened, (GET * 9, last, last), strict=True):
            connection.sendall(sent)
        opened[2].shutdown(socket.SHUT_WR)
        time.sleep(0.9)
        for connection in opened:
            assert taken(connection) < LARGE, "what the kernel held"


def taken(connection: socket.socket) -> int:
    """How much comes until the end, or until it is an answer."""
    got = 0
    try:
        while got < LARGE and (chunk := connection.recv(1 << 20)):
            got += len(chunk)
    except ConnectionError:
        pass
    return got


def test_who_takes_an_answer_slowly_gets_it_whole(serve: Serve) -> None:
    with connected(serve(large)) as connection:
        connection.sendall(GET)
        got = 0
        while got < LARGE:
            got += len(connection.recv(1 << 20))
            time.sleep(0.03)
    assert got >= LARGE


def test_too_many_connections_are_told_or_cut_off_and_the_others_go_on(serve: Serve) -> None:
    port = serve(hello)
    with ExitStack() as stack:
        opened = []
        for _ in range(5):
            opened.append(stack.enter_context(connected(port)))
            time.sleep(0.02)
        with connected(port) as beyond:
            assert ended(beyond, seconds=0.3)
        opened[4].sendall(GET)
        assert b" 503 " in opened[4].recv(65536)
        for connection in opened[:4]:
            connection.sendall(GET)
            assert b" 200 " in connection.recv(65536)


def test_a_handshake_that_does_not_come_is_not_waited_for(serve: Serve, tmp_path: Path) -> None:
    with serving(hello, make_pair(tmp_path, "house")) as (_, port), connected(port) as connection:
        assert ended(connection)
