"""Rows of the control store that give a right: keys, people, sessions, codes, break-glass.

A row counts only with a seal that fits what it says, which nobody makes without the root key
(`workspace/control.py`). Secrets are looked up by their SHA-256; a comparison never sees one. What
a row allows and when it ends is decided in `auth.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from workspace.database import transaction
from workspace.errors import SealBroken
from workspace.registry import Registry

_LONGEST_SECRET = 128  # characters; anything longer is not ours and is not hashed


def hash_of(secret: str) -> str:
    """Hash a secret as it is kept."""
    return hashlib.sha256(secret.encode()).hexdigest()


def insert(
    registry: Registry, table: str, row: Mapping[str, Any], private: Mapping[str, Any] | None = None
) -> None:
    """Write a row under its seal; `private` is sealed with it."""
    with transaction(registry.control):
        whole = {**row, "sealed": registry.seal_right(table, row, private)}
        marks = ", ".join("?" for _ in whole)
        registry.control.execute(
            f"INSERT INTO {table} ({', '.join(whole)}) VALUES ({marks})", [*whole.values()]
        )


def change(
    registry: Registry, table: str, row: Mapping[str, Any], columns: Mapping[str, Any]
) -> None:
    """Change columns and seal the row again; one whose seal is broken loses it for good."""
    with transaction(registry.control):
        sealed = None
        with suppress(SealBroken):
            private = registry.open_right(table, row)
            sealed = registry.seal_right(table, {**row, **columns}, private)
        names = ", ".join(f"{name} = ?" for name in columns)
        registry.control.execute(
            f"UPDATE {table} SET {names}, sealed = ? WHERE hash = ?",
            [*columns.values(), sealed, row["hash"]],
        )


def replace(
    registry: Registry,
    table: str,
    row: Mapping[str, Any],
    columns: Mapping[str, Any],
    private: Mapping[str, Any],
) -> None:
    """Change columns and what is sealed with them."""
    with transaction(registry.control):
        sealed = registry.seal_right(table, {**row, **columns}, private)
        names = "".join(f"{name} = ?, " for name in columns)
        registry.control.execute(
            f"UPDATE {table} SET {names}sealed = ? WHERE hash = ?",
            [*columns.values(), sealed, row["hash"]],
        )


def find(registry: Registry, table: str, secret: str) -> dict[str, Any] | None:
    """Find the row of a secret; None for one that is unknown or not sealed as it stands."""
    if len(secret) > _LONGEST_SECRET:
        return None
    row = _one(registry, table, "hash", hash_of(secret))
    return row if row is not None and is_sealed(registry, table, row) else None


def key_of(registry: Registry, key_id: str) -> dict[str, Any] | None:
    """Find the row of a key by its id, sealed or not."""
    return by_id(registry, "api_keys", key_id)


def by_id(registry: Registry, table: str, row_id: str) -> dict[str, Any] | None:
    """Find a row by its id, sealed or not."""
    return _one(registry, table, "id", row_id)


def opened(registry: Registry, table: str, row: Mapping[str, Any]) -> dict[str, Any] | None:
    """Open what is sealed with a row; None when somebody without the root key wrote it."""
    with suppress(SealBroken):
        return registry.open_right(table, row)
    return None


def is_sealed(registry: Registry, table: str, row: Mapping[str, Any]) -> bool:
    """Tell whether the row is as it was written by someone with the root key."""
    with suppress(SealBroken):
        registry.open_right(table, row)
        return True
    return False


def label_of(registry: Registry, row: Mapping[str, Any]) -> str:
    """Open a key's label; a damaged key says so."""
    with suppress(SealBroken):
        return str(registry.open_right("api_keys", row).get("label", ""))
    return "(damaged: it opens nothing)"


def _one(registry: Registry, table: str, column: str, value: str) -> dict[str, Any] | None:
    sql = f"SELECT * FROM {table} WHERE {column} = ?"
    return next(iter(registry.control.query(sql, [value])), None)
