"""What a dead or stuck worker held: queued again, cancelled, or given up as poison.

There is one writer, the gateway: at its start every lease of another boot is dead. While it runs,
a lease that was not lengthened in time is taken back; the fencing number is raised, so that the
slow worker's later writes change nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from serve.work.leases import keep_error, kept_code, stopped_as
from workspace.errors import EngineFailed, HousemodelError, SealBroken
from workspace.store import WorkspaceStore
from workspace.types import TERMINAL, GenerationId, GenerationStatus


def recover(
    store: WorkspaceStore, owner: str, now: datetime, max_attempts: int
) -> tuple[GenerationId, ...]:
    """Take back what a dead or stuck worker holds: queue it again, or fail it as poison.

    Args:
        owner: This process; leases of any other owner are dead, because there is one writer.

    Returns:
        Every generation that changed.
    """
    with store.transaction():
        rows = list(
            store.db.query(
                "SELECT id, attempts, cancel_requested FROM generations WHERE status = 'running'"
                " AND (lease_owner IS NOT ? OR lease_until <= ?)",
                [owner, now.isoformat()],
            )
        )
        for row in rows:
            _take_back(store, row, now, max_attempts)
    return tuple(GenerationId(row["id"]) for row in rows)


def give_up(store: WorkspaceStore, generation_id: str, now: datetime, code: str) -> None:
    """Fail a queued generation whose request can't be read, so that others can run."""
    store.db.execute(
        "UPDATE generations SET status = 'failed', error_code = ?, finished_at = ?, updated_at = ?"
        " WHERE id = ? AND status = 'queued'",
        [code, now.isoformat(), now.isoformat(), generation_id],
    )


def _take_back(
    store: WorkspaceStore, row: Mapping[str, Any], now: datetime, max_attempts: int
) -> None:
    status = GenerationStatus.QUEUED
    error: HousemodelError | None = None
    code: str | None = None
    if row["cancel_requested"]:
        with suppress(SealBroken):
            code = kept_code(store, row["id"])
        status = stopped_as(code)
    elif row["attempts"] >= max_attempts:
        status = GenerationStatus.FAILED
        error = EngineFailed(f"It broke off {row['attempts']} times and was given up.")
    store.db.execute(
        "UPDATE generations SET status = ?, step = 0, error_code = ?, finished_at = ?,"
        " fence = fence + 1, updated_at = ?, lease_owner = NULL, lease_until = NULL WHERE id = ?",
        [
            status.value,
            error.code if error else code,
            now.isoformat() if status in TERMINAL else None,
            now.isoformat(),
            row["id"],
        ],
    )
    if error is not None:
        with suppress(SealBroken):  # a damaged request takes no words; its code stands in the row
            keep_error(store, row["id"], error)
