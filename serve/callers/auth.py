"""Who asks: API keys, people, one-time sign-in codes, console sessions -> Caller.

Rules:
- A secret is shown once, when it is made; the control store keeps only its SHA-256. Secrets have
  256 random bits, so a slow hash would add nothing.
- A key or session belongs to one workspace; what it may do is its scopes, and no scope implies
  another (`admin` opens no likeness).
- Wrong, expired and revoked secrets get the same answer, and so does a row that somebody wrote or
  changed without the root key: every right is sealed (`workspace/control.py`).
- A key made by an `admin` over HTTP that opens more than `admin` may see waits until another person
  confirms it (`serve/callers/people.py` says why).
- A session of a person has the rights of their roles now, and ends with the account.
- A session travels in a cookie; calls that change something then also need the console's header
  (`CONSOLE_HEADER`), which another site's page can't set without our consent.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from serve.callers import people, rights
from serve.callers.roles import is_blind
from serve.callers.scopes import SCOPES as SCOPES
from serve.callers.scopes import check_scopes
from serve.callers.scopes import require as require
from workspace import networks
from workspace.database import transaction
from workspace.errors import (
    NotFound,
    Refused,
    StorageFailed,
    StorageFull,
    Unauthenticated,
    Unavailable,
)
from workspace.registry import Registry
from workspace.types import Caller, KeyId, WorkspaceId, new_id

COOKIE = "hm_session"
CONSOLE_HEADER = "X-Housemodel-Console"
_KEY_PREFIX = "hm_"
_PERSON_PREFIX = "per_"
_LAST_USED_MINUTES = 1  # `last_used_at` is not written more often than this


def create_key(
    registry: Registry,
    workspace_id: WorkspaceId,
    scopes: Iterable[str],
    now: datetime,
    expires_at: datetime | None = None,
    label: str = "",
    made_by: str | None = None,
    key_id: KeyId | None = None,
    allowed_from: Iterable[str] = (),
    per_minute: int | None = None,
) -> tuple[KeyId, str]:
    """Make an API key and return its id and, this once, its secret.

    Args:
        made_by: The principal of the admin who makes it over HTTP; None for the command line.
        key_id: A new id that is in the audit log already; None to make one.
        allowed_from: Networks that it may be used from; none: from anywhere.
        per_minute: Requests a minute, where that is less than the plan's; None: the plan's.

    Raises:
        InvalidRequest: a scope is unknown or there is none, or a network can't be read.
        NotFound: there is no such workspace.
    """
    granted = check_scopes(scopes)
    registry.get(workspace_id)
    key_id, secret = key_id or KeyId(new_id("key")), _KEY_PREFIX + secrets.token_urlsafe(32)
    row = {
        "id": key_id,
        "workspace_id": workspace_id,
        "hash": rights.hash_of(secret),
        "scopes": " ".join(sorted(granted)),
        "created_at": now.isoformat(),
        "expires_at": expires_at.isoformat() if expires_at else None,
    }
    waits = made_by is not None and not is_blind(granted)
    private = {"label": label, "waits_for": made_by if waits else None}
    narrowed = {"networks": list(networks.clean(allowed_from)), "per_minute": per_minute}
    rights.insert(registry, "api_keys", row, private | narrowed)
    return key_id, secret


def list_keys(registry: Registry, workspace_id: WorkspaceId | None = None) -> list[dict[str, Any]]:
    """List keys of one workspace or of all, newest first; never a secret or its hash."""
    where, params = ("workspace_id = ?", [workspace_id]) if workspace_id else ("1", [])
    rows = registry.control.query(
        f"SELECT * FROM api_keys WHERE {where} ORDER BY created_at DESC, id", params
    )
    return [_listed(registry, row) for row in rows]


def confirm_key(
    registry: Registry, workspace_id: WorkspaceId, key_id: str, confirmed_by: str
) -> None:
    """Let a key count that waits; confirming it again changes nothing.

    Raises:
        Refused: whoever made it can't confirm it.
        NotFound: this workspace has no such key, or it is damaged.
    """
    with transaction(registry.control):
        row = rights.key_of(registry, key_id)
        private = rights.opened(registry, "api_keys", row) if row is not None else None
        if row is None or private is None or row["workspace_id"] != workspace_id:
            raise NotFound("There is no such key.")
        if private.get("waits_for") is not None:
            if private["waits_for"] == confirmed_by:
                raise Refused("Somebody else than who made this key must confirm it.")
            rights.replace(registry, "api_keys", row, {}, {**private, "waits_for": None})


def revoke_key(registry: Registry, key_id: str, now: datetime) -> None:
    """End a key and the sessions that were opened with it; ending it again changes nothing.

    Raises:
        NotFound: there is no such key.
    """
    with transaction(registry.control):
        row = rights.key_of(registry, key_id)
        if row is None:
            raise NotFound("There is no such key.")
        ended = {"revoked_at": row["revoked_at"] or now.isoformat()}
        rights.change(registry, "api_keys", row, ended)
        registry.control.execute(
            "DELETE FROM sessions WHERE substr(id, 1, ?) = ?", [len(key_id) + 1, f"{key_id}."]
        )


def authenticate(registry: Registry, secret: str, now: datetime) -> Caller:
    """Find the caller of an API key.

    Raises:
        Unauthenticated: the key is unknown, expired or revoked.
    """
    row = rights.find(registry, "api_keys", secret)
    private = _in_force(registry, row, now) if row is not None else None
    if row is None or private is None:
        raise Unauthenticated("The API key is not valid.")
    with suppress(StorageFull, StorageFailed, Unavailable):  # reading needs no disk to write
        _touch(registry, row, now)
    return _of_key(row, row["id"], private)


def create_sign_in(
    registry: Registry,
    workspace_id: WorkspaceId,
    scopes: Iterable[str],
    now: datetime,
    minutes: int,
) -> str:
    """Make a code that opens one console session, once, within so many minutes.

    Raises:
        InvalidRequest: a scope is unknown or there is none.
        NotFound: there is no such workspace.
    """
    granted = check_scopes(scopes)
    registry.get(workspace_id)
    code = secrets.token_urlsafe(24)
    row = {
        "hash": rights.hash_of(code),
        "workspace_id": workspace_id,
        "scopes": " ".join(sorted(granted)),
        "expires_at": (now + timedelta(minutes=minutes)).isoformat(),
    }
    rights.insert(registry, "sign_ins", row)
    return code


def redeem(registry: Registry, code: str, now: datetime, hours: int) -> str:
    """Turn a one-time code into a session and return the session's secret.

    Raises:
        Unauthenticated: the code is unknown, used or too old.
    """
    with transaction(registry.control):
        row = rights.find(registry, "sign_ins", code)
        if row is None or row["used_at"] or _is_past(row["expires_at"], now):
            raise Unauthenticated("This sign-in code is unknown, was used, or is too old.")
        rights.change(registry, "sign_ins", row, {"used_at": now.isoformat()})
        ends_at = now + timedelta(hours=hours)
        session_id = new_id("ses")
        return _open_session(registry, session_id, row["workspace_id"], row["scopes"], now, ends_at)


def sign_in(registry: Registry, api_key: str, now: datetime, hours: int) -> str:
    """Turn an API key into a session with the same scopes; return the session's secret.

    The session carries the key's id and ends with the key.

    Raises:
        Unauthenticated: the key is not valid.
    """
    with transaction(registry.control):  # a revocation comes before it, or finds the session
        caller = authenticate(registry, api_key, now)
        row = rights.find(registry, "api_keys", api_key)
        ends_at = now + timedelta(hours=hours)
        if row is not None and row["expires_at"]:
            ends_at = min(ends_at, datetime.fromisoformat(row["expires_at"]))
        session_id = f"{caller.actor}.{new_id('ses')}"
        scopes = " ".join(sorted(caller.scopes))
        return _open_session(registry, session_id, caller.workspace_id, scopes, now, ends_at)


def sign_in_person(
    registry: Registry,
    name: str,
    password: str,
    now: datetime,
    hours: int,
    workspace: str | None = None,
    address: str | None = None,
) -> str:
    """Turn a name and a password into a session and return the session's secret.

    Costs as much for a name that nobody has. Throttle before calling it.

    Args:
        workspace: The workspace's name; needed only when several have a person of this name.
        address: Where it comes from; None where that does not matter.

    Raises:
        Unauthenticated: no, and not which of them is wrong.
    """
    known = people.named(registry, name, workspace)
    # NOTE: exactly one slow check whatever was found, so that time tells nothing about names.
    right = people.check_password(registry, known[0].id if known else "", password)
    with transaction(registry.control):  # a removal comes before it, or finds the session
        person = people.find(registry, known[0].id) if len(known) == 1 and right else None
        # NOTE: from outside of the networks a right password gets the answer of a wrong one, or
        # anybody anywhere could find it out.
        if person is None or not _may_come(registry, person, address):
            raise Unauthenticated(
                "Name or password is wrong, or the account waits to be confirmed. "
                "If your name exists in several workspaces, name the workspace, too."
            )
        return open_for(registry, person, now, hours)


def _may_come(registry: Registry, person: people.Person, address: str | None) -> bool:
    allowed = registry.get(person.workspace_id).networks
    return address is None or not allowed or networks.holds(allowed, address)


def open_for(registry: Registry, person: people.Person, now: datetime, hours: int) -> str:
    """Open a session for a person who has shown who they are; returns the session's secret."""
    session_id = f"{person.id}.{new_id('ses')}"
    ends_at = now + timedelta(hours=hours)
    scopes = " ".join(sorted(person.scopes))
    return _open_session(registry, session_id, person.workspace_id, scopes, now, ends_at)


