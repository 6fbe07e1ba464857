"""`make test`: every part that this machine can run; each skipped part is named with its reason.

Parts: the default tests (no network, no GPU, no Ray, no torch; under a minute), whole (the line in
one process with the real packs), cluster (a real Ray), browser (a real
Chromium), gpu (a real GPU). The exit status is the first failing part's.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def without_chromium() -> str:
    return "" if shutil.which("chromium") else "Debian's chromium is not installed"


def without_gpu() -> str:
    return "" if shutil.which("nvidia-smi") else "there is no NVIDIA GPU (no nvidia-smi)"


def without_memory() -> str:
    free_gib = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return "" if free_gib >= 4 else f"only {free_gib:.1f} GiB of memory are free, 4 are needed"


ALL_CORES = ["-n", "auto", "--maxprocesses", "4", "--dist", "loadfile"]
PARTS = (
    ("default", ALL_CORES, lambda: ""),
    ("whole", [*ALL_CORES, "-m", "whole", "tests/whole"], lambda: ""),
    ("cluster", ["-m", "cluster", "tests/cluster"], without_memory),
    ("browser", ["-m", "browser", "tests/browser"], without_chromium),
    ("gpu", ["-m", "gpu", "tests/gpu"], without_gpu),
)


def main(extra: list[str]) -> int:
    status, said = 0, []
    for name, selection, missing in PARTS:
        if reason := missing():
            said.append(f"{name}: skipped, {reason}")
            continue
        if "-m" in selection and not any((ROOT / selection[-1]).glob("test_*.py")):
            said.append(f"{name}: skipped, the folder holds no test yet")
            continue
        print(f"== {name} tests", flush=True)
        started = time.monotonic()
        code = subprocess.call([sys.executable, "-m", "pytest", "-q", *selection, *extra], cwd=ROOT)
        said.append(f"{name}: exit {code} after {time.monotonic() - started:.0f} s")
        status = status or code
    print("== " + "; ".join(said))
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
