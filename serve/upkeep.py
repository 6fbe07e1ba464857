"""What is swept once a day while the gateway runs, and at its start: what is too old to count."""

from __future__ import annotations

from datetime import datetime, timedelta

from serve import auth, idempotency
from workspace.registry import Registry
from workspace.store import WorkspaceStore

_EVERY = timedelta(days=1)


class Upkeep:
    """Remembers what was swept when; a workspace that was locked meanwhile has its turn later."""

    def __init__(self) -> None:
        self._done: dict[str, datetime] = {}

    def of_registry(self, registry: Registry, now: datetime) -> None:
        """Remove sessions and sign-in codes that have ended."""
        if self._is_due("", now):
            auth.sweep(registry, now)

    def of_store(self, store: WorkspaceStore, now: datetime) -> None:
        """Forget old idempotency keys, and remove files that a crash left without a row."""
        if self._is_due(store.workspace.id, now):
            idempotency.sweep(store, now)
            store.assets.sweep()

    def _is_due(self, what: str, now: datetime) -> bool:
        last = self._done.get(what)
        if last is not None and now < last + _EVERY:
            return False
        self._done[what] = now
        return True
