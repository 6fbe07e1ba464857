"""Admin: people, keys, plan; break-glass; looks at a likeness. Never a likeness by a detour."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from compliance import audit
from identity import likeness
from serve.__main__ import main
from serve.api import sign_in as sign_in_page
from serve.callers import auth, break_glass, people
from serve.services import utc_now
from tests.homes import NOW, bytes_under
from tests.service import EVERYTHING, Service, new_client
from workspace import sealing
from workspace.errors import NotFound, ScopeMissing
from workspace.store import WorkspaceStore
from workspace.types import Caller, ModelId, Workspace

PASSWORD = "correct horse battery"
CONSOLE = {auth.CONSOLE_HEADER: "1"}


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "PASSWORD_MEMORY_KIB", 64)
    monkeypatch.setattr(sign_in_page, "REFUSAL_SECONDS", 0.0)


def person(service: Service, workspace: Workspace, *roles: str) -> TestClient:
    """A client of a new person who signed in on the page."""
    name = f"{'-'.join(roles)}@{workspace.id}"
    registry = service.services.registry
    people.add(registry, workspace.id, name, roles, PASSWORD, utc_now())
    client = new_client(service.app, CONSOLE)
    answer = client.post("/sign-in", json={"name": name, "password": PASSWORD})
    assert answer.status_code == 204, answer.text
    return client


def model(service: Service, workspace: Workspace) -> tuple[WorkspaceStore, ModelId]:
    """A model with photos that can be told apart from anything else."""
    store, model_id = service.services.registry.store(workspace.id), ModelId("mdl_glass")
    private = {"name": "Verena Vintage", "gender": "female", "checks": []}
    store.put("models", model_id, private, status="ready", version=1, created_at=NOW.isoformat())
    for kind in likeness.PHOTOS:
        store.assets.put(b"LIKENESS " + kind.encode(), kind, model_id, "image/jpeg")
    return store, model_id


def code_of(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_an_admin_sees_the_plan_the_use_the_queue_and_the_pack(service: Service) -> None:
    admin = service.client_of(scopes=frozenset({"admin"}))
    shown = admin.get("/v1/admin/workspace").json()
    assert (shown["id"], shown["plan"]["name"]) == (service.workspace.id, "pro")
    assert shown["plan"]["max_models"] == 25 and shown["queue"].keys() == {"queued", "running"}
    assert shown["usage"]["models"] >= 0 and shown["keys"] > 0
    assert admin.get("/v1/admin/pack").json()["name"] == "simulated"
    assert code_of(service.client.get("/v1/admin/workspace")) == (403, "scope_missing")


def test_an_admin_decides_how_long_results_are_kept_and_nothing_else(service: Service) -> None:
    place = service.other("policy-house")
    admin = service.client_of(place, frozenset({"admin"}))
    assert admin.patch("/v1/policy", json={"results_days": 30}).json()["results_days"] == 30
    for change in ({"two_person": False}, {"label": "none", "label_reason": "no"}):
        answer = admin.patch("/v1/policy", json={**change, "results_days": 1})
        assert code_of(answer) == (403, "scope_missing")
    legal = service.client_of(place, frozenset({"consents:write"}))
    assert legal.patch("/v1/policy", json={"two_person": True}).json()["results_days"] == 30


def test_an_admin_adds_a_person_and_somebody_else_confirms(service: Service) -> None:
    place = service.other("people-house")
    admin, legal = person(service, place, "admin"), person(service, place, "legal")
    sent = {"name": "Ada", "roles": ["creator", "reviewer"], "password": PASSWORD}
    once = {"Idempotency-Key": "ada"}
    made = admin.post("/v1/admin/people", json=sent, headers=once).json()
    again = admin.post("/v1/admin/people", json=sent, headers=once).json()
    assert made == again and made["status"] == "awaiting_confirmation"
    assert code_of(admin.post("/v1/admin/people", json=sent)) == (409, "conflict")
    signing = {"name": "ada", "password": PASSWORD, "workspace": "people-house"}
    stranger = new_client(service.app, CONSOLE)
    assert stranger.post("/sign-in", json=signing).status_code == 401
    confirm = f"/v1/admin/people/{made['id']}/confirm"
    assert code_of(admin.post(confirm)) == (403, "scope_missing")
    assert code_of(legal.post(confirm)) == (422, "invalid_request")
    for other in (["creator"], ["creator", "reviewer", "legal"]):
        assert code_of(legal.post(confirm, json={"roles": other})) == (409, "conflict")
    both = person(service, place, "admin", "legal")
    roles = {"roles": ["reviewer", "creator"]}
    assert code_of(both.post(confirm, json=roles)) == (403, "refused")
    assert legal.post(confirm, json=roles).json()["status"] == "active"
    again = legal.post(confirm, json=roles, headers={"Idempotency-Key": "again"})
    assert again.status_code == 200
    assert stranger.post("/sign-in", json=signing).status_code == 204
    assert stranger.get("/v1/account").json() | {"workspace_id": ""} == {
        **{"actor": made["id"], "workspace_id": "", "name": "Ada"},
        "roles": ["creator", "reviewer"],
        "scopes": ["generate", "images:read", "models:read", "models:write", "review"],
    }
    listed = [item["name"] for item in admin.get("/v1/admin/people").json()["items"]]
    assert "Ada" in listed and PASSWORD not in admin.get("/v1/admin/people").text
    fewer = admin.patch(f"/v1/admin/people/{made['id']}", json={"roles": ["reviewer"]}).json()
    assert (fewer["roles"], fewer["status"]) == (["reviewer"], "active")
    assert stranger.get("/v1/models").status_code == 401  # the session ended
    assert admin.delete(f"/v1/admin/people/{made['id']}").json()["status"] == "removed"
    assert stranger.post("/sign-in", json=signing).status_code == 401
    actions = [e.action for e in audit.entries(service.services.registry.store(place.id))]
    for action in ("person.added", "person.confirmed", "person.changed", "person.removed"):
        assert action in actions
    mine = admin.get("/v1/account").json()["actor"]
    changed = admin.patch(f"/v1/admin/people/{mine}", json={"roles": ["legal"]})
    assert code_of(changed) == (409, "conflict")


def test_a_key_that_an_admin_makes_opens_nothing_until_it_is_confirmed(service: Service) -> None:
    place = service.other("keys-house")
    admin = service.client_of(place, frozenset({"admin"}))
    legal = service.client_of(place, frozenset({"consents:write"}))
    sent, once = {"scopes": ["images:read"], "label": "shop", "days": 9}, {"Idempotency-Key": "k"}
    made = admin.post("/v1/admin/keys", json=sent, headers=once).json()
    assert made["key"].startswith("hm_") and made["status"] == "awaiting_confirmation"
    replay = admin.post("/v1/admin/keys", json=sent, headers=once).json()
    assert (replay["id"], replay["key"]) == (made["id"], None)
    used = new_client(service.app, {"Authorization": f"Bearer {made['key']}"})
    assert used.get("/v1/capabilities").status_code == 401
    confirm, scopes = f"/v1/admin/keys/{made['id']}/confirm", {"scopes": ["images:read"]}
    assert code_of(legal.post(confirm)) == (422, "invalid_request")
    other = legal.post(confirm, json={"scopes": ["images:read", "review"]})
    assert code_of(other) == (409, "conflict")
    both = service.client_of(place, frozenset({"consents:write", "admin"}))
    assert code_of(both.post(confirm, json=scopes)) == (403, "refused")
    assert legal.post(confirm, json=scopes).json()["status"] == "active"
    assert used.get("/v1/capabilities").status_code == 200
    assert made["key"] not in admin.get("/v1/admin/keys").text
    assert admin.delete(f"/v1/admin/keys/{made['id']}").json()["status"] == "revoked"
    assert used.get("/v1/capabilities").status_code == 401
    for act in (
        admin.delete("/v1/admin/keys/key_nothing"),
        service.client_of(scopes=frozenset({"admin"})).delete(f"/v1/admin/keys/{made['id']}"),
    ):
        assert code_of(act) == (404, "not_found")


def test_break_glass_opens_the_photos_of_one_model_for_one_admin(service: Service) -> None:
    place = service.other("glass-house")
    store, model_id = model(service, place)
    store.assets.put(b"LIKENESS other", "close_up", "mdl_unbroken", "image/jpeg")
    admin, other = (service.client_of(place, frozenset({"admin"})) for _ in range(2))
    legal = service.client_of(place, frozenset({"consents:write", "audit:read"}))
    photo = f"/v1/models/{model_id}/photos/close_up"
    assert code_of(admin.get(photo)) == (403, "scope_missing")
    sent = {"model_id": model_id, "reason": "court order 12/26", "minutes": 5}
    opened = admin.post("/v1/admin/break-glass", json=sent).json()
    assert opened["open"] and admin.get(photo).content == b"LIKENESS close_up"
    for client, path in (
        (other, photo),
        (admin, "/v1/models/mdl_unbroken/photos/close_up"),
        (admin, f"/v1/models/{model_id}"),
    ):
        assert code_of(client.get(path)) == (403, "scope_missing")
    (shown,) = legal.get("/v1/break-glass").json()["items"]
    assert shown["reason"] == "court order 12/26" and shown["model_id"] == model_id
    one = f"/v1/break-glass/{opened['id']}"
    assert code_of(other.delete(one)) == (403, "scope_missing")
    assert legal.delete(one).json()["open"] is False and legal.delete(one).status_code == 200
    assert code_of(admin.get(photo)) == (403, "scope_missing")
    log = [(e.action, e.facts) for e in audit.entries(store) if e.object_id == model_id]
    assert [action for action, _ in log] == [
        "break_glass.opened",
        "likeness.viewed",
        "break_glass.ended",
    ]
    assert log[1][1] == {"part": "close_up", "break_glass": opened["id"]}
    assert len(str(log[0][1]["reason_hash"])) == 64 and "court" not in str(log)
    home = service.services.registry.store(place.id).folder.parents[1]
    assert b"court order" not in bytes_under(home)
    unknown = {**sent, "model_id": "mdl_nothing"}
    assert code_of(admin.post("/v1/admin/break-glass", json=unknown)) == (404, "not_found")
    for wrong in ({"minutes": 61}, {"minutes": 0}, {"reason": ""}, {"reason": " "}):
        answer = admin.post("/v1/admin/break-glass", json={**sent, **wrong})
        assert code_of(answer) == (422, "invalid_request")


def test_a_grant_ends_by_itself_and_can_not_be_forged(service: Service) -> None:
    place, registry = service.other("short-house"), service.services.registry
    store, model_id = model(service, place)
    admin = Caller(place.id, "per_admin.ses_1", frozenset({"admin"}))
    grant = break_glass.open_glass(registry, store, model_id, "why", 5, admin, NOW)
    assert break_glass.current(registry, place.id, model_id, admin, NOW).id == grant.id
    for at in (timedelta(minutes=5), timedelta(days=1)):
        with pytest.raises(ScopeMissing):
            break_glass.current(registry, place.id, model_id, admin, NOW + at)
    registry.control.execute("UPDATE break_glass SET expires_at = '2099-01-01T00:00:00+00:00'")
    with pytest.raises(ScopeMissing):
        break_glass.current(registry, place.id, model_id, admin, NOW)
    with pytest.raises(NotFound):
        break_glass.show(registry, place.id, grant.id)
    registry.control.execute("DELETE FROM break_glass")


def test_every_look_at_a_photo_is_audited_or_does_not_happen(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = service.other("looking-house")
    store, model_id = model(service, place)
    creator = service.client_of(place, EVERYTHING)
    photo = f"/v1/models/{model_id}/photos/full_body"
    assert creator.get(photo).content == b"LIKENESS full_body"
    last = audit.entries(store)[-1]
    assert (last.action, last.object_id) == ("likeness.viewed", model_id)
    assert last.actor.startswith("key_") and last.facts["part"] == "full_body"
    store.db.execute("PRAGMA query_only = ON")
    try:
        blind = creator.get(photo)
    finally:
        store.db.execute("PRAGMA query_only = OFF")
    assert blind.status_code >= 500 and b"LIKENESS" not in blind.content


def test_a_person_changes_the_own_password(service: Service) -> None:
    place = service.other("password-house")
    client = person(service, place, "auditor")
    wrong = {"old": "wrong horse battery", "new": "a new horse battery"}
    assert code_of(client.post("/v1/account/password", json=wrong)) == (403, "refused")
    weak = {"old": PASSWORD, "new": "short"}
    assert code_of(client.post("/v1/account/password", json=weak)) == (422, "invalid_request")
    right = {**wrong, "old": PASSWORD}
    assert client.post("/v1/account/password", json=right).status_code == 204
    assert client.get("/v1/account").status_code == 401
    signing = {"name": f"auditor@{place.id}", "password": "a new horse battery"}
    assert client.post("/sign-in", json=signing).status_code == 204
    answer = service.client_of(place).post("/v1/account/password", json=right)
    assert code_of(answer) == (409, "conflict")


def test_an_own_password_does_not_let_an_account_count_that_waits(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, registry = service.other("waiting-house"), service.services.registry
    client = person(service, place, "creator")
    mine = client.get("/v1/account").json()["actor"]

    def meanwhile(*_: Any) -> bool:  # after the caller was found, before the change
        people.change(registry, place.id, mine, password="taken by an admin", made_by="per_a")
        return True

    monkeypatch.setattr(people, "check_password", meanwhile)
    sent = {"old": "taken by an admin", "new": "a new horse battery"}
    answer = client.post("/v1/account/password", json=sent)
    assert people.get(registry, place.id, mine).status == "awaiting_confirmation"
    assert code_of(answer) == (401, "unauthenticated")


def test_who_is_removed_while_the_body_comes_in_changes_nothing(service: Service) -> None:
    place, registry = service.other("leaving-house"), service.services.registry
    client = person(service, place, "admin")
    mine = client.get("/v1/account").json()["actor"]
    key_id, secret = auth.create_key(registry, place.id, {"admin"}, utc_now())
    by_key = new_client(service.app, {"Authorization": f"Bearer {secret}"})
    sent = {"name": "puppet", "roles": ["auditor"], "password": PASSWORD}

    def body(end: Callable[[], object]) -> Iterator[bytes]:
        end()  # the first byte is asked for: the gate let the caller through
        yield json.dumps(sent).encode()

    for caller, end in (
        (client, lambda: people.remove(registry, place.id, mine, utc_now())),
        (by_key, lambda: auth.revoke_key(registry, key_id, utc_now())),
    ):
        answer = caller.post(
            "/v1/admin/people", content=body(end), headers={"Content-Type": "application/json"}
        )
        assert code_of(answer) == (401, "unauthenticated")
    assert "puppet" not in [one.name for one in people.people(registry, place.id)]


def test_the_command_line_adds_confirms_changes_and_removes(
    tmp_path: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    home = ["--home", str(tmp_path / "home")]
    assert main(["workspace", "create", "atelier", *home]) == 0

    def user(*words: str, typed: str = PASSWORD) -> int:
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{typed}\n"))
        return main(["user", *words, "--workspace", "atelier", *home])

    assert user("add", "ines", "--roles", "creator, legal", "--password-stdin") == 0
    assert user("add", "INES", "--roles", "auditor", "--password-stdin") == 1
    assert user("add", "x", "--roles", "root", "--password-stdin") == 1
    assert user("add", "x", "--roles", "auditor") == 1  # no terminal
    assert user("password", "ines", "--password-stdin", typed="another horse battery") == 0
    assert user("confirm", "ines") == 0
    capsys.readouterr()
    assert user("list", "--json") == 0
    listed = capsys.readouterr().out
    assert '"ines"' in listed and '"legal"' in listed and "horse" not in listed
    assert user("remove", "ines") == 0 and user("remove", "ines") == 1
    assert user("list") == 0 and "Nobody yet" in capsys.readouterr().out
    assert b"ines" not in bytes_under(tmp_path / "home" / "workspaces")


def test_keys_of_the_command_line_are_audited(
    tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    home = ["--home", str(tmp_path / "home")]
    assert main(["workspace", "create", "atelier", *home]) == 0
    assert main(["key", "create", "--workspace", "atelier", "--scopes", "generate", *home]) == 0
    assert main(["key", "create", "--workspace", "atelier", "--scopes", "root", *home]) == 1
    capsys.readouterr()
    assert main(["key", "list", *home, "--json"]) == 0
    (key,) = json.loads(capsys.readouterr().out)
    assert main(["key", "revoke", key["id"], *home]) == 0
    assert main(["key", "revoke", "key_nothing", *home]) == 1
    capsys.readouterr()
    assert main(["audit", "export", "--workspace", "atelier", *home]) == 0
    entries = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [entry["action"] for entry in entries] == ["key.created", "key.revoked"]
    assert entries[0]["facts"] == {"scopes": "generate"} and entries[0]["actor"] == "cli"
