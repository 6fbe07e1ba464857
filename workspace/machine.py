"""What runs where, in figures: one process of the appliance, and the machine that it is on.

For whoever runs the appliance. Sizes are bytes, times seconds. Nothing here names a workspace, a
picture or a person, and nothing is kept.
"""

from __future__ import annotations

import os
import platform
import time
from dataclasses import dataclass
from typing import Literal

import psutil

_STARTED = time.monotonic()
Part = Literal["gateway", "diffusion", "identity", "whole"]
State = Literal["ready", "drawing", "starting"]


@dataclass(frozen=True, slots=True)
class Machine:
    """One computer, as one of its processes sees it."""

    name: str
    cpus: int
    load: float  # processes that want a CPU, mean of the last minute
    memory_bytes: int
    memory_free_bytes: int


@dataclass(frozen=True, slots=True)
class Running:
    """One process of the appliance; what is not known of it is None."""

    part: Part
    name: str
    state: State
    engine: str = ""
    device: str = ""  # what computes, for example "cpu, 2 threads"
    device_memory_bytes: int | None = None  # None where it is the machine's own
    device_memory_free_bytes: int | None = None
    memory_bytes: int | None = None  # resident
    drawing: int = 0  # pictures in work
    drawn: int | None = None  # pictures since it started
    failures: int = 0  # renders that failed in a row
    up_seconds: float | None = None
    machine: Machine | None = None


def this_machine() -> Machine:
    """Look at the machine of this process."""
    memory = psutil.virtual_memory()
    return Machine(
        name=platform.node() or "this machine",
        cpus=os.cpu_count() or 1,
        load=round(os.getloadavg()[0], 2),
        memory_bytes=int(memory.total),
        memory_free_bytes=int(memory.available),
    )


def this_process(
    part: Part,
    name: str,
    engine: str = "",
    device: str = "",
    drawing: int = 0,
    drawn: int | None = None,
    failures: int = 0,
) -> Running:
    """Look at this process; the caller says what it knows of its own work."""
    return Running(
        part=part,
        name=name,
        state="drawing" if drawing else "ready",
        engine=engine,
        device=device,
        memory_bytes=int(psutil.Process().memory_info().rss),
        drawing=drawing,
        drawn=drawn,
        failures=failures,
        up_seconds=round(time.monotonic() - _STARTED, 1),
        machine=this_machine(),
    )
