"""`root.sealed`: the root key, sealed under an unseal key; a small JSON file.

Rules: the seal is bound to the method and to what the passphrase costs, so that a file whose
cost somebody lowered no longer opens; the cost is bounded, so that a changed file stops no machine.
"""

from __future__ import annotations

import base64
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from workspace import sealing
from workspace.errors import ApplianceLocked, SealBroken
from workspace.keys import read_private
from workspace.rows import canonical_json

_FORMAT = "housemodel root key v1"
# RFC 9106, section 4, second recommended choice: 64 MiB, 3 passes, 4 lanes.
_MEMORY_KIB, _PASSES, _LANES = 64 * 1024, 3, 4
_MOST_MEMORY_KIB, _MOST_PASSES, _MOST_LANES = 1 << 20, 20, 16


@dataclass(frozen=True, slots=True)
class Cost:
    """What turns a passphrase into an unseal key, and how slowly."""

    salt: str  # hexadecimal
    memory_kib: int
    passes: int
    lanes: int

    @classmethod
    def new(cls) -> Cost:
        """A new salt at the present cost."""
        return cls(os.urandom(16).hex(), _MEMORY_KIB, _PASSES, _LANES)

    def stretch(self, words: str) -> bytes:
        """Make the unseal key, 32 bytes; takes some tenths of a second."""
        salt = bytes.fromhex(self.salt)
        return sealing.slow_key(words, salt, self.memory_kib, self.passes, self.lanes)


@dataclass(frozen=True, slots=True)
class Envelope:
    """One file, read."""

    method: str
    cost: Cost | None
    sealed: bytes

    def open(self, unseal_key: bytes) -> bytes:
        """Give the root key, 32 bytes.

        Raises:
            ApplianceLocked: this is not the unseal key, or the file was changed.
        """
        try:
            if len(unseal_key) == sealing.KEY_BYTES:
                return sealing.open_(unseal_key, self.sealed, _place(self.method, self.cost))
        except SealBroken:
            pass
        raise ApplianceLocked("This secret does not open the root key of this home.")


def sealed(method: str, cost: Cost | None, unseal_key: bytes, root_key: bytes) -> bytes:
    """Write the file's content."""
    content = sealing.seal(unseal_key, root_key, _place(method, cost))
    words = {
        "format": _FORMAT,
        "method": method,
        "cost": asdict(cost) if cost else None,
        "sealed": base64.b64encode(content).decode(),
    }
    return (canonical_json(words) + "\n").encode()


def read(path: Path, method: str) -> Envelope:
    """Read the file.

    Raises:
        ApplianceLocked: it is missing, damaged, or was made for another method.
    """
    return parse(read_private(path), method)


def parse(raw: bytes, method: str) -> Envelope:
    """Read the content of a file.

    Raises:
        ApplianceLocked: it is damaged, or was made for another method.
    """
    try:
        words: dict[str, Any] = json.loads(raw)
        if words["format"] != _FORMAT:
            raise ValueError
        cost = Cost(**words["cost"]) if words["cost"] is not None else None
        found = Envelope(
            str(words["method"]), cost, base64.b64decode(words["sealed"], validate=True)
        )
        if cost is not None:
            _check(cost)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ApplianceLocked("The sealed root key of this home is damaged.") from error
    if found.method != method:
        raise ApplianceLocked(
            f"This home is unsealed by {found.method}; set [keys] unseal to that, or use its key."
        )
    return found


def _check(cost: Cost) -> None:
    bounds = (
        (cost.memory_kib, 8 * 1024, _MOST_MEMORY_KIB),
        (cost.passes, 1, _MOST_PASSES),
        (cost.lanes, 1, _MOST_LANES),
    )
    if len(bytes.fromhex(cost.salt)) < 8:
        raise ValueError("no salt")
    if any(type(value) is not int or not low <= value <= high for value, low, high in bounds):
        raise ValueError("an odd cost")


def _place(method: str, cost: Cost | None) -> str:
    return canonical_json([_FORMAT, method, asdict(cost) if cost else None])
