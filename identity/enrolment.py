"""The enrolment of a person, top to bottom: photos -> checks -> consent -> likeness.

Two halves, because the law of this house is that consent comes before biometrics:

`enrol`, while the caller waits: 1 plan, 2 compliance boxes and consent terms, 3 decode, 4 checks
that need no biometric template, 5 one transaction: consent recorded and audited, photos and
evidence sealed, model `building`. What is refused before 5 leaves nothing behind.

`build`, afterwards: 6 face vectors, 7 the same person in both photos, not enrolled already,
8 likeness sealed, model `ready`. If 7 refuses, photos, evidence, vectors and name are destroyed
with their keys; the model stays as `needs_attention` with the checks that say why.

A crash between the halves loses nothing: `resume_interrupted` builds what is still `building`,
with the gates that were in force when the person was enrolled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from compliance import audit, consent
from compliance.guidelines import Guidelines
from compliance.terms import CUSTOM_MODEL_TOOLS, parse_terms
from identity import evidence, likeness, matching, quality
from identity.limits import Gates, Limits
from identity.models import (
    REAL_PERSON,
    TABLE,
    CustomModel,
    ErasureRecord,
    change,
    checked_name,
    checks_as_json,
    count_held,
    describe,
    erase,
    forget,
    list_models,
)
from identity.photos import PhotoLimits, decode
from workspace.errors import (
    ConsentMissing,
    ImageCheckFailed,
    PayloadTooLarge,
    PlanExcludesCustomModels,
    QuotaExceeded,
    UnsupportedImage,
)
from workspace.plans import Plan
from workspace.ports import FaceEncoder
from workspace.rows import Row
from workspace.store import WorkspaceStore
from workspace.types import (
    RGB,
    Caller,
    Check,
    ConsentStatus,
    Embedding,
    Face,
    Gender,
    ModelId,
    ModelStatus,
    PhotoKind,
    new_id,
)

__all__ = [
    "CustomModel",
    "EnrolmentRequest",
    "ErasureRecord",
    "build",
    "change",
    "check_photos",
    "decode_photo",
    "describe",
    "enrol",
    "erase",
    "list_models",
    "resume_interrupted",
]

BUILDER = "builder"  # actor in the audit log for what happens after the caller was answered


@dataclass(frozen=True, slots=True)
class EnrolmentRequest:
    """What a caller sends to enrol a person; files as they came, nothing checked yet."""

    full_body: bytes
    close_up: bytes
    name: str
    gender: Gender
    attestations: Sequence[Mapping[str, Any]]
    consent_terms: Mapping[str, Any] | None = None
    evidence: tuple[bytes, ...] = ()
    allow_duplicate: bool = False


@dataclass(frozen=True, slots=True)
class _Seen:
    """What was found in both photos without any biometric template."""

    checks: tuple[Check, ...]
    full_body: tuple[Face, ...]
    close_up: tuple[Face, ...]


@dataclass(frozen=True, slots=True)
class _Embedded:
    """The faces of both photos and their vectors; exists only after consent was recorded."""

    face: Face
    full_body_face: Face
    embedding: Embedding
    full_body_embedding: Embedding


def decode_photo(data: bytes, kind: PhotoKind, limits: PhotoLimits) -> RGB:
    """Decode one of the two photos; an error points to the field it came in.

    Raises:
        PayloadTooLarge, UnsupportedImage: see `photos.decode`.
    """
    try:
        return decode(data, limits)
    except (PayloadTooLarge, UnsupportedImage) as error:
        raise type(error)(
            f"{error.detail} ({quality.NAMES[kind]})", (), None, f"/{kind}"
        ) from error


def check_photos(
    full_body: RGB, close_up: RGB, encoder: FaceEncoder, limits: Limits
) -> tuple[Check, ...]:
    """Ask everything about both photos that needs no biometric template.

    Raises:
        EngineFailed, Unavailable: the face detector can't be asked.
    """
    return _look(full_body, close_up, encoder, limits).checks


def enrol(
    store: WorkspaceStore,
    plan: Plan,
    guidelines: Guidelines,
    encoder: FaceEncoder,
    limits: Limits,
    request: EnrolmentRequest,
    caller: Caller,
    now: datetime,
) -> ModelId:
    """Take a person in: check, record the consent, seal the photos. `build` does the rest.

    Raises:
        PlanExcludesCustomModels, QuotaExceeded: the plan has no room.
        AttestationMissing, InvalidRequest: a box, a term, the name or a file is not right.
        PayloadTooLarge, UnsupportedImage: a file can't be taken.
        ImageCheckFailed: carries all checks; nothing was stored.
    """
    # 1. Plan
    _check_room(store, plan)
    # 2. Boxes, terms, name, evidence
    consent.check_attestations(request.attestations, guidelines)
    terms = parse_terms(request.consent_terms, now, guidelines.vocabulary)
    terms = evidence.named_in(terms, request.evidence)
    files = evidence.checked(request.evidence, limits.evidence)
    name = checked_name(request.name)
    # 3. Decode
    full_body = decode_photo(request.full_body, "full_body", limits.photos)
    close_up = decode_photo(request.close_up, "close_up", limits.photos)
    # 4. Checks
    seen = _look(full_body, close_up, encoder, limits)
    failed = [check for check in seen.checks if check.status == "fail"]
    if failed:
        raise ImageCheckFailed(" ".join(check.hint for check in failed), seen.checks)
    # 5. Consent first, then everything else; or nothing at all
    model_id = ModelId(new_id("mdl"))
    with store.transaction():
        _check_room(store, plan)
        consent.record(store, model_id, terms, request.attestations, guidelines, caller, now)
        likeness.save_photos(store, model_id, full_body, close_up)
        for data, media_type in files:
            store.assets.put(data, likeness.EVIDENCE, model_id, media_type)
        _put_building(store, model_id, name, seen, limits.gates, request, now)
        audit.append(store, "model.enrolled", model_id, caller.actor, now, evidence=len(files))
    return model_id


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
        The model's status afterwards: ready or needs_attention.

    Raises:
        NotFound: this workspace has no such model.
        ConsentMissing: the consent is not in force (any more).
        EngineFailed, Unavailable: the encoder can't be asked; the model stays `building`.
    """
    row = store.get(TABLE, model_id)
    if row.columns["status"] != ModelStatus.BUILDING:
        return ModelStatus(row.columns["status"])
    # 6. Face vectors
    faces = _embed(store, encoder, row)
    # One transaction, so that two enrolments of one person at the same time can't both pass.
    with store.transaction():
        row = store.get(TABLE, model_id)
        if row.columns["status"] != ModelStatus.BUILDING:
            return ModelStatus(row.columns["status"])
        # 7. The same person in both photos, and not enrolled already
        allowed = allow_duplicate or bool(row.private["allow_duplicate"])
        checks = _compare(store, faces, Gates(**row.private["gates"]), allowed)
        if any(check.status == "fail" for check in checks):
            return _refuse(store, row, checks, now)
        # 8. Likeness
        return _finish(store, row, faces, checks, now)


