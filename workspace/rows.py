"""Sealed rows: plain columns to search by, and private content sealed under the row's own key.

Rules: what is private is JSON in the `sealed` column and nowhere else. The seal is bound to the
workspace, the table, the row id, the schema version and the row's `BOUND` columns, so that a row
whose place or plain column was changed behind our back no longer opens. Bound columns change only
through `put` and `update`, which seal again; plain SQL may move only what is not bound (a
generation's status, lease and progress). `where` and `order_by` are SQL of this program, never of
a caller.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workspace import sealing
from workspace.database import Database, transaction
from workspace.errors import NotFound, SealBroken
from workspace.migrations import SCHEMA_VERSION
from workspace.ring import KeyRing

# Sealed tables, and the plain columns that each row's seal is bound to: all of them, except those
# of a generation that the queue moves by SQL.
BOUND: dict[str, tuple[str, ...]] = {
    "models": ("status", "kind", "version", "created_at", "updated_at"),
    "consents": ("model_id", "version", "status", "starts_at", "expires_at", "created_at"),
    "products": ("category", "created_at"),
    "generations": (
        "tool",
        "model_id",
        "n",
        "created_at",
        "actor",
        "priority",
        "compat_key",
        "cost",
    ),
    "images": ("generation_id", "k", "model_id", "seed", "created_at"),
    "assets": ("kind", "owner_id", "media_type", "size", "created_at"),
    "meta": (),
    "uses": ("generation_id", "model_id", "consent_id", "made_at"),
    "publications": ("image_id", "model_id", "published_at"),
    "image_approvals": ("model_id", "status", "created_at", "decided_at"),
    "campaigns": ("model_id", "status", "created_at", "decided_at"),
    "fingerprints": ("created_at",),
    "drafts": ("owner", "created_at", "expires_at"),
    "pictures": ("created_at", "expires_at"),
    "candidates": ("owner", "created_at", "expires_at"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One opened row: its id, its plain columns, its private content."""

    id: str
    columns: dict[str, Any]
    private: dict[str, Any]


