"""`Idempotency-Key`: the same key and body give the same resource, another body a 409.

Rules: the key and the fingerprint of the body are kept as keyed hashes, never in clear; the pair
is stored in the same transaction as the resource where the resource is made in one (`once`), else
right after it (`remember`), while requests with the same key wait for each other (`one_at_a_time`).
Keys belong to a workspace and work for `KEPT_HOURS`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from workspace.errors import IdempotencyConflict
from workspace.store import WorkspaceStore

KEPT_HOURS = 24 * 7
_LABEL = "idempotency v1"
_STRIPES = tuple(threading.Lock() for _ in range(64))


@dataclass(frozen=True, slots=True)
class Once:
    """One request that may come again: its route and the words that make it the same request."""

    key: str | None  # the header; None if the caller sent none
    route: str  # for example "POST /v1/models"
    body: str  # canonical text or hash of what was sent


def once(store: WorkspaceStore, request: Once, now: datetime, make: Callable[[], str]) -> str:
    """Make a resource, or find the one that this key made; all in one transaction.

    Args:
        make: Makes the resource inside the transaction and returns its id.

    Raises:
        IdempotencyConflict: the key was used with another body or route.
    """
    if request.key is None:
        with store.transaction():
            return make()
    with store.transaction():
        known = find(store, request, now)
        if known is not None:
            return known
        made = make()
        remember(store, request, made, now)
        return made


@contextmanager
def one_at_a_time(store: WorkspaceStore, request: Once) -> Iterator[None]:
    """Let requests with the same key wait for each other, for work outside of a transaction."""
    if request.key is None:
        yield
        return
    stripe = hash((store.workspace.id, request.key)) % len(_STRIPES)
    with _STRIPES[stripe]:
        yield


def find(store: WorkspaceStore, request: Once, now: datetime) -> str | None:
    """Find the resource that this key made; None when the key is new or too old.

    Raises:
        IdempotencyConflict: the key was used with another body or route.
    """
    if request.key is None:
        return None
    row = store.db.execute(
        "SELECT route, fingerprint, resource_id, created_at FROM idempotency WHERE key = ?",
        [store.keyed_hash(_LABEL, request.key)],
    ).fetchone()
    if row is None or datetime.fromisoformat(row[3]) < now - timedelta(hours=KEPT_HOURS):
        return None
    if (row[0], row[1]) != (request.route, _fingerprint(store, request)):
        raise IdempotencyConflict()
    return str(row[2])


def remember(store: WorkspaceStore, request: Once, resource_id: str, now: datetime) -> None:
    """Note which resource the key made; part of the caller's transaction, if one is open."""
    if request.key is None:
        return
    store.db.execute(
        "INSERT OR REPLACE INTO idempotency (key, route, fingerprint, resource_id, created_at)"
        " VALUES (?, ?, ?, ?, ?)",
        [
            store.keyed_hash(_LABEL, request.key),
            request.route,
            _fingerprint(store, request),
            resource_id,
            now.isoformat(),
        ],
    )


def forget(store: WorkspaceStore, resource_id: str) -> None:
    """Destroy what is known of the bodies that made a resource, which is erased now.

    Their keys stay taken: a late replay is a conflict, and never makes the resource again. What
    withdraws a person may still be repeated.
    """
    store.db.execute(
        "UPDATE idempotency SET fingerprint = '' WHERE resource_id = ?"
        " AND route NOT LIKE '%/revoke'",
        [resource_id],
    )


def sweep(store: WorkspaceStore, now: datetime) -> None:
    """Forget keys that are too old."""
    old = (now - timedelta(hours=KEPT_HOURS)).isoformat()
    store.db.execute("DELETE FROM idempotency WHERE created_at < ?", [old])


def _fingerprint(store: WorkspaceStore, request: Once) -> str:
    return store.keyed_hash(_LABEL, f"{request.route}\n{request.body}")
