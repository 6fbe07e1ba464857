"""Odd bytes on the wire: heads without end, framing that disagrees, headers, cookies, paths.

Over a real socket where the server's own parser is asked, else straight to the application.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from serve import connections
from serve.callers import auth
from serve.http_server import HttpServer
from serve.settings import PROJECT
from tests import test_role_matrix as matrix
from tests.line import free_port
from tests.service import Service

END = b"\r\n\r\n"
OK = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"
TRAVERSALS = (
    "..", "../..", "..%2f..%2fetc%2fpasswd", "%2e%2e", "....//....//etc/passwd", "..\\..\\root.key",
    "%00", "\0", "root.key", "/etc/passwd", "%252e%252e%252f", "a" * 5000, "\u202e\u00e9\ud7ff",
    "'; DROP TABLE models; --", "%s%n", "{model_id}", "gen_\n", "*", "~", ".", "C:\\x", "file:///x",
)  # fmt: skip
EXAMPLES = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
NAMES = st.sampled_from(
    [
        b"authorization", b"cookie", b"host", b"origin", b"accept", b"content-type",
        b"content-length", b"x-request-id", b"idempotency-key", b"x-forwarded-for", b"forwarded",
        b"x-housemodel-console", b"range", b"if-none-match", b"accept-encoding", b"referer",
    ]
)  # fmt: skip
VALUES = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(
        [
            b"", b"\xff\xfe", b"a\r\nset-cookie: x=1", b"x" * 8000, b"Bearer ", b"bearer hm_\x00",
            b"hm_session=a; hm_session=b", b'hm_session="', b"hm_session=\xe9", b"$Version=1; a=",
            b"application/json; charset=utf-7", b"multipart/form-data", b"-1", b"9" * 30, b"0x10",
            b"image/webp;q=nan, */*;q=inf", b"http://[::1", b"null", b"1.2.3.4, ::1%lo", b"bytes=-",
        ]
    ),
)  # fmt: skip


@pytest.fixture(scope="module")
def port(service: Service) -> Iterator[int]:
    """The application behind the server that the gateway runs."""
    chosen = free_port()
    server = HttpServer(service.app, "127.0.0.1", chosen)
    yield chosen
    server.stop()
    service.services.dispatcher.start()  # the application stopped it; others share this service


def sent(port: int, *parts: bytes, wait: float = 20.0) -> bytes:
    """Send bytes, and read until the server closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=wait) as connection:
        got = b""
        try:
            for part in parts:
                connection.sendall(part)
            while chunk := connection.recv(65536):
                got += chunk
        except ConnectionError:  # closed under our hands, which is an answer, too
            pass
        return got


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0


@pytest.mark.parametrize(
    "parts",
    [
        [OK, *[b"x-%d: y\r\n" % k for k in range(20_000)]],
        [OK, b"x: ", *[b"y" * 65536] * 20],
        [OK, b"cookie: " + b"a=b; " * 20_000],
        [b"GET /" + b"a" * 200_000],
        [
            b"POST /sign-in HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
            *[b"x-%d: y\r\n" % k for k in range(20_000)],
        ],
    ],
    ids=["many headers", "a long header", "a long cookie", "a long path", "many trailers"],
)
def test_a_head_without_end_is_cut_off(port: int, parts: list[bytes]) -> None:
    assert status_of(sent(port, *parts, b"\r\n")) in (0, 400, 404, 431)
    assert status_of(sent(port, OK + b"connection: close" + END)) == 200


def test_large_heads_and_bodies_in_chunks_are_still_taken(port: int, service: Service) -> None:
    head = OK + b"x-large: " + b"y" * 50_000 + b"\r\nconnection: close" + END
    assert status_of(sent(port, head)) == 200
    key = str(service.client.headers["authorization"]).encode()
    head = b"POST /v1/generations HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nConnection: close\r\n"
    body = json.dumps({"tool": "editorial", "prompt": "a hat"}).encode() + b" " * 300_000
    chunks = [
        b"%x\r\n%s\r\n" % (len(body[k : k + 512]), body[k : k + 512])
        for k in range(0, len(body), 512)
    ]
    kind = b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert status_of(sent(port, head % key + kind, *chunks, b"0\r\n\r\n")) == 202


def test_a_head_that_trickles_in_is_given_up(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.2)
    for first in (b"", b"GET /healthz HTTP/1.1\r\nHo", OK + END + b"GET /"):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(first)
            got, started = b"", time.monotonic()
            while chunk := connection.recv(65536):
                got += chunk
            assert b" 408 " in got and time.monotonic() - started < 5


