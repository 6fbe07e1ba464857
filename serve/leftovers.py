"""What one start leaves on the machine, and its removal: the lock, processes, Ray's folder.

`<home>/run/lock` is held while an appliance runs on the home. `<home>/run/start` says which mark
its processes carry in their environment and where Ray's folder is, so that the next start can
clear up after one that was killed.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from workspace.errors import Conflict

MARK = "HOUSEMODEL_START"  # environment variable of every process of one start
PREFIX = "hm-"
ASK_SECONDS = 2.0
END_SECONDS = 3.0
_PR_SET_CHILD_SUBREAPER = 36


@contextmanager
def hold_home(home: Path) -> Iterator[None]:
    """Keep other appliances off this home.

    Raises:
        Conflict: one runs on it already.
    """
    run = home / "run"
    run.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(run / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict(
                "Another appliance runs on this home; stop it, or choose another: --home DIR."
            ) from error
        yield
    finally:
        os.close(descriptor)  # the lock goes with it


def remember_start(home: Path, mark: str, folder: Path) -> None:
    """Note what has to be cleared up after this start."""
    path = home / "run" / "start"
    path.touch(mode=0o600)
    path.write_text(json.dumps({"mark": mark, "folder": str(folder)}))


def clear_up(home: Path) -> None:
    """End the processes of the remembered start and remove Ray's folder; keeps Ray's logs.

    Call it only while the home is held.
    """
    path = home / "run" / "start"
    with suppress(OSError, ValueError, KeyError, TypeError):
        start = json.loads(path.read_text())
        folder = Path(start["folder"])
        end_marked(str(start["mark"]), folder)
        _remove(folder, home / "logs" / "ray")
    path.unlink(missing_ok=True)


def end_marked(mark: str, folder: Path) -> int:
    """End every process of this user that carries the mark, or has a file of the folder open.

    NOTE: some of Ray's processes overwrite their environment with their title; their logs are in
    the folder.

    Returns:
        How many there were.
    """
    found = [p for p in psutil.process_iter() if p.pid != os.getpid() and _marked(p, mark, folder)]
    return _end(found)


def _end(found: list[psutil.Process]) -> int:
    for process in found:
        with suppress(psutil.Error):
            process.terminate()
    _, alive = psutil.wait_procs(found, timeout=ASK_SECONDS)
    for process in alive:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(alive, timeout=END_SECONDS)
    return len(found)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends, so that none gets lost.

    Linux only; elsewhere the marks have to do.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_descendants() -> int:
    """End every process that this one started, directly or not.

    Returns:
        How many there were.
    """
    return _end(psutil.Process().children(recursive=True))


def _marked(process: psutil.Process, mark: str, folder: Path) -> bool:
    try:
        if process.environ().get(MARK) == mark:
            return True
        opened = list(Path(f"/proc/{process.pid}/fd").iterdir())
        return any(folder in one.readlink().parents for one in opened)
    except (psutil.Error, OSError):
        return False  # another user's, or gone


def _remove(folder: Path, keep_logs_in: Path) -> None:
    """Remove a folder of ours in the temporary folder, never anything else."""
    about = folder.lstat()
    ours = stat.S_ISDIR(about.st_mode) and about.st_uid == os.getuid()
    if not ours or not folder.name.startswith(PREFIX):
        return
    shutil.rmtree(keep_logs_in, ignore_errors=True)
    for logs in folder.glob("ray/session_2*/logs"):
        if not logs.parent.is_symlink():
            shutil.copytree(logs, keep_logs_in, dirs_exist_ok=True, ignore_dangling_symlinks=True)
    shutil.rmtree(folder, ignore_errors=True)
