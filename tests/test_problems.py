"""Problems: RFC 9457 bodies with code, remedy and request id; nothing of the caller in them."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import BaseModel, ConfigDict

from serve import problems
from serve.middleware import Frame
from workspace import errors
from workspace.types import Check

FAMILY = [
    one
    for one in vars(errors).values()
    if isinstance(one, type) and issubclass(one, errors.HousemodelError)
]


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    n: int = 1


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    inner: Inner = Inner()


@pytest.fixture(scope="module")
def client() -> TestClient:
    app = FastAPI()
    problems.install(app)

    async def open_gate(scope: Any) -> None: ...

    app.add_middleware(Frame, max_upload_bytes=1000, observe=lambda *_: None, gate=open_gate)

    @app.post("/body")
    def body(body: Body, limit: int = 1) -> None: ...

    @app.get("/raise/{code}")
    def fail(code: str) -> None:
        raise next(one for one in FAMILY if one.code == code)("What happened.")

    @app.get("/unknown")
    def unknown() -> None:
        raise ValueError("the secret prompt")

    return TestClient(app)


@pytest.mark.parametrize("kind", FAMILY, ids=lambda kind: kind.__name__)
def test_every_error_has_its_status_code_title_remedy_and_id(client: TestClient, kind: Any) -> None:
    answer = client.get(f"/raise/{kind.code}", headers={"X-Request-Id": "req_mine"})
    found = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert found["code"] == kind.code and found["type"].endswith(kind.code)
    assert answer.status_code == found["status"]
    assert found["detail"] == "What happened." and found["title"] and found["remedy"]
    assert found["request_id"] == answer.headers["x-request-id"] == "req_mine"
    assert "checks" not in found and "pointer" not in found


@pytest.mark.parametrize("kind", FAMILY, ids=lambda kind: kind.__name__)
def test_every_error_survives_pickling(kind: Any) -> None:
    check = Check("no_face", "close_up", "fail", 0, 1, "Show the face.")
    error = pickle.loads(pickle.dumps(kind("What.", (check,), 5, "/n")))
    assert (error.detail, error.checks, error.retry_after_seconds) == ("What.", (check,), 5)


def test_codes_are_unique() -> None:
    own = [one.code for one in FAMILY if "code" in vars(one)]
    assert len(set(own)) == len(own)


def test_checks_and_pointer_are_shown_where_they_are_the_cause() -> None:
    check = Check("no_face", "close_up", "fail", 0, 1, "Show the face.")
    body = problems.body_of(errors.ImageCheckFailed("No.", (check,), None, "/close_up"), "req_1")
    assert body["checks"][0]["hint"] == "Show the face." and body["pointer"] == "/close_up"


def test_when_to_come_back_and_how_to_sign_in_are_headers() -> None:
    assert problems.headers_of(errors.QueueFull("", (), 7)) == {"Retry-After": "7"}
    assert "Retry-After" in problems.headers_of(errors.Locked())
    assert "WWW-Authenticate" in problems.headers_of(errors.Unauthenticated())


@pytest.mark.parametrize(
    ("sent", "pointer"),
    [
        ({"name": "x", "colour": 1}, "/colour"),
        ({"name": "x", "inner": {"m": 1}}, "/inner/m"),
        ({"name": "x", "inner": {"n": "many"}}, "/inner/n"),
        ({"name": "x", "a/b~c": 1}, "/a~1b~0c"),
        ({}, "/name"),
    ],
)
def test_a_wrong_field_is_named_by_pointer(client: TestClient, sent: Any, pointer: str) -> None:
    answer = client.post("/body", json=sent)
    assert answer.status_code == 422
    assert answer.json()["code"] == "invalid_request"
    assert answer.json()["pointer"] == pointer


def test_what_was_sent_is_not_repeated(client: TestClient) -> None:
    answer = client.post("/body", json={"name": {"secret": "prompt"}, "inner": "secret"})
    assert "secret" not in answer.text and "prompt" not in answer.text
    long = client.post("/body", json={"name": "x", "y" * 5000: 1})
    assert len(long.text) < 1000


@pytest.mark.parametrize("body", [b"{", b"", b"[" * 200_000, b"\xff\xfe", b"null", b'"x"'])
def test_bodies_that_are_no_json_object_are_invalid(client: TestClient, body: bytes) -> None:
    answer = client.post("/body", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422 and answer.json()["code"] == "invalid_request"


def test_a_wrong_parameter_is_named(client: TestClient) -> None:
    answer = client.post("/body?limit=many", json={"name": "x"})
    assert "`limit` (query parameter)" in answer.json()["detail"]


def test_unknown_routes_and_methods_are_problems_too(client: TestClient) -> None:
    assert client.get("/nothing").json()["code"] == "not_found"
    wrong = client.delete("/body")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method_not_allowed")
    assert wrong.headers["allow"] == "POST"


def test_an_unexpected_error_tells_only_its_id(client: TestClient, caplog: Any) -> None:
    answer = client.get("/unknown")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert answer.json()["request_id"] in caplog.text
    assert "secret" not in answer.text and "secret" not in caplog.text
    assert "ValueError" in caplog.text and "test_problems.py" in caplog.text


@pytest.mark.parametrize("given", ["bad id", "x" * 65, "a\tb", ""])
def test_a_request_id_that_could_break_a_log_is_replaced(client: TestClient, given: str) -> None:
    answer = client.get("/nothing", headers={"X-Request-Id": given})
    assert answer.headers["x-request-id"].startswith("req_")
