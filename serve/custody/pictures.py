"""Photos that a brand brings for Model Background Swap: sealed, for some hours, then destroyed.

Rules: a photo is kept as PNG without metadata at `LONG_SIDE` at most, with the outline of whom or
what it shows; beside it the file as it came, because what is made of a photo names it as its
parent. Ids of another workspace are not found, and neither is a photo whose hours are over. It
decides nothing: what is declared is in `compliance/own_photos.py`, what a photo may be in the
route. What a photo looks like is noted with it, so that one that turns out to be a custom model's
is found again when that model goes (`alike`).
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import cv2
import numpy as np

from compliance import audit
from compliance.marks import fingerprints
from identity.photos import PhotoLimits, decode, encode_png
from serve import idempotency
from serve.line.cutout import Figure, Kind, Mask
from workspace.errors import NotFound, QuotaExceeded, SealBroken, UnsupportedImage
from workspace.rows import Row
from workspace.store import WorkspaceStore
from workspace.types import RGB, Caller, new_id

LONG_SIDE = 2048  # pixels; larger photos are shrunk, and so are the pictures made of them
MOST = 40  # photos of one workspace at a time
SWEEPER = "retention"  # the actor in the audit log
_TABLE = "pictures"
_APART = ("declared", "looks")  # of the sealed row; nothing that is shown
_PHOTO, _OUTLINE, _ORIGIN = "own_photo", "own_photo_outline", "own_photo_origin"
_STORED = PhotoLimits(max_bytes=1 << 28, max_pixels=1 << 26, max_side=1 << 14, min_side=1)


@dataclass(frozen=True, slots=True)
class Picture:
    """What is known of a photo; `kind`, `share`, `clear` and `cropped` are of its figure."""

    id: str
    width: int
    height: int
    kind: Kind
    share: float
    clear: bool
    cropped: bool
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class OwnPhoto:
    """A photo in clear, in memory only."""

    pixels: RGB
    figure: Figure
    origin: tuple[bytes, str]  # the file as it came, and its media type


def bounded(photo: RGB) -> RGB:
    """Shrink a photo to `LONG_SIDE`; a smaller one stays as it is."""
    scale = LONG_SIDE / max(photo.shape[:2])
    if scale >= 1:
        return photo
    size = (max(1, round(photo.shape[1] * scale)), max(1, round(photo.shape[0] * scale)))
    return np.asarray(cv2.resize(photo, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def add(
    store: WorkspaceStore,
    photo: RGB,
    figure: Figure,
    origin: tuple[bytes, str],
    declared: dict[str, Any],
    kept_hours: int,
    caller: Caller,
    now: datetime,
) -> str:
    """Seal a photo; return its id.

    Args:
        photo: `bounded` pixels.
        figure: Found in these pixels.
        origin: The file as it came, and its media type.
        declared: From `own_photos.declared`; kept with the photo.

    Raises:
        QuotaExceeded: `MOST` photos are there already.
        StorageFull: nothing is left behind.
    """
    picture_id = new_id("pic")
    private = {
        "width": photo.shape[1],
        "height": photo.shape[0],
        "kind": figure.kind,
        "share": figure.share,
        "clear": figure.clear,
        "cropped": figure.cropped,
        "declared": declared,
        "looks": list(fingerprints.looks_of(photo)),
    }
    files = (
        (encode_png(photo), _PHOTO, "image/png"),
        (_as_png(figure.alpha), _OUTLINE, "image/png"),
        (origin[0], _ORIGIN, origin[1]),
    )
    with store.transaction():
        if store.count(_TABLE) >= MOST:
            raise QuotaExceeded(f"{MOST} photos are kept at a time; remove one first.")
        ends = now + timedelta(hours=kept_hours)
        store.put(
            _TABLE,
            picture_id,
            private,
            created_at=now.isoformat(),
            expires_at=ends.isoformat(),
        )
        for content, kind, media_type in files:
            store.assets.put(content, kind, picture_id, media_type)
        facts = {"declared": declared["version"]}
        audit.append(store, "picture.added", picture_id, caller.actor, now, **facts)
    return picture_id


def get(store: WorkspaceStore, picture_id: str, now: datetime) -> Picture:
    """Look one up.

    Raises:
        NotFound: there is none, or its hours are over.
    """
    if not store.count(_TABLE, "id = ? AND expires_at > ?", (picture_id, now.isoformat())):
        raise _missing()
    return of_row(store.get(_TABLE, picture_id))


def has(store: WorkspaceStore, picture_id: str) -> bool:
    """Tell whether a photo was not destroyed yet, whether or not its hours are over."""
    return store.count(_TABLE, "id = ?", (picture_id,)) > 0


def of_row(row: Row) -> Picture:
    """Read a row of the pictures table."""
    known = {name: value for name, value in row.private.items() if name not in _APART}
    created, expires = (
        datetime.fromisoformat(row.columns[name]) for name in ("created_at", "expires_at")
    )
    return Picture(id=row.id, **known, created_at=created, expires_at=expires)


def open_(store: WorkspaceStore, picture_id: str, now: datetime) -> OwnPhoto:
    """Open a photo with its outline and its file.

    Raises:
        NotFound: there is none, or its hours are over.
    """
    known = get(store, picture_id, now)
    outline = decode(_file(store, picture_id, _OUTLINE)[0], _STORED)
    alpha = np.ascontiguousarray(outline[..., 0])
    figure = Figure(alpha, known.kind, known.share, known.clear, known.cropped)
    pixels = decode(_file(store, picture_id, _PHOTO)[0], _STORED)
    return OwnPhoto(pixels, figure, _file(store, picture_id, _ORIGIN))


def open_photo(store: WorkspaceStore, picture_id: str, now: datetime) -> bytes:
    """Open the photo's PNG.

    Raises:
        NotFound: there is none, or its hours are over.
    """
    get(store, picture_id, now)
    return _file(store, picture_id, _PHOTO)[0]


def destroy(store: WorkspaceStore, picture_id: str, actor: str, now: datetime) -> None:
    """Erase a photo: keys first, then row and files.

    Raises:
        NotFound: there is none.
    """
    with store.transaction():
        if not store.count(_TABLE, "id = ?", (picture_id,)):
            raise _missing()
        for asset_id in store.assets.owned_by(picture_id):
            store.assets.destroy(asset_id)
        store.destroy(_TABLE, picture_id)
        idempotency.forget(store, picture_id)
        audit.append(store, "picture.erased", picture_id, actor, now)


def looks(store: WorkspaceStore, picture_id: str) -> tuple[str, ...]:
    """What a photo looks like, in every way up.

    Raises:
        NotFound, SealBroken: it can't be opened.
    """
    known = store.get(_TABLE, picture_id).private.get("looks")
    if known is None:  # brought before looks were noted
        return fingerprints.looks_of(decode(_file(store, picture_id, _PHOTO)[0], _STORED))
    return tuple(known)


def alike(store: WorkspaceStore, wanted: Collection[str]) -> list[str]:
    """Find the photos that are the same picture as one of these looks; their ids."""
    found: list[str] = []
    for row in list(store.raw(_TABLE)) if wanted else ():
        picture_id = str(row["id"])
        # One that nobody can open is no photo any more: nothing is made of it.
        with suppress(NotFound, SealBroken, UnsupportedImage):
            if fingerprints.are_near(looks(store, picture_id), wanted):
                found.append(picture_id)
    return found


def sweep(store: WorkspaceStore, now: datetime, due: datetime | None = None) -> None:
    """Erase the photos whose hours are over, by `due` where it is another than now."""
    ended = list(store.raw(_TABLE, "expires_at <= ?", ((due or now).isoformat(),)))
    for row in ended:
        destroy(store, str(row["id"]), SWEEPER, now)


def _file(store: WorkspaceStore, picture_id: str, kind: str) -> tuple[bytes, str]:
    row = next(store.raw("assets", "owner_id = ? AND kind = ?", (picture_id, kind)), None)
    if row is None:
        raise _missing()
    return store.assets.get(row["id"]), str(row["media_type"])


def _as_png(alpha: Mask) -> bytes:
    return encode_png(np.repeat(alpha[..., None], 3, axis=2))


def _missing() -> NotFound:
    return NotFound("There is no such photo, or its time is over.")
