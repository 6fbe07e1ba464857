"""Leases: who may run a generation, and how a run ends.

Whoever claims a queued generation holds it until the lease runs out; every write names owner and
fence, so a worker that was taken over changes nothing. Terminal states never change.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from serve.line.asked import Asked
from workspace.errors import Conflict, HousemodelError, ModelRevoked
from workspace.store import WorkspaceStore
from workspace.types import TERMINAL, GenerationId, GenerationStatus, WorkspaceId

_TABLE = "generations"
_HELD = "id = ? AND status = 'running' AND lease_owner = ? AND fence = ?"
_FREE = "lease_owner = NULL, lease_until = NULL"


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
    code: str | None = None,
) -> None:
    """End a generation, once; a cancellation that was asked for wins over completion.

    Args:
        store: Whose generation.
        held: The claim that runs it.
        status: How it ends.
        now: The present time in UTC.
        error: Why, to be kept beside the request.
        code: Code of a reason that is kept there already.

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
                error.code if error else code,
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


def is_held(store: WorkspaceStore, held: Claim) -> bool:
    """Tell whether the claim still counts."""
    return store.count(_TABLE, _HELD, (held.id, held.owner, held.fence)) > 0


def keep_error(store: WorkspaceStore, generation_id: str, error: HousemodelError) -> None:
    """Keep why it ended beside the request, sealed like it."""
    private = store.get(_TABLE, generation_id).private
    words = {"code": error.code, "title": error.title, "remedy": error.remedy}
    store.put(
        _TABLE,
        generation_id,
        {**private, "error": {**words, "detail": error.detail or error.title}},
    )


def stopped_as(code: str | None) -> GenerationStatus:
    """How a running generation ends that was told to stop, by the reason that is kept for it."""
    refused = code is not None and code != ModelRevoked.code
    return GenerationStatus.REFUSED if refused else GenerationStatus.CANCELLED


def kept_code(store: WorkspaceStore, generation_id: str) -> str | None:
    """The code of the reason that is kept for a generation; None when there is none.

    Raises:
        SealBroken: the request was changed or damaged.
    """
    error = store.get(_TABLE, generation_id).private.get("error")
    return str(error["code"]) if error else None


def _until(now: datetime, lease_seconds: float) -> str:
    return (now + timedelta(seconds=lease_seconds)).isoformat()
