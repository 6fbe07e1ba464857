"""People made from scratch, drawn by a pack from words: through the queue, marked, promoted."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import c2pa
import pytest

from identity import candidates
from serve.deployments.diffusion import LocalDiffusion
from serve.line import casting
from tests.fictional import ToldEncoder, boxes
from tests.service import Service, new_client, open_service, wait
from tests.tiny_pack import make_tiny_pack
from tests.whole.test_synthetic import BASE, promoted


@pytest.fixture(scope="module")
def drawing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service whose pack draws people from words."""
    home = tmp_path_factory.mktemp("drawing") / "home"
    with open_service(home, ToldEncoder(alike=True)) as opened:
        yield opened


def test_candidates_are_drawn_from_words_then_the_close_up_from_the_full_body(
    drawing: Service,
) -> None:
    body = {"gender": "male", "age": "thirties", "hair_colour": "red", "n": 2, "seed": 5}
    client = drawing.client
    made = client.post(BASE, json=body).json()["items"]
    assert [one["seed"] for one in made] == [5, 6]
    one = f"{BASE}/candidates/{made[1]['id']}"
    drawn = wait(client, one, "drawing")
    assert drawn["status"] == "full_body"
    first = drawing.diffusion.batches[-1][0]
    assert "a man, in their thirties, red hair" in first.prompt
    assert first.references.full_body is None
    refused = client.post(f"{one}/promote", json={"name": "Rigel", "attestations": boxes()})
    assert refused.status_code == 409  # there is no close-up yet
    assert client.post(f"{one}/close-up", json={"seed": 9}).status_code == 202
    assert wait(client, one, "drawing_close_up")["status"] == "complete"
    second = drawing.diffusion.batches[-1][0]
    assert "close-up" in second.prompt and second.seed == 9
    assert second.references.full_body is not None and second.references.close_up is None
    assert_marked(client.get(f"{one}/photos/close_up").content)
    done = client.post(f"{one}/promote", json={"name": "Rigel", "attestations": boxes()})
    assert done.status_code == 201, done.text
    for kind in ("full_body", "close_up"):  # what was drawn stays marked as a reference, too
        assert_marked(client.get(f"/v1/models/{done.json()['id']}/photos/{kind}").content)
    image = drawing.generate(
        tool="editorial", prompt="$model in a park", model_id=done.json()["id"]
    )["images"][0]
    assert image["synthetic_performer"] is True and image["deepfake"] is False


def test_somebody_elses_candidate_is_not_found(drawing: Service) -> None:
    made = drawing.client.post(BASE, json={"gender": "female", "n": 1}).json()["items"][0]
    one = f"{BASE}/candidates/{made['id']}"
    other = drawing.client_of()
    assert other.get(one).status_code == 404
    assert other.get(f"{BASE}/candidates").json() == {"items": []}
    assert other.delete(one).status_code == 404
    promote = other.post(f"{one}/promote", json={"name": "Mine", "attestations": boxes()})
    assert promote.status_code == 404
    assert drawing.client.delete(one).status_code == 204
    assert drawing.client.get(one).status_code == 404


def test_what_drew_a_candidate_is_not_refined(drawing: Service) -> None:
    client = drawing.client
    made = client.post(BASE, json={"gender": "female", "n": 1}).json()["items"][0]
    one = f"{BASE}/candidates/{made['id']}"
    wait(client, one, "drawing")
    client.post(f"{one}/close-up")
    drawn = wait(client, one, "drawing_close_up")
    other = drawing.client_of(scopes=frozenset({"generate", "images:read"}))
    before = drawing.store.count("generations")
    for who in (client, other):
        for generation in (drawn["generation_id"], drawn["close_up_generation_id"]):
            wanted = {"prompt": "a person with a cup", "purpose": "ecommerce_pdp", "channel": "web"}
            answer = who.post(f"/v1/generations/{generation}/refine", json=wanted)
            assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert drawing.store.count("generations") == before


