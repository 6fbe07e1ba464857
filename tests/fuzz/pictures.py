"""Thousands of damaged picture files through the decoder that every uploaded photo goes through.

    python -m tests.fuzz.pictures SEED FIRST COUNT     # the child, for finding a case again

A child process reads them: what a photo is read with (`identity.photos.decode`) and what a picture
that is to be verified is read with (`compliance.marks.signing.read`). The child has a limit on
memory (RLIMIT_AS) and, per file, on processor time: if it ends in any way but by finishing, the
number of the file is a finding, and another child goes on after it.
"""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from serve.settings import PROJECT
from workspace.errors import HousemodelError

MEMORY_BYTES = 1 << 30  # more than the child has once its libraries are loaded
CPU_SECONDS = 2.0  # for one file, with all threads that work on it
WALL_SECONDS = 30.0  # for one file that waits instead of working
CHILD = (sys.executable, "-m", "tests.fuzz.pictures")
DEATHS = 20  # after so many, there is enough to look at


@dataclass
class Outcome:
    """What became of the files."""

    files: int = 0
    seconds: float = 0.0
    results: Counter[str] = field(default_factory=Counter)
    slowest: tuple[float, int] = (0.0, -1)  # seconds of processor time, number of the file
    peak_mib: float = 0.0  # resident, of the largest child
    findings: dict[int, str] = field(default_factory=dict)  # number of the file -> what happened

    def report(self) -> dict[str, Any]:
        return {
            "files": self.files,
            "results": dict(sorted(self.results.items())),
            "slowest_cpu_seconds": round(self.slowest[0], 3),
            "slowest_file": self.slowest[1],
            "peak_resident_mib": round(self.peak_mib),
            "limit_mib_above_the_libraries": MEMORY_BYTES >> 20,
            "findings": self.findings,
        }


def explore(seed: int, count: int, child: tuple[str, ...] = CHILD) -> Outcome:
    """Read so many files, in as many children as it takes."""
    outcome, started, following = Outcome(), time.monotonic(), 0
    while following < count and len(outcome.findings) < DEATHS:
        following = _one_child(child, seed, following, count, outcome)
    outcome.seconds = time.monotonic() - started
    return outcome


def _one_child(child: tuple[str, ...], seed: int, first: int, count: int, outcome: Outcome) -> int:
    """Let one child read from `first` on; the number to go on with."""
    command = [*child, str(seed), str(first), str(count)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=PROJECT
    ) as running:
        assert running.stdout is not None and running.stderr is not None
        number = first - 1
        for line in running.stdout:
            said = json.loads(line)
            number = said["number"]
            if "result" in said:
                outcome.files += 1
                outcome.results[said["result"]] += 1
                outcome.slowest = max(outcome.slowest, (said["seconds"], number))
                outcome.peak_mib = max(outcome.peak_mib, said["peak_mib"])
                if said["result"].startswith("unexpected"):
                    outcome.findings[number] = said["result"]
        words = running.stderr.read()[-400:]
    if running.returncode != 0:
        outcome.files += 1
        outcome.findings[number] = f"ended with {_name_of(running.returncode)}: {words}"
    return count if running.returncode == 0 else max(number, first) + 1


def _name_of(code: int) -> str:
    named = {-signal.SIGPROF: "more than its processor time", -signal.SIGALRM: "waiting too long"}
    return named.get(code, f"signal {-code}" if code < 0 else f"status {code}")


def _read(seed: int, first: int, count: int) -> None:
    """Read files and say of each that it begins and how it ended."""
    from tests.fuzz.mutations import mutated, seeds

    read = _reader()
    results = [read(data) for _, data in seeds()]  # every library has loaded what it needs
    assert set(results) == {"read", "unsupported_image"} and results.count("read") > 10, results
    used = _memory_bytes()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY_BYTES, used + MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for number in range(first, count):
        data = mutated(seed, number)
        _say(number=number)
        _limit_time(CPU_SECONDS, WALL_SECONDS)
        before = time.process_time()
        result = read(data)
        seconds = time.process_time() - before
        _limit_time(0, 0)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        _say(number=number, result=result, seconds=seconds, peak_mib=peak)


def _reader() -> Callable[[bytes], str]:
    """What reads a file in all the ways that the routes do, and says how the decoder took it."""
    from compliance.marks import signing
    from identity.limits import load_limits
    from identity.photos import decode, kind_of
    from tests.fuzz.mutations import marking

    limits = load_limits(PROJECT / "configs" / "quality.toml").photos
    _, settings = marking()

    def read(data: bytes) -> str:
        result, kind = _result(lambda: decode(data, limits)), kind_of(data)
        if result == "read" and kind is not None:  # in the order of /v1/verify
            media_type = f"image/{kind.lower()}"
            seen = _result(lambda: signing.read(settings, data, media_type))
            result = seen if seen.startswith("unexpected") else result
        return result

    return read


def _result(act: Callable[[], object]) -> str:
    try:
        act()
    except HousemodelError as error:
        return error.code
    except Exception as error:
        return f"unexpected {type(error).__name__}"
    return "read"


def _limit_time(cpu: float, wall: float) -> None:
    signal.setitimer(signal.ITIMER_PROF, cpu)  # ends the process, even inside of C
    signal.setitimer(signal.ITIMER_REAL, wall)


def _say(**words: Any) -> None:
    print(json.dumps(words), flush=True)


def _memory_bytes() -> int:
    """Address space that is in use."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()


if __name__ == "__main__":
    _read(*(int(word) for word in sys.argv[1:4]))
