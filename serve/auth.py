"""Who asks: API keys, one-time sign-in codes, console sessions -> Caller.

Rules:
- A secret is shown once, when it is made; the control store keeps only its SHA-256. Secrets have
  256 random bits, so a slow hash would add nothing.
- A key or session belongs to one workspace; what it may do is its scopes, and no scope implies
  another (`admin` opens no likeness).
- Wrong, expired and revoked secrets get the same answer.
- A session travels in a cookie; calls that change something then also need the console's header
  (`CONSOLE_HEADER`), which another site's page can't set without our consent.

Local accounts, roles and throttling of sign-ins come with a later issue.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from serve.scopes import SCOPES as SCOPES
from serve.scopes import check_scopes
from serve.scopes import require as require
from workspace.database import transaction
from workspace.errors import NotFound, Unauthenticated
from workspace.registry import Registry
from workspace.types import Caller, KeyId, WorkspaceId, new_id

COOKIE = "hm_session"
CONSOLE_HEADER = "X-Housemodel-Console"
_KEY_PREFIX = "hm_"
_LONGEST_SECRET = 128  # characters; anything longer is not ours and is not hashed
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
    registry.control.execute(
        "INSERT INTO api_keys (id, workspace_id, hash, scopes, created_at, expires_at, sealed)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            key_id,
            workspace_id,
            _hash(secret),
            " ".join(sorted(granted)),
            now.isoformat(),
            expires_at.isoformat() if expires_at else None,
            registry.seal("api_keys", key_id, {"label": label}),
        ],
    )
    return key_id, secret


def list_keys(registry: Registry, workspace_id: WorkspaceId | None = None) -> list[dict[str, Any]]:
    """List keys of one workspace or of all, newest first; never a secret or its hash."""
    where, params = ("workspace_id = ?", [workspace_id]) if workspace_id else ("1", [])
    rows = registry.control.query(
        "SELECT id, workspace_id, scopes, created_at, expires_at, last_used_at, revoked_at, sealed"
        f" FROM api_keys WHERE {where} ORDER BY created_at DESC, id",
        params,
    )
    return [{**row, "label": _label(registry, row), "sealed": None} for row in rows]


def revoke_key(registry: Registry, key_id: str, now: datetime) -> None:
    """End a key and the sessions that were opened with it; ending it again changes nothing.

    Raises:
        NotFound: there is no such key.
    """
    with transaction(registry.control):
        done = registry.control.execute(
            "UPDATE api_keys SET revoked_at = COALESCE(revoked_at, ?) WHERE id = ?",
            [now.isoformat(), key_id],
        )
        if done.rowcount == 0:
            raise NotFound("There is no such key.")
        registry.control.execute(
            "DELETE FROM sessions WHERE substr(id, 1, ?) = ?", [len(key_id) + 1, f"{key_id}."]
        )


def authenticate(registry: Registry, secret: str, now: datetime) -> Caller:
    """Find the caller of an API key.

    Raises:
        Unauthenticated: the key is unknown, expired or revoked.
    """
    row = _find(registry, "api_keys", secret)
    if row is None or row["revoked_at"] or _is_past(row["expires_at"], now):
        raise Unauthenticated("The API key is not valid.")
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
    registry.control.execute(
        "INSERT INTO sign_ins (hash, workspace_id, scopes, expires_at) VALUES (?, ?, ?, ?)",
        [
            _hash(code),
            workspace_id,
            " ".join(sorted(granted)),
            (now + timedelta(minutes=minutes)).isoformat(),
        ],
    )
    return code


def redeem(registry: Registry, code: str, now: datetime, hours: int) -> str:
    """Turn a one-time code into a session and return the session's secret.

    Raises:
        Unauthenticated: the code is unknown, used or too old.
    """
    used = registry.control.execute(
        "UPDATE sign_ins SET used_at = ? WHERE hash = ? AND used_at IS NULL AND expires_at > ?"
        " RETURNING workspace_id, scopes",
        [now.isoformat(), _hash(code), now.isoformat()],
    ).fetchone()
    if used is None:
        raise Unauthenticated("This sign-in code is unknown, was used, or is too old.")
    ends_at = now + timedelta(hours=hours)
    return _open_session(registry, new_id("ses"), used[0], used[1], now, ends_at)


def sign_in(registry: Registry, api_key: str, now: datetime, hours: int) -> str:
    """Turn an API key into a session with the same scopes; return the session's secret.

    The session carries the key's id and ends with the key.

    Raises:
        Unauthenticated: the key is not valid.
    """
    caller = authenticate(registry, api_key, now)
    row = _find(registry, "api_keys", api_key)
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
    row = _find(registry, "sessions", session)
    if row is None or _is_past(row["expires_at"], now):
        raise Unauthenticated("The console session has ended.")
    return Caller(row["workspace_id"], row["id"], frozenset(row["scopes"].split()))


def sign_out(registry: Registry, session: str) -> None:
    """End a session; an unknown one is ignored."""
    registry.control.execute("DELETE FROM sessions WHERE hash = ?", [_hash(session)])


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
    registry.control.execute(
        "INSERT INTO sessions (id, hash, workspace_id, scopes, created_at, expires_at)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        [session_id, _hash(secret), workspace_id, scopes, now.isoformat(), ends_at.isoformat()],
    )
    return secret


def _find(registry: Registry, table: str, secret: str) -> dict[str, Any] | None:
    """Look a secret up by its hash: the comparison never sees the secret itself."""
    if len(secret) > _LONGEST_SECRET:
        return None
    rows = registry.control.query(f"SELECT * FROM {table} WHERE hash = ?", [_hash(secret)])
    return next(iter(rows), None)


def _touch(registry: Registry, row: dict[str, Any], now: datetime) -> None:
    """Note when the key was used, without a write for every request."""
    last = row["last_used_at"]
    if last and datetime.fromisoformat(last) > now - timedelta(minutes=_LAST_USED_MINUTES):
        return
    registry.control.execute(
        "UPDATE api_keys SET last_used_at = ? WHERE id = ?", [now.isoformat(), row["id"]]
    )


def _label(registry: Registry, row: dict[str, Any]) -> str:
    sealed = row["sealed"]
    if sealed is None:
        return ""
    opened = registry.open("api_keys", row["id"], sealed)
    return str(opened.get("label", ""))


def _is_past(at: str | None, now: datetime) -> bool:
    return at is not None and datetime.fromisoformat(at) <= now


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
