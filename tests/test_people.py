"""People: names, passwords, roles, confirmation, sessions; throttled and audited sign-ins."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from compliance import audit
from serve.api import sign_in as sign_in_page
from serve.callers import auth, people, signing_in
from serve.callers.roles import ROLE_SCOPES
from serve.callers.throttle import PER_ADDRESS, PER_NAME, Throttle
from tests.homes import NOW, ROOT_KEY, bytes_under
from tests.service import Service, new_client
from workspace import sealing
from workspace.errors import (
    Conflict,
    InvalidRequest,
    Locked,
    NotFound,
    RateLimited,
    Refused,
    Unauthenticated,
)
from workspace.registry import Registry
from workspace.types import WorkspaceId

PASSWORD = "correct horse battery"
COST = (sealing.PASSWORD_MEMORY_KIB, sealing.PASSWORD_PASSES)  # before any test lowers it
LATER = NOW + timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "PASSWORD_MEMORY_KIB", 64)
    monkeypatch.setattr(people, "_nobodys", [])
    monkeypatch.setattr(sign_in_page, "REFUSAL_SECONDS", 0.0)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One home for all tests of this file: making one costs more than most of them."""
    return tmp_path_factory.mktemp("people") / "home"


@pytest.fixture(scope="module")
def house(home: Path) -> Iterator[Registry]:
    opened = Registry(home, ROOT_KEY)
    opened.create("atelier", "pro", NOW)
    yield opened
    opened.close()


@pytest.fixture
def registry(house: Registry) -> Iterator[Registry]:
    """The registry with nobody in it."""
    yield house
    for table in ("people", "sessions", "sign_ins", "api_keys"):
        house.control.execute(f"DELETE FROM {table}")
    for extra in house.ids()[1:]:
        house.destroy(extra)


@pytest.fixture
def workspace(registry: Registry) -> WorkspaceId:
    return registry.ids()[0]


def add(registry: Registry, workspace: str, name: str = "Ines", *roles: str, **more: Any) -> Any:
    granted = roles or ("creator",)
    return people.add(registry, WorkspaceId(workspace), name, granted, PASSWORD, NOW, **more)


def test_the_cost_of_a_password_is_what_owasp_asks() -> None:
    assert COST == (19 * 1024, 2)
    kept = sealing.hash_password(PASSWORD)  # the cheap one of these tests
    assert kept.startswith("$argon2id$v=19$m=64,t=2,p=1$")
    assert sealing.hash_password(PASSWORD) != kept and sealing.is_password(PASSWORD, kept)
    assert not sealing.is_password(PASSWORD + " ", kept) and not sealing.is_password("x", "$odd")


def test_a_person_signs_in_with_the_rights_of_their_roles(
    registry: Registry, workspace: WorkspaceId
) -> None:
    made = add(registry, workspace, "Inès", "creator", "reviewer")
    session = auth.sign_in_person(registry, " INÈS ", PASSWORD, NOW, 12)
    caller = auth.resume(registry, session, NOW)
    assert (caller.actor, caller.person) == (made.id, made.id)
    assert caller.scopes == ROLE_SCOPES["creator"] | ROLE_SCOPES["reviewer"]
    with pytest.raises(Unauthenticated):
        auth.resume(registry, session, NOW + timedelta(hours=12))


def test_no_name_and_no_password_is_kept_in_clear(
    registry: Registry, workspace: WorkspaceId, home: Path
) -> None:
    add(registry, workspace, "ines.marchand")
    session = auth.sign_in_person(registry, "ines.marchand", PASSWORD, NOW, 12)
    on_disk = bytes_under(home)
    for hidden in ("ines.marchand", PASSWORD, "argon2id", session):
        assert hidden.encode() not in on_disk


