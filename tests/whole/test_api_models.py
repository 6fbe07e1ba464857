"""`/v1/models`, `/v1/photos/check`, `/v1/products`: enrol, look, change, withdraw."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageFilter

from tests.service import Service, boxes, enrolment, garment, sample, wait

URL = "/v1/models"


def code_of(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def blurred(path: Path) -> bytes:
    buffer = io.BytesIO()
    Image.open(path).filter(ImageFilter.GaussianBlur(14)).save(buffer, "JPEG")
    return buffer.getvalue()


def empty_wall() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (1200, 1600), (190, 190, 185)).save(buffer, "JPEG")
    return buffer.getvalue()


def rows(service: Service) -> dict[str, int]:
    tables = ("models", "consents", "assets", "audit", "idempotency")
    sql = "SELECT COUNT(*) FROM {}"
    return {t: service.store.db.execute(sql.format(t)).fetchone()[0] for t in tables}


def test_a_model_is_enrolled_built_and_shown(service: Service) -> None:
    model_id = service.model("amara")
    shown = service.client.get(f"{URL}/{model_id}").json()
    assert shown["status"] == "ready" and shown["name"] == "Amara"
    assert shown["consent_status"] == "active" and shown["tools"] == [
        "editorial",
        "flatlay_to_catalog",
    ]
    assert "same_person" in {check["code"] for check in shown["checks"]}
    assert model_id in {m["id"] for m in service.client.get(URL).json()["items"]}


def test_consent_is_recorded_and_audited_before_the_model_is_built(service: Service) -> None:
    model_id = service.model("amara")
    consents = service.client.get(f"{URL}/{model_id}/consents").json()["items"]
    assert [c["version"] for c in consents] == [1] and consents[0]["status"] == "active"
    assert len(consents[0]["attestations"]) == len(boxes(service.client))
    log = service.client.get("/v1/audit", params={"limit": 100}).json()["items"]
    about = [e["action"] for e in log if model_id in (e["object_id"], e["facts"].get("model_id"))]
    assert about.index("consent.recorded") < about.index("model.enrolled")


def test_reference_photos_open_only_for_who_may_read_models(service: Service) -> None:
    url = f"{URL}/{service.model('amara')}/photos/close_up"
    answer = service.client.get(url)
    assert answer.headers["content-type"] == "image/jpeg"
    assert Image.open(io.BytesIO(answer.content)).size == (1080, 1440)
    maker = service.client_of(scopes=frozenset({"generate", "images:read", "admin"}))
    assert code_of(maker.get(url)) == (403, "scope_missing")
    assert service.client.get(url.replace("close_up", "passport")).status_code == 422


@pytest.mark.parametrize(
    ("changes", "status", "code", "pointer"),
    [
        ({"attestations": "[]"}, 422, "attestation_missing", "/attestations"),
        ({"attestations": "{"}, 422, "invalid_request", "/attestations"),
        ({"gender": "robot"}, 422, "invalid_request", "/gender"),
        ({"name": " "}, 422, "invalid_request", "/name"),
        ({"consent": '{"purposes": ["weapons"]}'}, 422, "invalid_request", "/consent/purposes/0"),
        ({"colour": "red"}, 422, "invalid_request", "/colour"),
        ({"allow_duplicate": "perhaps"}, 422, "invalid_request", "/allow_duplicate"),
        ({"close_up": b""}, 415, "unsupported_image", "/close_up"),
        ({"full_body": b"<svg/>"}, 415, "unsupported_image", "/full_body"),
        ({"close_up": empty_wall()}, 422, "image_check_failed", None),
        (
            {"close_up": blurred(sample("amara").close_up)},
            422,
            "image_check_failed",
            None,
        ),
    ],
)
def test_what_is_refused_leaves_nothing_behind(
    service: Service, changes: dict[str, Any], status: int, code: str, pointer: str | None
) -> None:
    before = rows(service)
    body = enrolment(service.client, sample("kenji"), **changes)
    headers = {"Idempotency-Key": f"refused-{code}-{pointer}"}
    answer = service.client.post(URL, headers=headers, **body)
    assert code_of(answer) == (status, code)
    assert answer.json().get("pointer") == pointer
    if code == "image_check_failed":
        failed = [c for c in answer.json()["checks"] if c["status"] == "fail"]
        assert failed and all(c["hint"] for c in failed)
    assert rows(service) == before


def test_a_missing_photo_is_named(service: Service) -> None:
    body = enrolment(service.client, sample("kenji"))
    del body["files"]["close_up"]
    answer = service.client.post(URL, **body)
    assert code_of(answer) == (422, "invalid_request") and answer.json()["pointer"] == "/close_up"


def test_a_starter_workspace_can_not_enrol(service: Service) -> None:
    starter = service.client_of(service.other("no-models", "starter"))
    answer = starter.post(URL, **enrolment(service.client, sample("kenji")))
    assert code_of(answer) == (403, "plan_excludes_custom_models")


def test_two_different_people_end_as_needs_attention_without_photos(service: Service) -> None:
    body = enrolment(
        service.client, sample("amara"), close_up=sample("mateo").close_up.read_bytes()
    )
    made = service.client.post(URL, **body).json()
    done = wait(service.client, f"{URL}/{made['id']}", "building")
    assert done["status"] == "needs_attention" and done["name"] is None
    failed = [c for c in done["checks"] if c["status"] == "fail"]
    assert [c["code"] for c in failed] == ["different_people"] and failed[0]["hint"]
    assert service.client.get(f"{URL}/{made['id']}/photos/close_up").status_code == 404
    assert service.store.count("assets", "owner_id = ?", (made["id"],)) == 0
    refused = service.client.post(
        "/v1/generations", json={"tool": "editorial", "prompt": "$model", "model_id": made["id"]}
    )
    assert code_of(refused) == (409, "not_ready")


def test_an_idempotency_key_enrols_once(service: Service) -> None:
    client = service.client_of(service.other("twice"))
    headers = {"Idempotency-Key": "enrol-kenji"}
    body = enrolment(client, sample("kenji"))
    first, again = (client.post(URL, headers=headers, **body) for _ in range(2))
    assert first.status_code == again.status_code == 202
    assert first.json()["id"] == again.json()["id"] and len(client.get(URL).json()["items"]) == 1
    other = client.post(URL, headers=headers, **enrolment(client, sample("kenji"), name="Ken"))
    assert code_of(other) == (409, "idempotency_conflict")


def test_a_models_whole_life(service: Service) -> None:
    client = service.client_of(service.other("life"))
    model_id = client.post(URL, **enrolment(client, sample("ingrid"))).json()["id"]
    url, ask = f"{URL}/{model_id}", {"tool": "editorial", "prompt": "$model", "model_id": model_id}
    assert wait(client, url, "building")["status"] == "ready"
    # rename, and keep it off a tool
    assert client.patch(url, json={"name": "Inga"}).json()["name"] == "Inga"
    assert client.patch(url, json={"tools": ["flatlay_to_catalog"]}).status_code == 200
    assert code_of(client.post("/v1/generations", json=ask)) == (403, "tool_not_allowed_for_model")
    client.patch(url, json={"tools": ["editorial"]})
    assert code_of(client.patch(url, json={"status": "ready"})) == (422, "invalid_request")
    # suspend and resume
    assert client.post(f"{url}/suspend", json={"reason": "asked"}).json()["status"] == "suspended"
    assert code_of(client.post("/v1/generations", json=ask)) == (403, "consent_suspended")
    assert client.post(f"{url}/resume").json()["consent_status"] == "active"
    made = client.post("/v1/generations", json=ask).json()
    done = wait(client, made["status_url"], "queued", "running")
    assert done["status"] == "completed"
    # the person withdraws
    erased = client.post(f"{url}/revoke", json={"reason": "asked"})
    assert erased.json()["destroyed"] == {"full_body": 1, "close_up": 1, "likeness": 1, "image": 1}
    shown = client.get(url).json()
    assert (shown["status"], shown["name"]) == ("revoked", None)
    assert client.get(done["images"][0]["url"]).status_code == 404
    assert client.get(made["status_url"]).json()["images"] == []
    assert code_of(client.post("/v1/generations", json=ask)) == (410, "model_revoked")
    assert code_of(client.post(f"{url}/resume", json={})) == (410, "model_revoked")
    assert client.get("/v1/audit/verify").json()["intact"]


def test_deleting_cancels_what_waits_and_answers_with_what_was_destroyed(service: Service) -> None:
    client = service.client_of(service.other("delete"))
    model_id = client.post(URL, **enrolment(client, sample("mateo"))).json()["id"]
    wait(client, f"{URL}/{model_id}", "building")
    record = client.delete(f"{URL}/{model_id}").json()
    assert record["model_id"] == model_id and record["status"] == "erased"
    assert sum(record["destroyed"].values()) == 3
    assert client.get(URL).json()["items"] == []
    assert client.delete(f"{URL}/{model_id}").json()["destroyed"] == {}


def test_another_workspaces_model_is_not_found_on_any_route(service: Service) -> None:
    model_id, stranger = service.model("amara"), service.client_of(service.other("model-stranger"))
    url = f"{URL}/{model_id}"
    for path in ("", "/photos/close_up", "/consents"):
        assert code_of(stranger.get(url + path)) == (404, "not_found")
    for path in ("/revoke", "/suspend", "/resume"):
        assert code_of(stranger.post(url + path, json={})) == (404, "not_found")
    assert code_of(stranger.patch(url, json={"name": "Mine"})) == (404, "not_found")
    assert code_of(stranger.delete(url)) == (404, "not_found")
    assert service.client.get(url).json()["status"] == "ready"


def test_photos_are_checked_alone_or_together_and_nothing_is_stored(service: Service) -> None:
    before, person = rows(service), sample("kenji")
    files = {"close_up": person.close_up.read_bytes(), "full_body": person.full_body.read_bytes()}
    both = service.client.post("/v1/photos/check", files=files).json()
    assert both["usable"] and {c["photo"] for c in both["checks"]} == {"close_up", "full_body"}
    wall = service.client.post("/v1/photos/check", files={"close_up": empty_wall()}).json()
    assert not wall["usable"] and "no_face" in {c["code"] for c in wall["checks"]}
    assert code_of(service.client.post("/v1/photos/check", files={"x": b"y"}))[0] == 422
    assert code_of(service.client.post("/v1/photos/check", json={}))[0] == 422
    assert rows(service) == before


def test_products_are_added_listed_shown_and_erased(service: Service) -> None:
    client = service.client_of(service.other("products"))
    made = client.post("/v1/products", **garment("purple-dress"))
    product = made.json()
    assert made.status_code == 201 and made.headers["location"].endswith(product["id"])
    url = f"/v1/products/{product['id']}"
    assert client.get(url).json() == product == client.get("/v1/products").json()["items"][0]
    photo = Image.open(io.BytesIO(client.get(f"{url}/photo").content))
    assert (photo.format, photo.size) == ("PNG", (product["width"], product["height"]))
    assert code_of(service.client.get(url)) == (404, "not_found")
    assert client.delete(url).status_code == 204
    assert code_of(client.get(url)) == code_of(client.delete(url)) == (404, "not_found")


def test_a_product_needs_a_name_and_one_readable_photo(service: Service) -> None:
    body = garment("purple-dress", category="Not A Word")
    assert service.client.post("/v1/products", **body).json()["pointer"] == "/category"
    html = {"photo": ("a.png", b"<html>", "image/png")}
    answer = service.client.post("/v1/products", data={"name": "x"}, files=html)
    assert code_of(answer) == (415, "unsupported_image")
    two = [("photo", b"1"), ("photo", b"2")]
    answer = service.client.post("/v1/products", data={"name": "x"}, files=two)
    assert code_of(answer) == (422, "invalid_request") and answer.json()["pointer"] == "/photo"


def test_the_plan_bounds_products(service: Service) -> None:
    starter = service.other("few", "starter")
    store = service.services.registry.store(starter.id)
    for number in range(50):
        made = {"category": "", "created_at": f"2026-01-01T00:00:{number:02d}+00:00"}
        store.put("products", f"prd_{number}", {"name": "x", "width": 1, "height": 1}, **made)
    answer = service.client_of(starter).post("/v1/products", **garment("red-tee"))
    assert code_of(answer) == (429, "quota_exceeded") and answer.headers["retry-after"]


def test_an_attestation_of_an_old_text_is_named(service: Service) -> None:
    ticked = boxes(service.client)
    ticked[0]["sha256"] = "0" * 64
    body = enrolment(service.client, sample("kenji"), attestations=json.dumps(ticked))
    answer = service.client.post(URL, **body)
    assert code_of(answer) == (422, "attestation_missing")
    assert ticked[0]["id"] in answer.json()["detail"]
