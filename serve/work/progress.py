"""Who waits for news of a generation: worker threads announce, event loops listen.

Rules: an announcement carries nothing; whoever listens reads the present state from the store, so
late joiners, lost wake-ups and slow readers all see the truth. `announce` never blocks.
"""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress

Listener = tuple[asyncio.AbstractEventLoop, asyncio.Event]


class News:
    """Wakes listeners of one generation; safe to call from any thread."""

    def __init__(self) -> None:
        self._listeners: dict[str, list[Listener]] = defaultdict(list)
        self._lock = threading.Lock()

    def announce(self, generation_id: str) -> None:
        """Tell everyone who listens that something changed."""
        with self._lock:
            listeners = list(self._listeners.get(generation_id, ()))
        for loop, changed in listeners:
            with suppress(RuntimeError):  # that loop has ended; its listener is going away
                loop.call_soon_threadsafe(changed.set)

    @contextmanager
    def listen(self, generation_id: str) -> Iterator[asyncio.Event]:
        """Get an event that is set on every change; call it inside of a running loop."""
        listener = (asyncio.get_running_loop(), asyncio.Event())
        with self._lock:
            self._listeners[generation_id].append(listener)
        try:
            yield listener[1]
        finally:
            with self._lock:
                self._listeners[generation_id].remove(listener)
                if not self._listeners[generation_id]:
                    del self._listeners[generation_id]

    def listeners(self) -> int:
        """How many listen now."""
        with self._lock:
            return sum(len(some) for some in self._listeners.values())
