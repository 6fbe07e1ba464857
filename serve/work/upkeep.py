"""What is swept while the gateway runs, and at its start: what is too old to count or to keep.

Once a day: sessions, idempotency keys, files without a row, what killed backups left, and the audit
log's signature. Once an hour: the people and results that retention says are to go, drafts and
candidates that have ended.

What is destroyed by its date is gone for good, so the hourly sweep goes by a time of its own, in
which a leap of the clock counts only when it has held for a day (`held.py`).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from compliance import audit
from compliance.retention import RetentionRules
from identity import candidates
from serve import idempotency
from serve.callers import auth, break_glass
from serve.custody import drafts, pictures, retaining
from serve.subjects import talent
from serve.work.held import HeldClock
from workspace import scratch
from workspace.registry import Registry
from workspace.store import WorkspaceStore
from workspace.types import GenerationId

_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)


class Upkeep:
    """Remembers what was swept when; a workspace that was locked meanwhile has its turn later."""

    def __init__(self, rules: RetentionRules | None = None, clock: HeldClock | None = None) -> None:
        self._rules = rules or RetentionRules()
        self._done: dict[tuple[str, timedelta], datetime] = {}
        self._clock = clock or HeldClock()

    def of_registry(self, registry: Registry, now: datetime) -> None:
        """Remove sessions, sign-in codes and links that have ended, and what a backup left."""
        if self._is_due("", _DAY, now):
            auth.sweep(registry, now)
            talent.sweep(registry, now)
            scratch.clear(registry.home)

    def of_store(
        self, registry: Registry, store: WorkspaceStore, now: datetime
    ) -> tuple[GenerationId, ...]:
        """Forget old idempotency keys, remove what a crash left, destroy what may not be kept.

        Returns:
            Generations that were cancelled because their person was erased.
        """
        cancelled: tuple[GenerationId, ...] = ()
        held = self._clock.now(registry, now)  # at every look: a leap must not go unseen
        if self._is_due(store.workspace.id, _HOUR, now):
            cancelled = retaining.sweep(store, self._rules, now, held)
            drafts.sweep(store, now, held)
            pictures.sweep(store, now, held)
            candidates.sweep(store, now, held)
            break_glass.forget_reasons(registry, store)
        if self._is_due(store.workspace.id, _DAY, now):
            idempotency.sweep(store, now)
            store.assets.sweep()
            audit.checkpoint(store, now)
        return cancelled

    def _is_due(self, what: str, every: timedelta, now: datetime) -> bool:
        last = self._done.get((what, every))
        if last is not None and last <= now < last + every:  # earlier: it was set back
            return False
        self._done[what, every] = now
        return True
