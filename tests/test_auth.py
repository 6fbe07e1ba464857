"""Keys, one-time codes, sessions: shown once, kept as hashes, ended at once."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from serve import auth
from tests.homes import NOW, bytes_under
from workspace.errors import InvalidRequest, NotFound, ScopeMissing, Unauthenticated
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
