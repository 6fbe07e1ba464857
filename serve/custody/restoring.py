"""A home from a backup: laid out beside its place, brought up to date, verified, then put in place.

    lay out -> end sessions -> bury whom the register, any later snapshot or a given copy knows ->
    seal under the root key in force -> erase them -> destroy drafts, own photos and candidates ->
    verify every byte and log -> rename

Rules: until the last step nothing is where the appliance would find it; what fails leaves nothing,
and what a killed restore left is removed later (`workspace/scratch.py`). A register whose
graves can't be read is refused, so that nobody comes back because a key was the wrong one.
Drafts, own photos and candidates are short-lived and may have been destroyed since: none is kept.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from compliance import audit
from serve import idempotency
from serve.custody import withdrawal
from serve.services import utc_now
from serve.settings import Settings
from workspace import backup, rotation, scratch
from workspace.disk import disk_errors, sync_folder
from workspace.errors import Conflict, InvalidRequest, SealBroken
from workspace.registry import Registry
from workspace.store import WorkspaceStore
from workspace.tombstones import Grave
from workspace.vault import Snapshot, Vault, envelope_of

ACTOR = "restore"
_SHORT_LIVED = ("drafts", "pictures", "candidates")


@dataclass(frozen=True, slots=True)
class Restored:
    """What was done: the snapshot, how many were erased again, what was verified, what was not."""

    name: str
    erased_again: int
    verified: list[str]  # a line for each part
    notes: list[str]  # what may have come back


class _Keys:
    """The root key of the snapshot, until its rows are sealed under the one in force."""

    def __init__(self, *keys: bytes) -> None:
        self._keys = keys

    def candidates(self) -> Sequence[bytes]:
        return self._keys

    def settle(self, in_force: bytes) -> None:
        """Nothing to do."""


def restore(
    vault: Vault,
    name: str,
    root_key: bytes,
    settings: Settings,
    tombstones: Path | None,
    folder: Path,
    accept_unread: bool = False,
) -> Restored:
    """Make the home that the settings name.

    Args:
        name: The snapshot's.
        root_key: The one in force from now on.
        tombstones: A copy of the register of the erased that was kept elsewhere.
        folder: Where the backups are.
        accept_unread: Go on although a register holds graves that no key here opens.

    Raises:
        InvalidRequest: there is no such copy.
        Conflict: a register holds graves that no key here opens.
        SealBroken: the backup, or what is in it, is damaged; nothing was put in place.
    """
    if tombstones is not None and not tombstones.is_file():
        raise InvalidRequest("There is no such copy of the register of the erased.")
    registers = [path for path in (settings.tombstones, tombstones) if path and path.exists()]
    snapshots = [vault.read(one) for one in vault.names()]
    snapshot = vault.read(name)
    with scratch.of_restore(settings.home) as made:
        backup.lay_out(vault, snapshot, made)
        held = _count(made)
        unread = _sealed(made, vault, snapshot, snapshots, root_key, settings, tombstones)
        if unread and not accept_unread:
            raise Conflict(
                f"The register of the erased holds {unread} graves that no key of this backup "
                "opens: whom they stand for would come back. Use a newer backup or the right "
                "register, or restore without them: --accept-unread-graves."
            )
        erased, lines, left = _verified(made, root_key, settings.tombstones)
        _put_key(made, root_key, settings, envelope_of(folder))
        with disk_errors():
            with suppress(FileNotFoundError):
                settings.home.rmdir()
            made.rename(settings.home)
            sync_folder(settings.home.parent)
    notes = ["Single results and products that were deleted since are back: delete them again."]
    if unread:
        notes.append(f"{unread} graves were not read: whom they stand for may be back.")
    if not registers:
        notes.append("No register of the erased was there: only later snapshots were asked.")
    return Restored(name, erased + held - left, lines, notes)


def _sealed(
    home: Path,
    vault: Vault,
    snapshot: Snapshot,
    snapshots: Sequence[Snapshot],
    root_key: bytes,
    settings: Settings,
    copy: Path | None,
) -> int:
    """End sessions, bury the erased, seal under the root key in force.

    Returns:
        How many graves of a register nobody here can read.
    """
    old = bytes.fromhex(snapshot.root_key)
    registry = Registry(home, _Keys(old, root_key), settings.tombstones)
    try:
        for table in ("sessions", "sign_ins"):
            registry.control.execute(f"DELETE FROM {table}")
        unread = _gather(registry, snapshots, root_key, copy)
        rotation.seal_again(registry, root_key)
        backup.adopt(registry, vault)
    finally:
        registry.close()
    return unread


def _gather(
    registry: Registry, snapshots: Sequence[Snapshot], root_key: bytes, copy: Path | None
) -> int:
    """Bury everybody of whom any snapshot, the register or its copy says that they were erased."""
    kept = registry.tombstones
    for snapshot in snapshots:
        for grave in snapshot.tombstones:
            kept.put(grave)
    roots = (root_key, *(bytes.fromhex(snapshot.root_key) for snapshot in snapshots))
    if copy is not None:
        kept.take_over(copy, roots)
    # Counted at the end: a line that opens nowhere may say what another register said, too.
    found = [*kept.take_over(kept.path, roots)]
    if copy is not None:
        found += kept.take_over(copy, roots)
    return len(found)


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
            locked = registry.get(workspace_id).locked
            if locked:  # nobody else sees this home yet, and what may not come back is in there
                registry.unlock(workspace_id)
            store = registry.store(workspace_id)
            ended = _end_short_lived(store)
            audit.append(store, "home.restored", workspace_id, ACTOR, utc_now(), ended=ended)
            report, chain = store.verify(), audit.verify(store)
            damaged += [f"{workspace_id}: {what}" for what in report.damaged]
            if not chain.intact:
                damaged.append(f"{workspace_id}: audit log at entry {chain.first_broken}")
            lines.append(
                f"{workspace_id}: {report.rows} rows and {report.assets} files open, "
                f"{chain.entries} audit entries"
                + (f"; {ended} drafts, own photos and candidates destroyed" if ended else "")
            )
            if locked:
                registry.lock(workspace_id)
        left = len(registry.ids())
    finally:
        registry.close()
    if damaged:
        raise SealBroken(f"The backup holds damaged parts: {', '.join(damaged)}.")
    return len(erased), lines, left


def _end_short_lived(store: WorkspaceStore) -> int:
    """Destroy every draft, own photo and candidate: nobody knows which were destroyed since.

    Returns:
        How many there were.
    """
    count = 0
    with store.transaction():
        for table in _SHORT_LIVED:
            # NOTE: rows as they lie: one that no longer opens is destroyed like any other.
            for row_id in [str(raw["id"]) for raw in store.raw(table, "1 = ?", (1,))]:
                for asset in store.assets.owned_by(row_id):
                    store.assets.destroy(asset)
                store.destroy(table, row_id)
                idempotency.forget(store, row_id)
                count += 1
    return count


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
