"""64 clients for ten minutes against a real appliance: errors, memory, and how long reading takes.

`python -m benchmarks.load` starts `housemodel up` on a fresh home with the demo workspace, lets the
clients of `crowd.py` in, and counts. It holds if no answer was an error except 429 with
Retry-After, if the memory of all processes (proportional, PSS) grew by less than 5 % after the
first fifth of the time, and if 99 of 100 GETs took 250 ms at most. Writes
benchmarks/results/load.{json,md}; ends with status 1 if one of the three does not hold.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil

from benchmarks import appliance
from benchmarks.crowd import Crowd, Seen
from benchmarks.report import Figure, write

CLIENTS = 64
SECONDS = 600.0
THINK_SECONDS = 1.0
GOAL_MS = 250.0
GROWTH = 0.05
SAMPLE_SECONDS = 5.0
WARM = 0.2  # of the time: caches fill, Ray's workers settle


class Memory:
    """PSS of all processes of an appliance, sampled in a thread: [(seconds, {name: MiB})]."""

    def __init__(self, running: appliance.Running) -> None:
        self.samples: list[tuple[float, dict[str, float]]] = []
        self._running = running
        self._began = time.monotonic()

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Sample until the block ends."""
        done = threading.Event()

        def watch() -> None:
            while not done.wait(SAMPLE_SECONDS):
                at = time.monotonic() - self._began
                self.samples.append((at, self._running.pss_mib()))

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def growth(self, seconds: float) -> tuple[float, float]:
        """Median after the warm-up and at the end, in MiB; a fifth of the time each."""
        totals = [(at, sum(names.values())) for at, names in self.samples]

        def median(since: float, until: float) -> float:
            found = [mib for at, mib in totals if since <= at / seconds < until]
            return statistics.median(found or [mib for _, mib in totals])

        return median(WARM, 2 * WARM), median(1 - WARM, 2.0)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--clients", type=int, default=CLIENTS)
    parser.add_argument("--think", type=float, default=THINK_SECONDS, help="mean pause, seconds")
    parser.add_argument("--name", default="load", help="of the files in benchmarks/results")
    args = parser.parse_args()
    with appliance.running() as running:
        figures, facts = measure(running, args.clients, args.seconds, args.think)
    print(write(args.name, figures, facts).read_text())
    print(*facts["failures"], sep="\n")
    return 0 if all(figure.met is not False for figure in figures[:3]) else 1


def measure(
    running: appliance.Running, clients: int, seconds: float, think: float
) -> tuple[list[Figure], dict[str, Any]]:
    """Let the clients in for so many seconds; the first three figures decide."""
    base_url, headers = str(running.client.base_url), dict(running.client.headers)
    crowd = Crowd(base_url, headers, clients, think)
    memory, before = Memory(running), _cpu_seconds(running)
    with memory.watched():
        seen = asyncio.run(crowd.run(seconds))
    after = _cpu_seconds(running)
    warm, end = memory.growth(seconds)
    facts = {
        "clients": clients,
        "seconds": seconds,
        "think_seconds": think,
        "requests": sum(map(len, seen.answers.values())),
        "held_back_429": seen.held_back,
        "failures": seen.failures[:50],
        "rounds": dict(seen.done),
        "ready_after": running.client.get("/readyz").status_code,
        "cpu_seconds": {name: round(s - before.get(name, 0.0), 1) for name, s in after.items()},
        "memory_mib": memory.samples[:: max(1, len(memory.samples) // 20)],
        "clock_of_the_crowd_late_ms_p99": round(percentile(seen.lags, 99) * 1000, 1),
    }
    return figures_of(seen, warm, end), facts


def figures_of(seen: Seen, warm: float, end: float) -> list[Figure]:
    """The three that decide, then each route's median and p99."""
    gets = [ms for route, ms in _milliseconds(seen).items() if route.startswith("GET ")]
    every = [ms for one in gets for ms in one]
    growth = (end - warm) / warm * 100
    note = f"{warm:.0f} MiB after the warm-up, {end:.0f} MiB at the end"
    figures = [
        Figure("answers that are errors, but for 429", "", [float(len(seen.failures))], 0),
        Figure("growth of memory after the warm-up", "%", [growth], GROWTH * 100, note),
        Figure("p99 of all GETs", "ms", [percentile(every, 99)], GOAL_MS),
    ]
    for route, taken in sorted(_milliseconds(seen).items()):
        goal = GOAL_MS if route.startswith("GET ") else None
        figures.append(Figure(f"p99 of {route}", "ms", [percentile(taken, 99)], goal))
        figures.append(Figure(f"{route}, {len(taken)} times", "ms", _thinned(taken)))
    return figures


def _thinned(values: list[float]) -> list[float]:
    """At most a hundred of them, evenly from the smallest to the largest."""
    ordered, most = sorted(values), 100
    places = [k * (len(ordered) - 1) // (most - 1) for k in range(most)]
    return [round(v, 1) for v in (ordered if len(ordered) < most else (ordered[k] for k in places))]


def percentile(values: list[float], percent: int) -> float:
    """The value that so many percent of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)] if ordered else 0.0


def _milliseconds(seen: Seen) -> dict[str, list[float]]:
    return {route: [s * 1000 for _, s in taken] for route, taken in seen.answers.items()}


def _cpu_seconds(running: appliance.Running) -> dict[str, float]:
    """Processor time of each process of the appliance so far, by its name."""
    found: dict[str, float] = {}
    root = psutil.Process(running.process.pid)
    for process in [root, *root.children(recursive=True)]:
        try:
            times = process.cpu_times()
            words = " ".join(process.cmdline()[:1]).split()
            name = words[0].rpartition("/")[2] if words else process.name()
        except psutil.Error:
            continue
        found[name] = found.get(name, 0.0) + times.user + times.system
    return found


if __name__ == "__main__":
    sys.exit(main())
