"""The look at pictures with the real network, and with people: enrolment, prompts, an outage."""

from __future__ import annotations

import numpy as np
import pytest

from serve.deployments.safety import OpenNsfw, reduced
from serve.showcase.samples import people, products
from tests.identity_fixtures import sample as sample_photo
from tests.judged import abstract
from tests.service import Service, enrolment, sample
from workspace.errors import Unavailable


def told(service: Service, score: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service.services.parts.safety.classifier, "score", score)


def test_an_enrolment_with_a_nude_photo_stores_nothing(service: Service, monkeypatch) -> None:
    told(service, 0.93, monkeypatch)
    tables = ("models", "consents", "assets")
    before = [service.store.count(table) for table in tables]
    answer = service.client.post("/v1/models", **enrolment(service.client, sample("mateo")))
    assert answer.status_code == 422 and answer.json()["code"] == "image_check_failed"
    failed = [check for check in answer.json()["checks"] if check["status"] == "fail"]
    assert {check["photo"] for check in failed} == {"full_body", "close_up"}
    assert {(c["code"], c["measured"], c["threshold"]) for c in failed} == {("nudity", 0.93, 0.8)}
    assert [service.store.count(table) for table in tables] == before


def test_the_photo_check_tells_it_before_any_enrolment(service: Service, monkeypatch) -> None:
    told(service, 0.81, monkeypatch)
    files = {"close_up": ("c.jpg", sample("mateo").close_up.read_bytes(), "image/jpeg")}
    answer = service.client.post("/v1/photos/check", files=files).json()
    assert not answer["usable"] and answer["checks"][-1]["code"] == "nudity"


def test_a_result_is_not_published_while_the_classifier_is_away(
    service: Service, monkeypatch
) -> None:
    product = service.product()
    seen = []

    def away(image):
        seen.append(image)
        if len(seen) < 3:
            raise Unavailable("The nudity classifier is being started again.", (), 0)
        return 0.0

    monkeypatch.setattr(service.services.parts.safety.classifier, "nudity", away)
    done = service.generate(tool="editorial", prompt="$product, studio", product_ids=[product])
    assert done["status"] == "completed" and len(seen) >= 3


def test_a_prompt_beyond_the_consent_is_refused_and_not_queued(service: Service) -> None:
    queued = service.store.count("generations")
    body = {"tool": "editorial", "prompt": "$model, zebrafink n4ked", "model_id": service.model()}
    answer = service.client.post("/v1/generations", json=body)
    problem = answer.json()
    assert answer.status_code == 422 and problem["code"] == "content_refused"
    assert problem["pointer"] == "/prompt" and "zebrafink" not in answer.text
    assert service.store.count("generations") == queued


def test_the_real_network_judges_at_every_size() -> None:
    network = OpenNsfw(threads=1)
    for size in ((256, 256), (96, 128), (900, 1200)):
        assert network.nudity(abstract(*size)) > 0.95
    assert network.nudity(np.full((300, 200, 3), 220, np.uint8)) < 0.1
    again = reduced(abstract(900, 1200))
    assert reduced(again) is again
    assert network.nudity(again) == network.nudity(abstract(900, 1200))


def test_dressed_people_and_products_pass_by_far() -> None:
    network = OpenNsfw(threads=2)
    for person in people():
        for kind in ("full_body", "close_up"):
            assert network.nudity(sample_photo(person.name, kind)) < 0.2
    assert len(products()) == 8
