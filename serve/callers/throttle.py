"""How often somebody may guess a password: per name and per address (of IPv6: per /64).

Within a window, in memory, because one gateway answers every sign-in; a restart forgets. Only
failures count. Names are hashed by the caller, so that nothing here is worth reading. API keys and
one-time codes are not throttled: they have 256 and 192 random bits.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from workspace.errors import RateLimited
from workspace.networks import throttle_key

# NIST SP 800-63B allows 100 wrong guesses in a row; this allows 10 and then one per 90 s.
PER_NAME = 10
PER_ADDRESS = 30  # a whole office may stand behind one address
WINDOW = timedelta(minutes=15)
AT_ONCE = 2  # slow checks; each takes 19 MiB and a core
_REMEMBERED = 10_000
_WAIT_SECONDS = 5.0


class Throttle:
    """Counts wrong guesses of one appliance."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failures: OrderedDict[str, deque[datetime]] = OrderedDict()
        self._slots = threading.BoundedSemaphore(AT_ONCE)

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Hold one of the few places in which a slow check may run.

        Raises:
            RateLimited: none became free in time.
        """
        if not self._slots.acquire(timeout=_WAIT_SECONDS):
            raise RateLimited("Too many sign-ins at once.", (), 5)
        try:
            yield
        finally:
            self._slots.release()

    def check(self, name: str, address: str, now: datetime) -> None:
        """Let an attempt through.

        Raises:
            RateLimited: too many were wrong; it says when to try again.
        """
        waits = [
            self._wait(f"name {name}", PER_NAME, now),
            self._wait(f"address {throttle_key(address)}", PER_ADDRESS, now),
        ]
        if max(waits) > 0:
            raise RateLimited("Too many wrong sign-ins; wait before the next.", (), max(waits))

    def failed(self, name: str, address: str, now: datetime) -> None:
        """Count a wrong guess."""
        with self._lock:
            for what in (f"name {name}", f"address {throttle_key(address)}"):
                self._failures.setdefault(what, deque(maxlen=PER_ADDRESS)).append(now)
                self._failures.move_to_end(what)
            while len(self._failures) > _REMEMBERED:
                self._failures.popitem(last=False)

    def succeeded(self, name: str) -> None:
        """Forget the wrong guesses of a name whose person has signed in."""
        with self._lock:
            self._failures.pop(f"name {name}", None)

    def _wait(self, what: str, limit: int, now: datetime) -> int:
        """Seconds until the oldest of the last `limit` failures leaves the window; 0: go on."""
        with self._lock:
            recent = [at for at in self._failures.get(what, ()) if at > now - WINDOW]
        if len(recent) < limit:
            return 0
        return max(1, math.ceil((recent[-limit] + WINDOW - now).total_seconds()))
