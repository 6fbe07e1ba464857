"""Keys at rest: root key file -> workspace key -> one wrapped key per object.

Rules: the root key file is private to its owner or it is refused; keys are stored only wrapped
(sealed) by the key above them; destroying a wrapped key is the erasure of what it sealed. No key
is ever printed, logged or put into an error.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from workspace import sealing
from workspace.database import Database, transaction
from workspace.disk import disk_errors, make_private_folder, sync_folder
from workspace.errors import Locked, SealBroken

_KEY_FILE_MODE = 0o600


def load_root_key(path: Path, create: bool) -> bytes:
    """Read the root key, 32 bytes, from a file that only its owner can read.

    The file holds the key as 64 hexadecimal digits or as base64.

    Args:
        path: The key file.
        create: Make a new key when there is no file.

    Raises:
        Locked: the file is missing (and `create` is off, or the home beside it was made with
            one), open to others, or holds no key.
        StorageFull, Fault: the new key could not be written.
    """
    if create and not path.exists():
        # NOTE: a new key beside an old home would open nothing, and would hide what happened. The
        # key is asked for again, because another first start makes it before its control.db.
        if path.with_name("control.db").exists() and not path.exists():
            raise Locked("The root key of this home is missing. Put it back from your backup.")
        make_private_folder(path.parent)
        with disk_errors():
            _create(path)
    try:
        with path.open("rb") as file:
            _refuse_open_to_others(os.fstat(file.fileno()))
            raw = file.read(4096)
    except FileNotFoundError as error:
        raise Locked("There is no root key file. Mount it, or let the first start make it.") from (
            error
        )
    except OSError as error:
        raise Locked("The root key file can't be read by this account.") from error
    return _decode(raw)


def _refuse_open_to_others(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise Locked("The root key is not a regular file.")
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise Locked(
            "The root key file is open to other accounts. Run `chmod 600` on it, and consider "
            "the key as seen if others use this machine."
        )
    if status.st_uid not in (os.geteuid(), 0):
        raise Locked("The root key file belongs to another account. Run `chown` on it.")


def _create(path: Path) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _KEY_FILE_MODE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(sealing.new_key().hex().encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        # NOTE: link, not rename: of two first starts only one may win, and both read its key.
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    sync_folder(path.parent)


def _decode(raw: bytes) -> bytes:
    text = raw.strip()
    for decode in (bytes.fromhex, _from_base64):
        try:
            key = decode(text.decode("ascii"))
        except (ValueError, binascii.Error):
            continue
        if len(key) == sealing.KEY_BYTES:
            return key
    raise Locked("The root key file holds no key (64 hexadecimal digits, or base64 of 32 bytes).")


def _from_base64(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


class KeyRing:
    """The keys of one workspace: derives, wraps, unwraps and destroys.

    Args:
        db: The workspace's database; wrapped keys are rows of `object_keys`.
        workspace_id: Bound into every wrapped key.
        workspace_key: 32 bytes; held only in memory.
    """

    def __init__(self, db: Database, workspace_id: str, workspace_key: bytes) -> None:
        self._db = db
        self._workspace_id = workspace_id
        self._key: bytes | None = workspace_key
        self._witness: list[str] | None = None  # ids of destroyed keys, while somebody asks

    def forget(self) -> None:
        """Drop the workspace key; every later use raises Locked."""
        self._key = None

    def derive(self, label: str) -> bytes:
        """Derive a key for one purpose from the workspace key.

        Raises:
            Locked: the key was forgotten.
        """
        if self._key is None:
            raise Locked("The workspace was locked while it was in use.")
        return sealing.derive(self._key, label, self._workspace_id)

    def obtain(self, object_id: str) -> bytes:
        """Return the object's key; make, wrap and store one for a new object."""
        with transaction(self._db):
            row = self._db.execute(
                "SELECT wrapped FROM object_keys WHERE object_id = ?", [object_id]
            ).fetchone()
            if row is not None:
                return self.unwrap(object_id, row[0])
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
        return sealing.open_(self._wrapping_key(), wrapped, self._place(object_id))

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

    def _wrapping_key(self) -> bytes:
        return self.derive("object key wrap v1")

    def _place(self, object_id: str) -> str:
        return f"{self._workspace_id}|object_keys|{object_id}|1"
