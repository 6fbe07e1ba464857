"""Replicas stand back for the gateway where processors are scarce.

On a machine without a GPU, drawing takes every core it gets; who opens a page would wait behind it.
A picture that comes a little later is noticed less than a page that does, so replicas run at a
lower priority ("nice"). On a machine with processors to spare it changes nothing.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

MOST = 19


def stand_back(niceness: int) -> None:
    """Lower the priority of this process, threads that run already included.

    Args:
        niceness: 0 (as before) to 19 (only what nobody else wants). It never raises a priority.
    """
    # NOTE: Linux keeps it per thread; a new thread has that of the thread that starts it.
    for task in Path("/proc/self/task").iterdir():
        with suppress(OSError):  # it may have ended
            number = int(task.name)
            lower = max(os.getpriority(os.PRIO_PROCESS, number), niceness)
            os.setpriority(os.PRIO_PROCESS, number, lower)
