"""A custom model ends or rests: erase, revoke, suspend, resume; one transaction each.

Erasing and revoking cancel what is queued or running, and destroy with their keys: the likeness,
the name, the evidence, and every image that shows the person. Ids, times and the audit log stay.
Suspending refuses new and waiting work until it is resumed; nothing is destroyed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from compliance import consent
from identity import enrolment
from serve import gallery, queue
from workspace.errors import Conflict, ConsentMissing, ModelRevoked
from workspace.store import WorkspaceStore
from workspace.types import Caller, ConsentStatus, GenerationId, ModelId, ModelStatus


@dataclass(frozen=True, slots=True)
class Erasure:
    """What was destroyed, by kind and count, and which generations were cancelled for it."""

    model_id: ModelId
    status: ModelStatus
    erased_at: datetime
    destroyed: dict[str, int]
    audit_entry: int
    cancelled: tuple[GenerationId, ...]


def erase(
    store: WorkspaceStore,
    model_id: ModelId,
    caller: Caller,
    now: datetime,
    status: ModelStatus = ModelStatus.ERASED,
) -> Erasure:
    """Destroy everything of the person. Final; may be repeated.

    Raises:
        NotFound: this workspace has no such model.
    """
    with store.transaction():
        record = enrolment.erase(store, model_id, caller, now, status)
        cancelled = queue.cancel_of_model(store, model_id, now)
        images = gallery.destroy_of_model(store, model_id)
    destroyed = {**record.destroyed, **({"image": images} if images else {})}
    return Erasure(
        model_id, record.status, record.erased_at, destroyed, record.audit_entry, cancelled
    )


def revoke(store: WorkspaceStore, model_id: ModelId, caller: Caller, now: datetime) -> Erasure:
    """The person withdraws: the consent is revoked, and everything of the person destroyed.

    Raises:
        NotFound: this workspace has no such model.
    """
    with store.transaction():
        enrolment.describe(store, model_id)
        given = consent.current(store, model_id)
        if given is not None and given.status is not ConsentStatus.REVOKED:
            consent.set_status(store, given.id, ConsentStatus.REVOKED, now, caller.actor)
        return erase(store, model_id, caller, now, ModelStatus.REVOKED)


def suspend(store: WorkspaceStore, model_id: ModelId, caller: Caller, now: datetime) -> None:
    """Refuse all use until `resume`; suspending twice changes nothing.

    Raises:
        NotFound, ModelRevoked, ConsentMissing: there is no consent to suspend.
        Conflict: the model is not one that can be used.
    """
    _move(store, model_id, caller, now, ModelStatus.READY, ModelStatus.SUSPENDED)


def resume(store: WorkspaceStore, model_id: ModelId, caller: Caller, now: datetime) -> None:
    """Allow use again, within the terms of the consent; resuming twice changes nothing.

    Raises:
        NotFound, ModelRevoked, ConsentMissing: there is no consent to resume.
        Conflict: the model is not one that can be used.
    """
    _move(store, model_id, caller, now, ModelStatus.SUSPENDED, ModelStatus.READY)


def _move(
    store: WorkspaceStore,
    model_id: ModelId,
    caller: Caller,
    now: datetime,
    before: ModelStatus,
    after: ModelStatus,
) -> None:
    with store.transaction():
        status = enrolment.describe(store, model_id).status
        if status is after:
            return
        if status in (ModelStatus.REVOKED, ModelStatus.ERASED):
            raise ModelRevoked("The person withdrew, or the model was erased.")
        if status is not before:
            raise Conflict(f"The model is {status.value}.")
        given = consent.current(store, model_id)
        if given is None:
            raise ConsentMissing("No consent is on record for this model.")
        wanted = ConsentStatus.SUSPENDED if after is ModelStatus.SUSPENDED else ConsentStatus.ACTIVE
        consent.set_status(store, given.id, wanted, now, caller.actor)
        store.update("models", model_id, status=after.value, updated_at=now.isoformat())
