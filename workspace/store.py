"""Everything that one workspace keeps: sealed rows, sealed files, sealed notes.

Rules: a store is opened by the registry only, with the workspace's own key; it never leaves the
process that holds the keys. The tables and their plain columns are in `migrations.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workspace import migrations, sealing
from workspace.assets import Assets
from workspace.database import open_database, transaction
from workspace.errors import Fault, Locked, NotFound, SealBroken
from workspace.keys import KeyRing
from workspace.rows import BOUND, Row, SealedRows, object_id
from workspace.types import AssetId, Workspace

__all__ = ["Row", "StoreReport", "WorkspaceStore"]


@dataclass(frozen=True, slots=True)
class StoreReport:
    """What `verify` opened, and what no longer opens (`table/id`, or the database itself)."""

    rows: int
    assets: int
    damaged: tuple[str, ...]

    @property
    def intact(self) -> bool:
        return not self.damaged


class WorkspaceStore(SealedRows):
    """The sealed store of one workspace.

    Args:
        workspace: Whose store it is.
        folder: Holds `store.db` and `assets/`; made with mode 0700 when missing.
        workspace_key: 32 bytes.
    """

    def __init__(self, workspace: Workspace, folder: Path, workspace_key: bytes) -> None:
        files = folder / "assets"
        for path in (folder, files):
            path.mkdir(mode=0o700, exist_ok=True)
        db = open_database(folder / "store.db", migrations.STORE)
        self._keys: KeyRing = KeyRing(db, workspace.id, workspace_key)
        super().__init__(db, self._keys, workspace.id)
        self.workspace = workspace
        self.assets = Assets(files, self, self._keys, workspace.id)

    def transaction(self) -> AbstractContextManager[None]:
        """Group writes of rows, assets and audit entries: all or nothing; may be nested."""
        return transaction(self.db)

    def put_note(self, name: str, private: Mapping[str, Any]) -> None:
        """Keep one small sealed value under a fixed name (the head of the audit log)."""
        self.put("meta", name, private)

    def note(self, name: str) -> dict[str, Any] | None:
        """Open a value that `put_note` kept; None when there is none.

        Raises:
            SealBroken: it was changed or damaged.
        """
        try:
            return self.get("meta", name).private
        except NotFound:
            return None

    def derive(self, label: str) -> bytes:
        """Derive a key of this workspace for one purpose; never stored."""
        return self._keys.derive(label)

    def keyed_hash(self, label: str, value: str) -> str:
        """Hash a sensitive value with a key of this workspace; 64 hexadecimal digits."""
        return sealing.keyed_hash(self._keys.derive(label), value)

    def verify(self) -> StoreReport:
        """Open every sealed row and every asset, and let SQLite check its file."""
        damaged: list[str] = []
        counted = {"rows": 0, "assets": 0}
        try:
            damaged += self._check_file()
            for table in BOUND:
                for raw in self.raw(table):
                    counted["assets" if table == "assets" else "rows"] += 1
                    if not self._opens(table, raw):
                        damaged.append(f"{table}/{raw['id']}")
            damaged += self._damaged_keys(damaged)
        except SealBroken:
            damaged.append("store.db")
        return StoreReport(counted["rows"], counted["assets"], tuple(damaged))

    def close(self) -> None:
        """Forget the key and close the file; every later use raises Locked."""
        with self.db.lock:
            self._keys.forget()
            self.db.close()

    def _opens(self, table: str, raw: Mapping[str, Any]) -> bool:
        try:
            self.open(table, raw)
            if table == "assets":
                self.assets.get(AssetId(raw["id"]))
        except NotFound:
            return True  # destroyed while we were looking
        except Locked:
            raise
        except (SealBroken, Fault):
            return False
        return True

    def _check_file(self) -> Iterator[str]:
        """Ask SQLite for broken pages, indexes and constraints."""
        answers = [next(iter(row.values())) for row in self.db.query("PRAGMA integrity_check")]
        if answers != ["ok"]:
            yield "store.db"

    def _damaged_keys(self, reported: list[str]) -> Iterator[str]:
        """Find wrapped keys that do not open, or whose object is gone without its key."""
        for row in self.db.query("SELECT object_id, wrapped FROM object_keys"):
            table, _, row_id = str(row["object_id"]).partition(":")
            if f"{table}/{row_id}" in reported:
                continue
            try:
                self._keys.unwrap(object_id(table, row_id), row["wrapped"])
                if not self.count(table, "id = ?", (row_id,)):
                    yield f"{table}/{row_id}"
            except (SealBroken, ValueError):
                yield f"object_keys/{row['object_id']}"
