"""The likeness of one custom model: two reference photos and a face vector, sealed.

Every part is an asset of its own under its own key, owned by the model. Destroying the assets
destroys the keys, and with them the likeness; nothing clear is ever written. The photos are sealed
at enrolment; the vector joins them in `save`, only after consent is on record. Beside them is noted
what each photo looks like as a picture (`looks`: nothing of a face), so that it is recognised where
custom models are never taken.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from compliance.marks import fingerprints
from identity import photos
from workspace.errors import NotFound, SealBroken, UnsupportedImage
from workspace.store import WorkspaceStore
from workspace.types import RGB, AssetId, Embedding, Face, ModelId, PhotoKind

PHOTOS: tuple[PhotoKind, ...] = ("full_body", "close_up")
VECTOR = "likeness"  # kind of the asset with the vector and the places of the faces
EVIDENCE = "evidence"
_STORED = photos.PhotoLimits(max_bytes=1 << 30, max_pixels=1 << 28, max_side=1 << 14, min_side=1)


@dataclass(frozen=True, slots=True)
class Likeness:
    """An opened likeness. Keep it no longer than the generation it was opened for."""

    close_up: RGB
    full_body: RGB
    embedding: Embedding  # of the face in the close-up
    face: Face  # in the close-up
    full_body_face: Face


def save_photos(store: WorkspaceStore, model_id: ModelId, full_body: RGB, close_up: RGB) -> None:
    """Seal both reference photos, upright and without metadata.

    Raises:
        StorageFull: nothing is left behind.
    """
    pixels = (full_body, close_up)
    _seal(store, model_id, [photos.encode(image, "jpeg")[0] for image in pixels], pixels)


def save_files(store: WorkspaceStore, model_id: ModelId, full_body: bytes, close_up: bytes) -> None:
    """Seal both reference photos as they are: JPEG files that this appliance wrote.

    Raises:
        StorageFull: nothing is left behind.
        UnsupportedImage: one of them is no picture.
    """
    files = (full_body, close_up)
    _seal(store, model_id, files, [decode_stored(data) for data in files])


def save(
    store: WorkspaceStore,
    model_id: ModelId,
    embedding: Embedding,
    face: Face,
    full_body_face: Face,
) -> None:
    """Seal the face vector beside the photos; the likeness is complete.

    Raises:
        StorageFull: nothing is left behind.
    """
    content = {
        "encoder_id": embedding.encoder_id,
        "vector": [float(number) for number in embedding.vector],
        "face": face_as_json(face),
        "full_body_face": face_as_json(full_body_face),
    }
    store.assets.put(json.dumps(content).encode(), VECTOR, model_id, "application/json")


def photo(store: WorkspaceStore, model_id: ModelId, kind: PhotoKind) -> tuple[bytes, str]:
    """Open one reference photo as a file: its bytes and media type.

    Raises:
        NotFound: the model has none (any more).
        SealBroken: it was changed or damaged.
    """
    return store.assets.get(_only(store, model_id, kind)), photos.MEDIA_TYPES["jpeg"]


def open_photos(store: WorkspaceStore, model_id: ModelId) -> tuple[RGB, RGB]:
    """Open both reference photos as pixels: full body, close-up.

    Raises:
        NotFound: the model has none (any more).
        SealBroken: one of them was changed or damaged.
    """
    full_body, close_up = (decode_stored(photo(store, model_id, kind)[0]) for kind in PHOTOS)
    return full_body, close_up


def decode_stored(data: bytes) -> RGB:
    """Decode a photo that was kept here, whatever its size.

    Raises:
        UnsupportedImage: it is damaged.
    """
    return photos.decode(data, _STORED)


def open_likeness(store: WorkspaceStore, model_id: ModelId) -> Likeness:
    """Open the likeness of a ready model.

    Raises:
        NotFound: there is none (any more).
        SealBroken: a part of it was changed or damaged.
    """
    content = _vector(store, _only(store, model_id, VECTOR))
    full_body, close_up = open_photos(store, model_id)
    return Likeness(
        close_up=close_up,
        full_body=full_body,
        embedding=_embedding(content),
        face=face_from_json(content["face"]),
        full_body_face=face_from_json(content["full_body_face"]),
    )


def embeddings(store: WorkspaceStore) -> dict[ModelId, Embedding]:
    """Open the face vectors of all models of the workspace, to look for duplicates.

    Raises:
        SealBroken: one of them was changed or damaged.
    """
    return dict(vectors(store).values())


def vectors(
    store: WorkspaceStore, known: Mapping[AssetId, tuple[ModelId, Embedding]] | None = None
) -> dict[AssetId, tuple[ModelId, Embedding]]:
    """Open the face vectors of all models, by the asset that holds each.

    Args:
        store: Whose models.
        known: What was opened a moment ago; only what came since is opened now.

    Raises:
        SealBroken: one of them was changed or damaged.
        NotFound: one was erased meanwhile.
    """
    opened = known or {}
    rows = store.db.query("SELECT id, owner_id FROM assets WHERE kind = ?", [VECTOR])
    return {
        AssetId(row["id"]): opened.get(row["id"])
        or (ModelId(row["owner_id"]), _embedding(_vector(store, AssetId(row["id"]))))
        for row in rows
    }


def looks(store: WorkspaceStore, model_id: ModelId) -> tuple[str, ...]:
    """What the two reference photos look like; empty when there are none (any more).

    Of a model that was made before looks were noted, they are noted now.
    """
    with store.transaction():
        try:
            known = store.note(_looks(model_id))
        except SealBroken:
            known = None
        if known is None:
            try:
                pixels = open_photos(store, model_id)
            except (NotFound, SealBroken, UnsupportedImage):
                return ()
            known = {"looks": [fingerprints.look_of(image) for image in pixels]}
            store.put_note(_looks(model_id), known)
    return tuple(known["looks"])


def shown_in(store: WorkspaceStore, wanted: Sequence[str]) -> ModelId | None:
    """Find a model whose reference photo is the same picture as one of these looks.

    It compares pictures, not people: a photo's sizes and formats are seen through, a crop is not.
    """
    sql = (
        "SELECT DISTINCT owner_id FROM assets WHERE kind = ?"
        " AND owner_id IN (SELECT id FROM models)"  # photos of drafts have the same kind
    )
    for row in list(store.db.query(sql, [PHOTOS[0]])):
        model_id = ModelId(row["owner_id"])
        if fingerprints.are_near(wanted, looks(store, model_id)):
            return model_id
    return None


def destroy(store: WorkspaceStore, model_id: ModelId) -> dict[str, int]:
    """Erase photos, vector and evidence of a model for good; counts what there was, by kind."""
    counts: dict[str, int] = {}
    with store.transaction():
        for kind in (*PHOTOS, VECTOR, EVIDENCE):
            found = store.assets.owned_by(model_id, kind)
            for asset_id in found:
                store.assets.destroy(asset_id)
            if found:
                counts[kind] = len(found)
        store.destroy("meta", _looks(model_id))
    return counts


def face_as_json(face: Face) -> dict[str, Any]:
    """Write where a face is as plain JSON; `face_from_json` reads it back."""
    return {
        "box": list(face.box),
        "landmarks": [list(point) for point in face.landmarks],
        "score": face.score,
    }


def face_from_json(content: dict[str, Any]) -> Face:
    """Read a face that `face_as_json` wrote."""
    left, top, right, bottom = content["box"]
    landmarks = tuple((float(x), float(y)) for x, y in content["landmarks"])
    return Face((left, top, right, bottom), landmarks, content["score"])


def _seal(
    store: WorkspaceStore, model_id: ModelId, files: Sequence[bytes], pixels: Sequence[RGB]
) -> None:
    seen = {"looks": [fingerprints.look_of(image) for image in pixels]}
    with store.transaction():
        for kind, data in zip(PHOTOS, files, strict=True):
            store.assets.put(data, kind, model_id, photos.MEDIA_TYPES["jpeg"])
        store.put_note(_looks(model_id), seen)


def _looks(model_id: ModelId) -> str:
    return f"looks {model_id}"


def _only(store: WorkspaceStore, model_id: ModelId, kind: str) -> AssetId:
    found = store.assets.owned_by(model_id, kind)
    if not found:
        raise NotFound("This model has no likeness.")
    return found[-1]


def _vector(store: WorkspaceStore, asset_id: AssetId) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(store.assets.get(asset_id))
    except ValueError as error:
        raise SealBroken("A likeness is not what was stored.") from error
    return content


def _embedding(content: dict[str, Any]) -> Embedding:
    return Embedding(np.array(content["vector"], np.float32), content["encoder_id"])
