"""Requests that are odd on purpose: each is refused with a problem, none becomes a fault."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from compliance.marks import signing
from compliance.terms import parse_terms
from serve.cli import key
from tests import hostile
from tests.service import Service, boxes, enrolment, sample
from workspace.errors import InvalidRequest

SURROGATE = '"\\ud800"'
NOW = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    ("consent", "pointer"),
    [
        ('{"starts_at": "9999-12-31"}', "/consent/starts_at"),
        (f'{{"intended_use": {SURROGATE}}}', "/consent"),
        (f'{{"compensation": {{"basis": {SURROGATE}}}}}', "/consent"),
        (f"{{{SURROGATE}: 1}}", "/consent"),
        ('{"max_images": NaN}', "/consent"),
        ('{"a":' + "[" * 30000 + "]" * 30000 + "}", "/consent"),
        (json.dumps({"a" * 3000: 1}), "/consent/" + "a" * 64),
        (json.dumps({"a/b~c": 1}), "/consent/a~1b~0c"),
        (json.dumps({"scope": {"a/b": 1}}), "/consent/scope/a~1b"),
        (json.dumps({"compensation": {"a/b": 1}}), "/consent/compensation/a~1b"),
    ],
)
def test_odd_terms_are_refused(service: Service, consent: str, pointer: str) -> None:
    body = enrolment(service.client, sample("kenji"), consent=consent)
    answer = service.client.post("/v1/models", **body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert answer.json()["pointer"] == pointer and len(answer.text) < 1500


def test_deep_terms_are_refused_in_few_words(service: Service) -> None:
    consent = '{"a":' + "[" * 400 + "]" * 400 + "}"
    body = enrolment(service.client, sample("kenji"), consent=consent)
    answer = service.client.post("/v1/models", **body)
    assert answer.status_code == 422 and len(answer.text) < 1500


def test_odd_hashes_of_attestations_are_refused(service: Service) -> None:
    for sha in ("\\ud800", "\u00e9"):
        ticked = json.dumps(boxes(service.client)).replace(boxes(service.client)[0]["sha256"], sha)
        body = enrolment(service.client, sample("kenji"), attestations=ticked)
        assert service.client.post("/v1/models", **body).status_code == 422


@pytest.mark.parametrize(
    "terms",
    [
        {"starts_at": "9999-12-31"},
        {"intended_use": "\ud800"},
        {"compensation": {"basis": "\udfff"}},
        {"\ud800": 1},
    ],
)
def test_terms_that_can_not_be_written_down_are_refused(terms: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_terms(terms, NOW)
    refused.value.pointer.encode()


def test_an_image_belongs_to_background_swap_only(service: Service) -> None:
    body = {"tool": "editorial", "prompt": "a park", "image": "abc"}
    answer = service.client.post("/v1/generations", json=body)
    assert answer.status_code == 422 and answer.json()["pointer"] == "/image"


def test_notes_of_a_refined_generation_are_bounded_too(service: Service) -> None:
    made = service.client.post("/v1/generations", json={"tool": "editorial", "prompt": "a park"})
    url = f"/v1/generations/{made.json()['id']}/refine"
    answer = service.client.post(url, json={"metadata": {"k" * 65: "v"}})
    assert answer.status_code == 422 and len(answer.text) < 1500


@pytest.mark.parametrize("days", ["0", "-1", "999999999999", "x"])
def test_a_key_is_not_made_endless_by_its_days(days: str) -> None:
    with pytest.raises((ValueError, key.argparse.ArgumentTypeError)):
        key._days(days)
    assert key._days("1") == 1


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/v1/models", "GET, POST"),
        ("/v1/models/mdl_1", "DELETE, GET, PATCH"),
        ("/v1/drafts/enrolment/files/close_up", "DELETE, GET, PUT"),
        ("/sign-in", "GET, POST"),
        ("/v1/models/synthetic", "GET, POST"),
    ],
)
def test_a_wrong_method_is_told_every_right_one(service: Service, path: str, methods: str) -> None:
    answer = service.client.request("OPTIONS", path)
    assert (answer.status_code, answer.headers["allow"]) == (405, methods)


@pytest.mark.parametrize("n", ["1", True, 1.5, 0, 5])
def test_a_number_is_written_as_one(service: Service, n: Any) -> None:
    body = {"tool": "editorial", "prompt": "a park", "n": n}
    answer = service.client.post("/v1/generations", json=body)
    assert answer.status_code == 422 and answer.json()["pointer"] == "/n"
    link = service.client.post("/v1/models/mdl_1/talent-links", json={"days": str(n)})
    assert link.status_code == 422


@pytest.mark.parametrize("since", ["0.5", "1700000000", "20260101"])
def test_a_time_is_written_as_one(service: Service, since: str) -> None:
    assert service.client.get("/v1/generations", params={"since": since}).status_code == 422
    made = service.client.get("/v1/generations", params={"since": "2026-01-01T00:00:00+01:00"})
    assert made.status_code == 200


def test_what_the_decoder_refuses_is_never_read_for_its_manifest(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That reader takes a minute for a PNG of a million empty chunks."""
    asked: list[object] = []
    monkeypatch.setattr(signing, "read", lambda *given: asked.append(given))
    chunk = b"\0\0\0\0abCd\xe0\x33\x9b\x9c"
    many = hostile.png_of(20, 20, b"")[:33] + chunk * 30_000
    files = {"image": ("a.png", many, "image/png")}
    answer = service.client.post("/v1/verify", files=files)
    assert (answer.status_code, asked) == (415, [])
