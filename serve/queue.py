"""The durable queue: generations as rows of a workspace's store.

States: queued -> running -> completed | refused | failed | cancelled; terminal states never change.
Rules:
- A generation is committed before its 202.
- Who runs one holds a lease with a fencing number. Every later write names owner and fence, so a
  worker that was taken over changes nothing: compute at least once, publish exactly once.
- A generation that took its worker down `max_attempts` times fails instead of trying again.
- What callers wrote (prompt, metadata) is sealed; the plain columns are only what scheduling needs.

It chooses nothing (`scheduler.py`) and renders nothing (`pipeline.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from serve.asked import Asked
from serve.scheduler import Waiting
from workspace.errors import Conflict, HousemodelError, NotFound, QueueFull
from workspace.store import WorkspaceStore
from workspace.types import TERMINAL, GenerationId, GenerationStatus, ModelId, WorkspaceId

_TABLE = "generations"
_HELD = "id = ? AND status = 'running' AND lease_owner = ? AND fence = ?"
_FREE = "lease_owner = NULL, lease_until = NULL"
_FULL_RETRY_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to run one generation until its lease ends; every write shows owner and fence."""

    workspace_id: WorkspaceId
    id: GenerationId
    owner: str
    fence: int
    attempts: int
    actor: str
    created_at: datetime
    claimed_at: datetime
    asked: Asked


@dataclass(frozen=True, slots=True)
class Beat:
    """What a heartbeat learns: whether the lease still holds, and whether to stop."""

    held: bool
    cancel: bool


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
        "SELECT id, compat_key, n, priority, created_at, not_before FROM generations"
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
        )
        for row in rows
    ]


def claim(
    store: WorkspaceStore,
    generation_id: GenerationId,
    owner: str,
    now: datetime,
    lease_seconds: float,
) -> Claim | None:
    """Take a queued generation; None when another was faster or it was cancelled meanwhile."""
    with store.transaction():
        taken = store.db.execute(
            "UPDATE generations SET status = 'running', lease_owner = ?, lease_until = ?,"
            " fence = fence + 1, attempts = attempts + 1, step = 0, steps = 0, updated_at = ?"
            " WHERE id = ? AND status = 'queued' RETURNING fence, attempts, actor, created_at",
            [owner, _until(now, lease_seconds), now.isoformat(), generation_id],
        ).fetchone()
        if taken is None:
            return None
        asked = Asked.from_json(store.get(_TABLE, generation_id).private["asked"])
    return Claim(
        store.workspace.id,
        generation_id,
        owner,
        taken[0],
        taken[1],
        taken[2],
        datetime.fromisoformat(taken[3]),
        now,
        asked,
    )


def beat(
    store: WorkspaceStore, held: Claim, step: int, steps: int, now: datetime, lease_seconds: float
) -> Beat:
    """Note progress and lengthen the lease."""
    row = store.db.execute(
        f"UPDATE generations SET step = ?, steps = ?, lease_until = ?, updated_at = ? WHERE {_HELD}"
        " RETURNING cancel_requested",
        [step, steps, _until(now, lease_seconds), now.isoformat(), held.id, held.owner, held.fence],
    ).fetchone()
    return Beat(held=row is not None, cancel=row is not None and bool(row[0]))


def finish(
    store: WorkspaceStore,
    held: Claim,
    status: GenerationStatus,
    now: datetime,
    error: HousemodelError | None = None,
) -> None:
    """End a generation, once; a cancellation that was asked for wins over completion.

    Raises:
        Conflict: the lease was lost; whoever has it now decides.
    """
    assert status in TERMINAL
    with store.transaction():
        guard = " AND cancel_requested = 0" if status is GenerationStatus.COMPLETED else ""
        done = store.db.execute(
            f"UPDATE generations SET status = ?, error_code = ?, finished_at = ?, updated_at = ?,"
            f" {_FREE} WHERE {_HELD}{guard}",
            [
                status.value,
                error.code if error else None,
                now.isoformat(),
                now.isoformat(),
                held.id,
                held.owner,
                held.fence,
            ],
        )
        if done.rowcount == 0:
            raise Conflict("The generation was taken over or cancelled meanwhile.")
        if error is not None:
            keep_error(store, held.id, error)


def give_back(
    store: WorkspaceStore, held: Claim, now: datetime, wait_seconds: float, counts: bool
) -> None:
    """Queue a claimed generation again, not before so many seconds.

    Args:
        counts: Whether the attempt counts (an engine failure does, a start in progress doesn't).
    """
    store.db.execute(
        f"UPDATE generations SET status = 'queued', not_before = ?, attempts = attempts - ?,"
        f" step = 0, updated_at = ?, {_FREE} WHERE {_HELD}",
        [
            (now + timedelta(seconds=wait_seconds)).isoformat(),
            0 if counts else 1,
            now.isoformat(),
            held.id,
            held.owner,
            held.fence,
        ],
    )


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


def cancel_of_model(
    store: WorkspaceStore, model_id: ModelId, now: datetime
) -> tuple[GenerationId, ...]:
    """Cancel every queued and running generation of a custom model; return their ids."""
    with store.transaction():
        rows = store.db.query(
            "SELECT id FROM generations WHERE model_id = ? AND status IN ('queued', 'running')"
            " ORDER BY created_at",
            [model_id],
        )
        found = tuple(GenerationId(row["id"]) for row in rows)
        for generation_id in found:
            cancel(store, generation_id, now)
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


def is_held(store: WorkspaceStore, held: Claim) -> bool:
    """Tell whether the claim still counts."""
    return store.count(_TABLE, _HELD, (held.id, held.owner, held.fence)) > 0


def position(store: WorkspaceStore, row: Mapping[str, Any], generation_id: str) -> int | None:
    """How many of this workspace's generations run before a queued one; None if not queued."""
    if row["status"] != GenerationStatus.QUEUED.value:
        return None
    return store.count(
        _TABLE,
        "status = 'queued' AND (priority > ? OR (priority = ? AND (created_at, id) < (?, ?)))",
        (row["priority"], row["priority"], row["created_at"], generation_id),
    )


def keep_error(store: WorkspaceStore, generation_id: str, error: HousemodelError) -> None:
    """Keep why it ended beside the request, sealed like it."""
    private = store.get(_TABLE, generation_id).private
    words = {"code": error.code, "title": error.title, "remedy": error.remedy}
    store.put(
        _TABLE,
        generation_id,
        {**private, "error": {**words, "detail": error.detail or error.title}},
    )


def _until(now: datetime, lease_seconds: float) -> str:
    return (now + timedelta(seconds=lease_seconds)).isoformat()
