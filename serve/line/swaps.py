"""Model Background Swap: the caller's own photo, and a scene that the pack draws from words.

Rules: custom models are refused before anything else (`rules.tool_takes_no_model`), and so is a
photo that became a custom model's after it was brought. The scene is
drawn without references, in the pack's size that is closest to the photo; whom the pack draws into
it is painted out, and a scene with a face left in it fails. The finished picture is as large as the
photo, which stays as it is inside its outline, but for its light (`compose.py`).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from identity import likeness
from serve.custody import pictures
from serve.custody.pictures import OwnPhoto
from serve.line import compose, scoring
from serve.line.asked import Asked
from workspace.errors import EngineFailed, InvalidRequest, NotFound, ToolNotAllowed
from workspace.ports import FaceEncoder
from workspace.store import WorkspaceStore
from workspace.types import RGB, Face, PackSummary, Tool

# What is added to the caller's words where a pack says nothing better of itself.
SCENE_WORDS = "empty scene, background only, nobody"


def fitted(store: WorkspaceStore, asked: Asked, pack: PackSummary, now: datetime) -> Asked:
    """Hold the request to its photo: the pack's size that is closest to it.

    Raises:
        InvalidRequest: the tool lacks a photo or gets a product, or another tool gets a photo.
        NotFound: the photo is not there (any more).
        ToolNotAllowed: it is a photo of a custom model.
    """
    if asked.tool is not Tool.BACKGROUND_SWAP:
        if asked.picture_id is not None:
            raise InvalidRequest("Only background_swap takes a photo.", (), None, "/picture_id")
        return asked
    if asked.product_ids:
        raise InvalidRequest("background_swap takes no product.", (), None, "/product_ids")
    if asked.picture_id is None:
        raise InvalidRequest("background_swap needs a photo.", (), None, "/picture_id")
    try:
        photo = pictures.get(store, asked.picture_id, now)
    except NotFound as error:
        raise NotFound(error.detail, (), None, "/picture_id") from error
    if likeness.shown_in(store, pictures.looks(store, photo.id)) is not None:
        detail = "This is a photo of a custom model, which this tool never takes."
        raise ToolNotAllowed(detail, (), None, "/picture_id")
    ratio = compose.nearest_ratio((photo.height, photo.width), pack.sizes)
    return replace(asked, aspect_ratio=ratio)


def check_photo(store: WorkspaceStore, asked: Asked) -> None:
    """Ask whether the photo is still there; to be asked again before anything is published.

    Raises:
        NotFound: it was erased, or was destroyed with a custom model, while the scene was drawn.
    """
    if asked.picture_id is not None and not pictures.has(store, asked.picture_id):
        raise NotFound("The photo is not there any more.", (), None, "/picture_id")


def scene_words(prompt: str, photo: OwnPhoto, pack: PackSummary) -> str:
    """What the pack is asked for: the caller's words, and those that make it an empty scene."""
    standing, cropped = pack.scene_words or (SCENE_WORDS, SCENE_WORDS)
    return f"{prompt}, {cropped if photo.figure.cropped else standing}"


def composed(photo: OwnPhoto, scene: RGB, encoder: FaceEncoder, seed: int) -> RGB:
    """Lay the photo's figure before a drawn scene.

    Raises:
        EngineFailed: somebody is left in the scene.
    """
    faces = _faces(encoder, scene)
    empty = compose.without_people(scene, faces)
    if faces and _faces(encoder, empty):
        raise EngineFailed("The scene shows a person who is not in your photo.")
    return compose.compose(photo.pixels, photo.figure, empty, seed)


def _faces(encoder: FaceEncoder, scene: RGB) -> tuple[Face, ...]:
    """Faces in a drawn scene, in its own pixels; no template is built."""
    large = scoring.enlarged(scene)
    scale = scene.shape[0] / large.shape[0]
    return tuple(
        replace(
            face,
            box=tuple(value * scale for value in face.box),
            landmarks=tuple((x * scale, y * scale) for x, y in face.landmarks),
        )
        for face in encoder.detect(large)
    )
