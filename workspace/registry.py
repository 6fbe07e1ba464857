"""Workspaces: create, list, lock, unlock, destroy, and open their stores.

Rules: names are sealed and workspace keys wrapped in `control.db`; a workspace's own key never
leaves memory unwrapped. Every question is answered from `control.db` at the time it is asked, so
that what another process created, locked or destroyed is seen at once. Destroying erases the
wrapped key first: from then on nothing of the workspace can be opened, even if its files were
copied before.
"""

from __future__ import annotations

import contextlib
import functools
import shutil
import sqlite3
import threading
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from workspace import checking, migrations, sealing
from workspace.closing import Closing, key_of
from workspace.control import RIGHTS
from workspace.database import open_database, transaction
from workspace.disk import close_to_others, make_private_folder
from workspace.errors import Conflict, InvalidRequest, Locked, NotFound, SealBroken
from workspace.networks import clean
from workspace.ring import KeyRing, WorkspaceKeys
from workspace.root import OneKey, Root, RootKeys
from workspace.rows import canonical_json
from workspace.sealing import Signer
from workspace.store import StoreReport, WorkspaceStore
from workspace.tombstones import Grave, default_path, of_home
from workspace.types import Workspace, WorkspaceId, new_id

_MAX_NAME_CHARACTERS = 80
_APPLIANCE_KEY = "appliance_key"  # of control.db's table meta


