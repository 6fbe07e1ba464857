"""Keys, one-time codes, sessions: shown once, kept as hashes, ended at once."""

from __future__ import annotations

import hashlib
import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from serve.callers import auth
from tests.homes import NOW, bytes_under
from workspace.errors import (
    HousemodelError,
    InvalidRequest,
    NotFound,
    ScopeMissing,
    SealBroken,
    StorageFull,
    Unauthenticated,
    Unavailable,
)
from workspace.registry import Registry
from workspace.types import Caller, WorkspaceId

LATER = NOW + timedelta(hours=1)


@pytest.fixture
def workspace(registry: Registry) -> WorkspaceId:
    return registry.create("atelier", "pro", NOW).id


def test_a_key_finds_its_workspace_and_scopes(registry: Registry, workspace: WorkspaceId) -> None:
    key_id, secret = auth.create_key(registry, workspace, {"generate", "images:read"}, NOW)
    caller = auth.authenticate(registry, secret, NOW)
    assert caller == Caller(workspace, key_id, frozenset({"generate", "images:read"}))
    assert secret.startswith("hm_") and len(secret) == 46


def test_no_secret_is_kept_in_clear(registry: Registry, workspace: WorkspaceId, home: Path) -> None:
    _, secret = auth.create_key(registry, workspace, {"generate"}, NOW, None, "my label")
    code = auth.create_sign_in(registry, workspace, {"generate"}, NOW, minutes=5)
    session = auth.redeem(registry, code, NOW, hours=1)
    on_disk = bytes_under(home)
    for hidden in (secret, secret[3:], code, session, "my label"):
        assert hidden.encode() not in on_disk
    listed = auth.list_keys(registry, workspace)
    assert listed[0]["label"] == "my label" and secret not in str(listed)


@pytest.mark.parametrize("wrong", ["", "hm_", "hm_" + "x" * 43, "x" * 100_000, "hm_\x00", "é"])
def test_a_wrong_key_is_refused(registry: Registry, workspace: WorkspaceId, wrong: str) -> None:
    with pytest.raises(Unauthenticated):
        auth.authenticate(registry, wrong, NOW)


def test_an_expired_and_a_revoked_key_are_refused_alike(
    registry: Registry, workspace: WorkspaceId
) -> None:
    _, expired = auth.create_key(registry, workspace, {"generate"}, NOW, LATER)
    key_id, revoked = auth.create_key(registry, workspace, {"generate"}, NOW)
    auth.revoke_key(registry, key_id, NOW)
    auth.revoke_key(registry, key_id, LATER)
    details = set()
    for secret in (expired, revoked, "hm_unknown"):
        with pytest.raises(Unauthenticated) as refused:
            auth.authenticate(registry, secret, LATER)
        details.add(refused.value.detail)
    assert len(details) == 1
    assert auth.authenticate(registry, expired, NOW)


def test_revoking_an_unknown_key_says_so(registry: Registry) -> None:
    with pytest.raises(NotFound):
        auth.revoke_key(registry, "key_nothing", NOW)


@pytest.mark.parametrize("scopes", [set(), {"everything"}, {"generate", "root"}])
def test_unknown_scopes_are_refused(
    registry: Registry, workspace: WorkspaceId, scopes: set[str]
) -> None:
    with pytest.raises(InvalidRequest):
        auth.create_key(registry, workspace, scopes, NOW)


def test_a_key_needs_a_workspace(registry: Registry) -> None:
    with pytest.raises(NotFound):
        auth.create_key(registry, WorkspaceId("ws_nothing"), {"generate"}, NOW)


def test_admin_implies_no_other_scope() -> None:
    admin = Caller(WorkspaceId("ws_1"), "key_1", frozenset({"admin"}))
    with pytest.raises(ScopeMissing) as refused:
        auth.require(admin, "models:read")
    assert "models:read" in refused.value.detail