def resume(registry: Registry, session: str, now: datetime) -> Caller:
    """Find the caller of a console session.

    Raises:
        Unauthenticated: the session is unknown, has ended or was signed out.
    """
    row = rights.find(registry, "sessions", session)
    if row is None or _is_past(row["expires_at"], now):
        raise Unauthenticated("The console session has ended.")
    opener, opened_by_other, _ = str(row["id"]).partition(".")
    if opened_by_other and opener.startswith(_PERSON_PREFIX):
        person = people.find(registry, opener)
        if person is None or person.workspace_id != row["workspace_id"]:
            raise Unauthenticated("The console session has ended.")
        return Caller(person.workspace_id, person.id, person.scopes, person.id)
    key = rights.key_of(registry, opener) if opened_by_other else None
    private = _in_force(registry, key, now) if key is not None else None
    if opened_by_other and private is None:
        raise Unauthenticated("The console session has ended.")
    return _of_key(row, row["id"], private or {})


def check_address(registry: Registry, caller: Caller, address: str) -> None:
    """Let a caller pass that calls from where its workspace and its key may be called from.

    Raises:
        AddressNotAllowed: it does not.
    """
    networks.check(registry.get(caller.workspace_id).networks, address)
    networks.check(caller.networks, address)


def sign_out(registry: Registry, session: str) -> None:
    """End a session; an unknown one is ignored."""
    registry.control.execute("DELETE FROM sessions WHERE hash = ?", [rights.hash_of(session)])