@pytest.mark.parametrize(
    "head",
    [
        b"POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked",
        b"POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6",
        b"POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: -5",
        b"POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: 5 5",
        b"POST /sign-in HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity",
        b"POST /sign-in HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nx: a\r\n b\0",
        b"GET /healthz HTTP/9.9\r\nHost: x",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: x",
        b"GET http://[::1/x HTTP/1.1\r\nHost: x",
        b"GARBAGE",
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc",
    ],
)
def test_framing_that_disagrees_is_refused(port: int, head: bytes) -> None:
    """What follows the body must never be taken for a request of its own."""
    smuggled = b"0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = sent(port, head + END + smuggled)
    assert status_of(answer) in (0, 400) and b"200 OK" not in answer


def test_an_upgrade_to_a_websocket_is_no_way_in(port: int) -> None:
    upgrade = b"Connection: Upgrade, close\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    key = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    for path in (b"/v1/models", b"/console/", b"/healthz"):
        answer = sent(port, b"GET %s HTTP/1.1\r\nHost: x\r\n" % path + upgrade + key + END)
        assert status_of(answer) != 101


async def _raw(
    service: Service, method: str, path: str, query: bytes, headers: list[tuple[bytes, bytes]]
) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Ask the application as a server would that checks nothing itself."""
    messages: list[Any] = []
    scope = {
        **{
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(errors="replace"),
        },
        **{"headers": headers, "query_string": query, "scheme": "http", "http_version": "1.1"},
        **{"root_path": "", "server": ("testserver", 80), "client": ("10.0.0.9", 1), "state": {}},
        **{"asgi": {"version": "3.0", "spec_version": "2.4"}, "extensions": {}},
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"{}", "more_body": False}

    async def send(message: Any) -> None:
        messages.append(message)

    await service.app(scope, receive, send)
    body = b"".join(message.get("body", b"") for message in messages)
    return messages[0]["status"], messages[0]["headers"], body


@EXAMPLES
@given(
    st.lists(st.tuples(NAMES, VALUES), max_size=6),
    st.sampled_from(
        ["/v1/account", "/v1/models", "/sign-in", "/sign-out", "/v1/products", "/policy"]
    ),
    st.sampled_from(["GET", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "get", "\u00e9"]),
    st.sampled_from([b"", b"next=%0d%0aset-cookie:%20a=b", b"limit=%ff", b"cursor=" + b"%00" * 9]),
    st.booleans(),
)
def test_no_header_breaks_a_route_or_comes_back_as_one_of_ours(
    service: Service,
    extra: list[tuple[bytes, bytes]],
    path: str,
    method: str,
    query: bytes,
    signed: bool,
) -> None:
    key = str(service.client.headers["authorization"]).encode()
    headers = [*extra, *([(b"authorization", key)] if signed else [])]
    status, answered, _ = asyncio.run(_raw(service, method, path, query, headers))
    assert 200 <= status < 500
    for name, value in answered:
        assert not set(name + value) & {0, 10, 13} and name != b"x-1"
    assert sum(name == b"set-cookie" for name, _ in answered) <= 1


def test_of_two_cookies_or_keys_none_is_mixed_with_the_other(service: Service) -> None:
    """One that is valid beside one that is not: in or out, but never more than the valid one."""
    _, secret = auth.create_key(
        service.services.registry, service.workspace.id, {"audit:read"}, service.services.now()
    )
    valid, cookie = f"Bearer {secret}".encode(), auth.COOKIE.encode()
    pairs = [
        [(b"authorization", valid), (b"authorization", b"Bearer hm_no")],
        [(b"authorization", b"Bearer hm_no"), (b"authorization", valid)],
        [(b"authorization", valid), (b"cookie", cookie + b"=no")],
        [(b"authorization", valid + b", Bearer hm_no")],
        [(b"cookie", cookie + b"=no; " + cookie + b"=" + secret.encode())],
    ]
    for headers in pairs:
        status, _, body = asyncio.run(_raw(service, "GET", "/v1/account", b"", headers))
        assert status == 401 or json.loads(body)["scopes"] == ["audit:read"], headers
        status, _, _ = asyncio.run(_raw(service, "GET", "/v1/models", b"", headers))
        assert status in (401, 403)


def test_no_path_leads_out_whatever_stands_in_its_place(service: Service) -> None:
    """Every parameter of every path of the OpenAPI document, signed in with every scope."""
    asker = matrix.by_key(service, service.workspace.id, matrix.SCOPES, "climber")
    headers = [(name.encode(), value.encode()) for name, value in asker.headers.items()]
    headers.append((b"content-type", b"application/json"))

    async def climb() -> list[str]:
        wrong = []
        for line in matrix.routes(service):
            method, template = line.split(" ", 1)
            if "{" not in template:
                continue
            before, _, rest = template.partition("{")
            after = rest.partition("}")[2]
            for odd in TRAVERSALS:
                path = before + odd + after.replace("{", "").replace("}", "")
                status, _, body = await _raw(service, method, path, b"", headers)
                if not 400 <= status < 500 or b"root:" in body:
                    wrong.append(f"{line} with {odd[:20]!r}: {status}")
        return wrong

    assert asyncio.run(climb()) == []


_watched: list[list[str]] = []  # where a connection was asked for, while somebody looks


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _watched and event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname"):
        _watched[-1].append(
            f"{event} {arguments[-1] if event == 'socket.connect' else arguments[0]}"
        )


def test_no_address_that_a_caller_gives_is_ever_asked(service: Service) -> None:
    """Every text field of every JSON body, and every query, holds an address; nobody connects."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/latest/meta-data"
    sys.addaudithook(_hook)
    asked: list[str] = []
    _watched.append(asked)
    document = service.app.openapi()
    try:
        asker = matrix.by_key(service, service.workspace.id, matrix.SCOPES, "pointer")
        query = "&".join(f"{name}={url}" for name in ("code", "next", "cursor", "q", "url"))
        questions = [
            (asker, f"{line}?{query}", body)
            for line in matrix.routes(service)
            for body in _bodies(line, document, url)
        ]
        matrix.ask_all(service, questions, {"name": url, "kind": url})
        service.client.post("/v1/verify", files={"image": ("a.jpg", _pointing(url), "image/jpeg")})
        service.settle()
        found = list(asked)
        with pytest.raises(BlockingIOError):
            listener.accept()
        socket.create_connection(listener.getsockname()).close()
        assert found == [] and asked, "whoever looks would see it"
    finally:
        _watched.clear()
        listener.close()


