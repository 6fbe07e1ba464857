"""Bodies: none is taken from strangers, none for long, and one workspace can't block the others."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient

from serve import middleware
from serve.api import access
from serve.callers import auth
from serve.wire import forms
from tests.service import Service, new_client

FORM = "multipart/form-data; boundary=b"
MIB = 1 << 20


class Source:
    """A body that gives chunks and then waits for ever; counts what was taken of it."""

    def __init__(self, chunk: bytes, chunks: int = 1 << 30) -> None:
        self.chunk, self.left, self.taken = chunk, chunks, 0

    async def receive(self) -> dict[str, Any]:
        if self.left == 0:
            await asyncio.sleep(3600)
        self.left -= 1
        self.taken += len(self.chunk)
        return {"type": "http.request", "body": self.chunk, "more_body": True}


async def post(service: Service, path: str, source: Source, **headers: str) -> tuple[int, str]:
    """Speak ASGI to the application, so that the body can be unfinished."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        **{"type": "http", "method": "POST", "path": path, "raw_path": path.encode()},
        **{"query_string": b"", "scheme": "http", "http_version": "1.1", "root_path": ""},
        **{"server": ("testserver", 80), "client": ("testclient", 1), "extensions": {}},
        **{"asgi": {"version": "3.0", "spec_version": "2.4"}},
        "headers": [(b"host", b"testserver")]
        + [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
    }
    await service.app(scope, source.receive, send)
    body = b"".join(message.get("body", b"") for message in sent)
    return sent[0]["status"], json.loads(body)["code"]


def key_of(client: Any) -> str:
    return str(client.headers["authorization"])


@pytest.mark.parametrize("path", ["/v1/models", "/v1/products", "/v1/photos/check", "/v1/verify"])
@pytest.mark.parametrize(
    "key", [{}, {"authorization": "Bearer hm_no"}, {"cookie": f"{auth.COOKIE}=x"}]
)
def test_no_byte_of_a_strangers_body_is_taken(
    service: Service, path: str, key: dict[str, str]
) -> None:
    source = Source(b"x" * 65536)
    answer = asyncio.run(post(service, path, source, content_type=FORM, **key))
    assert answer == (401, "unauthenticated") and source.taken == 0


def test_bad_json_of_a_stranger_is_unauthenticated(service: Service) -> None:
    client = new_client(service.app, {"content-type": "application/json"})
    answer = client.post("/v1/generations", content=b"{bad")
    assert answer.status_code == 401 and answer.headers["www-authenticate"]
    source = Source(b"x" * 65536)
    assert asyncio.run(post(service, "/v1/generations", source))[0] == 401 and source.taken == 0


def test_only_routes_that_take_files_take_large_bodies(service: Service) -> None:
    source, key = Source(b"x" * 65536), key_of(service.client)
    answer = asyncio.run(
        post(service, "/v1/generations", source, content_type=FORM, authorization=key)
    )
    assert answer[0] == 413 and source.taken <= MIB + 65536
    source = Source(b"x" * 4096)
    assert asyncio.run(post(service, "/sign-in", source, content_type=FORM))[0] == 413
    assert source.taken <= middleware.MAX_SIGN_IN_BYTES + 4096
    document = service.app.openapi()["paths"]
    takes_files = {
        path
        for path, methods in document.items()
        for method in methods.values()
        if "multipart/form-data" in str(method.get("requestBody"))
    }
    draft = "/v1/drafts/enrolment/files/"
    takes_files.remove(draft + "{kind}")
    kinds = {draft + kind for kind in ("full_body", "close_up", "evidence")}
    assert takes_files | kinds == middleware.UPLOADS


@pytest.mark.parametrize("limit", ["STALL_SECONDS", "UPLOAD_SECONDS"])
def test_a_body_that_takes_too_long_is_refused(
    service: Service, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(middleware, limit, 0.2)
    started, key = time.monotonic(), key_of(service.client)
    source = Source(b"--b\r\n")
    source.left = 1
    answer = asyncio.run(
        post(service, "/v1/products", source, content_type=FORM, authorization=key)
    )
    assert answer == (422, "invalid_request") and time.monotonic() - started < 5


def test_slow_uploads_of_one_workspace_leave_room_for_others(service: Service) -> None:
    slow_key = key_of(service.client)
    quick_key = key_of(service.client_of(service.other("quick-uploads")))

    async def crowd() -> tuple[int, str]:
        slow = [
            asyncio.create_task(
                post(
                    service,
                    "/v1/products",
                    Source(b"--b\r\n", 1),
                    content_type=FORM,
                    authorization=slow_key,
                )
            )
            for _ in range(forms.UPLOADS_AT_ONCE + 2)
        ]
        await asyncio.sleep(0.3)
        quick = Source(b"garbage", 1)
        answer = await asyncio.wait_for(
            post(service, "/v1/products", quick, content_type=FORM, authorization=quick_key), 5
        )
        for task in slow:
            task.cancel()
        await asyncio.gather(*slow, return_exceptions=True)
        return answer

    assert asyncio.run(crowd()) == (422, "invalid_request")


@pytest.mark.parametrize("charset", ["punycode", "utf-7", "unicode_escape", "undefined", "\\0"])
def test_text_fields_are_utf8_whatever_is_named(service: Service, charset: str) -> None:
    part = b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\n' + b"a-" * 20000
    answer = service.client.post(
        "/v1/products",
        content=part + b"\r\n--b--\r\n",
        headers={"content-type": f"{FORM}; charset={charset}"},
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert answer.elapsed.total_seconds() < 1


@pytest.mark.parametrize("path", ["/sign-in", "/sign-out"])
def test_an_origin_that_is_no_address_is_refused(service: Service, path: str) -> None:
    client = new_client(service.app, {"Origin": "http://[x"})
    assert client.post(path, json={"code": "x"}).status_code == 403


def test_the_console_takes_large_bodies_of_a_session_only(service: Service) -> None:
    inner, outer = FastAPI(), FastAPI()

    @inner.post("/echo")
    async def echo(request: Request) -> int:
        return len(await request.body())

    outer.state.services = service.services
    outer.mount("/console", inner)
    outer.add_middleware(
        middleware.Frame, max_upload_bytes=4 * MIB, observe=lambda *_: None, gate=access.gate
    )
    client = TestClient(outer, headers={auth.CONSOLE_HEADER: "1"})
    big = b"x" * (2 * MIB)
    assert client.post("/console/echo", content=big).status_code == 413
    assert client.post("/console/echo", content=b"x").json() == 1  # the console says what is wrong
    registry, now = service.services.registry, datetime.now(UTC)
    code = auth.create_sign_in(registry, service.workspace.id, {"models:read"}, now, minutes=5)
    client.cookies[auth.COOKIE] = auth.redeem(registry, code, now, 1)
    assert client.post("/console/echo", content=big).json() == len(big)
