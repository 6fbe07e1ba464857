"""The rounds of `disk_rounds.py` on a file system that really is full, page by page.

    unshare --user --map-root-user --mount python -m tests.small_disk FOLDER [--every N]

A small tmpfs is mounted in a namespace of its own; ballast leaves k pages free, for each k until
the work fits. Prints one JSON line: how each kind of work went how often. It has no way to break
single steps; it shows that the kernel's own `ENOSPC` is met as the simulated one is.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

from identity.encoder import InsightFaceEncoder
from serve.settings import load_settings
from tests.disk_rounds import Remembered, Rounds
from tests.generating import product_of
from tests.service import open_service

APART = ("unshare", "--user", "--map-root-user", "--mount")
SIZE = "48m"
MOST_PAGES = 160  # an enrolment or a generation needs fewer
_PAGE = 4096


class SmallDisk:
    """A mounted tmpfs with ballast; speaks as `FaultyDisk` does, as far as the rounds listen."""

    broke = "no page is left"

    def __init__(self, folder: Path) -> None:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)]
        subprocess.run(mount, check=True)
        self._folder, self._ballast = folder, folder / "ballast"

    def start(self) -> None:
        """Make room."""
        self._ballast.unlink(missing_ok=True)

    def fail_from(self, pages: int) -> None:
        """Leave so many pages free."""
        self.start()
        free = os.statvfs(self._folder).f_bavail
        self._ballast.write_bytes(b"x" * ((free - pages) * _PAGE))


def rounds_below(folder: Path, every: int) -> dict[str, dict[str, int]]:
    """Mount a disk on `folder` and go through the pages."""
    disk = SmallDisk(folder)
    encoder = Remembered(InsightFaceEncoder(load_settings().face_pack_folder))
    found: dict[str, dict[str, int]] = {}
    with open_service(folder / "home", encoder, start=False) as service:
        rounds = Rounds(service, disk)  # type: ignore[arg-type]
        product = product_of(service)
        for work in ("enrolment", "generation"):
            went: Counter[str] = Counter()
            for pages in range(0, MOST_PAGES, every):
                disk.fail_from(pages)
                went[rounds.once(product if work == "generation" else None)] += 1
            found[work] = dict(went)
    return found


def on_a_small_disk(folder: Path, every: int) -> dict[str, dict[str, int]] | None:
    """Run this file in a namespace; None where the machine allows none.

    Raises:
        CalledProcessError: a round did not hold a promise; its error is on the terminal.
    """
    try:
        subprocess.run([*APART, "true"], check=True, capture_output=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        return None
    command = [*APART, sys.executable, "-m", "tests.small_disk", str(folder), "--every", str(every)]
    ran = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, dict[str, int]] = json.loads(ran.stdout.splitlines()[-1])
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--every", type=int, default=1)
    asked = parser.parse_args()
    print(json.dumps(rounds_below(asked.folder, asked.every)))