def test_whatever_is_wrong_gets_one_answer_and_one_slow_check(
    registry: Registry, workspace: WorkspaceId, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(registry, workspace, "ines")
    checked: list[str] = []
    real = sealing.is_password

    def counting(given: str, kept: str) -> bool:
        checked.append(kept)
        return real(given, kept)

    monkeypatch.setattr(sealing, "is_password", counting)
    answers = set()
    for name, password, place in (
        ("ines", "wrong horse battery", None),
        ("ines", "", None),
        ("nobody", PASSWORD, None),
        ("", PASSWORD, None),
        ("ines", PASSWORD, "another"),
        ("ines\ud800", PASSWORD, None),
        ("ines", "\ud800" * 20, None),
    ):
        checked.clear()
        with pytest.raises(Unauthenticated) as refused:
            auth.sign_in_person(registry, name, password, NOW, 12, place)
        assert len(checked) == 1 and checked[0].startswith("$argon2id$"), name
        answers.add(refused.value.detail)
    assert len(answers) == 1 and "ines" not in answers.pop()


def test_two_workspaces_may_have_the_same_name(registry: Registry, workspace: WorkspaceId) -> None:
    other = registry.create("Other House", "pro", NOW).id
    add(registry, workspace, "ines")
    add(registry, other, "ines", "auditor")
    with pytest.raises(Conflict):
        add(registry, other, "INES")
    with pytest.raises(Unauthenticated):
        auth.sign_in_person(registry, "ines", PASSWORD, NOW, 12)
    session = auth.sign_in_person(registry, "ines", PASSWORD, NOW, 12, "other house")
    assert auth.resume(registry, session, NOW).workspace_id == other


def test_odd_names_roles_and_passwords_are_refused(
    registry: Registry, workspace: WorkspaceId
) -> None:
    for name, roles, password in (
        ("", ["creator"], PASSWORD),
        ("hm_x", ["creator"], PASSWORD),
        ("a\nb", ["creator"], PASSWORD),
        ("x" * 81, ["creator"], PASSWORD),
        ("ines", [], PASSWORD),
        ("ines", ["root"], PASSWORD),
        ("ines", ["creator"], "short"),
        ("ines", ["creator"], "aaaaaaaaaaaaaaaa"),
        ("ines", ["creator"], "my name is Ines!"),
        ("ines", ["creator"], "\ud800" * 20),
        ("ines", ["creator"], "x y" * 200),
    ):
        with pytest.raises(InvalidRequest):
            people.add(registry, workspace, name, roles, password, NOW)
    assert not people.people(registry, workspace)


def test_other_roles_and_passwords_count_at_once_and_end_sessions(
    registry: Registry, workspace: WorkspaceId
) -> None:
    made = add(registry, workspace, "ines", "creator")
    session = auth.sign_in_person(registry, "ines", PASSWORD, NOW, 12)
    people.change(registry, workspace, made.id, roles=["auditor"])
    with pytest.raises(Unauthenticated):
        auth.resume(registry, session, NOW)
    session = auth.sign_in_person(registry, "ines", PASSWORD, NOW, 12)
    assert auth.resume(registry, session, NOW).scopes == {"audit:read"}
    people.change(registry, workspace, made.id, password="another battery horse")
    for ask in (
        lambda: auth.resume(registry, session, NOW),
        lambda: auth.sign_in_person(registry, "ines", PASSWORD, NOW, 12),
    ):
        with pytest.raises(Unauthenticated):
            ask()
    assert auth.sign_in_person(registry, "ines", "another battery horse", NOW, 12)


def test_a_removed_person_is_out_at_once_and_the_name_is_free(
    registry: Registry, workspace: WorkspaceId
) -> None:
    made = add(registry, workspace)
    session = auth.sign_in_person(registry, "ines", PASSWORD, NOW, 12)
    for _ in range(2):
        assert people.remove(registry, workspace, made.id, NOW).status == "removed"
    for ask in (
        lambda: auth.resume(registry, session, NOW),
        lambda: auth.sign_in_person(registry, "ines", PASSWORD, NOW, 12),
    ):
        with pytest.raises(Unauthenticated):
            ask()
    for act in (
        lambda: people.change(registry, workspace, made.id, roles=["legal"]),
        lambda: people.confirm(registry, workspace, made.id, "per_legal"),
    ):
        with pytest.raises(NotFound):
            act()
    assert add(registry, workspace).id != made.id and registry.verify().intact


def test_two_sessions_by_one_time_codes_are_no_two_people(
    registry: Registry, workspace: WorkspaceId
) -> None:
    def by_code() -> Any:
        code = auth.create_sign_in(registry, workspace, {"generate"}, NOW, 5)
        return auth.resume(registry, auth.redeem(registry, code, NOW, 1), NOW)

    first, second = by_code(), by_code()
    assert first.actor != second.actor and first.principal == second.principal
    key_id, key = auth.create_key(registry, workspace, {"generate"}, NOW)
    by_key = auth.resume(registry, auth.sign_in(registry, key, NOW, 1), NOW)
    assert by_key.principal == key_id == auth.authenticate(registry, key, NOW).principal


def test_what_an_admin_makes_waits_for_somebody_else(
    registry: Registry, workspace: WorkspaceId
) -> None:
    made = add(registry, workspace, "ines", "legal", made_by="per_admin")
    assert made.status == "awaiting_confirmation"
    with pytest.raises(Unauthenticated):
        auth.sign_in_person(registry, "ines", PASSWORD, NOW, 12)
    people.change(registry, workspace, made.id, password=PASSWORD + "!", made_by="per_second")
    people.change(registry, workspace, made.id, roles=["auditor"], made_by="per_second")
    people.change(registry, workspace, made.id, roles=["legal"], made_by="per_third")
    for confirmer in ("per_admin", "per_second", "per_third", made.id):
        with pytest.raises(Refused):
            people.confirm(registry, workspace, made.id, confirmer)
    with pytest.raises(Conflict):
        people.confirm(registry, workspace, made.id, "per_legal", ["legal", "creator"])
    with pytest.raises(Unauthenticated):
        people.change_own_password(registry, made.id, "another horse battery")
    assert people.confirm(registry, workspace, made.id, "per_legal").status == "active"
    assert auth.sign_in_person(registry, "ines", PASSWORD + "!", NOW, 12)
    blind = add(registry, workspace, "audrey", "auditor", "admin", made_by="per_admin")
    assert blind.status == "active"


def test_an_admin_can_not_take_an_account_over(registry: Registry, workspace: WorkspaceId) -> None:
    made = add(registry, workspace, "ines", "creator")
    taken = "taken over by admin"
    people.change(registry, workspace, made.id, password=taken, made_by="per_admin")
    with pytest.raises(Unauthenticated):
        auth.sign_in_person(registry, "ines", taken, NOW, 12)
    auditor = add(registry, workspace, "audrey", "auditor")
    people.change(registry, workspace, auditor.id, roles=["creator"], made_by="per_admin")
    with pytest.raises(Unauthenticated):
        auth.sign_in_person(registry, "audrey", PASSWORD, NOW, 12)
    reviewer = add(registry, workspace, "rita", "creator", "reviewer")
    people.change(registry, workspace, reviewer.id, roles=["reviewer"], made_by="per_admin")
    assert auth.sign_in_person(registry, "rita", PASSWORD, NOW, 12)  # fewer rights need nobody


def test_a_key_that_an_admin_makes_waits_too(registry: Registry, workspace: WorkspaceId) -> None:
    key_id, secret = auth.create_key(
        registry, workspace, {"images:read"}, NOW, made_by="per_admin", label="shop"
    )
    for ask in (auth.authenticate, lambda *a: auth.sign_in(*a, 1)):
        with pytest.raises(Unauthenticated):
            ask(registry, secret, NOW)
    with pytest.raises(Refused):
        auth.confirm_key(registry, workspace, key_id, "per_admin")
    with pytest.raises(NotFound):
        auth.confirm_key(registry, WorkspaceId("ws_other"), key_id, "per_legal")
    auth.confirm_key(registry, workspace, key_id, "per_legal")
    assert auth.authenticate(registry, secret, NOW).scopes == {"images:read"}
    assert auth.list_keys(registry)[0]["label"] == "shop"
    _, blind = auth.create_key(registry, workspace, {"admin"}, NOW, made_by="per_admin")
    assert auth.authenticate(registry, blind, NOW)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE people SET roles = 'legal'",
        "UPDATE people SET workspace_id = 'ws_other'",
        "UPDATE people SET disabled_at = NULL, created_at = '2020-01-01'",
        "UPDATE people SET sealed = NULL",
    ],
)
def test_a_changed_row_opens_nothing(
    registry: Registry, workspace: WorkspaceId, home: Path, sql: str
) -> None:
    made = add(registry, workspace, "ines", "auditor")
    session = auth.sign_in_person(registry, "ines", PASSWORD, NOW, 12)
    with sqlite3.connect(home / "control.db") as db:
        db.execute(sql)
    db.close()
    for ask in (
        lambda: auth.resume(registry, session, NOW),
        lambda: auth.sign_in_person(registry, "ines", PASSWORD, NOW, 12),
    ):
        with pytest.raises(Unauthenticated):
            ask()
    assert f"people/{made.id}" in registry.verify().damaged


