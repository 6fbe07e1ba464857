"""The register of the erased: it lies outside of the home, so that no copy of the home undoes it.

One line per grave: which workspace, which object (a model, or the workspace itself), when and why,
as JSON with a MAC under the register key. Nothing of a person: ids, times, codes. That key is made
once for a home, lies sealed in its `control.db`, and outlives every root key: a backup from before
a rotation reads what was buried after it.

Rules: a grave is durable before the erasure that it stands for is committed, so that a crash in
between ends with too much erased, never with too little. Lines are only added, by any process; a
line that a crash cut, or that somebody without the register key wrote, counts for nothing. Back the
register up beside the root key, never with the home, and put the newest one back. What can't be
seen: a register that was put back to an older state together with the home.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from workspace import sealing
from workspace.database import Database, transaction
from workspace.disk import disk_errors, make_private_folder, sync_folder
from workspace.errors import Fault, Locked, SealBroken, StorageFull
from workspace.rows import canonical_json
from workspace.types import WorkspaceId

_MODE = 0o600
_KEY_LABEL = "tombstones v1"
_KEY_ROW = "register_key"  # of control.db's table meta
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
        key: The register key, 32 bytes.
        root_keys: Root keys under which an older home wrote its lines, to read them, too.
    """

    def __init__(self, path: Path, key: bytes, root_keys: Sequence[bytes] = ()) -> None:
        self.path = path
        self._register_key = key
        self._key = sealing.derive(key, _KEY_LABEL)
        self._readers = (self._key, *(sealing.derive(one, _KEY_LABEL) for one in root_keys))
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
        with self._lock:
            if (grave.workspace_id, grave.object_id) not in self._graves():
                self._append(_line(grave, self._key))

    def take_over(self, path: Path, root_keys: Sequence[bytes]) -> tuple[str, ...]:
        """Bury whom a register knows: a copy, or this one with the lines of an older home.

        Args:
            root_keys: Read lines that were written under one of them, too.

        Returns:
            The workspaces of whole lines that no key here opens: graves that may be true.
        """
        theirs = Tombstones(path, self._register_key, root_keys)
        for grave in theirs.graves():
            self.put(grave)
        return theirs.unread()

    def unread(self) -> tuple[str, ...]:
        """Name the workspace of each whole line that no key opens and no other line says, too."""
        with self._lock:
            known = self._graves()
            found = [_place(line) for line in self._lines()]
        return tuple(place[0] for place in found if place is not None and place not in known)

    def graves(self) -> tuple[Grave, ...]:
        """List all graves of this home, oldest first."""
        with self._lock:
            return tuple(self._graves().values())

    def is_buried(self, workspace_id: str, object_id: str) -> bool:
        """Tell whether an object was erased for good."""
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
        graves: dict[tuple[str, str], Grave] = {}
        for line in self._lines():
            grave = self._parse(line)
            if grave is not None:
                graves.setdefault((grave.workspace_id, grave.object_id), grave)
        return graves

    def _lines(self) -> list[bytes]:
        try:
            return self.path.read_bytes().splitlines()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise _unusable() from error

    def _parse(self, line: bytes) -> Grave | None:
        if len(line) > _MAX_LINE_BYTES:
            return None
        try:
            words: dict[str, Any] = json.loads(line)
            mac = str(words.pop("mac"))
            if any(sealing.same(mac, _mac(key, words)) for key in self._readers):
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


def _place(line: bytes) -> tuple[str, str] | None:
    """Which grave a whole line stands for, if anybody's MAC is right; None for what is no line."""
    if len(line) > _MAX_LINE_BYTES:
        return None
    try:
        words: dict[str, Any] = json.loads(line)
        words.pop("mac")
        grave = Grave(**words)
        return str(grave.workspace_id), str(grave.object_id)
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
        return None


def _mac(key: bytes, words: dict[str, Any]) -> str:
    return sealing.keyed_hash(key, canonical_json(words))


def default_path(home: Path) -> Path:
    """Where the register of a home is unless it is configured: beside it."""
    return home.with_name(f"{home.name}.tombstones")


def _unusable() -> Fault:
    return Fault("The register of the erased can't be read or written; see [keys] tombstones.")


class Home(Protocol):
    """As much of an open home as the register's key needs; `Registry` is the real one."""

    control: Database

    def ids(self) -> tuple[WorkspaceId, ...]: ...
    def seal(self, table: str, row_id: str, private: Mapping[str, Any]) -> bytes: ...
    def open(self, table: str, row_id: str, sealed: object) -> dict[str, Any]: ...


def of_home(home: Home, path: Path, root_keys: Sequence[bytes]) -> Tombstones:
    """Open the register of a home with its key, which is made at the first time.

    Args:
        root_keys: Those that may be in force: an older home wrote its lines under one of them.

    Raises:
        Locked: the key is damaged; or it is missing, and the register has graves of this home that
            another key would not read: without them the erased would come back.
    """
    sql = "SELECT value FROM meta WHERE key = ?"
    with transaction(home.control):
        for row in home.control.query(sql, [_KEY_ROW]):
            try:
                key = bytes.fromhex(home.open("meta", _KEY_ROW, row["value"])["key"])
            except (SealBroken, KeyError, ValueError) as error:
                raise Locked("The key of the register of the erased is damaged.") from error
            return Tombstones(path, key)
        key = sealing.new_key()
        made = Tombstones(path, key)
        if {*made.take_over(path, root_keys)} & {*home.ids()}:
            raise Locked(
                "The register of the erased holds graves that this home can't read, so that it may "
                "be an old copy. Restore a newer backup."
            )
        sealed = home.seal("meta", _KEY_ROW, {"key": key.hex()})
        home.control.execute("INSERT INTO meta VALUES (?, ?)", [_KEY_ROW, sealed])
        return made
