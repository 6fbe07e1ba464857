"""Workspaces: create, list, lock, unlock, destroy, and open their stores.

Rules: the root key seals the names and wraps the workspace keys in `control.db`; a workspace's
own key never leaves memory unwrapped. Every question is answered from `control.db` at the time it
is asked, so that what another process created, locked or destroyed is seen at once. Destroying
erases the wrapped key first: from then on nothing of the workspace can be opened, even if the
files were copied before.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import threading
import unicodedata
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from workspace import migrations, sealing
from workspace.database import open_database, transaction
from workspace.errors import Conflict, InvalidRequest, Locked, NotFound, SealBroken
from workspace.rows import canonical_json
from workspace.store import StoreReport, WorkspaceStore
from workspace.types import Workspace, WorkspaceId, new_id

_MAX_NAME_CHARACTERS = 80


class Registry:
    """All workspaces of one home folder.

    Args:
        home: Holds `control.db` and `workspaces/<id>/`; made with mode 0700 when missing.
        root_key: 32 bytes.

    Raises:
        Locked: the root key is not the one that this home was made with.
    """

    def __init__(self, home: Path, root_key: bytes) -> None:
        self._folder = home / "workspaces"
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self._row_key = sealing.derive(root_key, "control rows v1")
        self._name_key = sealing.derive(root_key, "workspace names v1")
        self._wrapping_key = sealing.derive(root_key, "workspace key wrap v1")
        self._stores: dict[str, WorkspaceStore] = {}
        self._lock = threading.RLock()
        self.control = open_database(home / "control.db", migrations.CONTROL)
        self._check_root_key()
        self._finish_destroying()

    def create(self, name: str, plan: str, now: datetime) -> Workspace:
        """Make a workspace with a key of its own.

        Raises:
            Conflict: there is one of this name.
            InvalidRequest: the name is empty, too long or has control characters.
        """
        name = _clean(name)
        workspace = Workspace(WorkspaceId(new_id("ws")), name, plan, False, now)
        wrapped = sealing.seal(self._wrapping_key, sealing.new_key(), _key_place(workspace.id))
        row = {
            "id": workspace.id,
            "name_hash": self._name_hash(name),
            "plan": plan,
            "locked": 0,
            "created_at": now.isoformat(),
            "wrapped_key": wrapped,
        }
        marks = ", ".join(f":{column}" for column in row)
        sql = f"INSERT INTO workspaces ({', '.join(row)}, sealed) VALUES ({marks}, :sealed)"
        try:
            self.control.execute(sql, row | {"sealed": self._seal_workspace(row, name)})
        except sqlite3.IntegrityError as error:
            raise Conflict("There is a workspace of this name already.") from error
        self.store(workspace.id)
        return workspace

    def list(self) -> list[Workspace]:
        """List all workspaces, oldest first."""
        rows = self.control.query("SELECT * FROM workspaces ORDER BY created_at, rowid")
        return [self._workspace(row) for row in rows if row["wrapped_key"] is not None]

    def get(self, workspace_id: str) -> Workspace:
        """Show one workspace.

        Raises:
            NotFound: there is none under this id.
        """
        return self._workspace(self._row("id", workspace_id))

    def by_name(self, name: str) -> Workspace:
        """Find a workspace by its name; upper and lower case are the same.

        Raises:
            NotFound: there is none of this name.
        """
        return self._workspace(self._row("name_hash", self._name_hash(name)))

    def store(self, workspace_id: str) -> WorkspaceStore:
        """Open the store of a workspace, or give the one that is open.

        Raises:
            NotFound: there is no such workspace.
            Locked: it is locked.
        """
        with self._lock:
            try:
                row = self._row("id", workspace_id)
            except NotFound:
                self._close_store(workspace_id)
                raise
            if row["locked"]:
                self._close_store(workspace_id)
                raise Locked("This workspace is locked.")
            store = self._stores.get(workspace_id)
            if store is None:
                store = self._open_store(row)
                self._stores[workspace_id] = store
            return store

    def set_plan(self, workspace_id: str, plan: str) -> Workspace:
        """Move a workspace to another plan."""
        with transaction(self.control):
            row = self._row("id", workspace_id)
            name = self._workspace(row).name
            row["plan"] = plan
            self.control.execute(
                "UPDATE workspaces SET plan = ?, sealed = ? WHERE id = ?",
                [plan, self._seal_workspace(row, name), workspace_id],
            )
        with self._lock:
            if store := self._stores.get(workspace_id):
                store.workspace = self.get(workspace_id)
        return self.get(workspace_id)

    def lock(self, workspace_id: str) -> None:
        """Close a workspace until it is unlocked; its key leaves memory."""
        self._set_locked(workspace_id, 1)
        with self._lock:
            self._close_store(workspace_id)

    def unlock(self, workspace_id: str) -> None:
        """Let a locked workspace be opened again."""
        self._set_locked(workspace_id, 0)

    def destroy(self, workspace_id: str) -> None:
        """Erase a workspace for good: its key first, then its files, then its row.

        Raises:
            NotFound: there is no such workspace.
        """
        with transaction(self.control):
            self._row("id", workspace_id)
            self.control.execute(
                "UPDATE workspaces SET wrapped_key = NULL, sealed = x'', locked = 1 WHERE id = ?",
                [workspace_id],
            )
            self.control.erase_log_after_commit()
        with self._lock:
            self._close_store(workspace_id)
        self._finish_destroying()

    def seal(self, table: str, row_id: str, private: Mapping[str, Any]) -> bytes:
        """Seal the private part of another row of `control.db`, such as a key's label."""
        return sealing.seal(
            self._row_key, canonical_json(dict(private)).encode(), _row_place(table, row_id, [])
        )

    def open(self, table: str, row_id: str, sealed: bytes) -> dict[str, Any]:
        """Open what `seal` sealed for this row.

        Raises:
            SealBroken: it was changed, or belongs to another row.
        """
        return self._open_row(sealed, _row_place(table, row_id, []))

    def verify(self) -> StoreReport:
        """Open every workspace's name and key in `control.db` (not the stores)."""
        damaged: list[str] = []
        rows: list[dict[str, Any]] = []
        try:
            answers = [next(iter(r.values())) for r in self.control.query("PRAGMA integrity_check")]
            damaged += [] if answers == ["ok"] else ["control.db"]
            rows = [*self.control.query("SELECT * FROM workspaces")]
        except SealBroken:
            damaged.append("control.db")
        for row in rows:
            try:
                self._workspace(row)
                self._unwrap(row)
            except SealBroken:
                damaged.append(f"workspaces/{row['id']}")
        return StoreReport(len(rows), 0, tuple(damaged))

    def close(self) -> None:
        """Close all stores and the control database."""
        with self._lock:
            for workspace_id in [*self._stores]:
                self._close_store(workspace_id)
            self.control.close()

    def _row(self, column: str, value: str) -> dict[str, Any]:
        sql = f"SELECT * FROM workspaces WHERE {column} = ? AND wrapped_key IS NOT NULL"
        for row in self.control.query(sql, [value]):
            return row
        raise NotFound("There is no such workspace.")

    def _workspace(self, row: Mapping[str, Any]) -> Workspace:
        private = self._open_row(row["sealed"], _workspace_place(row))
        return Workspace(
            WorkspaceId(row["id"]),
            private["name"],
            row["plan"],
            bool(row["locked"]),
            datetime.fromisoformat(row["created_at"]),
        )

    def _seal_workspace(self, row: Mapping[str, Any], name: str) -> bytes:
        plaintext = canonical_json({"name": name}).encode()
        return sealing.seal(self._row_key, plaintext, _workspace_place(row))

    def _open_row(self, sealed: object, place: str) -> dict[str, Any]:
        if not isinstance(sealed, bytes):
            raise SealBroken("A sealed column holds something else.")
        opened: dict[str, Any] = json.loads(sealing.open_(self._row_key, sealed, place))
        return opened

    def _unwrap(self, row: Mapping[str, Any]) -> bytes:
        if not isinstance(row["wrapped_key"], bytes):
            raise SealBroken("The key of a workspace is missing.")
        return sealing.open_(self._wrapping_key, row["wrapped_key"], _key_place(row["id"]))

    def _open_store(self, row: Mapping[str, Any]) -> WorkspaceStore:
        return WorkspaceStore(self._workspace(row), self._folder / row["id"], self._unwrap(row))

    def _close_store(self, workspace_id: str) -> None:
        if store := self._stores.pop(workspace_id, None):
            store.close()

    def _set_locked(self, workspace_id: str, locked: int) -> None:
        with transaction(self.control):
            self._row("id", workspace_id)
            self.control.execute(
                "UPDATE workspaces SET locked = ? WHERE id = ?", [locked, workspace_id]
            )

    def _name_hash(self, name: str) -> str:
        return sealing.keyed_hash(self._name_key, unicodedata.normalize("NFKC", name).casefold())

    def _check_root_key(self) -> None:
        """Keep a sealed word in the home, to tell a wrong root key from damaged rows."""
        place = _row_place("meta", "root_check", [])
        with transaction(self.control):
            for row in self.control.query("SELECT value FROM meta WHERE key = 'root_check'"):
                with contextlib.suppress(SealBroken):
                    self._open_row(row["value"], place)
                    return
                self.control.close()
                raise Locked("This root key is not the one that this home was made with.")
            sealed = sealing.seal(self._row_key, b"{}", place)
            self.control.execute("INSERT INTO meta VALUES ('root_check', ?)", [sealed])

    def _finish_destroying(self) -> None:
        """Remove what remains of workspaces whose key is gone; also after a crash in between."""
        for row in [*self.control.query("SELECT id FROM workspaces WHERE wrapped_key IS NULL")]:
            folder = self._folder / row["id"]
            if folder.exists():
                shutil.rmtree(folder)
            with transaction(self.control):
                for table in ("api_keys", "sessions", "sign_ins"):
                    self.control.execute(f"DELETE FROM {table} WHERE workspace_id = ?", [row["id"]])
                self.control.execute("DELETE FROM workspaces WHERE id = ?", [row["id"]])


def _clean(name: str) -> str:
    name = unicodedata.normalize("NFC", name).strip()
    if not name or len(name) > _MAX_NAME_CHARACTERS or not name.isprintable():
        raise InvalidRequest(
            f"A workspace's name has 1 to {_MAX_NAME_CHARACTERS} printable characters.",
            (),
            None,
            "/name",
        )
    return name


def _key_place(workspace_id: str) -> str:
    return canonical_json(["workspace key", workspace_id, migrations.SCHEMA_VERSION])


def _row_place(table: str, row_id: str, bound: list[Any]) -> str:
    return canonical_json(["control", table, row_id, migrations.SCHEMA_VERSION, bound])


def _workspace_place(row: Mapping[str, Any]) -> str:
    return _row_place("workspaces", row["id"], [row["plan"], row["created_at"]])