def test_destroying_a_workspace_takes_its_people_along(registry: Registry) -> None:
    other = registry.create("short-lived", "pro", NOW).id
    made = add(registry, other)
    registry.destroy(other)
    assert people.find(registry, made.id) is None


def guess(registry: Registry, throttle: Throttle, name: str, now: Any, address: str = "a") -> str:
    given = ("right", PASSWORD) if name == "ines" else ("wrong", "wrong horse battery")
    return signing_in.with_password(registry, throttle, name, given[1], None, address, now, 1)


def test_wrong_guesses_are_throttled_by_name_and_by_address(
    registry: Registry, workspace: WorkspaceId
) -> None:
    add(registry, workspace, "ines")
    throttle = Throttle()
    for n in range(PER_NAME):
        with pytest.raises(Unauthenticated):
            guess(registry, throttle, "x" if n % 2 else "X ", NOW)
    with pytest.raises(RateLimited) as limited:
        guess(registry, throttle, "x", LATER)
    assert limited.value.retry_after_seconds == 14 * 60
    assert guess(registry, throttle, "ines", LATER)  # another name still comes in
    for n in range(PER_ADDRESS - PER_NAME):
        with pytest.raises(Unauthenticated):
            guess(registry, throttle, f"n{n}", NOW)
    with pytest.raises(RateLimited):
        guess(registry, throttle, "ines", LATER)
    assert guess(registry, throttle, "ines", LATER, address="b")
    assert guess(registry, throttle, "ines", NOW + timedelta(minutes=16))


