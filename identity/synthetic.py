"""A fictional person becomes a custom model: two pictures, declared boxes, a likeness.

The second way into `models`, beside `enrolment.py`: nobody consents, because nobody is shown. In
the place of a consent stands a declaration (`kind: synthetic`) with the boxes that were ticked, so
that admission, suspension, ledger and marks ask one question of every model.

Rules: every box is ticked before anything is computed. The face vector of a fictional person is
compared with the people who are enrolled in this workspace; who looks like one of them is refused
(`resembles_model`), whatever anybody allows. A refused one leaves nothing but an audit entry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import cv2
import numpy as np

from compliance import audit, consent
from compliance.safety import SafetyGate
from compliance.synthetic import KIND, SyntheticTexts, declared_terms
from compliance.terms import CUSTOM_MODEL_TOOLS
from identity import candidates, likeness, matching
from identity.activation import ENROLLED_BY
from identity.enrolment import check_room
from identity.limits import Gates
from identity.models import ALIVE, REAL_PERSON, TABLE, checked_name, checks_as_json
from workspace.errors import Conflict, ImageCheckFailed, ResemblesModel
from workspace.plans import Plan
from workspace.ports import FaceEncoder
from workspace.store import WorkspaceStore
from workspace.types import (
    RGB,
    Caller,
    Check,
    Embedding,
    Face,
    Gender,
    ModelId,
    ModelStatus,
    PhotoKind,
    new_id,
)

CAST_PERSON = "cast_person"  # in the model's sealed row: "pack/id", where it comes from a cast
SHORT_SIDE = 768  # px; smaller pictures are enlarged, as faces are looked for in photographs


@dataclass(frozen=True, slots=True)
class Fiction:
    """What becomes a model: who was asked for, and both pictures."""

    full_body: bytes  # JPEG, as it will be kept: with its marks, where a pack drew it
    close_up: bytes
    name: str
    gender: Gender
    attestations: Sequence[Mapping[str, Any]]
    least_alike: float  # cosine of the two faces that this pack's pictures must reach
    person: str | None = None  # "pack/id" of the cast


def promote(
    store: WorkspaceStore,
    plan: Plan,
    texts: SyntheticTexts,
    encoder: FaceEncoder,
    safety: SafetyGate,
    gates: Gates,
    fiction: Fiction,
    caller: Caller,
    now: datetime,
    in_transaction: Callable[[ModelId], None],
) -> ModelId:
    """Make a custom model of a fictional person; it is ready at once.

    Args:
        store: Whose model.
        plan: What the workspace may hold.
        texts: The boxes that must be ticked.
        encoder: Finds the faces and computes their vectors.
        safety: Looks for nudity in both pictures.
        gates: From which similarity on two faces are one person's.
        fiction: Whom, and what was ticked.
        caller: Who asks.
        now: The present time in UTC.
        in_transaction: Writes what must be there exactly if the model is.

    Raises:
        PlanExcludesCustomModels, QuotaExceeded: the plan has no room.
        AttestationMissing, InvalidRequest: a box or the name is not right.
        ImageCheckFailed: a face is not found, the faces differ, or a picture shows nudity.
        ResemblesModel: the face is like that of an enrolled person; audited.
        Conflict: this person of the cast is a model of the workspace already.
    """
    check_room(store, plan)
    consent.check_attestations(fiction.attestations, texts)
    name = checked_name(fiction.name)
    body = _look("full_body", fiction.full_body, encoder)
    head = _look("close_up", fiction.close_up, encoder)
    shown = [
        safety.check_photo("full_body", body.large),
        safety.check_photo("close_up", head.large),
    ]
    embedding = encoder.embed(head.large, head.found)
    shown.append(_same(embedding, encoder.embed(body.large, body.found), fiction.least_alike))
    failed = [check for check in shown if check.status == "fail"]
    if failed:
        raise ImageCheckFailed(" ".join(check.hint for check in failed), tuple(shown))
    model_id = ModelId(new_id("mdl"))
    # One transaction, so that nobody alike is enrolled in between.
    with store.transaction():
        alike = _resembles(store, embedding, gates)
        if alike is not None:
            audit.append(
                store, "candidate.refused", alike, caller.actor, now, code=ResemblesModel.code
            )
        else:
            check_room(store, plan)
            _check_free(store, fiction.person)
            consent.record(
                store,
                model_id,
                declared_terms(now),
                fiction.attestations,
                texts,
                caller,
                now,
                kind=KIND,
            )
            likeness.save_files(store, model_id, fiction.full_body, fiction.close_up)
            likeness.save(store, model_id, embedding, head.face, body.face)
            _put(store, model_id, name, fiction, shown, caller, now)
            audit.append(
                store,
                "model.made_from_scratch",
                model_id,
                caller.actor,
                now,
                encoder=embedding.encoder_id,
                cast=fiction.person is not None,
            )
            in_transaction(model_id)
    if alike is not None:
        raise ResemblesModel(
            f"This face is like that of the model {alike}, who is a real person enrolled here."
        )
    return model_id


def taken(store: WorkspaceStore) -> frozenset[str]:
    """Who of a cast is a model of this workspace now, as "pack/id"."""
    rows = store.find(TABLE, f"kind = ? AND {ALIVE}", (KIND,))
    return frozenset(str(row.private[CAST_PERSON]) for row in rows if CAST_PERSON in row.private)


def main_face(picture: RGB, encoder: FaceEncoder) -> Face | None:
    """The one face of a drawn picture, in its pixels; None if there is none or several.

    Builds no biometric template.
    """
    faces = encoder.detect(enlarged(picture))
    return _shrunk(faces[0], _scale(picture)) if len(faces) == 1 else None


def enlarged(picture: RGB) -> RGB:
    """Enlarge (bicubic) to a short side of at least `SHORT_SIDE`."""
    scale = _scale(picture)
    if scale <= 1:
        return picture
    size = (round(picture.shape[1] * scale), round(picture.shape[0] * scale))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


def _scale(picture: RGB) -> float:
    return float(max(1.0, SHORT_SIDE / min(picture.shape[:2])))


def _shrunk(face: Face, scale: float) -> Face:
    """A face that was found in an enlarged picture, in pixels of the picture itself."""
    left, top, right, bottom = (side / scale for side in face.box)
    points = tuple((x / scale, y / scale) for x, y in face.landmarks)
    return Face((left, top, right, bottom), points, face.score)


@dataclass(frozen=True, slots=True)
class _Seen:
    """One of the two pictures, enlarged, and its face in both sizes."""

    large: RGB
    found: Face  # in `large`
    face: Face  # in the picture as it is kept


def _look(kind: PhotoKind, file: bytes, encoder: FaceEncoder) -> _Seen:
    picture = likeness.decode_stored(file)
    large = enlarged(picture)
    faces = encoder.detect(large)
    if len(faces) == 1:
        return _Seen(large, faces[0], _shrunk(faces[0], _scale(picture)))
    found = "No face was found" if not faces else "Several faces were found"
    hint = f"{found} in this picture; choose another candidate."
    code = "no_face" if not faces else "several_people"
    raise ImageCheckFailed(hint, (Check(code, kind, "fail", len(faces), 1, hint),))


def _same(close_up: Embedding, full_body: Embedding, least: float) -> Check:
    found = round(matching.similarity(close_up, full_body), 3)
    if found < least:
        hint = "The close-up came out as somebody else: draw it again, or choose another candidate."
        return Check("different_people", "both", "fail", found, least, hint)
    hint = "Both pictures show the same face."
    return Check("same_person", "both", "pass", found, least, hint)


def _resembles(store: WorkspaceStore, embedding: Embedding, gates: Gates) -> ModelId | None:
    """The enrolled person whom this face is like; fictional ones don't count."""
    sql = f"SELECT id FROM {TABLE} WHERE kind = ? AND {ALIVE}"
    real = {row["id"] for row in store.db.query(sql, [REAL_PERSON])}
    known = {one: vector for one, vector in likeness.embeddings(store).items() if one in real}
    closest = matching.find_duplicate(embedding, known)
    return closest[0] if closest is not None and closest[1] >= gates.duplicate else None


def _check_free(store: WorkspaceStore, person: str | None) -> None:
    if person is not None and person in taken(store):
        raise Conflict("This person is a model of your workspace already; choose another.")


def _put(
    store: WorkspaceStore,
    model_id: ModelId,
    name: str,
    fiction: Fiction,
    checks: Sequence[Check],
    caller: Caller,
    now: datetime,
) -> None:
    private = {
        "name": name,
        "gender": fiction.gender.value,
        "checks": checks_as_json(checks),
        "tools": [tool.value for tool in CUSTOM_MODEL_TOOLS],
        ENROLLED_BY: caller.principal,
    }
    if fiction.person is not None:
        private[CAST_PERSON] = fiction.person
        candidates.note_used(store, fiction.person)
    store.put(
        TABLE,
        model_id,
        private,
        status=ModelStatus.READY.value,
        kind=KIND,
        version=1,
        created_at=now.isoformat(),
        updated_at=now.isoformat(),
    )
