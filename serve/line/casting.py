"""The pictures of a fictional person: from the pack's cast, or drawn by the pack from words.

A pack that draws people from words makes a candidate by two ordinary generations, through the same
queue and the same checks and marks as any other: first the full body from words alone, then the
close-up with that full body as reference. Their images stay among the workspace's past results. A
cast's pictures are files of the pack.

Nothing here decides who becomes a model (`identity/synthetic.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from compliance.provenance import Marker
from compliance.synthetic import Attributes, SyntheticTexts
from identity import candidates, likeness, synthetic
from identity.candidates import Candidate
from identity.cast import Cast
from identity.photos import decode
from serve.line import gallery, marking
from serve.line.asked import Asked
from serve.line.products import STORED
from workspace.errors import ImageCheckFailed, NotFound, NotReady
from workspace.ports import FaceEncoder
from workspace.store import WorkspaceStore
from workspace.types import RGB, Caller, Face, Gender, GenerationStatus, PhotoKind, Tool

PURPOSE = CHANNEL = "internal"
LABEL_REASON = "A reference picture of a fictional person; what is made from it is labelled."
State = Literal["drawing", "full_body", "drawing_close_up", "complete", "failed"]
_LIVE = (GenerationStatus.QUEUED, GenerationStatus.RUNNING)


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a candidate is."""

    state: State
    images: dict[str, str]  # kind of picture -> image id, where the pack drew it
    waiting_for: str | None  # the generation that is drawn now, or that failed


def full_body_asked(
    texts: SyntheticTexts, gender: Gender, wanted: Attributes, n: int, seed: int
) -> Asked:
    """Ask for the full bodies of `n` fictional people, from words alone."""
    return _asked(texts.prompt("full_body", gender, wanted), n, seed, None)


def close_up_asked(texts: SyntheticTexts, one: Candidate, seed: int) -> Asked:
    """Ask for the close-up of a candidate, with the full body as reference."""
    return _asked(texts.prompt("close_up", one.gender, one.wanted), 1, seed, one.id)


def drew_candidate(asked: Asked) -> bool:
    """Tell whether a request drew a candidate, full body or close-up; nobody else may go on it."""
    return asked.candidate_id is not None or asked.label_reason == LABEL_REASON


def standing(store: WorkspaceStore, one: Candidate) -> Standing:
    """Say how far a candidate is, from the generations that draw it."""
    if one.person is not None:
        return Standing("complete", {}, None)
    drawn: dict[str, str] = {}
    steps: tuple[tuple[PhotoKind, str | None, int], ...] = (
        ("full_body", one.generation_id, one.k),
        ("close_up", one.close_up_id, 0),
    )
    for kind, generation_id, k in steps:
        if generation_id is None:
            return Standing("full_body", drawn, None)
        status = _status(store, generation_id)
        if status in _LIVE:
            state: State = "drawing" if kind == "full_body" else "drawing_close_up"
            return Standing(state, drawn, generation_id)
        image = _image(store, generation_id, k)
        if image is None:
            # A close-up that failed is asked for again; without a full body there is nobody.
            return Standing("full_body" if drawn else "failed", drawn, generation_id)
        drawn[kind] = image
    return Standing("complete", drawn, None)


def file(
    store: WorkspaceStore,
    cast: Cast | None,
    marker: Marker,
    one: Candidate,
    kind: PhotoKind,
    caller: Caller,
) -> bytes:
    """One of a candidate's two pictures as JPEG: a file of the cast, or a marked copy.

    Raises:
        NotFound: it is not drawn yet, or is gone; or the pack's cast is another one now.
        PackInvalid: a file of the cast is missing or was changed.
        MarkingFailed, SealBroken: it may not or can't be opened.
    """
    if one.person is not None:
        pack, _, person_id = one.person.partition("/")
        if cast is None or cast.pack != pack:
            raise NotFound("This person came with another pack, which is not loaded now.")
        return cast.picture(person_id, kind)
    image_id = standing(store, one).images.get(kind)
    if image_id is None:
        raise NotFound("This picture is not drawn yet, or it is gone.")
    stored = gallery.release(store, image_id, caller.scopes)
    copied = marking.copy(marker, stored, "jpeg")
    gallery.check_release(store, image_id, caller.scopes)
    return copied.data


def find_face(store: WorkspaceStore, one: Candidate, encoder: FaceEncoder) -> Candidate:
    """Find the face in a drawn full body, from which the close-up is to be drawn; note it.

    Raises:
        NotReady: the full body is still being drawn.
        ImageCheckFailed: it shows no face, or several.
        NotFound: it is gone.
    """
    if standing(store, one).state == "drawing":
        raise NotReady("The full body is still being drawn.", (), 2)
    face = synthetic.main_face(_full_body(store, one), encoder)
    if face is None:
        raise ImageCheckFailed("No single face was found in the full body; choose another one.")
    return candidates.note_face(store, one, face)


def reference(store: WorkspaceStore, candidate_id: str) -> tuple[RGB, Face]:
    """The full body of a candidate and the face in it, for the close-up.

    Raises:
        NotFound: the candidate or its picture is gone.
    """
    one = candidates.of_id(store, candidate_id)
    if one.face is None:
        raise NotFound("No face was found in the full body of this candidate.")
    return _full_body(store, one), likeness.face_from_json(dict(one.face))


def _full_body(store: WorkspaceStore, one: Candidate) -> RGB:
    image_id = standing(store, one).images.get("full_body")
    if image_id is None:
        raise NotFound("The full body of this candidate is gone.")
    return decode(gallery.open_picture(store, image_id).data, STORED)


def _asked(prompt: str, n: int, seed: int, candidate_id: str | None) -> Asked:
    return Asked(
        tool=Tool.EDITORIAL,
        prompt=prompt,
        model_id=None,
        product_ids=(),
        n=n,
        aspect_ratio="",
        seed=seed,
        purpose=PURPOSE,
        channel=CHANNEL,
        territories=("*",),
        label="none",
        label_reason=LABEL_REASON,
        candidate_id=candidate_id,
    )


def _status(store: WorkspaceStore, generation_id: str) -> GenerationStatus | None:
    sql = "SELECT status FROM generations WHERE id = ?"
    row = store.db.execute(sql, [generation_id]).fetchone()
    return GenerationStatus(row[0]) if row else None


def _image(store: WorkspaceStore, generation_id: str, k: int) -> str | None:
    sql = "SELECT id FROM images WHERE generation_id = ? AND k = ?"
    row = store.db.execute(sql, [generation_id, k]).fetchone()
    return str(row[0]) if row else None
