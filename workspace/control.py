"""How `control.db` is sealed: the keys that come from the root key, and what each seal is bound to.

Rules: the root key itself seals nothing; each purpose has a derived key. A workspace's row is bound
to its plan and its creation time, so that a changed plan no longer opens, and holds whether it is
locked. A row that gives somebody a right is bound to the columns in `RIGHTS`: one that was inserted
or changed by somebody without the root key does not open. No database here.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from typing import Any

from workspace import sealing
from workspace.errors import SealBroken
from workspace.migrations import SCHEMA_VERSION
from workspace.ring import WorkspaceKeys
from workspace.rows import canonical_json

# Rows that give a right, and the plain columns that their seal is bound to.
RIGHTS: dict[str, tuple[str, ...]] = {
    "api_keys": (
        "id",
        "workspace_id",
        "hash",
        "scopes",
        "created_at",
        "expires_at",
        "revoked_at",
    ),
    "sessions": ("id", "workspace_id", "hash", "scopes", "expires_at"),
    "sign_ins": ("hash", "workspace_id", "scopes", "expires_at", "used_at"),
    "people": ("id", "workspace_id", "hash", "roles", "created_at", "disabled_at"),
    "talent_links": ("id", "workspace_id", "hash", "model_id", "expires_at", "revoked_at"),
    "break_glass": ("id", "workspace_id", "hash", "actor", "model_id", "expires_at"),
}


class ControlSeals:
    """Seals and opens rows and workspace keys of one home."""

    def __init__(self, root_key: bytes) -> None:
        self._row_key = sealing.derive(root_key, "control rows v1")
        self._name_key = sealing.derive(root_key, "workspace names v1")
        self._wrapping_key = sealing.derive(root_key, "workspace key wrap v1")

    def seal(
        self, table: str, row_id: str, private: Mapping[str, Any], *bound: str | int | None
    ) -> bytes:
        """Seal the private part of a row, bound to its place and to these plain columns."""
        plaintext = canonical_json(dict(private)).encode()
        return sealing.seal(self._row_key, plaintext, _place(table, row_id, bound))

    def open(
        self, table: str, row_id: str, sealed: object, *bound: str | int | None
    ) -> dict[str, Any]:
        """Open what `seal` sealed.

        Raises:
            SealBroken: it was changed, or belongs to another row or other columns.
        """
        try:
            place = _place(table, row_id, bound)
        except (TypeError, ValueError) as error:  # for example a text that became a blob
            raise SealBroken("A plain column was changed.") from error
        plaintext = sealing.open_(self._row_key, _bytes(sealed), place)
        opened: dict[str, Any] = json.loads(plaintext)
        return opened

    def seal_right(self, table: str, row: Mapping[str, Any], private: Mapping[str, Any]) -> bytes:
        """Seal a row of a table in `RIGHTS`; a column that is not given counts as NULL."""
        return self.seal(table, row["hash"], private, *_rights(table, row))

    def open_right(self, table: str, row: Mapping[str, Any]) -> dict[str, Any]:
        """Open a row of a table in `RIGHTS`.

        Raises:
            SealBroken: it was made or changed without the root key.
        """
        return self.open(table, row["hash"], row["sealed"], *_rights(table, row))

    def wrap(self, workspace_id: str, keys: WorkspaceKeys) -> bytes:
        """Wrap the keys of a workspace."""
        return sealing.seal(self._wrapping_key, keys.packed(), _key_place(workspace_id))

    def unwrap(self, workspace_id: str, wrapped: object) -> WorkspaceKeys:
        """Open the keys of a workspace.

        Raises:
            SealBroken: they were changed, or belong to another workspace.
        """
        place = _key_place(workspace_id)
        return WorkspaceKeys.of(sealing.open_(self._wrapping_key, _bytes(wrapped), place))

    def name_hash(self, name: str) -> str:
        """Hash a workspace's name, without regard to upper and lower case, to find it by."""
        return sealing.keyed_hash(self._name_key, unicodedata.normalize("NFKC", name).casefold())


def plain_name(name: str) -> str:
    """Write the name of a person in the one form that is compared and hashed."""
    folded = unicodedata.normalize("NFKC", name).casefold().strip()
    return folded.encode(errors="replace").decode()  # a lone surrogate is no letter


def _bytes(sealed: object) -> bytes:
    if not isinstance(sealed, bytes):
        raise SealBroken("A sealed column holds something else.")
    return sealed


def _rights(table: str, row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row.get(column) for column in RIGHTS[table])


def _place(table: str, row_id: str, bound: tuple[str | int | None, ...]) -> str:
    return canonical_json(["control", table, row_id, SCHEMA_VERSION, list(bound)])


def _key_place(workspace_id: str) -> str:
    return canonical_json(["workspace key", workspace_id, SCHEMA_VERSION])
