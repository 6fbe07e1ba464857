"""Was a database file touched while nobody had it open? A seal over the whole file tells.

    the last one to close a file  writes `<file>.seal`: a MAC of every byte of it
    the first one to open it      compares, and removes the seal before anything is written

Rows are sealed one by one; this covers what lies between them: queue states, free pages, the
header. Rules: a lock beside the file tells who is the last and the first, between processes, too. A
file that was not closed in order (a crash) has no seal, and counts as unchanged. A change is kept
in mind as `<file>.changed` until somebody accepts it (`housemodel doctor --accept`); it stops
nothing, because each row answers for itself. Who can write the folder can remove the seal as well;
then only the rows' own seals are left.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import hmac
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from workspace import sealing
from workspace.disk import sync_folder

_PART_BYTES = 1 << 20
T = TypeVar("T")


def key_of(parent: bytes) -> bytes:
    """Derive the key of the seals from the root key, or from a workspace's base key."""
    return sealing.derive(parent, "closing seal v1")


class Closing:
    """Watches one database file; made before it is opened.

    Args:
        database: The file.
        *keys: 32 bytes each; the seal counts if it was made with one of them.
    """

    def __init__(self, database: Path, *keys: bytes) -> None:
        self._database = database
        self._seal = database.with_name(f"{database.name}.seal")
        self._changed = database.with_name(f"{database.name}.changed")
        self._lock: int | None = None
        self._suspect = False
        with contextlib.suppress(OSError):  # a disk that is full or read-only: others report it
            self._arrive(keys)

    @property
    def was_changed(self) -> bool:
        """Whether the file was not as it was left, now or before."""
        return self._changed.exists()

    def opening(self, opens: Callable[[], T]) -> T:
        """Open what is watched; if that fails, nobody here has it open."""
        try:
            return opens()
        except BaseException:
            self.leave(None)
            raise

    def confirm(self) -> None:
        """Keep in mind that the file was changed, now that its key is known to be the right one."""
        with contextlib.suppress(OSError):
            if self._suspect:
                self._suspect = False
                self._seal.replace(self._changed)
                sync_folder(self._seal.parent)

    def accept(self) -> bool:
        """Forget that it was changed.

        Returns:
            Whether it was.
        """
        found = self.was_changed
        self._changed.unlink(missing_ok=True)
        return found

    def leave(self, key: bytes | None) -> None:
        """Seal the file, if nobody else has it open; call it after closing the database."""
        if self._lock is None:
            return
        with contextlib.suppress(OSError):  # without a seal it counts as a crash
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if key is not None and self._database.exists() and not self._has_log():
                draft = self._seal.with_name(f".{self._seal.name}.{os.urandom(4).hex()}")
                descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(descriptor, "w") as file:
                    file.write(self._mac(key))
                draft.replace(self._seal)
        os.close(self._lock)
        self._lock = None

    def _arrive(self, keys: tuple[bytes, ...]) -> None:
        path = self._database.with_name(f"{self._database.name}.lock")
        self._lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            fcntl.flock(self._lock, fcntl.LOCK_SH)  # somebody has it open: there is no seal
            return
        with contextlib.suppress(FileNotFoundError):
            self._compare(keys)
        fcntl.flock(self._lock, fcntl.LOCK_SH)

    def _compare(self, keys: tuple[bytes, ...]) -> None:
        kept = self._seal.read_bytes()
        # NOTE: a power loss may leave the name of a seal without its content.
        if kept and (
            self._has_log()
            or not any(hmac.compare_digest(self._mac(key).encode(), kept) for key in keys)
        ):
            self._suspect = True  # or somebody came with another key
        else:
            self._seal.unlink()
            sync_folder(self._seal.parent)

    def _has_log(self) -> bool:
        log = self._database.with_name(f"{self._database.name}-wal")
        return log.exists() and log.stat().st_size > 0

    def _mac(self, key: bytes) -> str:
        digest = hmac.new(key, None, hashlib.sha256)
        with self._database.open("rb") as file:
            while part := file.read(_PART_BYTES):
                digest.update(part)
        return digest.hexdigest()
