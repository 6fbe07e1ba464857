"""What a picture looks like in 256 bits, and which of a workspace's own pictures looks the same.

    look = look_of(picture)                          # 64 hexadecimal digits
    note(store, image_id, look, watermark_id, now)   # part of the transaction that keeps the image
    nearest(store, look), of_watermark(store, mark)
    all_near(store, looks_of(picture))               # turned and mirrored ones, too

Rules: looks and watermark ids are sealed, one row per image; a picture is only ever compared with
those of the workspace that asks. The opened rows stay in memory with the workspace's store and are
brought up to date before each look-up; `forget` drops one at once. A look is the sign pattern of
the picture's low frequencies: it survives other sizes and formats; the watermark survives crops.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterable, Iterator
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
    return _look(_small(picture))


def looks_of(picture: RGB) -> tuple[str, ...]:
    """Compute the looks of a picture in its eight ways up: as it is, turned, and mirrored."""
    small = _small(picture)
    sides = (small, small[:, ::-1])
    return tuple(_look(np.rot90(side, turns)) for side in sides for turns in range(4))


def _small(picture: RGB) -> NDArray[np.float32]:
    grey: Any = cv2.resize(picture, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(grey, cv2.COLOR_RGB2GRAY), np.float32)


def _look(small: NDArray[np.float32]) -> str:
    waves = cv2.dct(np.ascontiguousarray(small))
    low = np.asarray(waves[:16, :16]).ravel().copy()
    low[0] = 0.0  # the mean brightness says nothing
    return np.packbits(low > np.median(low)).tobytes().hex()


def distance(left: str, right: str) -> int:
    """Count the bits that differ."""
    return (int(left, 16) ^ int(right, 16)).bit_count()


def are_near(looks: Iterable[str], others: Iterable[str]) -> bool:
    """Tell whether any of these looks is that of the same picture as any of the others."""
    known = tuple(others)
    return any(distance(look, other) <= NEAR for look in looks for other in known)


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
    index, wanted = _current(store), _packed(look)
    with _lock:
        known = list(index.looks.items())
    if not known:
        return None
    differ = np.bitwise_count(np.stack([each for _, each in known]) ^ wanted).sum(axis=1)
    best = int(np.argmin(differ))
    found = Near(known[best][0], int(differ[best]))
    return found if found.distance <= NEAR else None


def all_near(store: WorkspaceStore, looks: Iterable[str]) -> list[str]:
    """Find every image of this workspace that looks like one of these, not the closest only."""
    index, wanted = _current(store), [_packed(look) for look in looks]
    with _lock:
        known = list(index.looks.items())
    if not known or not wanted:
        return []
    every = np.stack([each for _, each in known])
    least = np.min([np.bitwise_count(every ^ look).sum(axis=1) for look in wanted], axis=0)
    return [known[k][0] for k in np.flatnonzero(least <= NEAR)]


def of_watermark(store: WorkspaceStore, mark: str) -> str | None:
    """Find the image of this workspace that carries a watermark."""
    index = _current(store)
    with _lock:
        return index.marks.get(mark)


def _current(store: WorkspaceStore) -> _Index:
    """Bring the opened rows up to date; one that is damaged is left out."""
    kept = {str(row["id"]) for row in store.db.query(f"SELECT id FROM {_TABLE}")}
    with _lock:
        index = _indexes.setdefault(store, _Index())
        known = set(index.looks)
    # NOTE: rows are read without our lock: whoever destroys one holds the store's lock, then ours.
    opened = dict(_opened(store, kept - known))
    with _lock:
        for gone in known - kept:
            index.drop(gone)
        for image_id, private in opened.items():
            index.looks[image_id] = _packed(private["look"])
            if private["watermark"]:
                index.marks[private["watermark"]] = image_id
    return index


def _opened(store: WorkspaceStore, ids: set[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    for image_id in ids:
        try:
            yield image_id, store.get(_TABLE, image_id).private
        except (NotFound, SealBroken):
            continue


def _packed(look: str) -> NDArray[np.uint64]:
    return np.frombuffer(bytes.fromhex(look), np.uint64)
