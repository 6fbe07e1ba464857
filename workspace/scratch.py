"""What backups and restores lay out while they work, and its removal once they were killed.

    <home>/run/backup-*      copies of the databases, made by a backup
    <beside>/.<home>.<hex>   a half-made home, made by a restore

Both hold wrapped keys, which a later erasure would not reach. So the next backup, the next restore,
the start of the appliance and its upkeep remove what nobody is at any more.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from workspace.disk import make_private_folder
from workspace.errors import Conflict
from workspace.unseal import held

_PREFIX = "backup-"
_NAME_BYTES = 4


@contextmanager
def of_backup(home: Path) -> Iterator[Path]:
    """Make a folder for one backup; what a killed one left goes first. Hold `unseal.held`."""
    make_private_folder(home / "run")
    _clear_backups(home)
    with tempfile.TemporaryDirectory(prefix=_PREFIX, dir=home / "run") as made:
        yield Path(made)


def beside(home: Path) -> Path:
    """A folder beside the home, on the same disk, that nobody else uses."""
    return home.with_name(f".{home.name}.{secrets.token_hex(_NAME_BYTES)}")


@contextmanager
def of_restore(home: Path) -> Iterator[Path]:
    """Make a folder beside the home and hold it; what killed restores left goes first."""
    _clear_half_homes(home)
    scratch = beside(home)
    make_private_folder(scratch)
    descriptor = os.open(scratch, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield scratch
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    finally:
        os.close(descriptor)


def clear(home: Path) -> int:
    """Remove what killed backups and restores of this home left; never what is at work.

    Returns:
        How many folders were removed.
    """
    count = 0
    if [*_backups(home)]:
        with suppress(Conflict), held(home):
            count = _clear_backups(home)
    return count + _clear_half_homes(home)


def _backups(home: Path) -> Iterator[Path]:
    return (home / "run").glob(f"{_PREFIX}*")


def _clear_backups(home: Path) -> int:
    return sum(_removed(folder) for folder in [*_backups(home)])


def _clear_half_homes(home: Path) -> int:
    name = re.compile(rf"\.{re.escape(home.name)}\.[0-9a-f]{{{2 * _NAME_BYTES}}}")
    found: list[Path] = []
    with suppress(OSError):  # not there yet, or a folder that this account may not list
        found = [path for path in home.parent.iterdir() if name.fullmatch(path.name)]
    return sum(_removed(folder) for folder in found)


def _removed(folder: Path) -> bool:
    with suppress(OSError):  # gone, held by somebody at work, or not ours
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder)
            return True
        finally:
            os.close(descriptor)
    return False
