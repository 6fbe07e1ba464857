"""What a picture looks like in 256 bits, and which of a workspace's own pictures looks the same.

    look = look_of(picture)                          # 64 hexadecimal digits
    note(store, image_id, look, watermark_id, now)   # part of the transaction that keeps the image
    nearest(store, look), of_watermark(store, mark)

Rules: looks and watermark ids are sealed, one row per image; a picture is only ever compared with
those of the workspace that asks. The opened rows stay in memory with the workspace's store and are
brought up to date before each look-up; `forget` drops one at once. A look is the sign pattern of
the picture's low frequencies: it survives other sizes and formats; the watermark survives crops.
"""

from __future__ import annotations

import threading
import weakref
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from workspace.errors import NotFound, SealBroken
from workspace.store import WorkspaceStore
from workspace.types import RGB

BITS = 256
NEAR = 26  # bits that may differ between two files of one picture; docs/provenance.md has figures
_SIDE = 64  # pixels that a picture is shrunk to, both ways
_TABLE = "fingerprints"


@dataclass(frozen=True, slots=True)
class Near:
    """An image of this workspace that looks the same; `distance` of 256 bits differ."""

    image_id: str
    distance: int


@dataclass(slots=True)
class _Index:
    """The opened rows of one store: image id -> look, and watermark id -> image id."""

    looks: dict[str, NDArray[np.uint64]] = field(default_factory=dict)
    marks: dict[str, str] = field(default_factory=dict)

    def drop(self, image_id: str) -> None:
        self.looks.pop(image_id, None)
        for mark in [mark for mark, owner in self.marks.items() if owner == image_id]:
            del self.marks[mark]


_indexes: weakref.WeakKeyDictionary[WorkspaceStore, _Index] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def look_of(picture: RGB) -> str:
    """Compute a picture's look, 64 hexadecimal digits."""
    grey: Any = cv2.resize(picture, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    waves = cv2.dct(cv2.cvtColor(grey, cv2.COLOR_RGB2GRAY).astype(np.float32))
    low = np.asarray(waves[:16, :16]).ravel().copy()
    low[0] = 0.0  # the mean brightness says nothing
    return np.packbits(low > np.median(low)).tobytes().hex()


def distance(left: str, right: str) -> int:
    """Count the bits that differ."""
    return (int(left, 16) ^ int(right, 16)).bit_count()


def note(store: WorkspaceStore, image_id: str, look: str, mark: str | None, now: datetime) -> None:
    """Remember an image's look and watermark; part of the caller's transaction."""
    private = {"look": look, "watermark": mark}
    store.put(_TABLE, image_id, private, created_at=now.isoformat())


def forget(store: WorkspaceStore, image_id: str) -> None:
    """Destroy what is remembered of an image, in the store and in memory."""
    store.destroy(_TABLE, image_id)
    with _lock:
        if store in _indexes:
            _indexes[store].drop(image_id)


def nearest(store: WorkspaceStore, look: str) -> Near | None:
    """Find the image of this workspace that looks the most alike; None if none is near."""
    wanted = _packed(look)
    with _lock:
        index = _current(store)
        if not index.looks:
            return None
        ids = list(index.looks)
        differ = np.bitwise_count(np.stack([index.looks[one] for one in ids]) ^ wanted).sum(axis=1)
        best = int(np.argmin(differ))
    found = Near(ids[best], int(differ[best]))
    return found if found.distance <= NEAR else None


def of_watermark(store: WorkspaceStore, mark: str) -> str | None:
    """Find the image of this workspace that carries a watermark."""
    with _lock:
        return _current(store).marks.get(mark)


def _current(store: WorkspaceStore) -> _Index:
    """Bring the opened rows up to date; one that is damaged is left out."""
    index = _indexes.setdefault(store, _Index())
    kept = {str(row["id"]) for row in store.db.query(f"SELECT id FROM {_TABLE}")}
    for gone in set(index.looks) - kept:
        index.drop(gone)
    for image_id in kept - set(index.looks):
        try:
            private = store.get(_TABLE, image_id).private
        except (NotFound, SealBroken):
            continue
        index.looks[image_id] = _packed(private["look"])
        if private["watermark"]:
            index.marks[private["watermark"]] = image_id
    return index


def _packed(look: str) -> NDArray[np.uint64]:
    return np.frombuffer(bytes.fromhex(look), np.uint64)
