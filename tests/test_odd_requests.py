"""Requests that are odd on purpose: each is refused with a problem, none becomes a fault."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from compliance.terms import parse_terms
from serve.cli import key
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
