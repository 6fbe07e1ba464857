"""One `housemodel up` in a process group of its own, as in a terminal of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS = 240
STOP_SECONDS = 15


class Started:
    """One `housemodel up` in a process group of its own, as in a terminal of its own."""

    def __init__(self, home: Path, port: int, output: Path, options: tuple[str, ...] = ()) -> None:
        self.home, self.port, self.output = home, port, output
        command = [sys.executable, "-m", "serve", "up", "--home", str(home), "--port", str(port)]
        with output.open("wb") as written:
            self.process = subprocess.Popen(
                [*command, *options],
                cwd=ROOT,
                stdout=written,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        self.base_url = f"http://127.0.0.1:{port}"

    def wait_for(self, words: str, seconds: float = READY_SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while words not in self.output.read_text():
            assert self.process.poll() is None, self.output.read_text()
            assert time.monotonic() < deadline, self.output.read_text()
            time.sleep(0.1)

    def family(self) -> list[psutil.Process]:
        own = psutil.Process(self.process.pid)
        return [own, *own.children(recursive=True)]

    def stop(self, how: signal.Signals = signal.SIGINT) -> float:
        """Send a signal to the whole group, as a terminal does; seconds until the end."""
        begun = time.monotonic()
        os.killpg(self.process.pid, how)
        self.process.wait(60)
        return time.monotonic() - begun


def rays_folder(home: Path) -> Path:
    return Path(json.loads((home / "run" / "start").read_text())["folder"])


def still_running(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
