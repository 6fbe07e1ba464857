"""Break-glass: an admin may see one model's reference photos, for minutes, for a reason.

Rules: a grant is for one caller and one model, lasts an hour at most, and opens the two reference
photos and nothing else: no image, no prompt, no name. Opening, every look and the end are audited;
the log has a keyed hash of the reason, the reason itself is sealed with the grant and shown to
`legal` and `auditor`. Legal ends it whenever they want; so does whoever opened it. A grant of an
erased model opens nothing, because there is nothing left.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from compliance import audit
from identity import enrolment
from identity.models import ALIVE
from serve.callers import rights
from workspace.database import transaction
from workspace.errors import NotFound, ScopeMissing
from workspace.registry import Registry
from workspace.store import WorkspaceStore
from workspace.types import Caller, ModelId, WorkspaceId, new_id

MAX_MINUTES = 60
_TABLE = "break_glass"
_LABEL = "break-glass reason v1"


@dataclass(frozen=True, slots=True)
class Grant:
    """One opened glass; times are RFC 3339 in UTC."""

    id: str
    actor: str  # the person, key or one-time session that may look
    model_id: str
    reason: str
    created_at: str
    expires_at: str
    ended_by: str | None  # None: it ends, or ended, by itself

    def is_open(self, now: datetime) -> bool:
        """Tell whether it still opens something."""
        return now < datetime.fromisoformat(self.expires_at)


def open_glass(
    registry: Registry,
    store: WorkspaceStore,
    model_id: ModelId,
    reason: str,
    minutes: int,
    caller: Caller,
    now: datetime,
) -> Grant:
    """Let the caller see the photos of one model until the time is over; audited.

    Args:
        minutes: From 1 to MAX_MINUTES; the caller of this has checked it.

    Raises:
        NotFound: this workspace has no such model.
        StorageFull, Unavailable: nothing was opened.
    """
    with store.transaction():
        enrolment.describe(store, model_id)
        grant_id = new_id("brk")
        row = {
            "id": grant_id,
            "workspace_id": store.workspace.id,
            "hash": rights.hash_of(grant_id),
            "actor": _looker(caller),
            "model_id": model_id,
            "created_at": now.isoformat(),
            "expires_at": (now + timedelta(minutes=minutes)).isoformat(),
        }
        hashed = store.keyed_hash(_LABEL, reason)
        audit.append(
            store,
            "break_glass.opened",
            model_id,
            caller.actor,
            now,
            grant=grant_id,
            minutes=minutes,
            reason_hash=hashed,
        )
        rights.insert(registry, _TABLE, row, {"reason": reason, "ended_by": None})
    return _one(registry, store.workspace.id, grant_id)


def current(
    registry: Registry, workspace_id: WorkspaceId, model_id: str, caller: Caller, now: datetime
) -> Grant:
    """Find the grant that lets this caller see this model's photos now.

    Raises:
        ScopeMissing: there is none.
    """
    sql = f"SELECT * FROM {_TABLE} WHERE workspace_id = ? AND model_id = ? AND actor = ?"
    rows = registry.control.query(sql, [workspace_id, model_id, _looker(caller)])
    for row in rows:
        grant = _grant(registry, row)
        if grant is not None and grant.is_open(now):
            return grant
    raise ScopeMissing("This needs the scope `models:read`, or break-glass with a reason.")


def grants(registry: Registry, workspace_id: WorkspaceId) -> list[Grant]:
    """List all grants of a workspace, newest first; ended ones stay."""
    sql = f"SELECT * FROM {_TABLE} WHERE workspace_id = ? ORDER BY created_at DESC, id"
    found = (_grant(registry, row) for row in registry.control.query(sql, [workspace_id]))
    return [grant for grant in found if grant is not None]


def show(registry: Registry, workspace_id: WorkspaceId, grant_id: str) -> Grant:
    """Show one grant.

    Raises:
        NotFound: this workspace has none under this id, or it is damaged.
    """
    return _one(registry, workspace_id, grant_id)


def end(
    registry: Registry, store: WorkspaceStore, grant_id: str, caller: Caller, now: datetime
) -> Grant:
    """Close the glass at once; closing it again changes nothing.

    Raises:
        NotFound: this workspace has no such grant.
        ScopeMissing: it is another's, and the caller is not `legal`.
    """
    grant = _one(registry, store.workspace.id, grant_id)
    if grant.actor != _looker(caller) and "consents:write" not in caller.scopes:
        raise ScopeMissing("This needs the scope `consents:write`: another opened it.")
    with store.transaction(), transaction(registry.control):
        grant = _one(registry, store.workspace.id, grant_id)  # its reason may be gone by now
        if not grant.is_open(now):
            return grant
        audit.append(store, "break_glass.ended", grant.model_id, caller.actor, now, grant=grant_id)
        row = rights.by_id(registry, _TABLE, grant_id) or {}
        private = {"reason": grant.reason, "ended_by": caller.actor}
        rights.replace(registry, _TABLE, row, {"expires_at": now.isoformat()}, private)
    return _one(registry, store.workspace.id, grant_id)


def forget_reasons(registry: Registry, store: WorkspaceStore) -> int:
    """Take the words out of grants whose person was erased; who looked when stays.

    Returns:
        How many reasons were taken out.
    """
    sql = f"SELECT * FROM {_TABLE} WHERE workspace_id = ?"
    found = 0
    for row in list(registry.control.query(sql, [store.workspace.id])):
        private = rights.opened(registry, _TABLE, row)
        alive = store.count("models", f"id = ? AND {ALIVE}", (row["model_id"],))
        if private is not None and private["reason"] and not alive:
            rights.replace(registry, _TABLE, row, {}, {**private, "reason": ""})
            found += 1
    if found:
        registry.control.erase_log_after_commit()
    return found


def _looker(caller: Caller) -> str:
    return caller.actor.partition(".")[0]


def _one(registry: Registry, workspace_id: str, grant_id: str) -> Grant:
    row = rights.by_id(registry, _TABLE, grant_id)
    grant = _grant(registry, row) if row and row["workspace_id"] == workspace_id else None
    if grant is None:
        raise NotFound("There is no such break-glass grant.")
    return grant


def _grant(registry: Registry, row: dict[str, Any]) -> Grant | None:
    private = rights.opened(registry, _TABLE, row)
    if private is None:
        return None  # somebody without the root key wrote it: it opens nothing
    return Grant(
        row["id"],
        row["actor"],
        row["model_id"],
        private["reason"],
        row["created_at"],
        row["expires_at"],
        private["ended_by"],
    )
