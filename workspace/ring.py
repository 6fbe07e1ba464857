"""The keys of one workspace: workspace keys -> one wrapped key per object.

Rules: keys are stored only wrapped (sealed) by the key above them; destroying a wrapped key is the
erasure of what it sealed. The wrapping key can be replaced while others work (`rotation.py`): what
was wrapped by the one before opens until all is wrapped again, and nobody wraps with it any more.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from workspace import sealing
from workspace.closing import key_of
from workspace.database import Database, transaction
from workspace.errors import Locked, SealBroken

WITNESS = "workspace:witness"  # wraps nothing; see KeyRing
_WRAP_LABEL = "object key wrap v1"
_FORMER_SECONDS = 10.0


@dataclass(frozen=True, slots=True, repr=False)
class WorkspaceKeys:
    """What one workspace's keys are: each 32 bytes, kept wrapped together under the root key.

    `wrapping` wraps the keys of objects and is what a rotation replaces; `base` is what every other
    key is derived from (audit, look-ups, fingerprints) and stays; `former` wrapped keys before, and
    is there only while a rotation goes through them.
    """

    wrapping: bytes
    base: bytes
    former: bytes | None = None

    @classmethod
    def new(cls) -> WorkspaceKeys:
        """Make the keys of a new workspace."""
        return cls(sealing.new_key(), sealing.new_key())

    @classmethod
    def of(cls, packed: bytes) -> WorkspaceKeys:
        """Read what `packed` wrote; one key alone, as older homes have it, is both."""
        size = sealing.KEY_BYTES
        if len(packed) not in (size, 2 * size, 3 * size):
            raise SealBroken("The key of a workspace is not in a form that can be used.")
        parts = [packed[at : at + size] for at in range(0, len(packed), size)]
        return cls(parts[0], parts[1] if len(parts) > 1 else parts[0], (parts + [None] * 2)[2])

    def packed(self) -> bytes:
        """Write the keys one after another."""
        return self.wrapping + self.base + (self.former or b"")


class KeyRing:
    """The keys of one workspace: derives, wraps, unwraps and destroys.

    From the first rotation on, a row of `object_keys` without an object, the witness, is wrapped by
    the wrapping key in force. Whoever is about to wrap a key compares it, so that a rotation by
    another process is noticed in the very transaction that writes.

    Args:
        db: The workspace's database; wrapped keys are rows of `object_keys`.
        workspace_id: Bound into every wrapped key.
        keys: Held only in memory; 32 bytes stand for both.
        again: Reads the keys once more, after a rotation.
    """

    def __init__(
        self,
        db: Database,
        workspace_id: str,
        keys: WorkspaceKeys | bytes,
        again: Callable[[], WorkspaceKeys] | None = None,
    ) -> None:
        self._db = db
        self._workspace_id = workspace_id
        self._keys: WorkspaceKeys | None = None
        self._derived: tuple[WorkspaceKeys, bytes] | None = None  # what wraps, and of which keys
        self._former: tuple[float, bytes] | None = None  # until when, and the key before
        self._again = again
        self._wrapped: object = None  # the workspace's keys as they were wrapped when last seen
        self._witnessed: bytes | None = None
        self._witness: list[str] | None = None  # ids of destroyed keys, while somebody asks
        self.adopt(keys if isinstance(keys, WorkspaceKeys) else WorkspaceKeys.of(keys))

    def adopt(self, keys: WorkspaceKeys) -> None:
        """Use these keys from now on; what the key before had wrapped opens for some seconds."""
        with self._db.lock:
            before = self._keys
            if keys.former is not None:
                self._former = math.inf, keys.former
            elif before is not None and before.wrapping != keys.wrapping:
                self._former = time.monotonic() + _FORMER_SECONDS, before.wrapping
            elif self._former is not None and self._former[0] == math.inf:
                self._former = time.monotonic() + _FORMER_SECONDS, self._former[1]
            self._keys, self._witnessed = keys, None

    def renew(self, wrapped: object) -> None:
        """Read the keys again if their wrapped form is not the one that was seen last."""
        if wrapped != self._wrapped:
            if self._wrapped is not None:
                self._read_again()
            self._wrapped = wrapped

    def forget(self) -> None:
        """Drop the workspace's keys; every later use raises Locked."""
        self._keys = self._former = self._derived = None
        self._again = None

    def derive(self, label: str) -> bytes:
        """Derive a key for one purpose from the workspace's base key.

        Raises:
            Locked: the keys were forgotten.
        """
        return sealing.derive(self._held().base, label, self._workspace_id)

    def closing_key(self) -> bytes | None:
        """The key that the closed database file is sealed with; None once keys are forgotten."""
        return key_of(self._keys.base) if self._keys else None

    def obtain(self, object_id: str) -> bytes:
        """Return the object's key; make, wrap and store one for a new object."""
        with transaction(self._db):
            row = self._db.execute(
                "SELECT wrapped FROM object_keys WHERE object_id = ?", [object_id]
            ).fetchone()
            if row is not None:
                return self.unwrap(object_id, row[0])
            self._see_witness()
            key = sealing.new_key()
            wrapped = sealing.seal(self._wrapping_key(), key, self._place(object_id))
            self._db.execute("INSERT INTO object_keys VALUES (?, ?)", [object_id, wrapped])
            return key

    def unwrap(self, object_id: str, wrapped: bytes | None) -> bytes:
        """Open a wrapped key.

        Raises:
            SealBroken: it is missing or damaged, or belongs to another object.
        """
        if not isinstance(wrapped, bytes):
            raise SealBroken("The key of a sealed object is missing.")
        try:
            return self._open(object_id, wrapped)
        except SealBroken:
            if self._again is None:
                raise
        # NOTE: a rotation may have gone by between any two lines above, noticed by another thread:
        # keys and the wrapped key are read again where nobody can change what is held.
        with self._db.lock:
            self._read_again()
            with contextlib.suppress(SealBroken):
                return self._open(object_id, wrapped)
            row = self._db.execute(
                "SELECT wrapped FROM object_keys WHERE object_id = ?", [object_id]
            ).fetchone()
            now = row[0] if row is not None and isinstance(row[0], bytes) else wrapped
            return self._open(object_id, now)

    def rewrap(self, object_id: str, wrapped: bytes) -> bytes | None:
        """Wrap a key under the wrapping key in force; None when it is so already.

        Raises:
            SealBroken: it is damaged, or belongs to another object.
        """
        with contextlib.suppress(SealBroken):
            sealing.open_(self._wrapping_key(), wrapped, self._place(object_id))
            return None
        key = self._open(object_id, wrapped)
        return sealing.seal(self._wrapping_key(), key, self._place(object_id))

    def put_witness(self) -> None:
        """Let every process know, in its next transaction, which wrapping key is in force."""
        with transaction(self._db):
            sealed = sealing.seal(self._wrapping_key(), b"", self._place(WITNESS))
            self._db.execute("INSERT OR REPLACE INTO object_keys VALUES (?, ?)", [WITNESS, sealed])
            self._db.after_commit(lambda: setattr(self, "_witnessed", sealed))

    def destroy(self, object_id: str) -> bool:
        """Erase an object's key for good; what it sealed can never be opened again.

        Returns:
            Whether there was a key.
        """
        with transaction(self._db):
            cursor = self._db.execute("DELETE FROM object_keys WHERE object_id = ?", [object_id])
            # NOTE: until a checkpoint the write-ahead log still holds the page with the old key.
            self._db.erase_log_after_commit()
            if cursor.rowcount > 0 and self._witness is not None:
                self._witness.append(object_id)
            return cursor.rowcount > 0

    @contextlib.contextmanager
    def destroying(self) -> Iterator[list[str]]:
        """Open a transaction and list the ids whose keys are destroyed in it, as it happens."""
        # NOTE: the transaction holds the database's lock, so no other thread writes meanwhile.
        with transaction(self._db):
            outer, self._witness = self._witness, []
            witnessed = self._witness
            try:
                yield witnessed
            finally:
                self._witness = outer
                if outer is not None:
                    outer += witnessed

    def _held(self) -> WorkspaceKeys:
        if self._keys is None:
            raise Locked("The workspace was locked while it was in use.")
        return self._keys

    def _see_witness(self) -> None:
        """Read the keys again if the wrapping key was replaced; part of a transaction."""
        row = self._db.execute(
            "SELECT wrapped FROM object_keys WHERE object_id = ?", [WITNESS]
        ).fetchone()
        if row is not None and row[0] != self._witnessed:
            # NOTE: `unwrap` reads the keys again where it must.
            self.unwrap(WITNESS, row[0])
            # NOTE: a rotation that has just begun puts its key in place before its witness; then
            # the key before opened it, and ours is the newer one.
            with contextlib.suppress(SealBroken):
                sealing.open_(self._wrapping_key(), row[0], self._place(WITNESS))
                self._witnessed = row[0]

    def _read_again(self) -> None:
        # NOTE: of two threads that read at once, the one that read later must be the last to adopt.
        # Whoever holds this lock and the one of `control.db` took this one first.
        with self._db.lock:
            if self._again is not None and (keys := self._again()) != self._keys:
                self.adopt(keys)

    def _open(self, object_id: str, wrapped: bytes) -> bytes:
        place = self._place(object_id)
        try:
            return sealing.open_(self._wrapping_key(), wrapped, place)
        except SealBroken:
            if self._former is None or time.monotonic() > self._former[0]:
                self._former = None
                raise
            former = self._former[1]
        label = sealing.derive(former, _WRAP_LABEL, self._workspace_id)
        return sealing.open_(label, wrapped, place)

    def _wrapping_key(self) -> bytes:
        keys, known = self._held(), self._derived
        if known is None or known[0] is not keys:
            key = sealing.derive(keys.wrapping, _WRAP_LABEL, self._workspace_id)
            known = self._derived = keys, key
        return known[1]

    def _place(self, object_id: str) -> str:
        return f"{self._workspace_id}|object_keys|{object_id}|1"
