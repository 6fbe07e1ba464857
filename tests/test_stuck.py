"""A process whose threads wait for each other's locks is noticed; one that is only slow is not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from serve.work.stuck import STUCK_SECONDS, StuckWatch
from workspace.errors import Unavailable


@contextmanager
def held(lock: Any) -> Iterator[None]:
    """Another thread has the lock meanwhile."""
    taken, done = threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            taken.set()
            done.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    taken.wait(10)
    try:
        yield
    finally:
        done.set()
        thread.join()


@pytest.mark.parametrize("which", ["registry", "control"])
def test_a_lock_that_nobody_gets_any_more_is_noticed(which: str) -> None:
    registry: Any = SimpleNamespace(
        opening=threading.RLock(), control=SimpleNamespace(lock=threading.RLock())
    )
    lock = registry.opening if which == "registry" else registry.control.lock
    time = [0.0]
    watch = StuckWatch(lambda: time[0], look_seconds=0.001)
    watch.check(registry)
    with held(lock):
        for time[0] in (10.0, STUCK_SECONDS + 9.0):  # an opening of a large store
            watch.check(registry)
    watch.check(registry)
    with held(lock):
        for time[0] in (1000.0, 1000.0 + STUCK_SECONDS - 1.0):
            watch.check(registry)
        time[0] += 1.0
        with pytest.raises(Unavailable):
            watch.check(registry)
