"""What an admin sees of processes, machines and packs; figures of one model for its page."""

from __future__ import annotations

from dataclasses import replace

import pytest

from compliance import audit
from serve import shelf
from serve.services import utc_now
from serve.settings import PROJECT
from serve.wire import machine_views
from tests.homes import NOW
from tests.service import Service
from workspace.machine import Machine, Running
from workspace.types import Caller

ADMIN = frozenset({"admin"})


def test_processes_are_grouped_by_their_machine():
    one, two = Machine("a", 4, 0.5, 100, 50), Machine("b", 8, 1.5, 200, 150)
    running = [
        Running("gateway", "gateway", "ready", machine=two),
        Running("diffusion", "diffusion-0", "ready", machine=one),
        Running("identity", "identity", "ready", machine=two),
        Running("diffusion", "diffusion-1", "starting"),
    ]
    shown = machine_views.nodes(running).items
    assert [(node.name, node.parts) for node in shown] == [
        ("a", ["diffusion-0"]),
        ("b", ["gateway", "identity"]),
    ]
    assert shown[1].memory_free_bytes == 150


def test_an_admin_sees_what_runs_and_which_packs_there_are(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelves = replace(service.services, pack_shelves=(PROJECT / "packs",))
    monkeypatch.setitem(service.app.state._state, "services", shelves)
    admin = service.client_of(scopes=ADMIN)
    engines = admin.get("/v1/admin/engines").json()
    assert engines["pack"] == "simulated 1" and engines["queue"].keys() == {"queued", "running"}
    (only,) = engines["items"]
    assert (only["name"], only["state"], only["engine"]) == ("appliance", "ready", "numpy")
    (node,) = admin.get("/v1/admin/nodes").json()["items"]
    assert node["parts"] == ["appliance"] and node["cpus"] >= 1
    assert 0 < node["memory_free_bytes"] <= node["memory_bytes"]
    packs = {pack["folder"]: pack for pack in admin.get("/v1/admin/packs").json()["items"]}
    assert packs["mannequin"]["licences"] and not packs["mannequin"]["loaded"]
    assert packs["mannequin"]["contract_needed"] is False
    told = str([engines, node, packs])
    assert service.workspace.name not in told and str(PROJECT) not in told


def test_a_folder_that_is_no_pack_says_so_and_hides_no_other(tmp_path):
    for name in ("broken", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "pack.toml").write_text("name = ")
    found = [shelf.described(None, folder) for folder in shelf.folders([tmp_path])]
    assert [one["folder"] for one in found] == ["broken", "other"]
    assert all("not readable TOML" in one["problem"] for one in found)


def test_a_models_images_are_counted_before_anything_is_revoked(service: Service) -> None:
    model_id = service.model()
    before = service.client.get(f"/v1/models/{model_id}/revoke").json()
    assert before["photos"] == 2 and before["queued"] == before["running"] == 0
    made = service.generate(tool="editorial", prompt="$model at noon", model_id=model_id, n=2)
    service.client.post(f"/v1/models/{model_id}/talent-links")
    after = service.client.get(f"/v1/models/{model_id}/revoke").json()
    assert after["images"] == before["images"] + 2 and after["links"] == before["links"] + 1
    page = service.client.get(f"/v1/models/{model_id}/images", params={"limit": 1}).json()
    first = made["images"][-1]["id"]
    assert page["items"][0]["id"] in {one["id"] for one in made["images"]} and page["next_cursor"]
    rest = service.client.get(
        f"/v1/models/{model_id}/images", params={"cursor": page["next_cursor"]}
    ).json()
    assert {first} <= {one["id"] for one in (*page["items"], *rest["items"])}
    assert all("identity_score" in one for one in rest["items"])
    assert service.client.get(f"/v1/models/{model_id}").json()["status"] == "ready"
    for path in ("images", "revoke"):
        assert service.client.get(f"/v1/models/mdl_nobody/{path}").status_code == 404


def test_the_log_is_searched_newest_first(service: Service) -> None:
    place = service.other("search-house")
    store = service.services.registry.store(place.id)
    for k in range(5):
        audit.append(store, "model.seen", f"mdl_{k}", "key_1", NOW, pages=k)
    audit.append(store, "image.seen", "img_9", "per_Ada", NOW)
    auditor = service.client_of(place, frozenset({"audit:read"}))

    def found(**query):
        return auditor.get("/v1/audit/search", params=query).json()

    first = found(limit=2)
    assert [entry["object_id"] for entry in first["items"]] == ["img_9", "mdl_4"]
    rest = found(cursor=first["next_cursor"])
    assert [entry["object_id"] for entry in rest["items"]] == [f"mdl_{k}" for k in (3, 2, 1, 0)]
    assert [entry["object_id"] for entry in found(words="MODEL key_1 mdl_2")["items"]] == ["mdl_2"]
    assert found(words="per_ada")["items"][0]["action"] == "image.seen"
    assert found(words="100%")["items"] == []


def test_an_admin_lists_only_the_own_grants(service: Service) -> None:
    model_id = service.model()
    mine, other = (service.client_of(scopes=ADMIN) for _ in range(2))
    glass = {"model_id": model_id, "reason": "a court asks", "minutes": 1}
    made = mine.post("/v1/admin/break-glass", json=glass).json()
    listed = mine.get("/v1/admin/break-glass").json()["items"]
    assert [grant["id"] for grant in listed] == [made["id"]] and listed[0]["open"]
    assert other.get("/v1/admin/break-glass").json()["items"] == []
    mine.delete(f"/v1/break-glass/{made['id']}")


def test_a_changed_log_can_still_be_read(service: Service) -> None:
    place = service.other("broken-house")
    store = service.services.registry.store(place.id)
    caller = Caller(place.id, "key_1", frozenset())
    audit.append(store, "model.seen", "mdl_1", caller.actor, utc_now())
    store.db.execute("DROP TRIGGER audit_keeps_words")
    store.db.execute("UPDATE audit SET facts = 'no json'")
    auditor = service.client_of(place, frozenset({"audit:read"}))
    (entry,) = auditor.get("/v1/audit/search").json()["items"]
    assert entry["facts"] == {"unreadable": True}
    assert auditor.get("/v1/audit/verify").json()["intact"] is False
