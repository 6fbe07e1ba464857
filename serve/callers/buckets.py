"""How many requests a caller and a workspace may send: token buckets, in memory.

A bucket of a limit of N a minute holds N tokens and gets N back each minute; a request takes one
from each bucket that it belongs to, or from none when one is empty. One gateway answers, so that
memory is enough; a restart fills them. Names are ids, which are not worth reading.
"""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

_REMEMBERED = 10_000  # names; the one that asked longest ago is forgotten, and starts full again


@dataclass(frozen=True, slots=True)
class Rate:
    """What is left of the tightest bucket."""

    limit: int  # requests a minute
    remaining: int  # requests that may be sent at once
    reset_seconds: int  # until the bucket is full again
    wait_seconds: int = 0  # until the next request is let through; 0: this one was

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """The answer's header fields; IETF httpapi, RateLimit header fields."""
        named = {"limit": self.limit, "remaining": self.remaining, "reset": self.reset_seconds}
        return [(b"ratelimit-" + k.encode(), str(v).encode()) for k, v in named.items()]


class Buckets:
    """All buckets of one appliance.

    Args:
        clock: Seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[float, float]] = OrderedDict()  # tokens, and when

    def take(self, *wanted: tuple[str, int]) -> Rate:
        """Take one token from every bucket, or none when one of them is empty.

        Args:
            wanted: Name and limit (requests a minute) of each bucket.
        """
        with self._lock:
            now = self._clock()
            filled = [(name, limit, self._level(name, limit, now)) for name, limit in wanted]
            passes = all(level >= 1 for _, _, level in filled)
            rates = []
            for name, limit, level in filled:
                level -= 1 if passes else 0
                self._kept[name] = (level, now)
                self._kept.move_to_end(name)
                rates.append(_rate(limit, level, passes))
            while len(self._kept) > _REMEMBERED:
                self._kept.popitem(last=False)
        return max(rates, key=lambda rate: (rate.wait_seconds, -rate.remaining))

    def _level(self, name: str, limit: int, now: float) -> float:
        level, since = self._kept.get(name, (float(limit), now))
        return min(float(limit), level + max(0.0, now - since) * limit / 60)


def _rate(limit: int, level: float, passes: bool) -> Rate:
    full = math.ceil((limit - level) * 60 / limit)
    wait = 0 if passes or level >= 1 else max(1, math.ceil((1 - level) * 60 / limit))
    return Rate(limit, max(0, int(level)), full, wait)
