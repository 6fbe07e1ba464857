"""Who asks: API keys, one-time sign-in codes, console sessions -> Caller.

Rules:
- A secret is shown once, when it is made; the control store keeps only its SHA-256. Secrets have
  256 random bits, so a slow hash would add nothing.
- A key or session belongs to one workspace; what it may do is its scopes, and no scope implies
  another (`admin` opens no likeness).
- Wrong, expired and revoked secrets get the same answer, and so does a row that somebody wrote or
  changed without the root key: every right is sealed (`workspace/control.py`).
- A session travels in a cookie; calls that change something then also need the console's header
  (`CONSOLE_HEADER`), which another site's page can't set without our consent.

Local accounts, roles and throttling of sign-ins come with a later issue.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from serve import rights
from serve.scopes import SCOPES as SCOPES
from serve.scopes import check_scopes
from serve.scopes import require as require
from workspace.database import transaction
from workspace.errors import NotFound, StorageFull, Unauthenticated, Unavailable
from workspace.registry import Registry
from workspace.types import Caller, KeyId, WorkspaceId, new_id

COOKIE = "hm_session"
CONSOLE_HEADER = "X-Housemodel-Console"
_KEY_PREFIX = "hm_"
_LAST_USED_MINUTES = 1  # `last_used_at` is not written more often than this


def create_key(
    registry: Registry,
    workspace_id: WorkspaceId,
    scopes: Iterable[str],
    now: datetime,
    expires_at: datetime | None = None,
    label: str = "",
) -> tuple[KeyId, str]:
    """Make an API key and return its id and, this once, its secret.

    Raises:
        InvalidRequest: a scope is unknown or there is none.
        NotFound: there is no such workspace.
    """
    granted = check_scopes(scopes)
    registry.get(workspace_id)
    key_id, secret = KeyId(new_id("key")), _KEY_PREFIX + secrets.token_urlsafe(32)
    row = {
        "id": key_id,
        "workspace_id": workspace_id,
        "hash": rights.hash_of(secret),
        "scopes": " ".join(sorted(granted)),
        "created_at": now.isoformat(),
        "expires_at": expires_at.isoformat() if expires_at else None,
    }
    rights.insert(registry, "api_keys", row, {"label": label})
    return key_id, secret


def list_keys(registry: Registry, workspace_id: WorkspaceId | None = None) -> list[dict[str, Any]]:
    """List keys of one workspace or of all, newest first; never a secret or its hash."""
    where, params = ("workspace_id = ?", [workspace_id]) if workspace_id else ("1", [])
    rows = registry.control.query(
        f"SELECT * FROM api_keys WHERE {where} ORDER BY created_at DESC, id", params
    )
    return [
        {name: row[name] for name in row if name not in ("hash", "sealed")}
        | {"label": rights.label_of(registry, row)}
        for row in rows
    ]


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
    if row is None or not _is_in_force(row, now):
        raise Unauthenticated("The API key is not valid.")
    with suppress(StorageFull, Unavailable):  # reading must not need room on the disk
        _touch(registry, row, now)
    return Caller(row["workspace_id"], row["id"], frozenset(row["scopes"].split()))


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


def resume(registry: Registry, session: str, now: datetime) -> Caller:
    """Find the caller of a console session.

    Raises:
        Unauthenticated: the session is unknown, has ended or was signed out.
    """
    row = rights.find(registry, "sessions", session)
    if row is None or _is_past(row["expires_at"], now) or not _key_is_good(registry, row, now):
        raise Unauthenticated("The console session has ended.")
    return Caller(row["workspace_id"], row["id"], frozenset(row["scopes"].split()))


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


def _key_is_good(registry: Registry, session: dict[str, Any], now: datetime) -> bool:
    """Tell whether the key that opened a session counts; a one-time code opens one without."""
    key_id, opened_by_key, _ = str(session["id"]).partition(".")
    if not opened_by_key:
        return True
    key = rights.key_of(registry, key_id)
    if key is None or not rights.is_sealed(registry, "api_keys", key):
        return False
    return _is_in_force(key, now)


def _is_in_force(key: dict[str, Any], now: datetime) -> bool:
    return not key["revoked_at"] and not _is_past(key["expires_at"], now)


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