def sweep(registry: Registry, now: datetime) -> None:
    """Remove sessions and sign-in codes that have ended."""
    for table in ("sessions", "sign_ins"):
        registry.control.execute(f"DELETE FROM {table} WHERE expires_at <= ?", [now.isoformat()])


def _open_session(
    registry: Registry,
    session_id: str,
    workspace_id: str,
    scopes: str,
    now: datetime,
    ends_at: datetime,
) -> str:
    secret = secrets.token_urlsafe(32)
    row = {
        "id": session_id,
        "hash": rights.hash_of(secret),
        "workspace_id": workspace_id,
        "scopes": scopes,
        "created_at": now.isoformat(),
        "expires_at": ends_at.isoformat(),
    }
    rights.insert(registry, "sessions", row)
    return secret


def _in_force(registry: Registry, key: dict[str, Any], now: datetime) -> dict[str, Any] | None:
    """Open what is sealed with a key that counts; None for one that does not, or not any more."""
    private = rights.opened(registry, "api_keys", key)
    if private is None or private.get("waits_for") is not None:
        return None
    return None if key["revoked_at"] or _is_past(key["expires_at"], now) else private


def _of_key(row: dict[str, Any], actor: str, private: dict[str, Any]) -> Caller:
    """The caller of a key, or of a session that it opened: held to what the key is held to."""
    allowed = tuple(private.get("networks") or ())
    scopes = frozenset(str(row["scopes"]).split())
    return Caller(row["workspace_id"], actor, scopes, None, allowed, private.get("per_minute"))


def _listed(registry: Registry, row: dict[str, Any]) -> dict[str, Any]:
    private = rights.opened(registry, "api_keys", row) or {}
    return {name: row[name] for name in row if name not in ("hash", "sealed")} | {
        "label": rights.label_of(registry, row),
        "waits": private.get("waits_for") is not None,
        "networks": list(private.get("networks") or ()),
        "per_minute": private.get("per_minute"),
    }


def _touch(registry: Registry, row: dict[str, Any], now: datetime) -> None:
    """Note when the key was used, without a write for every request."""
    last = row["last_used_at"]
    if last and datetime.fromisoformat(last) > now - timedelta(minutes=_LAST_USED_MINUTES):
        return
    registry.control.execute(
        "UPDATE api_keys SET last_used_at = ? WHERE id = ?", [now.isoformat(), row["id"]]
    )


def _is_past(at: str | None, now: datetime) -> bool:
    return at is not None and datetime.fromisoformat(at) <= now
