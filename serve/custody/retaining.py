"""Destroys what may not be kept any longer: people whose time has come, results past their days.

`sweep` is called by the dispatcher's upkeep once an hour, `fetched` by the image route. Everything
that goes is in the audit log with its reason; a person's erasure has a certificate as any other.
An image's fingerprint goes with it: afterwards `verify` knows a picture by its marks only.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from compliance import audit, policy, retention
from compliance.retention import RetentionRules
from serve.custody import withdrawal
from serve.line import gallery
from serve.work.guarding import guarded
from workspace.store import WorkspaceStore
from workspace.types import Caller, GenerationId

ACTOR = "retention"  # in the audit log and in certificates
FETCHED, TOO_OLD = "fetched", "results_days"


def sweep(
    store: WorkspaceStore, rules: RetentionRules, now: datetime, due: datetime | None = None
) -> tuple[GenerationId, ...]:
    """Destroy the people and the results whose time has come.

    Args:
        now: The present time in UTC, for what is written about it.
        due: The time by which it has come; None: now.

    Returns:
        Generations that were cancelled for it and may still be drawn.
    """
    cancelled: list[GenerationId] = []
    caller = Caller(store.workspace.id, ACTOR, frozenset())
    for found in retention.due(store, rules, due or now):
        done = guarded(_erase, store, found, caller, now)
        cancelled += done.cancelled if done else ()
    _results(store, rules, now, due or now)
    return tuple(cancelled)


def fetched(store: WorkspaceStore, image_id: str, now: datetime) -> bool:
    """Destroy an image that was handed out, where the workspace stores no results.

    Returns:
        Whether it was destroyed.
    """
    if policy.read(store).results_days != 0:
        return False
    waits = "id = ? AND status = 'pending'"
    with store.transaction():
        if store.count("image_approvals", waits, (image_id,)):
            return False  # who looked is who decides; the one it is for has not had it yet
        if not gallery.destroy(store, image_id):
            return False
        audit.append(store, "image.destroyed", image_id, ACTOR, now, cause=FETCHED)
    return True


def _erase(
    store: WorkspaceStore, found: retention.Standing, caller: Caller, now: datetime
) -> withdrawal.Erasure:
    return withdrawal.erase(store, found.model_id, caller, now, cause=found.cause)


def _results(store: WorkspaceStore, rules: RetentionRules, now: datetime, due: datetime) -> None:
    days = policy.read(store).results_days
    if days is None:
        return
    kept = timedelta(days=days) if days else timedelta(hours=rules.unfetched_hours)
    sql = (
        "SELECT i.id FROM images i LEFT JOIN image_approvals a ON a.id = i.id"
        " WHERE COALESCE(a.decided_at, i.created_at) < ?"
        " AND NOT (a.status IS 'pending' AND i.created_at >= ?)"
    )
    undecided = due - timedelta(days=rules.undecided_days)
    with store.transaction():
        old = [
            row["id"]
            for row in store.db.query(sql, [(due - kept).isoformat(), undecided.isoformat()])
        ]
        for image_id in old:
            gallery.destroy(store, image_id)
        if old:
            workspace_id = store.workspace.id
            audit.append(
                store, "images.destroyed", workspace_id, ACTOR, now, images=len(old), cause=TOO_OLD
            )
