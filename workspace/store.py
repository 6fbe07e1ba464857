"""Everything that one workspace keeps: sealed rows, sealed files, sealed notes.

Rules: a store is opened by the registry only, with the workspace's own key; it never leaves the
process that holds the keys. The tables and their plain columns are in `migrations.py`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from workspace import migrations, sealing
from workspace.assets import Assets
from workspace.database import Database, open_database, transaction
from workspace.disk import make_private_folder
from workspace.errors import Fault, NotFound, SealBroken
from workspace.ring import WITNESS, KeyRing
from workspace.rows import BOUND, Row, SealedRows, object_id
from workspace.sealing import Signer
from workspace.tombstones import Grave, Tombstones
from workspace.types import AssetId, Workspace

_PAGE = 500

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
        ring: Makes the key ring of the workspace over its database.
        signer: Opens the appliance's own signing key.
        tombstones: The home's register of the erased.
    """

    def __init__(
        self,
        workspace: Workspace,
        folder: Path,
        ring: Callable[[Database, str], KeyRing],
        signer: Callable[[], Signer],
        tombstones: Tombstones,
    ) -> None:
        files = folder / "assets"
        make_private_folder(folder)
        make_private_folder(files)
        db = open_database(folder / "store.db", migrations.STORE)
        try:
            self.keys = ring(db, workspace.id)
        except BaseException:
            db.close()
            raise
        super().__init__(db, self.keys, workspace.id)
        self.workspace = workspace
        self.folder = folder
        self.was_changed = False  # the file, while nobody had it open; see `closing.py`
        self._signer = signer
        self._tombstones = tombstones
        self.assets = Assets(files, self, self.keys, workspace.id)

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
        return self.keys.derive(label)

    def keyed_hash(self, label: str, value: str) -> str:
        """Hash a sensitive value with a key of this workspace; 64 hexadecimal digits."""
        return sealing.keyed_hash(self.keys.derive(label), value)

    @property
    def signer(self) -> Signer:
        """Signs what others check: certificates of erasure, checkpoints of the audit log.

        Raises:
            SealBroken: the appliance's key was changed or damaged.
        """
        return self._signer()

    def bury(self, object_id: str, now: datetime, cause: str) -> None:
        """Note that an object is erased for good, so that no copy of this home brings it back.

        Raises:
            StorageFull, Fault: it could not be noted, so nothing may be erased yet.
        """
        self._tombstones.bury(self.workspace.id, object_id, now, cause)

    def risen(self) -> tuple[Grave, ...]:
        """Find the models that were erased once and are here again: a copy was put back."""
        graves = self._tombstones.of_workspace(self.workspace.id)
        return tuple(grave for grave in graves if self._is_alive(grave.object_id))

    def bury_the_gone(self, now: datetime) -> None:
        """Note again whom this store erased, where the register lost them or is new.

        Raises:
            StorageFull, Fault: it could not be noted.
        """
        with contextlib.suppress(SealBroken):  # a damaged file is for `verify` to report
            for raw in list(self.raw("models", "status IN ('revoked', 'erased')")):
                with contextlib.suppress(SealBroken):
                    # Opened, because a status that somebody else wrote must bury nobody.
                    row = self.open("models", raw)
                    self._tombstones.bury(self.workspace.id, row.id, now, row.columns["status"])

    def destroying(self) -> AbstractContextManager[list[str]]:
        """Open a transaction and list the ids of every object whose key is destroyed in it."""
        return self.keys.destroying()

    def verify(self) -> StoreReport:
        """Open every sealed row and every asset, and let SQLite check its file."""
        damaged: list[str] = []
        counted = {"rows": 0, "assets": 0}
        try:
            if self.was_changed or not self.db.is_whole():
                damaged.append("store.db")
            for table in BOUND:
                for raw in self._all(table):
                    counted["assets" if table == "assets" else "rows"] += 1
                    if not self._opens(table, raw):
                        damaged.append(f"{table}/{raw['id']}")
            damaged += self._damaged_keys(frozenset(damaged))
        except SealBroken:
            damaged.append("store.db")
        return StoreReport(counted["rows"], counted["assets"], tuple(dict.fromkeys(damaged)))

    def close(self) -> None:
        """Forget the key and close the file; every later use raises Locked."""
        with self.db.lock:
            self.keys.forget()
            self.db.close()

    def _is_alive(self, model_id: str) -> bool:
        sql = (
            "SELECT EXISTS (SELECT 1 FROM models WHERE id = :id AND status NOT IN"
            " ('revoked', 'erased', 'needs_attention')) OR EXISTS (SELECT 1 FROM images WHERE"
            " model_id = :id) OR EXISTS (SELECT 1 FROM assets WHERE owner_id = :id)"
        )
        return bool(self.db.execute(sql, {"id": model_id}).fetchone()[0])

    def _all(self, table: str) -> Iterator[dict[str, Any]]:
        """Read a whole table in pages, so that other threads get their turn."""
        page = [*self.raw(table, order_by="id", limit=_PAGE)]
        while page:
            yield from page
            page = [*self.raw(table, "id > ?", (page[-1]["id"],), "id", _PAGE)]

    def _opens(self, table: str, raw: Mapping[str, Any]) -> bool:
        try:
            self.open(table, raw)
            if table == "assets":
                self.assets.get(AssetId(raw["id"]))
        except NotFound:
            return True  # destroyed while we were looking
        except (SealBroken, Fault):
            return False
        return True

    def _damaged_keys(self, reported: frozenset[str]) -> Iterator[str]:
        """Find wrapped keys that do not open, or whose row is gone without its key."""
        for row in self.db.query("SELECT object_id, wrapped FROM object_keys"):
            table, _, row_id = str(row["object_id"]).partition(":")
            if f"{table}/{row_id}" in reported:
                continue
            try:
                self.keys.unwrap(str(row["object_id"]), row["wrapped"])
            except SealBroken:
                yield f"object_keys/{row['object_id']}"
                continue
            if row["object_id"] == WITNESS:
                continue
            if self._row_is_missing(table, row_id):
                yield f"{table}/{row_id}"

    def _row_is_missing(self, table: str, row_id: str) -> bool:
        if table not in BOUND:
            return True
        # NOTE: one statement, so that a row that is being destroyed is not taken for missing.
        sql = (
            f"SELECT EXISTS (SELECT 1 FROM object_keys WHERE object_id = ?)"
            f" AND NOT EXISTS (SELECT 1 FROM {table} WHERE id = ?)"
        )
        parameters = [object_id(table, row_id), row_id]
        return bool(self.db.execute(sql, parameters).fetchone()[0])
