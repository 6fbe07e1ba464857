"""A folder of backups: chunks that are stored once, and snapshots that name them; all sealed.

    backup.json   which home it belongs to, and the backup keys, sealed under the root key
    chunks/       pieces of files, named by a keyed hash of what is in them
    snapshots/    one sealed list of files and chunks for each backup

Rules: whoever has the folder without the root key learns sizes and times, nothing else. A chunk is
bound to its name, a snapshot to its time, so that swapped files do not open. A chunk that is there
is not written again. Every file is synced before the snapshot that names it; a backup that was cut
off leaves chunks that the next one uses. The key of chunks stays when the root key is replaced, so
that they are not written again, and what is in them is sealed by the home's own keys; the key of
lists does not, because a list holds the root key in force: who has an old root key and an old
`backup.json` opens no later list. The next backup seals all of them under the new root key.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from workspace import sealing
from workspace.disk import disk_errors, make_private_folder, sync_folder, write_private
from workspace.errors import Conflict, Locked, NotFound, SealBroken
from workspace.rows import canonical_json
from workspace.tombstones import Grave

CHUNK_BYTES = 256 * 1024
_FORMAT = "housemodel backup v1"
_CARD = "backup.json"
BACKUP_KEY_ROW = "backup_key"  # of control.db's table meta


@dataclass(frozen=True, slots=True, repr=False)
class BackupKeys:
    """The keys of all backups of one home: of chunks, and of lists, the one in force first."""

    chunks: bytes
    lists: tuple[bytes, ...]

    @classmethod
    def new(cls) -> BackupKeys:
        """Make the keys of a home that has no backups."""
        return cls(sealing.new_key(), (sealing.new_key(),))

    @classmethod
    def of(cls, packed: str) -> BackupKeys:
        """Read what `packed` wrote; one key alone, as older homes have it, is both."""
        raw, size = bytes.fromhex(packed), sealing.KEY_BYTES
        if not raw or len(raw) % size:
            raise SealBroken("The keys of the backups are not in a form that can be used.")
        parts = [raw[at : at + size] for at in range(0, len(raw), size)]
        return cls(parts[0], tuple(parts[1:] or parts))

    def packed(self) -> str:
        """Write the keys one after another."""
        return b"".join((self.chunks, *self.lists)).hex()

    def private(self) -> dict[str, str]:
        """What the row of `control.db` holds."""
        return {"key": self.packed()}

    def next(self) -> BackupKeys:
        """The keys after a rotation: a new one for lists, before the former."""
        return BackupKeys(self.chunks, (sealing.new_key(), *self.lists))

    def with_(self, others: BackupKeys) -> BackupKeys:
        """These keys, and behind them what else opens older lists."""
        return BackupKeys(self.chunks, tuple(dict.fromkeys((*self.lists, *others.lists))))


@dataclass(frozen=True, slots=True)
class Kept:
    """One file of a home: its path inside of it, its size in bytes, its chunks in order."""

    path: str
    size: int
    chunks: tuple[str, ...]


@dataclass(frozen=True, slots=True, repr=False)
class Snapshot:
    """What a home was at one moment."""

    at: str  # RFC 3339
    root_key: str  # in force then, hexadecimal
    tombstones: tuple[Grave, ...]
    files: tuple[Kept, ...]
    missing: tuple[str, ...]  # files that a row named and that were not there


class Vault:
    """One open folder of backups.

    Args:
        folder: The folder.
        keys: The backup keys.
    """

    def __init__(self, folder: Path, keys: BackupKeys) -> None:
        self.folder = folder
        self.bytes_written = 0
        self.keys = keys
        self._chunk_key = sealing.derive(keys.chunks, "backup chunks v1")
        self._name_key = sealing.derive(keys.chunks, "backup names v1")

    @classmethod
    def make(cls, folder: Path, keys: BackupKeys, root_key: bytes, envelope: str | None) -> Vault:
        """Open the folder of this home for another backup, or make it; 0700.

        Args:
            envelope: The content of `root.sealed`, where the home has one.

        Raises:
            Conflict: the folder holds something else.
            SealBroken: its newest list was changed, or is of a newer state of this home.
        """
        card, vault = folder / _CARD, cls(folder, keys)
        if card.exists():
            try:
                sealing.open_(keys.chunks, base64.b64decode(_card(folder)["check"]), _FORMAT)
            except (SealBroken, KeyError, ValueError) as error:
                raise Conflict("This folder holds backups of another home.") from error
            for name in vault.names()[-1:]:  # else its key would go with the card that has it
                vault.read(name)
        elif folder.exists() and any(folder.iterdir()):
            raise Conflict("This folder is not empty, and holds no backups.")
        for inside in ("", "chunks", "snapshots"):
            make_private_folder(folder / inside)
        wrapping = sealing.derive(root_key, "backup key wrap v1")
        words = {
            "format": _FORMAT,
            "key": _text(sealing.seal(wrapping, bytes.fromhex(keys.packed()), _FORMAT)),
            "check": _text(sealing.seal(keys.chunks, b"", _FORMAT)),
            "envelope": envelope,
        }
        vault._write(card, json.dumps(words, indent=1).encode())
        return vault

    @classmethod
    def open(cls, folder: Path, root_key: bytes) -> Vault:
        """Open a folder of backups with the root key that was in force at the last one.

        Raises:
            NotFound: there are no backups.
            Locked: this is not that root key.
        """
        card = _card(folder)
        wrapping = sealing.derive(root_key, "backup key wrap v1")
        try:
            raw = sealing.open_(wrapping, base64.b64decode(card["key"]), _FORMAT)
        except (SealBroken, KeyError, ValueError) as error:
            raise Locked("This root key does not open these backups.") from error
        return cls(folder, BackupKeys.of(raw.hex()))

    def names(self) -> list[str]:
        """List the snapshots, oldest first; a name is a time in UTC."""
        return sorted(path.stem for path in (self.folder / "snapshots").glob("*.sealed"))

    def read(self, name: str) -> Snapshot:
        """Open a snapshot.

        Raises:
            NotFound: there is none of this name.
            SealBroken: it was changed.
        """
        path = self.folder / "snapshots" / f"{name}.sealed"
        if name not in self.names():
            raise NotFound("There is no such snapshot.")
        with disk_errors():
            words = json.loads(self._opened(path.read_bytes(), f"snapshot|{name}"))
        words["tombstones"] = tuple(Grave(**grave) for grave in words["tombstones"])
        words["files"] = tuple(
            Kept(kept["path"], kept["size"], tuple(kept["chunks"])) for kept in words["files"]
        )
        return Snapshot(**{**words, "missing": tuple(words["missing"])})

    def write(self, name: str, snapshot: Snapshot) -> None:
        """Store a snapshot, whose chunks are all there; durable when this returns."""
        content = canonical_json(asdict(snapshot)).encode()
        path = self.folder / "snapshots" / f"{name}.sealed"
        self._write(path, sealing.seal(self.keys.lists[0], content, f"snapshot|{name}"))

    def keep(self, path: str, source: Path) -> Kept:
        """Store a file; chunks that are there already are not written."""
        chunks: list[str] = []
        size = 0
        with disk_errors(), source.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                chunks.append(self._keep(chunk))
                size += len(chunk)
        return Kept(path, size, tuple(chunks))

    def has(self, kept: Kept) -> bool:
        """Tell whether all chunks of a file are there; they are not opened."""
        return all(self._chunk(name).exists() for name in kept.chunks)

    def content(self, kept: Kept) -> Iterator[bytes]:
        """Give a file back, chunk by chunk.

        Raises:
            SealBroken: a chunk is missing or was changed.
        """
        size = 0
        for name in kept.chunks:
            try:
                sealed = self._chunk(name).read_bytes()
            except OSError as error:
                raise SealBroken("A part of the backup is missing.") from error
            chunk = sealing.open_(self._chunk_key, sealed, f"chunk|{name}")
            # NOTE: the key of chunks outlives rotations; whoever has an older one may have swapped.
            if not sealing.same(name, self._named(chunk)):
                raise SealBroken("A part of the backup is not what it is called.")
            size += len(chunk)
            yield chunk
        if size != kept.size:
            raise SealBroken("A file of the backup is not as long as it was.")

    def prune(self, keep: int) -> int:
        """Remove all but the newest snapshots, and the chunks that no snapshot names.

        Returns:
            How many snapshots were removed.
        """
        names = self.names()
        gone = names[: max(0, len(names) - keep)]
        for name in gone:
            (self.folder / "snapshots" / f"{name}.sealed").unlink()
        if gone:
            sync_folder(self.folder / "snapshots")
            self._sweep(self.read(name) for name in self.names())
        return len(gone)

    def _sweep(self, left: Iterable[Snapshot]) -> None:
        used = {chunk for snapshot in left for kept in snapshot.files for chunk in kept.chunks}
        for path in (self.folder / "chunks").glob("*/*"):
            if path.name not in used:
                path.unlink()

    def _opened(self, sealed: bytes, place: str) -> bytes:
        for key in self.keys.lists:
            with suppress(SealBroken):
                return sealing.open_(key, sealed, place)
        raise SealBroken("A list of the backup was changed, or another key sealed it.")

    def _keep(self, chunk: bytes) -> str:
        name = self._named(chunk)
        path = self._chunk(name)
        if not path.exists():
            make_private_folder(path.parent)
            self._write(path, sealing.seal(self._chunk_key, chunk, f"chunk|{name}"))
        return name

    def _named(self, chunk: bytes) -> str:
        return sealing.keyed_hash(self._name_key, hashlib.sha256(chunk).hexdigest())

    def _chunk(self, name: str) -> Path:
        if not name.isalnum():
            raise SealBroken("This is no name of a chunk.")
        return self.folder / "chunks" / name[:2] / name

    def _write(self, path: Path, content: bytes) -> None:
        write_private(path, content)
        self.bytes_written += len(content)


def envelope_of(folder: Path) -> str | None:
    """Read the sealed root key that the folder carries, where its home had one.

    Raises:
        NotFound: there are no backups.
    """
    found = _card(folder).get("envelope")
    return str(found) if found is not None else None


def _card(folder: Path) -> dict[str, Any]:
    try:
        words = json.loads((folder / _CARD).read_bytes())
    except (OSError, ValueError) as error:
        raise NotFound("There are no backups in this folder.") from error
    if not isinstance(words, dict) or words.get("format") != _FORMAT:
        raise NotFound("There are no backups in this folder.")
    return words


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
