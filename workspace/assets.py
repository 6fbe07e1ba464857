"""Sealed files: photos, likenesses and rendered images of one workspace.

Rules: a file is sealed in chunks of 1 MiB, each bound to the workspace, the asset, its index and
whether it is the last, so that cut, swapped, repeated or added chunks no longer open. A file is
written under a temporary name in the same folder, synced, renamed, and the folder synced, all
before the row that names it is committed; a file without a row is a leftover of a crash and
`sweep` removes it. Clear bytes never reach the disk.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from workspace import sealing
from workspace.database import transaction
from workspace.disk import disk_errors, replacing
from workspace.errors import Fault, NotFound, SealBroken
from workspace.migrations import SCHEMA_VERSION
from workspace.ring import KeyRing
from workspace.rows import SealedRows, object_id
from workspace.types import AssetId, new_id

CHUNK_BYTES = 1 << 20
_SEALED_CHUNK_BYTES = CHUNK_BYTES + sealing.SEAL_OVERHEAD_BYTES
_SUFFIX = ".sealed"
_DRAFT = ".draft"


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Assets:
    """The sealed files of one workspace, with a sealed metadata row for each."""

    def __init__(
        self,
        folder: Path,
        rows: SealedRows,
        keys: KeyRing,
        workspace_id: str,
        clock: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._folder = folder
        self._rows = rows
        self._keys = keys
        self._workspace_id = workspace_id
        self._clock = clock

    def put(self, data: bytes, kind: str, owner_id: str, media_type: str) -> AssetId:
        """Seal bytes into a new file; part of the caller's transaction, if one is open.

        Args:
            data: The clear bytes.
            kind: What it is for its owner, for example `close_up` or `image`.
            owner_id: The model, product, image or consent that it belongs to.
            media_type: For example `image/png`.

        Raises:
            StorageFull: nothing is left behind.
        """
        asset_id = AssetId(new_id("ast"))
        with transaction(self._rows.db):
            key = self._keys.obtain(object_id("assets", asset_id))
            self._rows.db.after_rollback(lambda: self._remove_file(asset_id))
            with disk_errors():
                self._write(asset_id, key, data)
            self._rows.put(
                "assets",
                asset_id,
                {"sha256": hashlib.sha256(data).hexdigest()},
                kind=kind,
                owner_id=owner_id,
                media_type=media_type,
                size=len(data),
                created_at=self._clock().isoformat(),
            )
        return asset_id

    def get(self, asset_id: AssetId) -> bytes:
        """Open an asset.

        Raises:
            NotFound: there is none under this id.
            SealBroken: its row or file was changed, cut or removed.
        """
        raw = next(self._rows.raw("assets", "id = ?", (asset_id,)), None)
        if raw is None:
            raise NotFound("There is nothing under this id.")
        row = self._rows.open("assets", raw)
        key = self._keys.unwrap(object_id("assets", asset_id), raw["_wrapped"])
        sealed = self._read(asset_id)
        data = self._open_chunks(asset_id, key, sealed)
        if hashlib.sha256(data).hexdigest() != row.private["sha256"]:
            raise SealBroken("The file of an asset is not the one that was stored.")
        return data

    def owned_by(self, owner_id: str, kind: str | None = None) -> list[AssetId]:
        """List the assets of an owner, oldest first."""
        where, params = "owner_id = ?", [owner_id]
        if kind is not None:
            where, params = f"{where} AND kind = ?", [owner_id, kind]
        sql = f"SELECT id FROM assets WHERE {where} ORDER BY created_at, rowid"
        return [AssetId(row["id"]) for row in self._rows.db.query(sql, params)]

    def destroy(self, asset_id: AssetId) -> None:
        """Erase an asset for good: its key and row in one transaction, then the file.

        An id that is not there is ignored.
        """
        with transaction(self._rows.db):
            if self._rows.destroy("assets", asset_id):
                self._rows.db.after_commit(lambda: self._remove_file(asset_id))

    def sweep(self) -> int:
        """Remove files that no row names: what a crash left behind.

        Returns:
            How many files were removed.
        """
        found = {entry.name for entry in os.scandir(self._folder)}
        found -= self._known()
        if not found:
            return 0  # as nearly always; nobody had to wait
        # NOTE: writers hold SQLite's write lock from before the file until its row is committed, so
        # that what was being written a moment ago has its row now, or never gets one.
        with transaction(self._rows.db):
            leftovers = found - self._known()
            for name in leftovers:
                (self._folder / name).unlink(missing_ok=True)
        return len(leftovers)

    def _known(self) -> set[str]:
        rows = self._rows.db.execute("SELECT id FROM assets")
        return {f"{asset_id}{_SUFFIX}" for (asset_id,) in rows}

    def _path(self, asset_id: str) -> Path:
        # NOTE: ids come from callers; only a real id may become a file name.
        if not asset_id.startswith("ast_") or not asset_id[4:].isalnum():
            raise SealBroken("This is not the id of an asset.")
        return self._folder / f"{asset_id}{_SUFFIX}"

    def _read(self, asset_id: AssetId) -> bytes:
        try:
            with disk_errors():
                return self._path(asset_id).read_bytes()
        except Fault as error:
            # NOTE: the row goes before the file, so a row that is still here lost its file.
            if not self._path(asset_id).exists() and not self._rows.count(
                "assets", "id = ?", (asset_id,)
            ):
                raise NotFound("There is nothing under this id.") from error
            raise SealBroken("The file of an asset is missing or can't be read.") from error

    def _remove_file(self, asset_id: str) -> None:
        # NOTE: an error here must not undo what is committed; `sweep` tries again.
        with contextlib.suppress(OSError):
            self._path(asset_id).unlink()

    def _write(self, asset_id: AssetId, key: bytes, data: bytes) -> None:
        path = self._path(asset_id)
        with replacing(path, path.with_suffix(_DRAFT)) as file:
            for chunk in self._sealed_chunks(asset_id, key, data):
                file.write(chunk)

    def _sealed_chunks(self, asset_id: str, key: bytes, data: bytes) -> Iterator[bytes]:
        count = max(1, -(-len(data) // CHUNK_BYTES))
        for index in range(count):
            chunk = data[index * CHUNK_BYTES : (index + 1) * CHUNK_BYTES]
            yield sealing.seal(key, chunk, self._place(asset_id, index, index == count - 1))

    def _open_chunks(self, asset_id: str, key: bytes, sealed: bytes) -> bytes:
        count = max(1, -(-len(sealed) // _SEALED_CHUNK_BYTES))
        return b"".join(
            sealing.open_(
                key,
                sealed[index * _SEALED_CHUNK_BYTES : (index + 1) * _SEALED_CHUNK_BYTES],
                self._place(asset_id, index, index == count - 1),
            )
            for index in range(count)
        )

    def _place(self, asset_id: str, index: int, last: bool) -> str:
        end = "last" if last else "more"
        return f"{self._workspace_id}|asset file|{asset_id}|{SCHEMA_VERSION}|{index}|{end}"
