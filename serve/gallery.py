"""Finished images of a workspace: sealed picture + sealed facts, by image id.

Rules: a picture is stored as PNG without metadata and leaves only through `open_picture`; the
facts of a result (scores, consent, pack, timings) are sealed with it. Destroying an image destroys
its keys.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

from identity.photos import encode_png
from workspace.errors import NotFound
from workspace.store import WorkspaceStore
from workspace.types import RGB, GenerationId, ImageId, ModelId, new_id

KIND = "image"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one image beside its picture. Scores: see `scoring.py`; times in seconds."""

    width: int
    height: int
    identity_score: float | None
    product_score: float | None
    model_version: int | None
    consent_id: str | None
    pack: str
    weights_digest: str
    engine: str
    queued_seconds: float
    render_seconds: float
    total_seconds: float


@dataclass(frozen=True, slots=True)
class Image:
    id: ImageId
    generation_id: GenerationId
    k: int
    seed: int
    created_at: datetime
    facts: Facts


def put(
    store: WorkspaceStore,
    picture: RGB,
    facts: Facts,
    generation_id: GenerationId,
    k: int,
    seed: int,
    model_id: ModelId | None,
    now: datetime,
) -> ImageId:
    """Seal one image; part of the caller's transaction.

    Raises:
        StorageFull: nothing is left behind.
    """
    image_id = ImageId(new_id("img"))
    with store.transaction():
        store.put(
            "images",
            image_id,
            asdict(facts),
            generation_id=generation_id,
            k=k,
            model_id=model_id,
            seed=seed,
            created_at=now.isoformat(),
        )
        store.assets.put(encode_png(picture), KIND, image_id, "image/png")
    return image_id


def of_generation(store: WorkspaceStore, generation_id: str) -> list[Image]:
    """The images of a generation, in the order of their seeds."""
    return [
        Image(
            ImageId(row.id),
            GenerationId(row.columns["generation_id"]),
            row.columns["k"],
            row.columns["seed"],
            datetime.fromisoformat(row.columns["created_at"]),
            Facts(**row.private),
        )
        for row in store.find("images", "generation_id = ?", (generation_id,), order_by="k")
    ]


def open_picture(store: WorkspaceStore, image_id: str) -> bytes:
    """Open an image's PNG.

    Raises:
        NotFound: there is no such image.
        SealBroken: it was changed or damaged.
    """
    owned = store.assets.owned_by(image_id, KIND)
    if not owned:
        raise NotFound("There is no such image.")
    return store.assets.get(owned[0])


def destroy_of_model(store: WorkspaceStore, model_id: str) -> int:
    """Destroy every image that shows a custom model; return how many."""
    with store.transaction():
        rows = list(store.db.query("SELECT id FROM images WHERE model_id = ?", [model_id]))
        for row in rows:
            for asset_id in store.assets.owned_by(row["id"]):
                store.assets.destroy(asset_id)
            store.destroy("images", row["id"])
    return len(rows)
