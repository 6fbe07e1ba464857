"""Products of a workspace: one garment photo each, sealed.

Rules: the photo is kept as PNG without metadata, its name and category sealed. Beside it is the
garment's outline, where one was found clearly: the packs then see the garment on a plain ground.
Its category is guessed from the outline and only ever a suggestion; what the caller says counts,
and neither is needed for anything. A product that is deleted is erased; generations that still
wait for it fail with `not_found`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import cv2
import numpy as np

from compliance import audit
from identity.photos import PhotoLimits, decode, encode_png
from serve.line import cutout, garments
from serve.line.cutout import Figure
from workspace.errors import NotFound, QuotaExceeded
from workspace.plans import Plan
from workspace.rows import Row
from workspace.store import WorkspaceStore
from workspace.types import RGB, Caller, ProductId, new_id

KIND = "product_photo"
ORIGIN = "product_origin"  # the file as it came, kept only when it carries marks of its own
OUTLINE = "product_outline"
GROUND = (234, 234, 236)  # what a cut-out garment lies on: a pale studio, as packs know it
LONG_SIDE = 2048  # pixels; larger photos are shrunk, no pack looks at more of a garment
STORED = PhotoLimits(max_bytes=1 << 28, max_pixels=1 << 26, max_side=1 << 14, min_side=1)
_TABLE = "products"


@dataclass(frozen=True, slots=True)
class Product:
    id: ProductId
    name: str
    category: str
    width: int
    height: int
    suggested_category: str | None  # by the garment's shape
    background_removed: bool
    created_at: datetime


def add(
    store: WorkspaceStore,
    plan: Plan,
    photo: RGB,
    name: str,
    category: str,
    caller: Caller,
    now: datetime,
    origin: tuple[bytes, str] | None = None,
) -> ProductId:
    """Seal a garment photo as a new product.

    Args:
        origin: The uploaded file and its media type, when it carries a C2PA manifest: whatever is
            made from it keeps that manifest as an ingredient.

    Raises:
        QuotaExceeded: the plan has no room for another product.
        StorageFull: nothing is left behind.
    """
    product_id = ProductId(new_id("prd"))
    photo = _bounded(photo)
    picture = encode_png(photo)
    figure = cutout.garment(photo)
    suggested = garments.category(figure.alpha) if figure else None
    with store.transaction():
        if store.count(_TABLE) >= plan.max_products:
            raise QuotaExceeded(f"The plan {plan.name} holds {plan.max_products} products.")
        store.put(
            _TABLE,
            product_id,
            {
                "name": name,
                "category": category,
                "width": photo.shape[1],
                "height": photo.shape[0],
                "suggested_category": suggested,
                "background_removed": bool(figure and figure.clear),
            },
            category="",  # a caller's word: sealed, never in clear
            created_at=now.isoformat(),
        )
        store.assets.put(picture, KIND, product_id, "image/png")
        if figure is not None and figure.clear:
            store.assets.put(encode_png(_grey(figure)), OUTLINE, product_id, "image/png")
        if origin is not None:
            store.assets.put(origin[0], ORIGIN, product_id, origin[1])
        audit.append(store, "product.added", product_id, caller.actor, now)
    return product_id


def get(store: WorkspaceStore, product_id: str) -> Product:
    """Look one up.

    Raises:
        NotFound: there is no such product.
    """
    return of_row(store.get(_TABLE, product_id))


def of_row(row: Row) -> Product:
    """Read a row of the products table."""
    return Product(
        ProductId(row.id),
        row.private["name"],
        row.private.get("category", ""),
        row.private["width"],
        row.private["height"],
        row.private.get("suggested_category"),  # products from before have none
        row.private.get("background_removed", False),
        datetime.fromisoformat(row.columns["created_at"]),
    )


def open_photo(store: WorkspaceStore, product_id: str) -> bytes:
    """Open the photo's PNG.

    Raises:
        NotFound: there is no such product.
    """
    owned = store.assets.owned_by(product_id, KIND)
    if not owned:
        raise NotFound("There is no such product.")
    return store.assets.get(owned[0])


def open_origin(store: WorkspaceStore, product_id: str) -> tuple[bytes, str] | None:
    """Open the uploaded file, with its media type, if it came with marks; else None."""
    row = next(store.raw("assets", "owner_id = ? AND kind = ?", (product_id, ORIGIN)), None)
    return (store.assets.get(row["id"]), str(row["media_type"])) if row else None


def change(
    store: WorkspaceStore,
    product_id: str,
    name: str | None,
    category: str | None,
    caller: Caller,
    now: datetime,
) -> None:
    """Give a product another name or category; None leaves it as it is.

    Raises:
        NotFound: there is no such product.
    """
    with store.transaction():
        private = dict(store.get(_TABLE, product_id).private)
        given = {"name": name, "category": category}
        private |= {key: value for key, value in given.items() if value is not None}
        store.put(_TABLE, product_id, private)
        audit.append(store, "product.changed", product_id, caller.actor, now)


def open_outline(store: WorkspaceStore, product_id: str) -> RGB | None:
    """Open the garment's outline, white on black; None where it was not found clearly."""
    owned = store.assets.owned_by(product_id, OUTLINE)
    return decode(store.assets.get(owned[0]), STORED) if owned else None


def destroy(store: WorkspaceStore, product_id: str, caller: Caller, now: datetime) -> None:
    """Erase a product: keys first, then row and file.

    Raises:
        NotFound: there is no such product.
    """
    with store.transaction():
        if not store.count(_TABLE, "id = ?", (product_id,)):
            raise NotFound("There is no such product.")
        for asset_id in store.assets.owned_by(product_id):
            store.assets.destroy(asset_id)
        store.destroy(_TABLE, product_id)
        audit.append(store, "product.erased", product_id, caller.actor, now)


def read_photo(store: WorkspaceStore, product_id: str) -> RGB:
    """Open the photo as pixels.

    Raises:
        NotFound: there is no such product.
    """
    return decode(open_photo(store, product_id), STORED)


def read_isolated(store: WorkspaceStore, product_id: str) -> RGB:
    """Open the garment on a plain ground; the whole photo where its outline is not known.

    Raises:
        NotFound: there is no such product.
    """
    photo, outline = read_photo(store, product_id), open_outline(store, product_id)
    if outline is None or outline.shape != photo.shape:
        return photo
    share = outline.astype(np.float32) / 255
    mixed = photo * share + np.array(GROUND, np.float32) * (1 - share)
    return np.asarray(mixed + 0.5, np.uint8)


def _grey(figure: Figure) -> RGB:
    return np.repeat(figure.alpha[..., None], 3, axis=2)


def _bounded(photo: RGB) -> RGB:
    scale = LONG_SIDE / max(photo.shape[:2])
    if scale >= 1:
        return photo
    size = (max(1, round(photo.shape[1] * scale)), max(1, round(photo.shape[0] * scale)))
    return np.asarray(cv2.resize(photo, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
