"""The photos of a draft, with the real checks, through the real routes."""

from __future__ import annotations

from tests.service import Service, enrolment, sample, wait


def photo_of(name: str, kind: str) -> dict[str, tuple[str, bytes, str]]:
    path = getattr(sample(name), kind)
    return {"file": ("photo", path.read_bytes(), "image/jpeg")}


def test_over_http_a_photo_is_checked_kept_without_metadata_and_gone_with_the_enrolment(
    service: Service,
):
    client, url = service.client_of(), "/v1/drafts/enrolment"
    assert client.get(url).status_code == 404
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
    stranger = service.client_of()
    assert stranger.get(url).status_code == 404
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
    assert client.get(url).status_code == 404
    assert client.get(f"{url}/files/close_up").status_code == 404
    assert other.get(url).status_code == 200  # somebody else's draft is not touched
    assert other.delete(url).status_code == 204
    wait(client, f"/v1/models/{made.json()['id']}", "building")
