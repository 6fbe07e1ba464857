"""Notices that the stores hang: that nobody gets the locks any more which every request needs.

Threads that wait for each other's locks wait for ever, while the HTTP server still looks alive. A
lock may be held for long by honest work (a large store is opened, another process writes), so that
only one that could not be had at any look within five minutes counts.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from workspace.errors import Unavailable
from workspace.registry import Registry

STUCK_SECONDS = 300.0
LOOK_SECONDS = 1.0  # how long one look waits for a lock
_log = logging.getLogger("housemodel.health")


class StuckWatch:
    """Remembers since when the stores did not answer.

    Args:
        clock: Seconds that only grow.
        look_seconds: How long one look waits for a lock.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self._clock, self._look_seconds = clock, look_seconds
        self._since: float | None = None

    def check(self, registry: Registry) -> None:
        """Look once; ask every few seconds, from one thread.

        Raises:
            Unavailable: no look succeeded for too long; only a new process helps.
        """
        now = self._clock()
        if self._answers(registry):
            self._since = None
        elif self._since is None:
            self._since = now
        elif now - self._since >= STUCK_SECONDS:
            _log.error("the stores have not answered for %d s", now - self._since)
            raise Unavailable("The stores do not answer any more.")

    def _answers(self, registry: Registry) -> bool:
        # NOTE: one after the other, never both: this thread must not become part of the knot.
        for lock in (registry.opening, registry.control.lock):
            if not lock.acquire(timeout=self._look_seconds):
                return False
            lock.release()
        return True
