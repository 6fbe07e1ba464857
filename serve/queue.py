"""The durable queue: generations as rows of a workspace's store.

States: queued -> running -> completed | refused | failed | cancelled; terminal states never change.
Rules:
- A generation is committed before its 202.
- Who runs one holds a lease with a fencing number (`leases.py`): compute at least once, publish
  exactly once.
- A generation that took its worker down `max_attempts` times fails instead of trying again
  (`recovery.py`).
- What callers wrote (prompt, metadata) is sealed; the plain columns are only what scheduling needs.

It chooses nothing (`scheduler.py`) and renders nothing (`pipeline.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from serve.line.asked import Asked
from serve.scheduler import Waiting
from serve.work.leases import keep_error
from workspace.errors import HousemodelError, NotFound, QueueFull, SealBroken
from workspace.store import WorkspaceStore
from workspace.types import GenerationId, GenerationStatus, ModelId

_TABLE = "generations"
_FULL_RETRY_SECONDS = 10


def submit(
    store: WorkspaceStore,
    generation_id: GenerationId,
    asked: Asked,
    actor: str,
    now: datetime,
    max_waiting: int,
) -> None:
    """Put a generation into the queue; durable when the caller's transaction commits.

    Raises:
        QueueFull: `max_waiting` generations of this workspace are waiting already.
    """
    with store.transaction():
        if store.count(_TABLE, "status = 'queued'") >= max_waiting:
            raise QueueFull(
                f"{max_waiting} generations are waiting already.", (), _FULL_RETRY_SECONDS
            )
        store.put(
            _TABLE,
            generation_id,
            {"asked": asked.to_json()},
            status=GenerationStatus.QUEUED.value,
            tool=asked.tool.value,
            model_id=asked.model_id,
            n=asked.n,
            created_at=now.isoformat(),
            updated_at=now.isoformat(),
            actor=actor,
            compat_key=asked.compat_key,
            cost=asked.n,
        )


def waiting(store: WorkspaceStore, limit: int) -> list[Waiting]:
    """The first `limit` queued generations, in the order in which they would run."""
    rows = store.db.query(
        "SELECT id, compat_key, n, priority, created_at, not_before, attempts FROM generations"
        " WHERE status = 'queued' ORDER BY priority DESC, created_at, id LIMIT ?",
        [limit],
    )
    return [
        Waiting(
            store.workspace.id,
            GenerationId(row["id"]),
            row["compat_key"],
            row["n"],
            row["priority"],
            datetime.fromisoformat(row["created_at"]),
            datetime.fromisoformat(row["not_before"]) if row["not_before"] else None,
            row["attempts"],
        )
        for row in rows
    ]


def cancel(store: WorkspaceStore, generation_id: str, now: datetime) -> GenerationStatus:
    """Cancel: a queued one ends at once, a running one at its next step, an ended one stays.

    Returns:
        The status after the call.

    Raises:
        NotFound: there is no such generation.
    """
    with store.transaction():
        store.db.execute(
            "UPDATE generations SET status = 'cancelled', cancel_requested = 1, finished_at = ?,"
            " updated_at = ? WHERE id = ? AND status = 'queued'",
            [now.isoformat(), now.isoformat(), generation_id],
        )
        store.db.execute(
            "UPDATE generations SET cancel_requested = 1, updated_at = ?"
            " WHERE id = ? AND status = 'running'",
            [now.isoformat(), generation_id],
        )
        return status_of(store, generation_id)


def refuse(
    store: WorkspaceStore, generation_id: str, error: HousemodelError, now: datetime
) -> GenerationStatus:
    """Refuse with a reason: a queued one ends at once, a running one ends so at its next step.

    Returns:
        The status before the call.
    """
    with store.transaction():
        before = status_of(store, generation_id)
        store.db.execute(
            "UPDATE generations SET status = 'refused', error_code = ?, finished_at = ?,"
            " updated_at = ? WHERE id = ? AND status = 'queued'",
            [error.code, now.isoformat(), now.isoformat(), generation_id],
        )
        store.db.execute(
            "UPDATE generations SET cancel_requested = 1, updated_at = ?"
            " WHERE id = ? AND status = 'running'",
            [now.isoformat(), generation_id],
        )
        if before in (GenerationStatus.QUEUED, GenerationStatus.RUNNING):
            keep_error(store, generation_id, error)
    return before


def cancel_of_model(
    store: WorkspaceStore, model_id: ModelId, now: datetime, why: HousemodelError | None = None
) -> tuple[GenerationId, ...]:
    """Cancel every queued and running generation of a custom model; return their ids.

    Args:
        store: Whose model.
        model_id: Which model.
        now: The present time in UTC.
        why: What they show as the reason.
    """
    with store.transaction():
        rows = store.db.query(
            "SELECT id FROM generations WHERE model_id = ? AND status IN ('queued', 'running')"
            " ORDER BY created_at",
            [model_id],
        )
        found = tuple(GenerationId(row["id"]) for row in rows)
        for generation_id in found:
            cancel(store, generation_id, now)
            with suppress(SealBroken):  # a damaged request takes no words, and is cancelled, too
                if why is not None:
                    keep_error(store, generation_id, why)
    return found


def status_of(store: WorkspaceStore, generation_id: str) -> GenerationStatus:
    """Look up the present status.

    Raises:
        NotFound: there is no such generation.
    """
    sql = "SELECT status FROM generations WHERE id = ?"
    row = store.db.execute(sql, [generation_id]).fetchone()
    if row is None:
        raise NotFound("There is no such generation.")
    return GenerationStatus(row[0])


def is_cancelled(store: WorkspaceStore, generation_id: str) -> bool:
    """Tell whether someone asked to cancel it."""
    sql = "SELECT cancel_requested FROM generations WHERE id = ?"
    row = store.db.execute(sql, [generation_id]).fetchone()
    return row is not None and bool(row[0])


def position(store: WorkspaceStore, row: Mapping[str, Any], generation_id: str) -> int | None:
    """How many of this workspace's generations run before a queued one; None if not queued."""
    if row["status"] != GenerationStatus.QUEUED.value:
        return None
    return store.count(
        _TABLE,
        "status = 'queued' AND (priority > ? OR (priority = ? AND (created_at, id) < (?, ?)))",
        (row["priority"], row["priority"], row["created_at"], generation_id),
    )
