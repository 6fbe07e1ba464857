"""Start a real appliance (`housemodel up`) for a measurement, and stop it again."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

START_SECONDS = 180
STOP_SECONDS = 30


@dataclass(frozen=True)
class Running:
    process: subprocess.Popen[str]
    home: Path
    client: httpx.Client  # every scope but admin, workspace `demo`
    start_seconds: float  # from the command to the printed way in
    printed: str

    def pss_mib(self) -> dict[str, float]:
        """Proportional memory of every process of the appliance, by its name, in MiB."""
        found: dict[str, float] = {}
        root = psutil.Process(self.process.pid)
        for process in [root, *root.children(recursive=True)]:
            try:
                size = process.memory_full_info().pss / 2**20
                words = " ".join(process.cmdline()[:1]).split()
                name = Path(words[0]).name if words else process.name()
                name = process.name() if name.startswith("python") else name
            except psutil.Error:
                continue
            found[name] = found.get(name, 0.0) + size
        return found


@contextmanager
def running(*options: str, kept: Path | None = None) -> Iterator[Running]:
    """Run `housemodel up` with a free port until the block ends.

    Args:
        kept: A home that is there and stays; without it a fresh one, which is removed at the end.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    home = kept or Path(tempfile.mkdtemp(prefix="hm-bench-"))
    command = [sys.executable, "-m", "serve", "up", "--home", str(home), "--port", str(port)]
    started = time.monotonic()
    process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True)
    try:
        printed = _printed(process)
        key = re.search(r"Bearer (hm_[A-Za-z0-9_-]+)", printed)
        if key is None:
            raise RuntimeError(f"the appliance did not start:\n{printed}")
        headers = {"Authorization": f"Bearer {key.group(1)}"}
        base = f"http://127.0.0.1:{port}"
        with httpx.Client(base_url=base, headers=headers, timeout=120) as client:
            yield Running(process, home, client, time.monotonic() - started, printed)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
        assert process.stdout is not None
        process.stdout.close()
        if kept is None:
            shutil.rmtree(home, ignore_errors=True)
            home.with_name(f"{home.name}.tombstones").unlink(missing_ok=True)


def _printed(process: subprocess.Popen[str]) -> str:
    """Everything up to the line that names Ctrl-C, or all there is when it ended early."""
    assert process.stdout is not None
    lines: list[str] = []
    deadline = time.monotonic() + START_SECONDS
    for line in process.stdout:
        lines.append(line)
        if line.startswith("Stop:") or time.monotonic() > deadline:
            break
    return "".join(lines)