def test_last_use_is_noted_but_not_with_every_request(
    registry: Registry, workspace: WorkspaceId
) -> None:
    _, secret = auth.create_key(registry, workspace, {"generate"}, NOW)
    for seconds in (0, 10, 50):
        auth.authenticate(registry, secret, NOW + timedelta(seconds=seconds))
    assert auth.list_keys(registry)[0]["last_used_at"] == NOW.isoformat()
    auth.authenticate(registry, secret, LATER)
    assert auth.list_keys(registry)[0]["last_used_at"] == LATER.isoformat()


def test_a_one_time_code_works_once(registry: Registry, workspace: WorkspaceId) -> None:
    code = auth.create_sign_in(registry, workspace, {"generate"}, NOW, minutes=5)
    session = auth.redeem(registry, code, NOW, hours=12)
    assert auth.resume(registry, session, LATER).scopes == {"generate"}
    with pytest.raises(Unauthenticated):
        auth.redeem(registry, code, NOW, hours=12)


def test_a_code_and_a_session_end_by_themselves(registry: Registry, workspace: WorkspaceId) -> None:
    code = auth.create_sign_in(registry, workspace, {"generate"}, NOW, minutes=5)
    with pytest.raises(Unauthenticated):
        auth.redeem(registry, code, NOW + timedelta(minutes=5), hours=1)
    fresh = auth.create_sign_in(registry, workspace, {"generate"}, NOW, minutes=5)
    session = auth.redeem(registry, fresh, NOW, hours=1)
    with pytest.raises(Unauthenticated):
        auth.resume(registry, session, LATER)


def test_signing_out_ends_the_session_at_once(registry: Registry, workspace: WorkspaceId) -> None:
    _, secret = auth.create_key(registry, workspace, {"generate"}, NOW)
    session = auth.sign_in(registry, secret, NOW, hours=12)
    auth.sign_out(registry, session)
    auth.sign_out(registry, "unknown")
    with pytest.raises(Unauthenticated):
        auth.resume(registry, session, NOW)


def test_sweeping_removes_only_what_has_ended(registry: Registry, workspace: WorkspaceId) -> None:
    _, secret = auth.create_key(registry, workspace, {"generate"}, NOW)
    short, long = (auth.sign_in(registry, secret, NOW, hours) for hours in (1, 12))
    auth.sweep(registry, LATER)
    assert auth.resume(registry, long, NOW)
    with pytest.raises(Unauthenticated):
        auth.resume(registry, short, NOW)


def test_a_session_ends_with_the_key_that_opened_it(
    registry: Registry, workspace: WorkspaceId
) -> None:
    key_id, secret = auth.create_key(registry, workspace, {"generate"}, NOW, LATER)
    session = auth.sign_in(registry, secret, NOW, hours=12)
    assert auth.resume(registry, session, NOW).actor.startswith(key_id)
    with pytest.raises(Unauthenticated):
        auth.resume(registry, session, LATER)
    _, other = auth.create_key(registry, workspace, {"generate"}, NOW)
    unaffected = auth.sign_in(registry, other, NOW, hours=12)
    auth.revoke_key(registry, key_id, NOW)
    with pytest.raises(Unauthenticated):
        auth.resume(registry, session, NOW)
    assert auth.resume(registry, unaffected, NOW)


def as_intruder(home: Path, sql: str, *params: object) -> None:
    """Write to the control store as somebody without the root key."""
    with sqlite3.connect(home / "control.db") as db:
        db.execute(sql, params)
    db.close()