def test_a_close_up_of_what_ended_meanwhile_is_not_drawn(
    drawing: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = drawing.client.post(BASE, json={"gender": "female", "n": 1}).json()["items"][0]
    one = f"{BASE}/candidates/{made['id']}"
    wait(drawing.client, one, "drawing")
    found = casting.find_face

    def meanwhile(*given: Any) -> Any:
        seen = found(*given)
        drawing.store.destroy(candidates.TABLE, made["id"])
        return seen

    monkeypatch.setattr(casting, "find_face", meanwhile)
    before = drawing.store.count("generations")
    assert drawing.client.post(f"{one}/close-up").status_code == 404
    assert drawing.client.get(one).status_code == 404
    assert drawing.store.count("generations") == before


def test_drawing_candidates_needs_the_right_to_draw(drawing: Service) -> None:
    only = drawing.client_of(scopes=frozenset({"models:write"}))
    answer = only.post(BASE, json={"gender": "female"})
    assert answer.json()["code"] == "scope_missing"


def test_a_full_body_without_a_face_gets_no_close_up(drawing: Service) -> None:
    made = drawing.client.post(BASE, json={"gender": "female", "n": 1}).json()["items"][0]
    one = f"{BASE}/candidates/{made['id']}"
    wait(drawing.client, one, "drawing")
    encoder: Any = drawing.services.encoder
    encoder.faces = 0
    try:
        answer = drawing.client.post(f"{one}/close-up")
    finally:
        encoder.faces = 1
    assert answer.json()["code"] == "image_check_failed"
    assert drawing.client.get(one).json()["status"] == "full_body"


def test_what_the_person_of_a_model_would_do_is_not_asked_of_a_fictional_one(
    drawing: Service,
) -> None:
    store = drawing.store
    made = promoted(store, person=None)
    url = f"/v1/models/{made}"
    client = new_client(drawing.app, dict(drawing.client.headers))
    assert client.post(f"{url}/talent-links", json={}).status_code == 409
    renewed = {"attestations": [], "consent": None}
    assert client.post(f"{url}/consents", json=renewed).status_code == 409
    assert client.post(f"{url}/suspend").json()["status"] == "suspended"
    assert client.post(f"{url}/resume").json()["status"] == "ready"
    assert client.delete(url).json()["status"] == "erased"


def assert_marked(picture: bytes) -> None:
    """The file says, signed, that an algorithm made it."""
    with c2pa.Reader("image/jpeg", io.BytesIO(picture)) as reader:
        assert reader.get_validation_state() == "Valid"
        assert "trainedAlgorithmicMedia" in reader.json()


@pytest.mark.timeout(300)  # a busy machine takes long to load torch
def test_a_real_pack_of_tensors_draws_a_person_from_words(tmp_path: Path) -> None:
    """The family itself; its weights are random, so the encoder sees what it is told."""
    pack = make_tiny_pack(tmp_path / "tiny")
    diffusion = LocalDiffusion(pack, threads=1)
    with open_service(tmp_path / "home", ToldEncoder(alike=True), diffusion=diffusion) as opened:
        client = opened.client
        assert client.get(BASE).json()["way"] == "words"
        made = client.post(BASE, json={"gender": "female", "n": 2, "seed": 3}).json()["items"]
        one = f"{BASE}/candidates/{made[0]['id']}"
        assert wait(client, one, "drawing")["status"] == "full_body"
        assert client.post(f"{one}/close-up", json={"seed": 4}).status_code == 202
        assert wait(client, one, "drawing_close_up")["status"] == "complete"
        done = client.post(f"{one}/promote", json={"name": "Noise", "attestations": boxes()})
        assert done.status_code == 201, done.text
        made_of = opened.generate(tool="editorial", prompt="$model", model_id=done.json()["id"])
        assert made_of["status"] == "completed", made_of
