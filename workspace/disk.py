"""The few things that every part of the home folder needs from the file system.

Rules: folders are 0700; names are made durable by syncing their folder; what the disk reports is
translated: no room left is StorageFull, anything else Fault. Paths never get into an error.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from workspace.errors import Fault, StorageFull

# NOTE: EFBIG is what a per-process file size limit reports; EDQUOT is a quota.
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@contextlib.contextmanager
def disk_errors() -> Iterator[None]:
    """Translate what the disk reports.

    Raises:
        StorageFull: there is no room.
        Fault: anything else.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise StorageFull() from error
        raise Fault("The home folder could not be read or written.") from error


def make_private_folder(folder: Path) -> None:
    """Make a folder that only its owner can enter, with its parents; an existing one is kept."""
    with disk_errors():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