def test_sign_ins_are_audited_without_the_name(registry: Registry, workspace: WorkspaceId) -> None:
    made, throttle = add(registry, workspace, "ines"), Throttle()
    before = audit.verify(registry.store(workspace)).entries
    guess(registry, throttle, "ines", NOW)
    for name in ("somebody", "SomeBody"):
        with pytest.raises(Unauthenticated):
            guess(registry, throttle, name, NOW)
    _, key = auth.create_key(registry, workspace, {"generate"}, NOW)
    signing_in.with_key(registry, key, "a", NOW, 1)
    code = auth.create_sign_in(registry, workspace, {"generate"}, NOW, 5)
    signing_in.with_code(registry, code, "a", NOW, 1)
    ok, refused, again, by_key, by_code = audit.entries(registry.store(workspace), before)
    assert (ok.action, ok.actor, ok.facts) == ("sign_in.ok", made.id, {"by": "password"})
    assert refused.action == "sign_in.refused" and refused.facts == again.facts
    assert (by_key.facts["by"], by_code.facts["by"]) == ("key", "code")
    assert by_key.object_id.startswith("key_") and by_key.actor.startswith(by_key.object_id)
    assert "ines" not in str([ok, refused]) and "somebody" not in str(refused).lower()


def test_a_sign_in_that_can_not_be_audited_leaves_no_session(registry: Registry) -> None:
    other = registry.create("shut", "pro", NOW).id
    add(registry, other, "ines")
    registry.lock(other)
    with pytest.raises(Locked):
        guess(registry, Throttle(), "ines", NOW)
    assert not [*registry.control.query("SELECT * FROM sessions")]


def test_the_page_and_the_api_sign_a_person_in(service: Service) -> None:
    registry, workspace = service.services.registry, service.workspace.id
    made = people.add(registry, workspace, "page@house", ["auditor"], PASSWORD, NOW)
    client = new_client(service.app, {})
    form = {"name": "page@house", "password": PASSWORD, "workspace": ""}
    answer = client.post("/sign-in", data=form, headers={"Origin": "http://testserver"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/")
    assert client.get("/v1/audit").status_code == 200
    assert client.get("/v1/models").status_code == 403
    as_json = {"name": "page@house", "password": PASSWORD, "workspace": "Atelier"}
    assert new_client(service.app, {}).post("/sign-in", json=as_json).status_code == 204
    for _ in range(PER_NAME):
        wrong = {"name": "page@house", "password": "<b>wrong one"}
        refused = new_client(service.app, {}).post("/sign-in", data=wrong)
        assert refused.status_code == 401 and "<b>" not in refused.text
    limited = new_client(service.app, {}).post("/sign-in", json=as_json)
    assert (limited.status_code, limited.json()["code"]) == (429, "rate_limited")
    assert int(limited.headers["retry-after"]) > 800
    page = new_client(service.app, {}).post("/sign-in", data=form)
    assert page.status_code == 429 and "<h1>" in page.text and page.headers["retry-after"]
    people.remove(registry, workspace, made.id, NOW)
    assert client.get("/v1/audit").status_code == 401
