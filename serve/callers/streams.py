"""How many event streams one caller and one workspace may hold open, counted in memory.

A stream holds a connection for as long as its reader likes, and there are few for everybody. One
gateway answers, so that memory is enough. Names are ids, which are not worth reading.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable

from workspace.errors import RateLimited

PER_CALLER = 16
PER_WORKSPACE = 128  # a quarter of all connections
_WAIT_SECONDS = 5


class Streams:
    """The streams that are open, of one appliance."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: Counter[str] = Counter()

    def take(self, workspace: str, principal: str) -> Callable[[], None]:
        """Count one more stream of a caller; returns what ends it, which counts once.

        Raises:
            RateLimited: the caller, or its workspace, holds too many.
        """
        held = (workspace, f"{workspace} {principal}")
        with self._lock:
            if self._open[held[0]] >= PER_WORKSPACE or self._open[held[1]] >= PER_CALLER:
                raise RateLimited("Too many event streams are open.", (), _WAIT_SECONDS)
            self._open.update(held)
        left = [held]

        def end() -> None:
            with self._lock:
                for names in left:
                    self._open.subtract(names)
                left.clear()
                self._open = +self._open  # only those that hold some

        return end