def resume_interrupted(
    store: WorkspaceStore, encoder: FaceEncoder, now: datetime
) -> tuple[ModelId, ...]:
    """Build the models that a crash left `building`; gives their ids back.

    Raises:
        EngineFailed, Unavailable: the encoder can't be asked; the rest stays `building`.
    """
    waiting = store.find(TABLE, "status = ?", [ModelStatus.BUILDING.value], "created_at")
    for row in waiting:
        build(store, encoder, ModelId(row.id), now)
    return tuple(ModelId(row.id) for row in waiting)


def _check_room(store: WorkspaceStore, plan: Plan) -> None:
    if not plan.custom_models:
        raise PlanExcludesCustomModels(f"The {plan.name} plan has no custom models.")
    if count_held(store) >= plan.max_models:
        raise QuotaExceeded(f"The {plan.name} plan has room for {plan.max_models} custom models.")


def _look(full_body: RGB, close_up: RGB, encoder: FaceEncoder, limits: Limits) -> _Seen:
    in_full_body, in_close_up = encoder.detect(full_body), encoder.detect(close_up)
    checks = (
        *quality.check("full_body", full_body, in_full_body, limits.quality),
        *quality.check("close_up", close_up, in_close_up, limits.quality),
    )
    return _Seen(checks, in_full_body, in_close_up)


def _put_building(
    store: WorkspaceStore,
    model_id: ModelId,
    name: str,
    seen: _Seen,
    gates: Gates,
    request: EnrolmentRequest,
    now: datetime,
) -> None:
    private = {
        "name": name,
        "gender": request.gender.value,
        "checks": checks_as_json(seen.checks),
        "tools": [tool.value for tool in CUSTOM_MODEL_TOOLS],
        # What `build` needs, also after a restart; it takes these out again.
        "gates": asdict(gates),
        "allow_duplicate": request.allow_duplicate,
        "full_body_face": likeness.face_as_json(quality.main_face(seen.full_body)),
        "face": likeness.face_as_json(quality.main_face(seen.close_up)),
    }
    store.put(
        TABLE,
        model_id,
        private,
        status=ModelStatus.BUILDING.value,
        kind=REAL_PERSON,
        version=1,
        created_at=now.isoformat(),
        updated_at=now.isoformat(),
    )


def _embed(store: WorkspaceStore, encoder: FaceEncoder, row: Row) -> _Embedded:
    """Compute the vectors of both faces: the first biometric data, and only under a consent."""
    model_id = ModelId(row.id)
    agreed = consent.current(store, model_id)
    if agreed is None or agreed.status is not ConsentStatus.ACTIVE:
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


def _compare(
    store: WorkspaceStore, faces: _Embedded, gates: Gates, allow_duplicate: bool
) -> tuple[Check, ...]:
    same = matching.same_person(faces.embedding, faces.full_body_embedding, gates)
    if same.status == "fail":
        return (same,)
    closest = matching.find_duplicate(faces.embedding, likeness.embeddings(store))
    return same, matching.unique(closest, gates, allow_duplicate)


def _refuse(store: WorkspaceStore, row: Row, checks: Sequence[Check], now: datetime) -> ModelStatus:
    """Destroy photos, evidence, vectors and name with their keys; keep why."""
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
    status = ModelStatus.READY
    store.put(TABLE, model_id, private, status=status.value, updated_at=now.isoformat())
    encoder_id = faces.embedding.encoder_id
    audit.append(store, "model.ready", model_id, BUILDER, now, encoder=encoder_id)
    return status
