"""Replicas stand back: every thread of a process, those that run already and those that come."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.whole
PROGRAM = """
import os, threading
from pathlib import Path
from serve.deployments.priority import stand_back
done = threading.Event()
threading.Thread(target=done.wait).start()
stand_back({first})
stand_back({second})
threading.Thread(target=done.wait).start()
tasks = [int(task.name) for task in Path("/proc/self/task").iterdir()]
print(sorted({{os.getpriority(os.PRIO_PROCESS, task) for task in tasks}}), len(tasks))
done.set()
"""


@pytest.mark.parametrize(("first", "second", "seen"), [(7, 7, 7), (9, 3, 9), (0, 0, 0)])
def test_all_threads_stand_back_and_none_comes_forward(first, second, seen) -> None:
    program = PROGRAM.format(first=first, second=second)
    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert told.stdout.strip() == f"[{seen}] 3"
