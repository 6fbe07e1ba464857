"""The register of the erased: it lies outside of the home, so that no copy of the home undoes it.

One line per grave: which workspace, which object (a model, or the workspace itself), when and why,
as JSON with a MAC under a key that comes from the root key. Nothing of a person: ids, times, codes.

Rules: a grave is durable before the erasure that it stands for is committed, so that a crash in
between ends with too much erased, never with too little. Lines are only added, by any process; a
line that a crash cut, or that somebody without the root key wrote, counts for nothing. Back the
register up beside the root key, never with the home, and put the newest one back. What can't be
seen: a register that was put back to an older state together with the home.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from workspace import sealing
from workspace.disk import disk_errors, make_private_folder, sync_folder
from workspace.errors import Fault, StorageFull
from workspace.rows import canonical_json

_MODE = 0o600
_KEY_LABEL = "tombstones v1"
_MAX_LINE_BYTES = 2000


@dataclass(frozen=True, slots=True)
class Grave:
    """One erased object: its workspace, its id, when (RFC 3339), and a code that says why."""

    workspace_id: str
    object_id: str
    at: str
    cause: str


class Tombstones:
    """The register of one home; safe between threads and processes.

    Args:
        path: The file; made with mode 0600 at the first grave.
        root_key: 32 bytes; only a key derived from it is kept.
        look: Called before and after each use; calls `follow` when the root key was replaced.
    """

    def __init__(
        self, path: Path, root_key: bytes, look: Callable[[], object] = lambda: None
    ) -> None:
        self.path = path
        self._key = sealing.derive(root_key, _KEY_LABEL)
        self._look = look
        self._lock = threading.Lock()
        self._read: tuple[tuple[int, int], dict[tuple[str, str], Grave]] | None = None

    def bury(self, workspace_id: str, object_id: str, now: datetime, cause: str) -> None:
        """Add a grave, durable when this returns; does nothing if there is one.

        Raises:
            StorageFull, Fault: it could not be written, so nothing may be erased yet.
        """
        self.put(Grave(workspace_id, object_id, now.isoformat(), cause))

    def put(self, grave: Grave) -> None:
        """Add a grave as it is, for example from a copy; does nothing if there is one.

        Raises:
            StorageFull, Fault: it could not be written.
        """
        written_under = None
        self._look()
        # NOTE: a rotation of the root key may end between the look and the line; then once more.
        while written_under != self._key:
            with self._lock:
                written_under = self._key
                if (grave.workspace_id, grave.object_id) not in self._graves():
                    self._append(_line(grave, written_under))
            self._look()

    def follow(self, root_key: bytes) -> None:
        """Take another root key from now on; lines under the one before count no more."""
        self._key, self._read = sealing.derive(root_key, _KEY_LABEL), None

    def copy(self, old_root: bytes, new_root: bytes) -> int:
        """Write every grave under one root key again under another; the file only grows.

        Returns:
            How many graves were copied.
        """
        old, new = Tombstones(self.path, old_root), Tombstones(self.path, new_root)
        with self._lock:
            known = new._graves()
            missing = [grave for place, grave in old._graves().items() if place not in known]
            if missing:
                self._append(b"\n".join(_line(grave, new._key) for grave in missing))
        return len(missing)

    def graves(self) -> tuple[Grave, ...]:
        """List all graves of this home, oldest first."""
        self._look()
        with self._lock:
            return tuple(self._graves().values())

    def is_buried(self, workspace_id: str, object_id: str) -> bool:
        """Tell whether an object was erased for good."""
        self._look()
        with self._lock:
            return (workspace_id, object_id) in self._graves()

    def of_workspace(self, workspace_id: str) -> tuple[Grave, ...]:
        """List the graves of a workspace, oldest first."""
        return tuple(grave for grave in self.graves() if grave.workspace_id == workspace_id)

    def count(self) -> int:
        """Count the graves of this home."""
        return len(self.graves())

    def check(self) -> None:
        """Make the file if it is missing, and see that it takes graves.

        Raises:
            Fault: it can't be written.
        """
        with self._lock:
            self._append(b"")

    def _graves(self) -> dict[tuple[str, str], Grave]:
        try:
            status = self.path.stat()
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise _unusable() from error
        stamp = (status.st_size, status.st_mtime_ns)
        if self._read is None or self._read[0] != stamp:
            self._read = stamp, self._load()
        return self._read[1]

    def _load(self) -> dict[tuple[str, str], Grave]:
        try:
            lines = self.path.read_bytes().splitlines()
        except OSError as error:
            raise _unusable() from error
        graves: dict[tuple[str, str], Grave] = {}
        for line in lines:
            grave = self._parse(line)
            if grave is not None:
                graves.setdefault((grave.workspace_id, grave.object_id), grave)
        return graves

    def _parse(self, line: bytes) -> Grave | None:
        if len(line) > _MAX_LINE_BYTES:
            return None
        try:
            words: dict[str, Any] = json.loads(line)
            mac = str(words.pop("mac"))
            if sealing.same(mac, _mac(self._key, words)):
                return Grave(**words)
        except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
            pass
        return None

    def _append(self, line: bytes) -> None:
        try:
            with disk_errors():
                make_private_folder(self.path.parent)
                new = not self.path.exists()
                flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
                with os.fdopen(os.open(self.path, flags, _MODE), "r+b") as file:
                    fcntl.flock(file, fcntl.LOCK_EX)
                    if line:
                        file.write(self._after_a_cut(file) + line + b"\n")
                        file.flush()
                        os.fsync(file.fileno())
                if new:
                    sync_folder(self.path.parent)
        except StorageFull:
            raise
        except (Fault, OSError) as error:
            raise _unusable() from error

    @staticmethod
    def _after_a_cut(file: Any) -> bytes:
        """A line end, where the last writer did not get so far."""
        if file.seek(0, os.SEEK_END) == 0:
            return b""
        file.seek(-1, os.SEEK_END)
        return b"" if file.read(1) == b"\n" else b"\n"


def _line(grave: Grave, key: bytes) -> bytes:
    words = asdict(grave)
    line = canonical_json(words | {"mac": _mac(key, words)}).encode()
    if len(line) > _MAX_LINE_BYTES:
        raise Fault("A grave's words are too long.")
    return line


def _mac(key: bytes, words: dict[str, Any]) -> str:
    return sealing.keyed_hash(key, canonical_json(words))


def default_path(home: Path) -> Path:
    """Where the register of a home is unless it is configured: beside it."""
    return home.with_name(f"{home.name}.tombstones")


def _unusable() -> Fault:
    return Fault("The register of the erased can't be read or written; see [keys] tombstones.")