class Registry:
    """All workspaces of one home folder.

    Args:
        home: Holds `control.db` and `workspaces/<id>/`; made with mode 0700 when missing.
        root_key: 32 bytes, or what gives them and follows their rotation (`unseal.KeySource`).
        tombstones: The register of the erased, outside of the home; None: beside it.

    Raises:
        Locked: the root key is not the one that this home was made with.
    """

    def __init__(
        self, home: Path, root_key: bytes | RootKeys, tombstones: Path | None = None
    ) -> None:
        self.home = home
        self._folder = home / "workspaces"
        make_private_folder(home)
        make_private_folder(self._folder)
        # What was open to other accounts when this process came; closed now.
        self.was_open = close_to_others(home, tombstones or default_path(home))
        self._stores: dict[str, WorkspaceStore] = {}
        self.opening = threading.RLock()  # before a store's lock, and that before control.db's
        # Erases again what a copy of the home brought back; set by whoever may open such a store.
        self.erase_again: Callable[[WorkspaceStore, tuple[Grave, ...]], None] | None = None
        self._closings: dict[str, Closing] = {}
        source = OneKey(root_key) if isinstance(root_key, bytes) else root_key
        candidates = source.candidates()
        self.closing = Closing(home / "control.db", *map(key_of, candidates))
        self.control = self.closing.opening(
            lambda: open_database(home / "control.db", migrations.CONTROL)
        )
        try:
            self.root = Root(source, self.control, candidates)
            self.closing.confirm()
            self.tombstones = of_home(self, tombstones or default_path(home), candidates)
            self._destroy_risen()
            self._finish_destroying()
        except BaseException:
            self.control.close()
            self.closing.leave(None)
            raise

    def create(self, name: str, plan: str, now: datetime) -> Workspace:
        """Make a workspace with a key of its own.

        Raises:
            Conflict: there is one of this name.
            InvalidRequest: the name is empty, too long or has control characters.
        """
        name = _clean(name)
        workspace = Workspace(WorkspaceId(new_id("ws")), name, plan, False, now)
        try:
            with transaction(self.control):
                seals = self.root.seals()
                self.control.execute(
                    "INSERT INTO workspaces (id, name_hash, plan, locked, created_at, wrapped_key,"
                    " sealed) VALUES (?, ?, ?, 0, ?, ?, ?)",
                    [
                        workspace.id,
                        seals.name_hash(name),
                        plan,
                        now.isoformat(),
                        seals.wrap(workspace.id, WorkspaceKeys.new()),
                        self._sealed(workspace),
                    ],
                )
        except sqlite3.IntegrityError as error:
            raise Conflict("There is a workspace of this name already.") from error
        try:
            self.store(workspace.id)
        except BaseException:
            self.destroy(workspace.id)  # for example the disk was full: leave nothing half made
            raise
        return workspace

    def ids(self) -> tuple[WorkspaceId, ...]:
        """List the ids of all workspaces without opening anything, damaged ones too."""
        sql = "SELECT id FROM workspaces WHERE wrapped_key IS NOT NULL ORDER BY created_at, rowid"
        return tuple(WorkspaceId(row["id"]) for row in self.control.query(sql))

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
        name = unicodedata.normalize("NFC", name).strip()
        return self._workspace(self._row("name_hash", self.root.seals().name_hash(name)))

    def store(self, workspace_id: str) -> WorkspaceStore:
        """Open the store of a workspace, or give the one that is open.

        Ask again for every piece of work: another process may have locked the workspace.

        Raises:
            NotFound: there is no such workspace.
            Locked: it is locked, or holds a person who was erased, and nobody here may erase.
        """
        with self.opening:
            try:
                row = self._row("id", workspace_id)
            except NotFound:
                self._close_store(workspace_id)
                raise
            if row["locked"]:
                self._close_store(workspace_id)
                raise Locked("This workspace is locked.")
            try:
                workspace = self._workspace(row)
            except SealBroken:
                self._close_store(workspace_id)
                raise
            store = self._stores.get(workspace_id)
            if store is None:
                store = self._opened(workspace, self._unwrapped(row))
                self._stores[workspace_id] = store
            else:
                store.keys.renew(row["wrapped_key"])
            store.workspace = workspace  # its plan may have changed
            return store

    def close_withdrawn(self) -> None:
        """Close the stores that may not be open any more: another process ended or locked them."""
        with self.opening:
            for workspace_id in [*self._stores]:
                with contextlib.suppress(Locked, NotFound, SealBroken):
                    self.store(workspace_id)

    def accept_changes(self) -> int:
        """Forget which closed files were found changed; how many there were."""
        return sum(closing.accept() for closing in (self.closing, *self._closings.values()))

    def set_plan(self, workspace_id: str, plan: str) -> Workspace:
        """Move a workspace to another plan."""
        return self._change(workspace_id, plan=plan)

    def set_networks(self, workspace_id: str, allowed: Iterable[str]) -> Workspace:
        """Let a workspace be called from these networks only; none: from anywhere.

        Raises:
            InvalidRequest: one of them can't be read.
        """
        return self._change(workspace_id, networks=clean(allowed))

    def lock(self, workspace_id: str) -> None:
        """Close a workspace until it is unlocked; its key leaves memory."""
        self._change(workspace_id, locked=True)
        with self.opening:
            self._close_store(workspace_id)

    def unlock(self, workspace_id: str) -> None:
        """Let a locked workspace be opened again."""
        self._change(workspace_id, locked=False)

    def destroy(self, workspace_id: str) -> None:
        """Erase a workspace for good: its key first, then its files, then its row.

        Raises:
            NotFound: there is no such workspace.
        """
        with transaction(self.control):
            self._row("id", workspace_id)
            self.tombstones.bury(workspace_id, workspace_id, datetime.now(UTC), "destroyed")
            self.control.execute(
                "UPDATE workspaces SET wrapped_key = NULL, sealed = x'', locked = 1 WHERE id = ?",
                [workspace_id],
            )
            self.control.erase_log_after_commit()
        with self.opening:
            self._close_store(workspace_id)
        self._finish_destroying()

    @functools.cached_property
    def signer(self) -> Signer:
        """The appliance's own signing key: made once, kept sealed in `control.db`.

        Raises:
            SealBroken: it was changed or damaged.
        """
        with transaction(self.control):
            sql = "SELECT value FROM meta WHERE key = ?"
            for row in self.control.query(sql, [_APPLIANCE_KEY]):
                kept = self.open("meta", _APPLIANCE_KEY, row["value"])
                return Signer(bytes.fromhex(kept["seed"]))
            seed = sealing.new_key()
            sealed = self.seal("meta", _APPLIANCE_KEY, {"seed": seed.hex()})
            self.control.execute("INSERT INTO meta VALUES (?, ?)", [_APPLIANCE_KEY, sealed])
            return Signer(seed)

    def seal(self, table: str, row_id: str, private: Mapping[str, Any]) -> bytes:
        """Seal the private part of another row, in the transaction that writes it."""
        return self.root.seals().seal(table, row_id, private)

    def open(self, table: str, row_id: str, sealed: object) -> dict[str, Any]:
        """Open what `seal` sealed for this row, or raise SealBroken."""
        opened: dict[str, Any] = self.root.opened(lambda seals: seals.open(table, row_id, sealed))
        return opened

    def seal_right(
        self, table: str, row: Mapping[str, Any], private: Mapping[str, Any] | None = None
    ) -> bytes:
        """Seal a row that gives a right (`control.RIGHTS`), in the transaction that writes it.

        Args:
            private: What more is sealed with it, such as a key's label.
        """
        return self.root.seals().seal_right(table, row, private or {})

    def open_right(self, table: str, row: Mapping[str, Any]) -> dict[str, Any]:
        """Open what `seal_right` sealed for this row, or raise SealBroken."""
        opened: dict[str, Any] = self.root.opened(lambda seals: seals.open_right(table, row))
        return opened

    def name_hash(self, *words: str) -> str:
        """Hash a name with what it belongs to, to find it by."""
        return self.root.seals().name_hash(canonical_json(list(words)))

    def verify(self) -> StoreReport:
        """Open every sealed row of `control.db`; the workspaces' stores verify themselves."""
        return checking.control(self)

    def close(self) -> None:
        """Close all stores and the control database."""
        with self.opening:
            for workspace_id in [*self._stores]:
                self._close_store(workspace_id)
            self.control.close()
            self.closing.leave(key_of(self.root.key))

    def _row(self, column: str, value: str) -> dict[str, Any]:
        sql = f"SELECT * FROM workspaces WHERE {column} = ? AND wrapped_key IS NOT NULL"
        for row in self.control.query(sql, [value]):
            return row
        raise NotFound("There is no such workspace.")

    def _workspace(self, row: Mapping[str, Any]) -> Workspace:
        bound = (row["plan"], row["created_at"])
        private = self.root.opened(
            lambda seals: seals.open("workspaces", row["id"], row["sealed"], *bound)
        )
        if private.get("locked", bool(row["locked"])) != bool(row["locked"]):
            raise SealBroken("A plain column was changed.")
        return Workspace(
            WorkspaceId(row["id"]),
            private["name"],
            row["plan"],
            bool(row["locked"]),
            datetime.fromisoformat(row["created_at"]),
            tuple(private.get("networks", ())),
        )

    def _unwrapped(self, row: Mapping[str, Any]) -> WorkspaceKeys:
        opened: WorkspaceKeys = self.root.opened(
            lambda seals: seals.unwrap(row["id"], row["wrapped_key"])
        )
        return opened

    def keys_of(self, workspace_id: str) -> WorkspaceKeys:
        """Read the keys of a workspace as they are wrapped now.

        Raises:
            NotFound: there is no such workspace.
            SealBroken: they were changed or damaged.
        """
        return self._unwrapped(self._row("id", workspace_id))

    def _opened(self, workspace: Workspace, keys: WorkspaceKeys) -> WorkspaceStore:
        """Open a store; whoever was erased and is there again is erased before anybody sees it."""
        folder = self._folder / workspace.id
        ring = partial(KeyRing, keys=keys, again=partial(self.keys_of, workspace.id))
        make_private_folder(folder)
        closing = self._closings[workspace.id] = Closing(folder / "store.db", key_of(keys.base))
        closing.confirm()
        store = closing.opening(
            lambda: WorkspaceStore(workspace, folder, ring, lambda: self.signer, self.tombstones)
        )
        store.was_changed = closing.was_changed
        try:
            risen = store.risen()
            if risen and self.erase_again is None:
                raise Locked("A copy of it holds a person who was erased; start the appliance.")
            if risen and self.erase_again is not None:
                self.erase_again(store, risen)
            store.bury_the_gone(datetime.now(UTC))
        except BaseException:
            store.close()
            closing.leave(None)
            raise
        return store

    def _close_store(self, workspace_id: str) -> None:
        if store := self._stores.pop(workspace_id, None):
            key = store.keys.closing_key()
            store.close()
            self._closings.pop(workspace_id).leave(key)

    def _change(self, workspace_id: str, **columns: Any) -> Workspace:
        with transaction(self.control):
            changed = replace(self.get(workspace_id), **columns)
            self.control.execute(
                "UPDATE workspaces SET plan = ?, locked = ?, sealed = ? WHERE id = ?",
                [changed.plan, int(changed.locked), self._sealed(changed), changed.id],
            )
        return changed

    def _sealed(self, workspace: Workspace) -> bytes:
        private: dict[str, Any] = {"name": workspace.name, "locked": workspace.locked}
        private |= {"networks": workspace.networks} if workspace.networks else {}
        bound = (workspace.plan, workspace.created_at.isoformat())
        return self.root.seals().seal("workspaces", workspace.id, private, *bound)

    def _destroy_risen(self) -> None:
        """Destroy again what a copy of the home brought back of destroyed workspaces."""
        for workspace_id in self.ids():
            if self.tombstones.is_buried(workspace_id, workspace_id):
                self.control.execute(
                    "UPDATE workspaces SET wrapped_key = NULL, sealed = x'', locked = 1"
                    " WHERE id = ?",
                    [workspace_id],
                )
                self.control.erase_log_after_commit()

    def _finish_destroying(self) -> None:
        """Remove what remains of workspaces whose key is gone; also after a crash in between."""
        for row in self.control.query("SELECT id FROM workspaces WHERE wrapped_key IS NULL"):
            folder = self._folder / row["id"]
            # NOTE: another process may be at it, too; what stays behind is tried again next time.
            shutil.rmtree(folder, ignore_errors=True)
            if folder.exists():
                continue
            with transaction(self.control):
                for table in RIGHTS:
                    self.control.execute(f"DELETE FROM {table} WHERE workspace_id = ?", [row["id"]])
                self.control.execute("DELETE FROM workspaces WHERE id = ?", [row["id"]])


def _clean(name: str) -> str:
    name = unicodedata.normalize("NFC", name).strip()
    if not name or len(name) > _MAX_NAME_CHARACTERS or not name.isprintable():
        words = f"A workspace's name has 1 to {_MAX_NAME_CHARACTERS} printable characters."
        raise InvalidRequest(words, (), None, "/name")
    return name
