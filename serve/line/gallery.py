"""Finished images of a workspace: sealed picture + sealed facts, by image id.

Rules: a picture is stored as a marked PNG and leaves only through `release` (`open_picture` asks
nobody, and is for what stays inside); one without marks is not handed out. The facts of a result
(scores, consent, pack, timings) are sealed with it.
Destroying an image destroys its keys.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from compliance import approvals
from compliance.marks import fingerprints
from compliance.marks.labels import Shows
from compliance.provenance import CertificateKind, Marked
from serve.line.marking import Finished
from workspace.errors import MarkingFailed, NotFound
from workspace.store import WorkspaceStore
from workspace.types import GenerationId, ImageId, ModelId

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
    certificate: CertificateKind | None = None  # None: made before pictures were marked
    watermark_id: str | None = None  # None: too small for one, or made before there were any
    label_applied: str = "none"
    shows: Shows = "nobody"
    edited: bool = False  # a photo whose background was changed, not drawn as a whole
    pack_licences: tuple[dict[str, str], ...] = ()  # spdx, covers, commercial
    licence_acknowledged: bool | None = None  # None: no part of the pack needs a contract
    approval_asked: bool = False  # the consent wants an answer about this image before it leaves


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
    picture: Finished,
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
    file = picture.file
    image_id = ImageId(file.image_id)
    facts = replace(
        facts,
        certificate=file.certificate,
        watermark_id=picture.watermark_id,
        label_applied=picture.label_applied,
        shows=picture.shows,
    )
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
        store.assets.put(file.data, KIND, image_id, file.media_type)
        fingerprints.note(store, image_id, picture.look, picture.watermark_id, now)
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


def made_at(store: WorkspaceStore, image_id: str) -> datetime | None:
    """When an image of this workspace was made; None if it keeps no such image."""
    row = store.db.execute("SELECT created_at FROM images WHERE id = ?", [image_id]).fetchone()
    return datetime.fromisoformat(row[0]) if row else None


def has(store: WorkspaceStore, image_id: str) -> bool:
    """Tell whether this workspace keeps an image."""
    return store.count("images", "id = ?", (image_id,)) > 0


def open_picture(store: WorkspaceStore, image_id: str) -> Marked:
    """Open an image's marked PNG.

    Raises:
        NotFound: there is no such image.
        SealBroken: it was changed or damaged.
        MarkingFailed: it was made before pictures were marked, and may not leave.
    """
    owned = store.assets.owned_by(image_id, KIND)
    if not owned:
        raise NotFound("There is no such image.")
    certificate = Facts(**store.get("images", image_id).private).certificate
    if certificate is None:
        raise MarkingFailed("The picture was made before pictures were marked; make it again.")
    return Marked(image_id, store.assets.get(owned[0]), "image/png", certificate)


def release(store: WorkspaceStore, image_id: str, scopes: Collection[str]) -> Marked:
    """Open a picture for a caller with these scopes; one that waits for an answer stays.

    Raises:
        ApprovalMissing: the person has not approved it.
        NotFound, SealBroken, MarkingFailed: see `open_picture`.
    """
    with store.transaction():  # nobody withdraws between the question and the bytes
        check_release(store, image_id, scopes)
        return open_picture(store, image_id)


def check_release(store: WorkspaceStore, image_id: str, scopes: Collection[str]) -> None:
    """Ask whether a picture may go to a caller with these scopes at this moment.

    To be asked again after slow work on a picture: somebody may have withdrawn meanwhile.

    Raises:
        ApprovalMissing: the person has not approved it, or declined it.
        NotFound: it is gone.
        SealBroken: it was changed or damaged.
    """
    with store.transaction():
        if not has(store, image_id):
            raise NotFound("There is no such image.")
        facts = Facts(**store.get("images", image_id).private)
        approvals.hold(store, image_id, facts.approval_asked, scopes)


def destroy(store: WorkspaceStore, image_id: str) -> bool:
    """Destroy one image: keys, facts, file.

    Returns:
        Whether there was one.
    """
    with store.transaction():
        for asset_id in store.assets.owned_by(image_id, KIND):
            store.assets.destroy(asset_id)
        fingerprints.forget(store, image_id)
        return store.destroy("images", image_id)


def destroy_of_model(store: WorkspaceStore, model_id: str) -> int:
    """Destroy every image that shows a custom model; return how many."""
    with store.transaction():
        rows = list(store.db.query("SELECT id FROM images WHERE model_id = ?", [model_id]))
        for row in rows:
            destroy(store, row["id"])
    return len(rows)
