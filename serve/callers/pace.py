"""How often one caller may ask: so many times within a window, counted in memory.

For pages that need no account. One gateway answers, so that memory is enough; a restart forgets.
What is counted by is chosen by the caller and must not be worth reading (an id, an address).
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict, deque
from datetime import datetime, timedelta

from workspace.errors import RateLimited

_REMEMBERED = 10_000


class Pace:
    """A sliding window per name.

    Args:
        limit: How often within the window.
        window: How long is looked back.
    """

    def __init__(self, limit: int, window: timedelta) -> None:
        self._limit, self._window = limit, window
        self._lock = threading.Lock()
        self._seen: OrderedDict[str, deque[datetime]] = OrderedDict()

    def step(self, name: str, now: datetime) -> None:
        """Count one request.

        Raises:
            RateLimited: too many; it says when the next one is let through.
        """
        with self._lock:
            seen = self._seen.setdefault(name, deque(maxlen=self._limit))
            self._seen.move_to_end(name)
            if len(seen) == self._limit and seen[0] > now - self._window:
                wait = math.ceil((seen[0] + self._window - now).total_seconds())
                raise RateLimited("Too many requests; wait a moment.", (), max(1, wait))
            seen.append(now)
            while len(self._seen) > _REMEMBERED:
                self._seen.popitem(last=False)