def test_a_row_that_was_written_without_the_root_key_opens_nothing(
    registry: Registry, workspace: WorkspaceId, home: Path
) -> None:
    forged = hashlib.sha256(b"hm_forged").hexdigest()
    columns = "(id, workspace_id, hash, scopes, created_at, expires_at)"
    for table, row_id in (("api_keys", "key_forged"), ("sessions", "ses_forged")):
        sql = f"INSERT INTO {table} {columns} VALUES (?, ?, ?, 'images:read', ?, '2099-01-01')"
        as_intruder(home, sql, row_id, workspace, forged, NOW.isoformat())
    sql = "INSERT INTO sign_ins (hash, workspace_id, scopes, expires_at) VALUES (?, ?, ?, ?)"
    as_intruder(home, sql, forged, workspace, "images:read", LATER.isoformat())
    for ask in (
        lambda: auth.authenticate(registry, "hm_forged", NOW),
        lambda: auth.resume(registry, "hm_forged", NOW),
        lambda: auth.redeem(registry, "hm_forged", NOW, hours=1),
    ):
        with pytest.raises(Unauthenticated):
            ask()
    assert registry.verify().damaged == (
        "api_keys/key_forged",
        "sessions/ses_forged",
        f"sign_ins/{forged[:8]}",
    )


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE api_keys SET scopes = 'generate images:read'",
        "UPDATE api_keys SET expires_at = '2099-01-01T00:00:00+00:00'",
        "UPDATE api_keys SET workspace_id = 'ws_other'",
        "UPDATE api_keys SET sealed = NULL",
    ],
)
def test_a_right_that_was_changed_ends(
    registry: Registry, workspace: WorkspaceId, home: Path, change: str
) -> None:
    key_id, secret = auth.create_key(registry, workspace, {"generate"}, NOW, LATER, "night")
    session = auth.sign_in(registry, secret, NOW, hours=1)
    as_intruder(home, change)
    for ask in (auth.authenticate, auth.sign_in):
        with pytest.raises(Unauthenticated):
            ask(registry, secret, NOW, *([1] if ask is auth.sign_in else []))
    with pytest.raises(Unauthenticated):
        auth.resume(registry, session, NOW)
    assert "damaged" in auth.list_keys(registry)[0]["label"]
    auth.revoke_key(registry, key_id, NOW)
    assert auth.list_keys(registry)[0]["revoked_at"]


def test_a_revocation_can_not_be_taken_back_by_hand(
    registry: Registry, workspace: WorkspaceId, home: Path
) -> None:
    key_id, secret = auth.create_key(registry, workspace, {"generate"}, NOW)
    auth.revoke_key(registry, key_id, NOW)
    assert registry.verify().intact
    as_intruder(home, "UPDATE api_keys SET revoked_at = NULL")
    with pytest.raises(Unauthenticated):
        auth.authenticate(registry, secret, NOW)


def test_a_lock_can_not_be_taken_off_by_hand(
    registry: Registry, workspace: WorkspaceId, home: Path
) -> None:
    registry.lock(workspace)
    assert registry.verify().intact
    as_intruder(home, "UPDATE workspaces SET locked = 0")
    with pytest.raises(SealBroken):
        registry.store(workspace)
    as_intruder(home, "UPDATE workspaces SET locked = 1")
    registry.unlock(workspace)
    assert registry.store(workspace)


def test_a_key_that_is_revoked_while_it_signs_in_leaves_no_session(
    registry: Registry, workspace: WorkspaceId, monkeypatch: pytest.MonkeyPatch
) -> None:
    key_id, secret = auth.create_key(registry, workspace, {"generate"}, NOW)
    real = auth._open_session

    def revoked_meanwhile(*args: Any) -> str:
        auth.revoke_key(registry, key_id, NOW)
        return real(*args)

    monkeypatch.setattr(auth, "_open_session", revoked_meanwhile)
    session = auth.sign_in(registry, secret, NOW, hours=12)
    with pytest.raises(Unauthenticated):
        auth.resume(registry, session, NOW)


@pytest.mark.parametrize("error", [StorageFull, Unavailable])
def test_reading_needs_no_room_on_the_disk(
    registry: Registry,
    workspace: WorkspaceId,
    monkeypatch: pytest.MonkeyPatch,
    error: type[HousemodelError],
) -> None:
    _, secret = auth.create_key(registry, workspace, {"generate"}, NOW)
    real = registry.control.execute

    def execute(sql: str, *rest: Any) -> Any:
        if sql.startswith("UPDATE"):
            raise error()
        return real(sql, *rest)

    monkeypatch.setattr(registry.control, "execute", execute)
    assert auth.authenticate(registry, secret, NOW).scopes == {"generate"}
