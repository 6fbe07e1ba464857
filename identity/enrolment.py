"""The enrolment of a person, top to bottom: photos -> checks -> consent -> likeness.

Two halves, because the law of this house is that consent comes before biometrics:

`enrol`, while the caller waits: 1 plan, 2 compliance boxes and consent terms, 3 decode, 4 checks
that need no biometric template, 5 one transaction: consent recorded and audited, photos and
evidence sealed, model `building`. What is refused before 5 leaves nothing behind.

`build`, afterwards, in `building.py`: 6 face vectors, 7 the same person in both photos and not
enrolled already, 8 likeness sealed, model `ready`; or everything destroyed and the reason kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from compliance import audit, consent
from compliance.guidelines import Guidelines
from compliance.safety import SafetyGate
from compliance.terms import CUSTOM_MODEL_TOOLS, parse_terms
from identity import evidence, likeness, quality
from identity.activation import ENROLLED_BY
from identity.building import build, give_up, unfinished
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
)
from identity.photos import PhotoLimits, decode
from workspace.errors import (
    ImageCheckFailed,
    InvalidRequest,
    PayloadTooLarge,
    PlanExcludesCustomModels,
    QuotaExceeded,
    UnsupportedImage,
)
from workspace.plans import Plan
from workspace.ports import FaceEncoder
from workspace.store import WorkspaceStore
from workspace.types import (
    RGB,
    Caller,
    Check,
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
    "check_room",
    "decode_photo",
    "describe",
    "enrol",
    "erase",
    "give_up",
    "unfinished",
]


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
    policy_version: str = ""  # of the retention policy that was shown; goes into the consent


@dataclass(frozen=True, slots=True)
class _Seen:
    """What was found in both photos without any biometric template."""

    checks: tuple[Check, ...]
    full_body: tuple[Face, ...]
    close_up: tuple[Face, ...]


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


def enrol(
    store: WorkspaceStore,
    plan: Plan,
    guidelines: Guidelines,
    encoder: FaceEncoder,
    safety: SafetyGate,
    limits: Limits,
    request: EnrolmentRequest,
    caller: Caller,
    now: datetime,
    in_transaction: Callable[[ModelId], None] | None = None,
) -> ModelId:
    """Take a person in: check, record the consent, seal the photos. `build` does the rest.

    Args:
        store: Whose model.
        plan: What the workspace may hold.
        guidelines: The boxes that must be ticked.
        encoder: Finds the faces.
        safety: Looks for nudity; after the compliance boxes, before anything is stored.
        limits: What photos must be like.
        request: What the caller sent.
        caller: Who asks.
        now: The present time in UTC.
        in_transaction: Writes what must be there exactly if the model is (an idempotency key).

    Raises:
        PlanExcludesCustomModels, QuotaExceeded: the plan has no room.
        AttestationMissing, InvalidRequest: a box, a term, the name or a file is not right, or the
            consent starts later.
        PayloadTooLarge, UnsupportedImage: a file can't be taken.
        ImageCheckFailed: carries all checks; nothing was stored.
    """
    # 1. Plan
    check_room(store, plan)
    # 2. Boxes, terms, name, evidence
    consent.check_attestations(request.attestations, guidelines)
    terms = parse_terms(request.consent_terms, now, guidelines.vocabulary)
    if terms.starts_at > now:
        detail = "A consent that starts later can't be enrolled now: its photos may not be read."
        raise InvalidRequest(detail, (), None, "/consent/starts_at")
    terms = evidence.named_in(terms, request.evidence)
    files = evidence.checked(request.evidence, limits.evidence)
    name = checked_name(request.name)
    # 3. Decode
    full_body = decode_photo(request.full_body, "full_body", limits.photos)
    close_up = decode_photo(request.close_up, "close_up", limits.photos)
    # 4. Checks
    seen = _look(full_body, close_up, encoder, safety, limits)
    failed = [check for check in seen.checks if check.status == "fail"]
    if failed:
        raise ImageCheckFailed(" ".join(check.hint for check in failed), seen.checks)
    # 5. Consent first, then everything else; or nothing at all
    model_id = ModelId(new_id("mdl"))
    with store.transaction():
        check_room(store, plan)
        consent.record(
            store,
            model_id,
            terms,
            request.attestations,
            guidelines,
            caller,
            now,
            policy_version=request.policy_version,
        )
        likeness.save_photos(store, model_id, full_body, close_up)
        for data, media_type in files:
            store.assets.put(data, likeness.EVIDENCE, model_id, media_type)
        _put_building(store, model_id, name, seen, limits.gates, request, caller, now)
        audit.append(store, "model.enrolled", model_id, caller.actor, now, evidence=len(files))
        if in_transaction is not None:
            in_transaction(model_id)
    return model_id


def check_room(store: WorkspaceStore, plan: Plan) -> None:
    """Hold the workspace to its plan.

    Raises:
        PlanExcludesCustomModels, QuotaExceeded: there is no room for another model.
    """
    if not plan.custom_models:
        raise PlanExcludesCustomModels(f"The {plan.name} plan has no custom models.")
    if count_held(store) >= plan.max_models:
        raise QuotaExceeded(f"The {plan.name} plan has room for {plan.max_models} custom models.")


def _look(
    full_body: RGB, close_up: RGB, encoder: FaceEncoder, safety: SafetyGate, limits: Limits
) -> _Seen:
    in_full_body, in_close_up = encoder.detect(full_body), encoder.detect(close_up)
    checks = (
        *quality.check("full_body", full_body, in_full_body, limits.quality),
        safety.check_photo("full_body", full_body),
        *quality.check("close_up", close_up, in_close_up, limits.quality),
        safety.check_photo("close_up", close_up),
    )
    return _Seen(checks, in_full_body, in_close_up)


def _put_building(
    store: WorkspaceStore,
    model_id: ModelId,
    name: str,
    seen: _Seen,
    gates: Gates,
    request: EnrolmentRequest,
    caller: Caller,
    now: datetime,
) -> None:
    private = {
        "name": name,
        "gender": request.gender.value,
        "checks": checks_as_json(seen.checks),
        "tools": [tool.value for tool in CUSTOM_MODEL_TOOLS],
        ENROLLED_BY: caller.principal,
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
