"""What is swept while the gateway runs, and at its start: what is too old to count or to keep.

Once a day: sessions, idempotency keys, files without a row, what killed backups left, and the audit
log's signature. Once an hour: the people and results that retention says are to go, drafts and
candidates that have ended.

What is destroyed by its date is gone for good, so a clock that leaps ahead destroys nothing at
once: when it runs an hour ahead of the machine's own count of seconds, the hourly sweep waits for
a day, in which somebody can set the clock right.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from compliance import audit
from compliance.retention import RetentionRules
from identity import candidates
from serve import idempotency
from serve.callers import auth, break_glass
from serve.custody import drafts, pictures, retaining
from serve.subjects import talent
from workspace import scratch
from workspace.registry import Registry
from workspace.store import WorkspaceStore
from workspace.types import GenerationId

_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)
_log = logging.getLogger("housemodel.workers")


def seconds_up() -> float:
    """Seconds since the machine started, asleep or not; nobody can set this clock."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Upkeep:
    """Remembers what was swept when; a workspace that was locked meanwhile has its turn later."""

    def __init__(
        self, rules: RetentionRules | None = None, up: Callable[[], float] = seconds_up
    ) -> None:
        self._rules = rules or RetentionRules()
        self._done: dict[tuple[str, timedelta], datetime] = {}
        self._up = up
        self._seen: tuple[datetime, float] | None = None  # both clocks, when last looked at
        self._distrust_until = 0.0  # on the machine's own

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
        if self._clock_is_sane(now) and self._is_due(store.workspace.id, _HOUR, now):
            cancelled = retaining.sweep(store, self._rules, now)
            drafts.sweep(store, now)
            pictures.sweep(store, now)
            candidates.sweep(store, now)
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

    def _clock_is_sane(self, now: datetime) -> bool:
        up = self._up()
        seen, self._seen = self._seen or (now, up), (now, up)
        ahead = now - seen[0] - timedelta(seconds=up - seen[1])
        if ahead > _HOUR:
            self._distrust_until = up + _DAY.total_seconds()
            _log.error("the clock leapt ahead; nothing is destroyed by its date for a day")
        elif ahead < -_HOUR:
            self._distrust_until = 0.0  # set right again
        return up >= self._distrust_until
