"""One backup of a home, also while it runs: databases as of one moment, and every file they name.

Rules: a database is copied with SQLite's own backup, which sees one state and stops nobody. Files
of assets never change, so that a row and its file fit as soon as the file is there; if one was
destroyed while we copied, the database is copied again. `control.db` comes first: every workspace
that it names has its store in the same snapshot. The root key is never in a backup in the clear;
logs, sockets and imported packs are not in it at all. Hold `unseal.held` meanwhile, so that no key
is replaced.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from workspace import scratch
from workspace.database import transaction
from workspace.disk import disk_errors, make_private_folder
from workspace.errors import Fault, Unavailable
from workspace.registry import Registry
from workspace.vault import BACKUP_KEY_ROW, BackupKeys, Kept, Snapshot, Vault

_TRIES = 5
Say = Callable[[str], None]


def backup(
    registry: Registry, folder: Path, envelope: str | None, now: datetime, say: Say
) -> tuple[str, Snapshot, Vault]:
    """Add one snapshot of the home to a folder of backups.

    Args:
        folder: Made at the first backup; later ones write what is new.
        envelope: The content of `root.sealed`, where the home has one.
        say: Told what happens.

    Returns:
        The snapshot's name, what is in it, and the folder.

    Raises:
        Conflict: the folder holds something else.
        StorageFull: it is as it was, but for chunks that the next backup uses.
    """
    vault = Vault.make(folder, _backup_keys(registry), registry.root.key, envelope)
    before = {kept.path: kept for name in vault.names()[-1:] for kept in vault.read(name).files}
    with scratch.of_backup(registry.home) as made:
        for _ in range(_TRIES):
            try:
                files, missing = _files(registry.home, vault, made, before, say)
                break
            except _GoneMeanwhile:
                continue
        else:
            raise Unavailable("Too much changed while the backup was made.", (), 5)
    graves = registry.tombstones.graves()
    snapshot = Snapshot(
        now.isoformat(), registry.root.key.hex(), graves, tuple(files), tuple(missing)
    )
    name = now.strftime("%Y%m%dT%H%M%S.%fZ")
    vault.write(name, snapshot)
    return name, snapshot, vault


class _GoneMeanwhile(Exception):
    """A workspace was destroyed between two copies."""


def _files(
    home: Path, vault: Vault, made: Path, before: dict[str, Kept], say: Say
) -> tuple[list[Kept], list[str]]:
    copy = made / "control.db"
    _copy(home / "control.db", copy)
    files, missing = [vault.keep("control.db", copy)], list[str]()
    for workspace_id in _column(copy, "SELECT id FROM workspaces WHERE wrapped_key IS NOT NULL"):
        folder = home / "workspaces" / workspace_id
        if not (folder / "store.db").exists():
            raise _GoneMeanwhile
        kept, lost = _store(home, folder, vault, made, before)
        say(f"{workspace_id}: {len(kept)} files")
        files += kept
        missing += lost
    return files, missing


def _store(
    home: Path, folder: Path, vault: Vault, made: Path, before: dict[str, Kept]
) -> tuple[list[Kept], list[str]]:
    """One workspace: its database, and the files that its rows name."""
    copy = made / f"{folder.name}.db"
    for _ in range(_TRIES):
        _copy(folder / "store.db", copy)
        files: list[Kept] = []
        lost: list[str] = []
        for asset_id in _column(copy, "SELECT id FROM assets ORDER BY id"):
            path = folder / "assets" / f"{asset_id}.sealed"
            name = str(path.relative_to(home))
            known = before.get(name)
            if known is not None and vault.has(known) and path.exists():
                files.append(known)
                continue
            try:
                files.append(vault.keep(name, path))
            except Fault:
                lost.append(asset_id)
        if not lost:
            break
        rows = set(_column(folder / "store.db", "SELECT id FROM assets"))
        if all(asset_id in rows for asset_id in lost):  # not destroyed, but damaged
            break
    else:
        raise Unavailable("Too much was destroyed while the backup was made.", (), 5)
    database = vault.keep(str((folder / "store.db").relative_to(home)), copy)
    copy.unlink()
    return [database, *files], lost


def _copy(source: Path, target: Path) -> None:
    """Copy a database as of one moment."""
    target.unlink(missing_ok=True)
    target.touch(mode=0o600)
    with disk_errors():
        try:
            live = sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True, timeout=10)
            still = sqlite3.connect(target)
            try:
                live.backup(still)
                # One file that needs no other: whoever opens it turns the log on again.
                still.execute("PRAGMA journal_mode = DELETE")
            finally:
                still.close()
                live.close()
        except sqlite3.Error as error:
            if not source.exists():
                raise _GoneMeanwhile from error
            raise Fault("A database could not be copied.") from error


def _column(database: Path, sql: str) -> list[str]:
    connection = sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=10)
    try:
        return [str(row[0]) for row in connection.execute(sql)]
    except sqlite3.Error as error:
        raise Fault("A database could not be read.") from error
    finally:
        connection.close()


def _backup_keys(registry: Registry) -> BackupKeys:
    """The keys of all backups of this home: made once, sealed in `control.db`."""
    with transaction(registry.control):
        keys = _kept_keys(registry)
        if keys is None:
            keys = BackupKeys.new()
            _put_keys(registry, keys)
        return keys


def adopt(registry: Registry, vault: Vault) -> None:
    """Let a home that was restored open every list of its backups, the later ones, too."""
    with transaction(registry.control):
        keys = _kept_keys(registry)
        if keys is not None:
            _put_keys(registry, keys.with_(vault.keys))


def _kept_keys(registry: Registry) -> BackupKeys | None:
    sql = "SELECT value FROM meta WHERE key = ?"
    for row in registry.control.query(sql, [BACKUP_KEY_ROW]):
        return BackupKeys.of(registry.open("meta", BACKUP_KEY_ROW, row["value"])["key"])
    return None


def _put_keys(registry: Registry, keys: BackupKeys) -> None:
    sealed = registry.seal("meta", BACKUP_KEY_ROW, keys.private())
    registry.control.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", [BACKUP_KEY_ROW, sealed])


def lay_out(vault: Vault, snapshot: Snapshot, folder: Path) -> None:
    """Write a snapshot's files into a new folder, each opened and checked on the way.

    Raises:
        SealBroken: a part of the backup is missing or was changed; nothing is left behind.
    """
    make_private_folder(folder)
    try:
        for kept in snapshot.files:
            path = folder / kept.path
            if not path.resolve().is_relative_to(folder.resolve()):
                raise Fault("A file of the backup lies outside of the home.")
            make_private_folder(path.parent)
            with disk_errors():
                path.touch(mode=0o600)
                with path.open("wb") as file:
                    file.writelines(vault.content(kept))
        for workspace in (folder / "workspaces").glob("*"):
            make_private_folder(workspace / "assets")
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
