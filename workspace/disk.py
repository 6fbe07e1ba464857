"""The few things that every part of the home folder needs from the file system.

Rules: folders are 0700; names are made durable by syncing their folder; what the disk reports is
translated: no room left is StorageFull, anything else StorageFailed. Paths never get into an error.
"""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from workspace.errors import Fault, StorageFailed, StorageFull

# NOTE: EFBIG is what a per-process file size limit reports; EDQUOT is a quota.
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@contextlib.contextmanager
def disk_errors() -> Iterator[None]:
    """Translate what the disk reports.

    Raises:
        StorageFull: there is no room.
        StorageFailed: anything else.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise StorageFull() from error
        raise StorageFailed() from error


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


def write_private(path: Path, content: bytes) -> None:
    """Replace a file as a whole, for its owner only, and durably: after a crash it is old or new.

    Raises:
        StorageFull: there is no room; the file is as it was.
        StorageFailed: the disk reports anything else.
    """
    draft = path.with_name(f".{path.name}.{os.urandom(4).hex()}")
    with disk_errors(), replacing(path, draft) as file:
        file.write(content)


@contextlib.contextmanager
def replacing(path: Path, draft: Path) -> Iterator[BinaryIO]:
    """Write a draft in the same folder; it takes the file's place, durably, when the block ends.

    Raises:
        OSError: the disk took less than that; the file is as it was, and the draft is gone.
    """
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def no_core_dumps() -> None:
    """Let a crash of this process, or of one that it starts, write no memory to the disk."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def is_open_to_others(path: Path) -> bool:
    """Tell whether other accounts have any right to a file; one that is not there is not open."""
    try:
        return bool(path.stat().st_mode & 0o077)
    except OSError:
        return False


def close_to_others(home: Path, *more: Path) -> tuple[str, ...]:
    """Take all rights of other accounts from a home's folders and files, and from `more`.

    Only what holds keys and stores is looked at: the home itself, its databases, `workspaces`.

    Returns:
        Names, relative to the home, of what was open to others.

    Raises:
        Fault: something is open to others and belongs to another account, so that it stays open.
    """
    inside = [home, *home.glob("*.db*"), *home.glob("root.*"), home / "workspaces"]
    inside += home.glob("workspaces/*")
    inside += home.glob("workspaces/*/*")
    found: list[str] = []
    for path in (*inside, *more):
        try:
            mode = path.lstat().st_mode
            if stat.S_ISLNK(mode) or not mode & 0o077:
                continue
            path.chmod(stat.S_IMODE(mode) & 0o700)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise Fault(
                "A file or folder of the home is open to other accounts and belongs to another "
                "one. Run `chmod -R go-rwx` on the home."
            ) from error
        found.append(str(path.relative_to(home)) if path.is_relative_to(home) else path.name)
    return tuple(found)
