"""A home from a backup: laid out beside its place, brought up to date, verified, then put in place.

    lay out -> end sessions -> seal under the root key in force -> bury whom the register, any later
    snapshot or a given copy knows -> erase them -> verify every byte and log -> rename

Rules: until the last step nothing is where the appliance would find it; what fails leaves nothing.
"""

from __future__ import annotations

import secrets
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from compliance import audit
from serve.custody import withdrawal
from serve.services import utc_now
from serve.settings import Settings
from workspace import backup, rotation
from workspace.disk import disk_errors, sync_folder
from workspace.errors import Locked, SealBroken
from workspace.registry import Registry
from workspace.store import WorkspaceStore
from workspace.tombstones import Grave, Tombstones
from workspace.vault import Vault, envelope_of

ACTOR = "restore"


@dataclass(frozen=True, slots=True)
class Restored:
    """What was done: the snapshot, how many were erased again, a line for each part verified."""

    name: str
    erased_again: int
    verified: list[str]


class _Keys:
    """The root key of the snapshot, until its rows are sealed under the one in force."""

    def __init__(self, *keys: bytes) -> None:
        self._keys = keys

    def candidates(self) -> Sequence[bytes]:
        return self._keys

    def settle(self, in_force: bytes) -> None:
        """Nothing to do."""


def scratch_of(home: Path) -> Path:
    """A folder beside the home, on the same disk, that nobody else uses."""
    return home.with_name(f".{home.name}.{secrets.token_hex(4)}")


def restore(
    vault: Vault,
    name: str,
    root_key: bytes,
    settings: Settings,
    tombstones: Path | None,
    folder: Path,
) -> Restored:
    """Make the home that the settings name.

    Args:
        name: The snapshot's.
        root_key: The one in force from now on.
        tombstones: A copy of the register of the erased that was kept elsewhere.
        folder: Where the backups are.

    Raises:
        SealBroken: the backup, or what is in it, is damaged; nothing was put in place.
    """
    snapshot = vault.read(name)
    _gather(vault, root_key, settings.tombstones, tombstones)
    scratch = scratch_of(settings.home)
    backup.lay_out(vault, snapshot, scratch)
    try:
        held = _count(scratch)
        _seal(scratch, bytes.fromhex(snapshot.root_key), root_key, settings.tombstones)
        erased, lines, left = _verified(scratch, root_key, settings.tombstones)
        _put_key(scratch, root_key, settings, envelope_of(folder))
        with disk_errors():
            with suppress(FileNotFoundError):
                settings.home.rmdir()
            scratch.rename(settings.home)
            sync_folder(settings.home.parent)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    return Restored(name, erased + held - left, lines)


def _gather(vault: Vault, root_key: bytes, register: Path, copy: Path | None) -> None:
    """Bury everybody of whom any snapshot or the given copy says that they were erased."""
    graves: list[Grave] = []
    for name in vault.names():
        graves += vault.read(name).tombstones
    if copy is not None:
        graves += Tombstones(copy, root_key).graves()
    kept = Tombstones(register, root_key)
    for grave in graves:
        kept.put(grave)


def _seal(home: Path, old: bytes, new: bytes, register: Path) -> None:
    registry = Registry(home, _Keys(old, new), register)
    try:
        for table in ("sessions", "sign_ins"):
            registry.control.execute(f"DELETE FROM {table}")
        rotation.seal_again(registry, new)
    finally:
        registry.close()


def _verified(home: Path, root_key: bytes, register: Path) -> tuple[int, list[str], int]:
    """Open everything; whoever was erased since is erased on the way."""
    erased: list[str] = []

    def erase_again(store: WorkspaceStore, risen: tuple[Grave, ...]) -> None:
        withdrawal.erase_again(store, risen)
        erased.extend(grave.object_id for grave in risen)

    registry = Registry(home, root_key, register)
    registry.erase_again = erase_again
    lines, damaged = [], list[str]()
    try:
        report = registry.verify()
        damaged += report.damaged
        lines.append(f"control store: {report.rows} rows open")
        for workspace_id in registry.ids():
            try:
                store = registry.store(workspace_id)
            except Locked:
                lines.append(f"{workspace_id}: locked, opened when it is unlocked")
                continue
            audit.append(store, "home.restored", workspace_id, ACTOR, utc_now())
            report, chain = store.verify(), audit.verify(store)
            damaged += [f"{workspace_id}: {what}" for what in report.damaged]
            if not chain.intact:
                damaged.append(f"{workspace_id}: audit log at entry {chain.first_broken}")
            lines.append(
                f"{workspace_id}: {report.rows} rows and {report.assets} files open, "
                f"{chain.entries} audit entries"
            )
        left = len(registry.ids())
    finally:
        registry.close()
    if damaged:
        raise SealBroken(f"The backup holds damaged parts: {', '.join(damaged)}.")
    return len(erased), lines, left


def _count(home: Path) -> int:
    """How many workspaces the snapshot has, with those that are destroyed again at once."""
    with sqlite3.connect(home / "control.db") as control:
        sql = "SELECT COUNT(*) FROM workspaces WHERE wrapped_key IS NOT NULL"
        found = int(control.execute(sql).fetchone()[0])
    control.close()
    return found


def _put_key(home: Path, root_key: bytes, settings: Settings, envelope: str | None) -> None:
    """Put the root key where the appliance looks for it, if that is inside of the home."""
    if settings.unseal != "file" and envelope is not None:
        path, content = home / "root.sealed", envelope
    elif settings.root_key_file.is_relative_to(settings.home):
        path = home / settings.root_key_file.relative_to(settings.home)
        content = root_key.hex() + "\n"
    else:
        return
    with disk_errors():
        path.touch(mode=0o600)
        path.write_text(content)
