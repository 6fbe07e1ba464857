"""The second half of an enrolment: face vectors, the same person twice, known already, likeness.

It begins when the consent is committed (`enrolment.py` is the first half) and ends with a model
that is `ready` (or waits for a second person: `activation.py`), or `needs_attention`: then photos,
evidence, vectors and name were destroyed with their keys, and only the checks that say why are
left.

A crash loses nothing: `unfinished` names what is still `building`, and `build` may be called
again, with the gates that were in force when the person was enrolled. What can't be built at all
is ended by `give_up`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from compliance import audit, consent
from identity import likeness, matching
from identity.activation import ENROLLED_BY, status_after_build
from identity.limits import Gates
from identity.models import TABLE, checks_as_json, forget
from workspace.errors import ConsentMissing, NotFound, SealBroken
from workspace.ports import FaceEncoder
from workspace.rows import Row
from workspace.store import WorkspaceStore
from workspace.types import AssetId, Check, Embedding, Face, ModelId, ModelStatus

Faces = dict[AssetId, tuple[ModelId, Embedding]]
BUILDER = "builder"  # actor in the audit log for what happens after the caller was answered


@dataclass(frozen=True, slots=True)
class _Embedded:
    """The faces of both photos and their vectors; exists only after consent was recorded."""

    face: Face
    full_body_face: Face
    embedding: Embedding
    full_body_embedding: Embedding


def build(
    store: WorkspaceStore,
    encoder: FaceEncoder,
    model_id: ModelId,
    now: datetime,
    allow_duplicate: bool = False,
) -> ModelStatus:
    """Turn an enrolled person into a ready model, or refuse and destroy what was stored.

    Does nothing to a model that is not `building`, so it may be called twice.

    Args:
        store: Whose model.
        encoder: Computes the face vectors.
        model_id: Which model.
        now: The present time in UTC.
        allow_duplicate: Allow it even if the enrolment did not.

    Returns:
        The model's status afterwards: ready, awaiting_approval or needs_attention.

    Raises:
        NotFound: this workspace has no such model.
        ConsentMissing: the consent is not in force (any more).
        EngineFailed, Unavailable: the encoder can't be asked; the model stays `building`.
    """
    row = store.get(TABLE, model_id)
    if row.columns["status"] != ModelStatus.BUILDING:
        return ModelStatus(row.columns["status"])
    # 6. Face vectors
    faces = _embed(store, encoder, row, now)
    # Before the transaction, because everybody waits for that: thousands take seconds to open.
    known = _known_faces(store)
    # One transaction, so that two enrolments of one person at the same time can't both pass.
    with store.transaction():
        row = store.get(TABLE, model_id)
        if row.columns["status"] != ModelStatus.BUILDING:
            return ModelStatus(row.columns["status"])
        # 7. The same person in both photos, and not enrolled already
        allowed = allow_duplicate or bool(row.private["allow_duplicate"])
        checks = _compare(store, faces, Gates(**row.private["gates"]), allowed, known)
        if any(check.status == "fail" for check in checks):
            return _refuse(store, row, checks, now)
        # 8. Likeness
        return _finish(store, row, faces, checks, now)


def unfinished(store: WorkspaceStore) -> tuple[ModelId, ...]:
    """Name the models that are `building`, oldest first; opens none, so a damaged one is there."""
    waiting = store.raw(TABLE, "status = ?", [ModelStatus.BUILDING.value], "created_at")
    return tuple(ModelId(raw["id"]) for raw in waiting)


def give_up(store: WorkspaceStore, model_id: ModelId, code: str, now: datetime) -> None:
    """Refuse a model that can't be built: photos, evidence and name are destroyed.

    Does nothing to a model that is not `building`. A damaged row is replaced, too.

    Args:
        store: Whose model.
        model_id: Which model.
        code: Code of the error that ended it.
        now: The present time in UTC.
    """
    hint = f"The model could not be built ({code}). Enrol the person again."
    why = Check("not_built", "both", "fail", None, None, hint)
    with store.transaction():
        building = [model_id, ModelStatus.BUILDING.value]
        for raw in list(store.raw(TABLE, "id = ? AND status = ?", building)):
            try:
                row = store.open(TABLE, raw)
            except SealBroken:
                row = Row(model_id, raw, {"checks": []})
            _refuse(store, row, [why], now)


def _embed(store: WorkspaceStore, encoder: FaceEncoder, row: Row, now: datetime) -> _Embedded:
    """Compute the vectors of both faces: the first biometric data, and only under a consent."""
    model_id = ModelId(row.id)
    agreed = consent.current(store, model_id)
    if not consent.in_force(agreed, now):
        raise ConsentMissing("The consent for this model is not in force.")
    full_body, close_up = likeness.open_photos(store, model_id)
    in_close_up = likeness.face_from_json(row.private["face"])
    in_full_body = likeness.face_from_json(row.private["full_body_face"])
    return _Embedded(
        face=in_close_up,
        full_body_face=in_full_body,
        embedding=encoder.embed(close_up, in_close_up),
        full_body_embedding=encoder.embed(full_body, in_full_body),
    )


def _known_faces(store: WorkspaceStore) -> Faces:
    """The face vectors as they are now; none if one is damaged, or erased as we look."""
    with contextlib.suppress(NotFound, SealBroken):
        return likeness.vectors(store)
    return {}


def _compare(
    store: WorkspaceStore, faces: _Embedded, gates: Gates, allow_duplicate: bool, known: Faces
) -> tuple[Check, ...]:
    same = matching.same_person(faces.embedding, faces.full_body_embedding, gates)
    if same.status == "fail":
        return (same,)
    everybody = dict(likeness.vectors(store, known).values())
    closest = matching.find_duplicate(faces.embedding, everybody)
    return same, matching.unique(closest, gates, allow_duplicate)


def _refuse(store: WorkspaceStore, row: Row, checks: Sequence[Check], now: datetime) -> ModelStatus:
    """End the consent; destroy photos, evidence, vectors, name and its free words; keep why."""
    consent.close(store, row.id, now, BUILDER)
    before = [Check(**check) for check in row.private["checks"]]
    destroyed = likeness.destroy(store, ModelId(row.id))
    forget(store, row, ModelStatus.NEEDS_ATTENTION, (*before, *checks), now)
    codes = " ".join(check.code for check in checks if check.status == "fail")
    assets = sum(destroyed.values())
    audit.append(store, "model.refused", row.id, BUILDER, now, codes=codes, assets_destroyed=assets)
    return ModelStatus.NEEDS_ATTENTION


def _finish(
    store: WorkspaceStore, row: Row, faces: _Embedded, checks: Sequence[Check], now: datetime
) -> ModelStatus:
    model_id = ModelId(row.id)
    likeness.save(store, model_id, faces.embedding, faces.face, faces.full_body_face)
    private = {name: row.private[name] for name in ("name", "gender", "tools")}
    private["checks"] = [*row.private["checks"], *checks_as_json(checks)]
    if ENROLLED_BY in row.private:
        private[ENROLLED_BY] = row.private[ENROLLED_BY]
    status = status_after_build(store, row)
    store.put(TABLE, model_id, private, status=status.value, updated_at=now.isoformat())
    encoder_id = faces.embedding.encoder_id
    audit.append(store, f"model.{status.value}", model_id, BUILDER, now, encoder=encoder_id)
    return status