def _bodies(line: str, document: dict[str, Any], url: str) -> list[Any]:
    """No body, and one whose every field is the address."""
    method, path = line.split(" ", 1)
    content = document["paths"][path][method.lower()].get("requestBody", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema")
    if schema is None:
        return [None]
    named = schema.get("$ref", "").split("/")[-1]
    fields = document["components"]["schemas"].get(named, {}).get("properties", {})
    return [dict.fromkeys(fields, url), {name: [url] for name in fields}]


def _pointing(url: str) -> bytes:
    """A JPEG that says where its C2PA manifest lies: readers may be tempted to fetch it."""
    from PIL import Image

    from tests.hostile import encoded, photo_pixels

    xmp = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
        'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
        f'xmlns:dcterms="http://purl.org/dc/terms/" dcterms:provenance="{url}.c2pa"/></rdf:RDF>'
        "</x:xmpmeta>"
    )
    return encoded(Image.fromarray(photo_pixels(200, 160)), "JPEG", xmp=xmp.encode())


# Who may open a connection at all, and to whom. Whoever writes the next line says why.
SPEAKERS = {
    "console/client.py": "our own API, at the address of the configuration",
    "serve/callers/provider.py": "the sign-in provider of the configuration",
    "serve/cli/unlock.py": "our own appliance",
    "serve/cli/up.py": "our own appliance",
    "serve/http_server.py": "listens only",
    "serve/local.py": "our own socket",
    "serve/runtime.py": "our own appliance",
    "serve/showcase/demo.py": "our own socket",
    "serve/showcase/demo_workspace.py": "our own socket",
    "serve/showcase/walk.py": "our own socket",
}
NETWORK = re.compile(
    r"^\s*(?:import|from) (httpx2?|requests|urllib3|aiohttp|http\.client|urllib\.request|socket)\b",
    re.MULTILINE,
)


def test_no_other_module_can_speak_to_the_network() -> None:
    """A list, so that a new way out is seen; c2pa's own reader is held by the test above."""
    found = {
        path.relative_to(PROJECT).as_posix()
        for package in ("workspace", "compliance", "identity", "serve", "console")
        for path in (PROJECT / package).rglob("*.py")
        if NETWORK.search(path.read_text())
    }
    assert found == set(SPEAKERS)