class SealedRows:
    """Reads and writes the sealed tables of one workspace."""

    def __init__(self, db: Database, keys: KeyRing, workspace_id: str) -> None:
        self.db = db
        self._keys = keys
        self._workspace_id = workspace_id

    def put(self, table: str, row_id: str, private: Mapping[str, Any], **columns: Any) -> None:
        """Insert a row, or replace its private content and the columns that are given.

        Raises:
            StorageFull, Unavailable: nothing was written.
            sqlite3.IntegrityError: a constraint of the table refuses it.
        """
        with transaction(self.db):
            self._write_plain(table, row_id, columns)
            self._write_sealed(table, row_id, private)

    def get(self, table: str, row_id: str) -> Row:
        """Open one row.

        Raises:
            NotFound: there is none under this id.
            SealBroken: it was changed or damaged.
        """
        rows = self.find(table, "id = ?", (row_id,))
        if not rows:
            raise NotFound("There is nothing under this id.")
        return rows[0]

    def find(
        self,
        table: str,
        where: str = "1",
        params: Sequence[Any] = (),
        order_by: str = "",
        limit: int | None = None,
    ) -> list[Row]:
        """Open the rows that match.

        Raises:
            SealBroken: one of them was changed or damaged.
        """
        return [self.open(table, raw) for raw in self.raw(table, where, params, order_by, limit)]

    def raw(
        self,
        table: str,
        where: str = "1",
        params: Sequence[Any] = (),
        order_by: str = "",
        limit: int | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Read matching rows as they are stored, each with its wrapped key, for `open`."""
        _known(table)
        sql = (
            f"SELECT *, (SELECT wrapped FROM object_keys WHERE object_id = '{table}:' || id)"
            f" AS _wrapped FROM {table} WHERE {where}"
        )
        sql += f" ORDER BY {order_by}" if order_by else ""
        sql += f" LIMIT {int(limit)}" if limit is not None else ""
        return self.db.query(sql, tuple(params))

    def open(self, table: str, raw: Mapping[str, Any]) -> Row:
        """Open one row that `raw` read.

        Raises:
            SealBroken: it was changed or damaged.
        """
        columns = dict(raw)
        row_id, sealed, wrapped = (columns.pop(name) for name in ("id", "sealed", "_wrapped"))
        if not isinstance(sealed, bytes):
            raise SealBroken("A sealed column holds something else.")
        key = self._keys.unwrap(object_id(table, row_id), wrapped)
        try:
            place = self._place(table, row_id, columns)
        except (TypeError, ValueError) as error:  # for example a text that became a blob
            raise SealBroken("A plain column was changed.") from error
        plaintext = sealing.open_(key, sealed, place)
        return Row(row_id, columns, json.loads(plaintext))

    def update(self, table: str, row_id: str, **columns: Any) -> None:
        """Change plain columns; the row is sealed again when a bound column is among them.

        Raises:
            NotFound: there is no such row.
            SealBroken: a bound column is to change and the row can't be opened.
        """
        with transaction(self.db):
            reseal = any(name in BOUND[_known(table)] for name in columns)
            private = self.get(table, row_id).private if reseal else None
            if not self._update_plain(table, row_id, columns):
                raise NotFound("There is nothing under this id.")
            if private is not None:
                self._write_sealed(table, row_id, private)

    def count(self, table: str, where: str = "1", params: Sequence[Any] = ()) -> int:
        """Count the rows that match."""
        sql = f"SELECT COUNT(*) FROM {_known(table)} WHERE {where}"
        return int(self.db.execute(sql, tuple(params)).fetchone()[0])

    def destroy(self, table: str, row_id: str) -> bool:
        """Erase a row for good: first its key, then the row.

        Returns:
            Whether there was such a row.
        """
        _known(table)
        with transaction(self.db):
            self._keys.destroy(object_id(table, row_id))
            return self.db.execute(f"DELETE FROM {table} WHERE id = ?", [row_id]).rowcount > 0

    def _write_plain(self, table: str, row_id: str, columns: Mapping[str, Any]) -> None:
        _known(table)
        if self._update_plain(table, row_id, columns):
            return
        names = ("id", *columns, "sealed")
        marks = ", ".join("?" for _ in names)
        self.db.execute(
            f"INSERT INTO {table} ({_listed(names)}) VALUES ({marks})",
            [row_id, *columns.values(), b""],
        )

    def _update_plain(self, table: str, row_id: str, columns: Mapping[str, Any]) -> bool:
        if not columns:
            return self.count(table, "id = ?", (row_id,)) > 0
        names = _listed(tuple(columns), " = ?")
        cursor = self.db.execute(
            f"UPDATE {table} SET {names} WHERE id = ?", [*columns.values(), row_id]
        )
        return cursor.rowcount > 0

    def _write_sealed(self, table: str, row_id: str, private: Mapping[str, Any]) -> None:
        # NOTE: bound columns are read back, because SQLite may store another type than was given.
        stored = next(self.db.query(f"SELECT * FROM {table} WHERE id = ?", [row_id]))
        key = self._keys.obtain(object_id(table, row_id))
        place = self._place(table, row_id, stored)
        sealed = sealing.seal(key, canonical_json(dict(private)).encode(), place)
        self.db.execute(f"UPDATE {table} SET sealed = ? WHERE id = ?", [sealed, row_id])

    def _place(self, table: str, row_id: str, columns: Mapping[str, Any]) -> str:
        bound = [columns[name] for name in BOUND[table]]
        return canonical_json([self._workspace_id, table, row_id, SCHEMA_VERSION, bound])


def object_id(table: str, row_id: str) -> str:
    """Name the object that a row's key belongs to."""
    return f"{table}:{row_id}"


def canonical_json(value: Any) -> str:
    """Write JSON in the one form that is sealed and hashed: ASCII, sorted keys, no spaces.

    Raises:
        TypeError, ValueError: the value is not plain JSON (NaN is not).
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _known(table: str) -> str:
    if table not in BOUND:
        raise ValueError(f"{table!r} is not a sealed table")
    return table


def _listed(names: Sequence[str], suffix: str = "") -> str:
    for name in names:
        if not name.isidentifier():
            raise ValueError(f"{name!r} is not a column")
    return ", ".join(f"{name}{suffix}" for name in names)
