"""A custom model ends or rests: erase, revoke, suspend, resume; one transaction each.

Erasing and revoking cancel what is queued or running, and destroy with their keys: the likeness,
the name, the evidence, every image that shows the person, and what callers wrote about them:
prompts, notes and the free words of the consent. Ids, times and the audit log stay.
Suspending refuses new and waiting work until it is resumed; nothing is destroyed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from compliance import consent
from identity import enrolment
from serve import gallery, idempotency, queue
from serve.asked import Asked
from workspace.errors import Conflict, ConsentMissing, ModelRevoked, SealBroken
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
        _forget_words(store, model_id)
    destroyed = {**record.destroyed, **({"image": images} if images else {})}
    return Erasure(
        model_id, record.status, record.erased_at, destroyed, record.audit_entry, cancelled
    )


def _forget_words(store: WorkspaceStore, model_id: ModelId) -> None:
    """Seal the model's generations anew without prompt and notes; their old keys are destroyed."""
    idempotency.forget(store, model_id)
    for given in list(store.raw("consents", "model_id = ?", (model_id,))):
        idempotency.forget(store, given["id"])
    for raw in list(store.raw("generations", "model_id = ?", (model_id,))):
        generation_id = raw["id"]
        idempotency.forget(store, generation_id)
        try:
            row = store.open("generations", raw)
            asked = replace(Asked.from_json(row.private["asked"]), prompt="", metadata={})
        except SealBroken:
            store.destroy("generations", generation_id)  # nothing of it can be read any more
            continue
        private: dict[str, Any] = {"asked": asked.to_json()}
        if "error" in row.private:  # its detail may name a placeholder, which a caller wrote
            private["error"] = {**row.private["error"], "detail": row.private["error"]["title"]}
        store.destroy("generations", generation_id)
        store.put("generations", generation_id, private, **row.columns)


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
