"""The root key as a file: read, or made at the first start.

Rules: the file is private to its owner or it is refused, with what to do about it. No key is ever
printed, logged or put into an error. Other ways to the root key are in `unseal.py`.
"""

from __future__ import annotations

import base64
import binascii
import os
import stat
from pathlib import Path

from workspace import sealing
from workspace.disk import disk_errors, make_private_folder, sync_folder
from workspace.errors import Locked

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
    key = decode_key(read_private(path))
    if key is None:
        raise Locked(
            "The root key file holds no key (64 hexadecimal digits, or base64 of 32 bytes)."
        )
    return key


def read_private(path: Path) -> bytes:
    """Read a small secret from a file that only its owner can read.

    Raises:
        Locked: it is missing, or open to others.
    """
    try:
        with path.open("rb") as file:
            _refuse_open_to_others(os.fstat(file.fileno()))
            return file.read(4096)
    except FileNotFoundError as error:
        raise Locked("There is no root key file. Mount it, or let the first start make it.") from (
            error
        )
    except OSError as error:
        raise Locked("The root key file can't be read by this account.") from error


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


def decode_key(raw: bytes) -> bytes | None:
    """Read 32 bytes written as 64 hexadecimal digits or as base64; None when they are none."""
    text = raw.strip()
    for decode in (bytes.fromhex, _from_base64):
        try:
            key = decode(text.decode("ascii"))
        except (ValueError, binascii.Error):
            continue
        if len(key) == sealing.KEY_BYTES:
            return key
    return None


def _from_base64(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
