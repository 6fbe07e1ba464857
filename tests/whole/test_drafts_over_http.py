"""The photos of a draft, with the real checks, through the real routes."""

from __future__ import annotations

from typing import Any

from tests.service import Service, enrolment, sample, wait


def drafts_of(client: Any) -> list[dict[str, Any]]:
    """What the caller is shown of drafts."""
    answer = client.get("/v1/drafts")
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


def photo_of(name: str, kind: str) -> dict[str, tuple[str, bytes, str]]:
    path = getattr(sample(name), kind)
    return {"file": ("photo", path.read_bytes(), "image/jpeg")}


def test_over_http_a_photo_is_checked_kept_without_metadata_and_gone_with_the_enrolment(
    service: Service,
):
    client, url = service.client_of(), "/v1/drafts/enrolment"
    assert drafts_of(client) == []
    entered = {"step": 2, "name": "Quirina", "channels": ["web"]}
    draft = client.put(url, json={"entered": entered}).json()
    told = client.put(
        f"{url}/files/close_up",
        data={"draft": draft["id"], "name": "me.jpg"},
        files=photo_of("kenji", "close_up"),
    ).json()
    assert told["kept"] and {check["code"] for check in told["checks"]} >= {"one_person", "light"}
    bad = client.put(
        f"{url}/files/full_body",
        data={"draft": draft["id"]},
        files=photo_of("kenji", "close_up"),
    ).json()
    assert not bad["kept"]
    assert [check["code"] for check in bad["checks"] if check["status"] == "fail"]
    assert [file["kind"] for file in bad["draft"]["files"]] == ["close_up"]  # the bad one is not
    photo = client.get(f"{url}/files/close_up")
    assert photo.headers["content-type"] == "image/jpeg" and b"Exif" not in photo.content[:64]
    [kept] = drafts_of(client)[0]["files"]
    assert kept["name"] == "me.jpg" and kept["checks"] == told["checks"]  # said again later
    stranger = service.client_of()
    assert drafts_of(stranger) == []
    assert stranger.get(f"{url}/files/close_up").status_code == 404
    stale = client.put(url, json={"id": draft["id"], "revision": 9, "entered": entered})
    assert stale.json()["code"] == "conflict"
    assert client.delete(url).status_code == 204
    assert client.get(f"{url}/files/close_up").status_code == 404


def test_an_enrolment_that_is_taken_in_destroys_the_draft_of_whoever_sent_it(service: Service):
    client, other, url = service.client_of(), service.client_of(), "/v1/drafts/enrolment"
    for each in (client, other):
        draft = each.put(url, json={"entered": {"name": "Mateo"}}).json()
        sent = {"data": {"draft": draft["id"]}, "files": photo_of("mateo", "close_up")}
        assert each.put(f"{url}/files/close_up", **sent).json()["kept"]
    form = enrolment(client, sample("mateo"), allow_duplicate="true")
    made = client.post("/v1/models", **form)
    assert made.status_code == 202, made.text
    assert drafts_of(client) == []
    assert client.get(f"{url}/files/close_up").status_code == 404
    assert len(drafts_of(other)) == 1  # somebody else's draft is not touched
    assert other.delete(url).status_code == 204
    wait(client, f"/v1/models/{made.json()['id']}", "building")
