"""New keys for a home while it works: keys are wrapped again, what they seal is not touched.

    root       every row of `control.db` is sealed again, in one transaction
    workspace  the wrapping key of one workspace is replaced; each object's key is wrapped again, a
               hundred at a time

Rules: any process may be killed at any moment; the next rotation, or the next start, goes on where
it was. A process that has the home open notices in its next statement (`root.py`, `ring.py`) and
goes on with the new key. After a rotation the key before opens nothing of this home: not a row, not
a later backup. What stays: the keys of objects; a workspace's base key, because the audit log and
the look-ups were made with it; the key of the register of the erased, so that whoever restores an
older backup reads it. Hold `unseal.held` meanwhile.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any

from workspace.control import RIGHTS, ControlSeals, plain_name
from workspace.database import transaction
from workspace.errors import SealBroken
from workspace.registry import Registry
from workspace.ring import WITNESS, WorkspaceKeys
from workspace.rows import canonical_json
from workspace.sealing import new_key
from workspace.store import WorkspaceStore
from workspace.unseal import KeySource
from workspace.vault import BACKUP_KEY_ROW, BackupKeys

_BATCH = 100  # keys wrapped in one transaction; others wait some milliseconds for it
Progress = Callable[[int, int], None]  # done, of how many


def rotate_root(registry: Registry, source: KeySource) -> int:
    """Put a new root key in force.

    Args:
        registry: The open home; it goes on with the new key.
        source: Where the root key of this home is kept.

    Returns:
        How many rows were sealed again.

    Raises:
        StorageFull, Fault: the old key is still in force.
    """
    fresh = source.stage()
    count = seal_again(registry, fresh)
    source.settle(fresh)
    registry.root.seals()  # follow at once
    return count


def seal_again(registry: Registry, root_key: bytes) -> int:
    """Seal every row of `control.db` under another root key and put that one in force.

    A row that does not open (damaged, or written without the root key) stays as it is.

    Returns:
        How many rows were sealed again.
    """
    before = registry.root.key
    if root_key == before:
        return 0
    old, new = ControlSeals(before), ControlSeals(root_key)
    with transaction(registry.control):
        count = sum(_again(registry, table, old, new) for table in ("workspaces", "meta", *RIGHTS))
        registry.root.become(root_key)
        registry.control.erase_log_after_commit()
    return count


def rotate_workspace(
    registry: Registry, workspace_id: str, progress: Progress = lambda done, of: None
) -> int:
    """Replace the wrapping key of one workspace.

    Returns:
        How many keys were wrapped again.

    Raises:
        NotFound: there is no such workspace.
        Locked: it is locked.
        SealBroken: a key does not open; the key before stays, so that nothing else is lost.
    """
    store = registry.store(workspace_id)
    keys = _begin(registry, workspace_id)
    store.keys.adopt(keys)
    store.keys.put_witness()
    count, damaged = _wrap_again(store, progress)
    if damaged:
        raise SealBroken(f"{damaged} keys of objects do not open; see `housemodel doctor`.")
    _put_keys(registry, workspace_id, WorkspaceKeys(keys.wrapping, keys.base))
    store.keys.adopt(registry.keys_of(workspace_id))
    return count


def _begin(registry: Registry, workspace_id: str) -> WorkspaceKeys:
    """Make the new wrapping key; one that a crash left half used is taken again."""
    keys = registry.keys_of(workspace_id)
    if keys.former is None:
        keys = WorkspaceKeys(new_key(), keys.base, keys.wrapping)
        _put_keys(registry, workspace_id, keys)
    return keys


def _put_keys(registry: Registry, workspace_id: str, keys: WorkspaceKeys) -> None:
    with transaction(registry.control):
        wrapped = registry.root.seals().wrap(workspace_id, keys)
        registry.control.execute(
            "UPDATE workspaces SET wrapped_key = ? WHERE id = ? AND wrapped_key IS NOT NULL",
            [wrapped, workspace_id],
        )
        registry.control.erase_log_after_commit()


def _wrap_again(store: WorkspaceStore, progress: Progress) -> tuple[int, int]:
    total = int(store.db.execute("SELECT COUNT(*) FROM object_keys").fetchone()[0])
    done = changed = damaged = 0
    last = ""
    while True:
        started = time.monotonic()
        with store.transaction():
            sql = "SELECT * FROM object_keys WHERE object_id > ? ORDER BY object_id LIMIT ?"
            page = list(store.db.query(sql, [last, _BATCH]))
            for row in page:
                if row["object_id"] == WITNESS:
                    continue
                try:
                    wrapped = store.keys.rewrap(row["object_id"], row["wrapped"])
                except (SealBroken, TypeError):
                    damaged += 1
                    continue
                if wrapped is not None:
                    changed += 1
                    store.db.execute(
                        "UPDATE object_keys SET wrapped = ? WHERE object_id = ?",
                        [wrapped, row["object_id"]],
                    )
        if not page:
            store.db.erase_log_after_commit()
            return changed, damaged
        done, last = done + len(page), page[-1]["object_id"]
        progress(done, total)
        # NOTE: SQLite hands its lock to nobody in turn: without a pause others would starve.
        time.sleep(min(time.monotonic() - started, 1.0))


def _again(registry: Registry, table: str, old: ControlSeals, new: ControlSeals) -> int:
    """Seal the rows of one table again; part of the caller's transaction."""
    count = 0
    for row in list(registry.control.query(f"SELECT rowid AS _at, * FROM {table}")):
        at = row.pop("_at")
        with contextlib.suppress(SealBroken):
            changed = _sealed_again(table, row, old, new)
            names = ", ".join(f"{name} = ?" for name in changed)
            registry.control.execute(
                f"UPDATE {table} SET {names} WHERE rowid = ?", [*changed.values(), at]
            )
            count += 1
    return count


def _sealed_again(
    table: str, row: dict[str, Any], old: ControlSeals, new: ControlSeals
) -> dict[str, Any]:
    if table == "meta":
        private = old.open("meta", row["key"], row["value"])
        if row["key"] == BACKUP_KEY_ROW:
            private = BackupKeys.of(private["key"]).next().private()
        return {"value": new.seal("meta", row["key"], private)}
    if table == "workspaces":
        bound = (row["plan"], row["created_at"])
        private = old.open("workspaces", row["id"], row["sealed"], *bound)
        return {
            "name_hash": new.name_hash(private["name"]),
            "sealed": new.seal("workspaces", row["id"], private, *bound),
            "wrapped_key": new.wrap(row["id"], old.unwrap(row["id"], row["wrapped_key"])),
        }
    private = old.open_right(table, row)
    hashed = row["hash"]
    if table == "people":
        hashed = _hash_of_person(row, private, old, new)
    return {"hash": hashed, "sealed": new.seal_right(table, {**row, "hash": hashed}, private)}


def _hash_of_person(
    row: dict[str, Any], private: dict[str, Any], old: ControlSeals, new: ControlSeals
) -> str:
    """The hash that a person is found by; one that comes from neither (removed) stays."""
    of = row["workspace_id"]
    by_name = canonical_json(["person", of, plain_name(str(private.get("name", "")))])
    # NOTE: of a removed one, too: under another hash its person would come in as somebody new.
    by_subject = canonical_json(["provider", of, private.get("provider"), private.get("subject")])
    for words in (by_name, by_subject):
        if old.name_hash(words) == row["hash"]:
            return new.name_hash(words)
    return str(row["hash"])
