"""Around the resources: health, capabilities, sign-in, limits of bodies, events, OpenAPI."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.routing import Mount

from serve.api import events
from serve.callers import auth
from serve.wire.forms import Form, _MemoryParser
from tests.service import EVERYTHING, Service, new_client
from workspace.errors import Starting

JSON = {"content-type": "application/json"}


def code_of(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_health_needs_no_key_and_tells_of_no_one(service: Service) -> None:
    client = new_client(service.app, {})
    assert client.get("/healthz").text == "ok"
    ready = client.get("/readyz").json()
    assert ready["pack"] == "simulated 1" and ready["face_encoder"] == "yunet_sface_fp32"
    figures = client.get("/metrics").text
    assert 'housemodel_generations{status="queued"}' in figures
    assert service.workspace.id not in figures and "atelier" not in figures


def test_not_ready_is_503_with_retry_after(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def starting() -> None:
        raise Starting("Loading.")

    monkeypatch.setattr(service.diffusion, "ready", starting)
    answer = new_client(service.app, {}).get("/readyz")
    assert code_of(answer) == (503, "starting") and answer.headers["retry-after"]


def test_capabilities_hold_what_a_caller_needs(service: Service) -> None:
    shown = service.client.get("/v1/capabilities").json()
    assert shown["packs"][0]["name"] == "simulated" and shown["aspect_ratios"] == ["3:4", "1:1"]
    assert shown["plan"] == "pro" and shown["custom_models"]
    assert shown["attestations"] and all(len(b["sha256"]) == 64 for b in shown["attestations"])
    guidelines = service.client.get("/v1/guidelines").json()
    assert guidelines["version"] == shown["guidelines_version"]
    topics = {topic["topic"] for photo in guidelines["photos"] for topic in photo["topics"]}
    assert {"framing", "lighting", "angles"} <= topics


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer hm_wrong"},
        {"Authorization": "Basic abc"},
        {"Authorization": "Bearer"},
        {"Cookie": f"{auth.COOKIE}=wrong"},
    ],
)
def test_every_v1_route_refuses_without_a_valid_key(
    service: Service, headers: dict[str, str]
) -> None:
    client = new_client(service.app, headers)
    for path, operations in service.app.openapi()["paths"].items():
        if path.startswith("/v1"):
            for method in operations:
                answer = client.request(method, path.replace("{", "").replace("}", ""))
                assert code_of(answer) == (401, "unauthenticated"), f"{method} {path}"
                assert answer.headers["www-authenticate"]


def test_a_locked_workspace_answers_503(service: Service) -> None:
    other = service.other("locked")
    client = service.client_of(other)
    service.services.registry.lock(other.id)
    assert code_of(client.get("/v1/models")) == (503, "locked")
    service.services.registry.unlock(other.id)
    assert client.get("/v1/models").status_code == 200


def code_for(service: Service) -> str:
    now = datetime.now(UTC)
    return auth.create_sign_in(
        service.services.registry, service.workspace.id, EVERYTHING, now, minutes=5
    )


def test_a_one_time_link_signs_in_once(service: Service) -> None:
    client, code = new_client(service.app, {}), code_for(service)
    for _ in range(2):  # looking at the link uses nothing up
        page = client.get("/sign-in", params={"code": code})
        assert page.status_code == 200 and "set-cookie" not in page.headers
        assert "<button autofocus>Sign in</button>" in page.text
        assert page.headers["referrer-policy"] == "same-origin"  # or a browser sends Origin: null
    sent = re.search(r'name="code" type="hidden" value="([^"]+)"', page.text)
    assert sent is not None and sent[1] == code
    answer = client.post("/sign-in", data={"code": code}, headers={"Origin": "http://testserver"})
    cookie = answer.headers["set-cookie"]
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/")
    assert "HttpOnly" in cookie and "samesite=strict" in cookie.lower()
    assert client.get("/v1/models").status_code == 200
    again = new_client(service.app, {}).post("/sign-in", data={"code": code})
    assert again.status_code == 401 and "set-cookie" not in again.headers


def test_no_other_page_can_sign_somebody_in(service: Service) -> None:
    for origin in ("null", "https://evil.example", "http://testserver.evil.example"):
        client = new_client(service.app, {"Origin": origin})
        answer = client.post("/sign-in", data={"code": code_for(service)})
        assert code_of(answer) == (403, "refused") and "set-cookie" not in answer.headers
    odd = new_client(service.app, {}).get("/sign-in", params={"code": '"><b>x'})
    assert odd.status_code == 200 and "<b>x" not in odd.text


def test_the_page_signs_in_with_a_code_or_a_key(service: Service) -> None:
    _, key = auth.create_key(
        service.services.registry, service.workspace.id, {"models:read"}, datetime.now(UTC)
    )
    for secret in (code_for(service), key):
        client = new_client(service.app, {})
        answer = client.post("/sign-in", data={"secret": secret})
        assert (answer.status_code, answer.headers["location"]) == (303, "/console/")
        assert client.get("/v1/models").status_code == 200
    wrong = new_client(service.app, {}).post("/sign-in", data={"secret": "<b>wrong"})
    assert wrong.status_code == 401 and "<b>wrong" not in wrong.text
    as_json = new_client(service.app, {}).post("/sign-in", json={"key": key})
    assert as_json.status_code == 204 and "set-cookie" in as_json.headers
    refused = new_client(service.app, {}).post("/sign-in", json={"key": "hm_no"})
    assert code_of(refused) == (401, "unauthenticated")
    assert code_of(new_client(service.app, {}).post("/sign-in", json={"x": 1}))[0] == 422


def test_another_sites_page_can_not_use_the_session(service: Service) -> None:
    client = new_client(service.app, {})
    client.post("/sign-in", json={"code": code_for(service)})
    body = {"tool": "editorial", "prompt": "a hat"}
    assert code_of(client.post("/v1/generations", json=body)) == (403, "refused")
    evil = {"Origin": "https://evil.example"}
    assert code_of(client.post("/v1/generations", json=body, headers=evil)) == (403, "refused")
    assert code_of(client.post("/sign-in", json={"code": "x"}, headers=evil)) == (403, "refused")
    for headers in ({auth.CONSOLE_HEADER: "1"}, {"Origin": "http://testserver"}):
        assert client.post("/v1/generations", json=body, headers=headers).status_code == 202


def test_signing_out_ends_the_session(service: Service) -> None:
    client = new_client(service.app, {})
    client.post("/sign-in", json={"code": code_for(service)})
    session = client.cookies[auth.COOKIE]
    assert client.post("/sign-out").status_code == 403
    assert client.post("/sign-out", headers={auth.CONSOLE_HEADER: "1"}).status_code == 303
    stale = new_client(service.app, {"Cookie": f"{auth.COOKIE}={session}"})
    assert stale.get("/v1/models").status_code == 401


def test_answers_carry_security_headers_and_load_nothing_from_elsewhere(service: Service) -> None:
    for path in ("/v1/models", "/sign-in", "/nothing"):
        headers = service.client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff" and headers["x-frame-options"]
        assert "default-src 'none'" in headers["content-security-policy"]
    page = service.client.get("/sign-in").text
    assert "http://" not in page and "https://" not in page and "<script" not in page
    for off in ("/docs", "/redoc"):
        assert service.client.get(off).status_code == 404


def test_a_log_line_has_the_id_and_the_template_and_no_content(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "housemodel")
    body = {"tool": "editorial", "prompt": "a very secret launch", "metadata": {"sku": "S3CRET"}}
    answer = service.client.post("/v1/generations", json=body)
    service.client.get(f"/v1/generations/{answer.json()['id']}", params={"status": "secret"})
    assert answer.headers["x-request-id"] in caplog.text
    assert "POST /v1/generations 202" in caplog.text
    assert "GET /v1/generations/{generation_id} 200" in caplog.text
    assert "secret" not in caplog.text.lower()


class Endless:
    """A body that never ends; counts what was taken of it."""

    def __init__(self, chunk: bytes) -> None:
        self.chunk, self.taken = chunk, 0

    async def receive(self) -> dict[str, Any]:
        self.taken += len(self.chunk)
        return {"type": "http.request", "body": self.chunk, "more_body": True}


def call(service: Service, path: str, kind: str, receive: Any, length: int | None) -> Any:
    """Speak ASGI to the application: a client library would want to send the whole body first."""
    headers = [(b"authorization", service.client.headers["authorization"].encode())]
    headers += [(b"content-type", kind.encode()), (b"host", b"testserver")]
    headers += [(b"content-length", str(length).encode())] if length is not None else []
    scope = {
        **{"type": "http", "method": "POST", "path": path, "raw_path": path.encode()},
        **{"headers": headers, "query_string": b"", "scheme": "http", "http_version": "1.1"},
        **{"server": ("testserver", 80), "client": ("testclient", 1), "root_path": ""},
        **{"asgi": {"version": "3.0", "spec_version": "2.4"}, "extensions": {}},
    }
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(asyncio.wait_for(service.app(scope, receive, send), 20))
    body = b"".join(message.get("body", b"") for message in sent)
    return sent[0]["status"], json.loads(body)["code"]


@pytest.mark.parametrize("path", ["/v1/models", "/v1/products", "/v1/photos/check"])
def test_an_announced_200_mb_body_is_refused_unread(service: Service, path: str) -> None:
    endless = Endless(b"x" * 65536)
    kind = "multipart/form-data; boundary=b"
    answer = call(service, path, kind, endless.receive, 200 * 10**6)
    assert answer == (413, "payload_too_large") and endless.taken == 0


def test_an_endless_upload_is_cut_off_at_the_limit(service: Service) -> None:
    head = b'--b\r\nContent-Disposition: form-data; name="photo"; filename="a"\r\n\r\n'
    endless = Endless(b"x" * 65536)
    first = [head]

    async def receive() -> dict[str, Any]:
        if first:
            return {"type": "http.request", "body": first.pop(), "more_body": True}
        return await endless.receive()

    kind = "multipart/form-data; boundary=b"
    assert call(service, "/v1/products", kind, receive, None) == (413, "payload_too_large")
    assert endless.taken <= service.services.max_upload_bytes + 2 * 65536


def test_an_endless_json_body_is_cut_off_early(service: Service) -> None:
    endless = Endless(b" " * 65536)
    answer = call(service, "/v1/generations", "application/json", endless.receive, None)
    assert answer == (413, "payload_too_large") and endless.taken <= (1 << 20) + 65536


def test_too_many_parts_and_too_long_fields_are_refused(service: Service) -> None:
    many = [("photo", b"x")] * 40
    assert code_of(service.client.post("/v1/products", files=many)) == (422, "invalid_request")
    long = service.client.post("/v1/products", data={"name": "x" * 70_000}, files={"photo": b"x"})
    assert code_of(long) == (422, "invalid_request")
    broken = {"content-type": "multipart/form-data; boundary=b"}
    for content in (b"", b"--b", b"--b\r\n\r\n--b--", b"garbage"):
        answer = service.client.post("/v1/products", content=content, headers=broken)
        assert code_of(answer) == (422, "invalid_request")


def test_uploads_are_never_spooled_to_disk(service: Service) -> None:
    assert _MemoryParser.spool_max_size > service.services.max_upload_bytes
    assert Form({}, {}).files == {}


def test_a_listener_who_leaves_is_forgotten(service: Service) -> None:
    service.diffusion.pause_seconds = 0.2
    made = service.client.post("/v1/generations", json={"tool": "editorial", "prompt": "a hat"})
    visit = events.Visit(
        service.services,
        auth.authenticate(
            service.services.registry,
            service.client.headers["authorization"].removeprefix("Bearer "),
            datetime.now(UTC),
        ),
        service.store,
    )

    async def leave() -> int:
        stream = events._stream(visit, made.json()["id"])
        await anext(stream)
        listening = service.services.dispatcher.news.listeners()
        await stream.aclose()
        return listening

    assert asyncio.run(leave()) == 1
    service.diffusion.pause_seconds = 0.0
    assert service.services.dispatcher.news.listeners() == 0


def test_the_openapi_document_is_complete(service: Service) -> None:
    document = service.client.get("/openapi.json").json()
    operations = [
        (f"{method} {path}", operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    ids = [operation["operationId"] for _, operation in operations]
    assert len(set(ids)) == len(ids)
    for name, operation in operations:
        assert operation["summary"], name
        if " /v1" in name:
            assert {"401"} <= set(operation["responses"]) and operation["security"], name
            problem = operation["responses"]["401"]["content"]["application/problem+json"]
            assert problem["schema"]["$ref"].endswith("/Problem"), name
    text = json.dumps(document)
    for reference in {part.split('"')[0] for part in text.split('"#/components/schemas/')[1:]}:
        assert reference in document["components"]["schemas"], reference
    for promised in (
        "/v1/capabilities", "/v1/guidelines", "/v1/photos/check", "/v1/models",
        "/v1/models/{model_id}/consents",
        "/v1/models/{model_id}/revoke", "/v1/products", "/v1/generations",
        "/v1/generations/{generation_id}/events", "/v1/generations/{generation_id}/refine",
        "/v1/images/{image_id}", "/v1/audit/verify",
    ):  # fmt: skip
        assert promised in document["paths"]
    assert not any(isinstance(route, Mount) for route in service.app.routes)


def test_every_post_takes_an_idempotency_key(service: Service) -> None:
    for path, methods in service.app.openapi()["paths"].items():
        if path.startswith("/v1") and "post" in methods:
            names = {p["name"] for p in methods["post"].get("parameters", ())}
            assert "Idempotency-Key" in names, path
