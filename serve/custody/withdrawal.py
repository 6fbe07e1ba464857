"""A custom model ends or rests: erase, revoke, suspend, resume; one transaction each.

Erasing and revoking cancel what is queued or running, and destroy with their keys: the likeness,
the name, the evidence, every image that shows the person, own photos that are the same picture as
a reference photo (with what was made from them), and what callers wrote about them:
prompts, notes, campaigns and the free words of the consent. Ids, codes, times and the audit log
stay, and a signed certificate that lists what went (`compliance/erasure.py`).
Suspending refuses new and waiting work until it is resumed; nothing is destroyed.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from compliance import audit, consent, erasure, ledger, policy, retention
from compliance.ledger import Publication
from identity import enrolment, likeness
from serve import idempotency, queue
from serve.callers import scopes
from serve.custody import pictures, standing
from serve.line import gallery
from serve.line.asked import Asked
from workspace.errors import (
    Conflict,
    ConsentMissing,
    ConsentSuspended,
    ModelRevoked,
    SealBroken,
)
from workspace.store import WorkspaceStore
from workspace.tombstones import Grave
from workspace.types import Caller, ConsentStatus, GenerationId, ModelId, ModelStatus, Tool


@dataclass(frozen=True, slots=True)
class Erasure:
    """What was destroyed, by kind and count, and which generations were cancelled for it."""

    model_id: ModelId
    status: ModelStatus
    erased_at: datetime
    destroyed: dict[str, int]
    audit_entry: int
    cancelled: tuple[GenerationId, ...]
    certificate: dict[str, Any]  # signed; of this erasure, or of the one that left nothing to do
    published: tuple[Publication, ...] = ()  # to be taken down; their words are told here only


def erase(
    store: WorkspaceStore,
    model_id: ModelId,
    caller: Caller,
    now: datetime,
    status: ModelStatus = ModelStatus.ERASED,
    cause: str = erasure.ERASED,
) -> Erasure:
    """Destroy everything of the person. Final; may be repeated.

    Args:
        store: Whose model.
        status: ERASED, or REVOKED when the person withdrew.
        cause: Code of why, for the certificate.

    Raises:
        NotFound: this workspace has no such model.
    """
    with store.destroying() as destroyed:
        own = pictures.alike(store, likeness.looks(store, model_id))
        made = _made_from(store, own)
        kinds = _files_of(store, model_id, (*own, *made))
        record = enrolment.erase(store, model_id, caller, now, status)
        why = ModelRevoked("The person withdrew, or the model was erased.")
        cancelled = queue.cancel_of_model(store, model_id, now, why)
        for one in cancelled:
            audit.append(store, "generation.cancelled", one, caller.actor, now, code=why.code)
        published = ledger.read(store, model_id).publications
        _forget_decisions(store, model_id)
        images = gallery.destroy_of_model(store, model_id)
        images += _destroy_own(store, own, made, caller, now)
        _forget_words(store, model_id)
        retention.forget(store, model_id)
        certificate = erasure.issue(
            store, model_id, cause, caller.actor, now, destroyed, kinds, len(cancelled)
        )
    counted = {**record.destroyed, **({"image": images} if images else {})}
    counted |= {"own_photo": len(own)} if own else {}
    return Erasure(
        model_id,
        record.status,
        record.erased_at,
        counted,
        record.audit_entry,
        cancelled,
        certificate,
        published,
    )


def erase_again(store: WorkspaceStore, risen: Sequence[Grave]) -> None:
    """Erase whom a copy of the home brought back, before anybody sees them; audited."""
    caller, now = Caller(store.workspace.id, "tombstones", frozenset()), datetime.now(UTC)
    for grave in risen:
        model_id = ModelId(grave.object_id)
        if not store.count("models", "id = ?", (model_id,)):
            with store.transaction():  # only parts of the copy were put back
                gallery.destroy_of_model(store, model_id)
                own = pictures.alike(store, likeness.looks(store, model_id))
                _destroy_own(store, own, _made_from(store, own), caller, now)
                likeness.destroy(store, model_id)
                _forget_decisions(store, model_id)
                _forget_words(store, model_id)
        elif grave.cause == ModelStatus.REVOKED:
            revoke(store, model_id, caller, now, erasure.COPY_PUT_BACK)
        else:
            erase(store, model_id, caller, now, ModelStatus.ERASED, erasure.COPY_PUT_BACK)


def _made_from(store: WorkspaceStore, photos: Sequence[str]) -> list[str]:
    """The images that Model Background Swap made of some own photos."""
    found: list[str] = []
    for raw in (
        list(store.raw("generations", "tool = ?", (Tool.BACKGROUND_SWAP,))) if photos else ()
    ):
        with suppress(SealBroken):
            asked = Asked.from_json(store.open("generations", raw).private["asked"])
            if asked.picture_id in photos:
                found += [image.id for image in gallery.of_generation(store, raw["id"])]
    return found


def _destroy_own(
    store: WorkspaceStore,
    photos: Sequence[str],
    made: Sequence[str],
    caller: Caller,
    now: datetime,
) -> int:
    """Destroy own photos and images made from them; what waits for the photos fails by itself."""
    for picture_id in photos:
        pictures.destroy(store, picture_id, caller.actor, now)
    return sum(gallery.destroy(store, image_id) for image_id in made)


def _files_of(store: WorkspaceStore, model_id: ModelId, others: Sequence[str]) -> dict[str, str]:
    """Id -> kind of every sealed file of a model and of its images, and of other owners."""
    sql = (
        "SELECT id, kind FROM assets WHERE owner_id = :id OR owner_id IN"
        " (SELECT id FROM images WHERE model_id = :id)"
    )
    found = {row["id"]: row["kind"] for row in store.db.query(sql, {"id": model_id})}
    for owner in others:
        found |= {row["id"]: row["kind"] for row in store.raw("assets", "owner_id = ?", (owner,))}
    return found


def _forget_decisions(store: WorkspaceStore, model_id: ModelId) -> None:
    """Destroy campaigns and decisions about images; a publication keeps its codes."""
    for table in ("campaigns", "image_approvals", "publications"):
        for raw in list(store.raw(table, "model_id = ?", (model_id,))):
            idempotency.forget(store, raw["id"])  # a fingerprint of what somebody wrote
            if table != "publications":
                store.destroy(table, raw["id"])
    ledger.forget_words(store, model_id)
    store.destroy("meta", _pause(model_id))


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
            asked = Asked.from_json(row.private["asked"])
            asked = replace(asked, prompt="", metadata={}, label_reason="", campaign=None)
        except SealBroken:
            store.destroy("generations", generation_id)  # nothing of it can be read any more
            continue
        private: dict[str, Any] = {"asked": asked.to_json()}
        if "error" in row.private:  # its detail may name a placeholder, which a caller wrote
            private["error"] = {**row.private["error"], "detail": row.private["error"]["title"]}
        store.destroy("generations", generation_id)
        store.put("generations", generation_id, private, **row.columns)


def revoke(
    store: WorkspaceStore,
    model_id: ModelId,
    caller: Caller,
    now: datetime,
    cause: str = erasure.WITHDRAWN,
) -> Erasure:
    """The person withdraws: the consent is revoked, and everything of the person destroyed.

    Raises:
        NotFound: this workspace has no such model.
    """
    with store.transaction():
        with suppress(SealBroken):  # a damaged record does not stop a withdrawal
            given = consent.current(store, model_id)
            if given is not None and given.status is not ConsentStatus.REVOKED:
                consent.set_status(store, given.id, ConsentStatus.REVOKED, now, caller.actor)
        return erase(store, model_id, caller, now, ModelStatus.REVOKED, cause)


def suspend(
    store: WorkspaceStore, model_id: ModelId, caller: Caller, now: datetime
) -> tuple[GenerationId, ...]:
    """Refuse all use until `resume`, at once; suspending twice changes nothing.

    Returns:
        Queued and running generations that were refused for it, for `dispatcher.cancelled`.

    Raises:
        NotFound, ModelRevoked, ConsentMissing: there is no consent to suspend.
        Conflict: the model is not one that can be used.
    """
    with store.transaction():
        # One that has ended may be suspended, too: so a renewal does not bring it back.
        usable = (ModelStatus.READY, ModelStatus.EXPIRED)
        _move(store, model_id, caller, now, usable, ModelStatus.SUSPENDED)
        if _is_person(caller):
            store.put_note(_pause(model_id), {"at": now.isoformat()})
        return standing.recheck(store, model_id, caller.actor, now)


def resume(
    store: WorkspaceStore, model_id: ModelId, caller: Caller, now: datetime
) -> tuple[GenerationId, ...]:
    """Allow use again, within the terms of the consent; resuming twice changes nothing.

    Returns:
        What is refused by the terms as they are now; nothing, usually.

    Raises:
        NotFound, ModelRevoked, ConsentMissing: there is no consent to resume.
        Conflict: the model is not one that can be used.
        ConsentSuspended: the person paused it on their own page, and nobody else lifts that.
        ScopeMissing: the workspace has the two-person rule, and the caller is not legal.
    """
    if policy.read(store).two_person:
        scopes.require(caller, "consents:write")
    with store.transaction():
        if paused_by_person(store, model_id) and not _is_person(caller):
            raise ConsentSuspended("The person paused this; only they can allow it again.")
        store.destroy("meta", _pause(model_id))
        _move(store, model_id, caller, now, (ModelStatus.SUSPENDED,), ModelStatus.READY)
        return standing.recheck(store, model_id, caller.actor, now)


def paused_by_person(store: WorkspaceStore, model_id: ModelId) -> bool:
    """Tell whether the person themselves paused it, through their own link."""
    return store.count("meta", "id = ?", (_pause(model_id),)) > 0


def _pause(model_id: ModelId) -> str:
    return f"paused {model_id}"


def _is_person(caller: Caller) -> bool:
    """A talent link's id; keys, people and sessions begin with something else."""
    return caller.actor.startswith("tal_")


def _move(
    store: WorkspaceStore,
    model_id: ModelId,
    caller: Caller,
    now: datetime,
    before: tuple[ModelStatus, ...],
    after: ModelStatus,
) -> None:
    with store.transaction():
        status = enrolment.describe(store, model_id).status
        if status is after:
            return
        if status in (ModelStatus.REVOKED, ModelStatus.ERASED):
            raise ModelRevoked("The person withdrew, or the model was erased.")
        if status not in before:
            raise Conflict(f"The model is {status.value}.")
        given = consent.current(store, model_id)
        if given is None:
            raise ConsentMissing("No consent is on record for this model.")
        wanted = ConsentStatus.SUSPENDED if after is ModelStatus.SUSPENDED else ConsentStatus.ACTIVE
        consent.set_status(store, given.id, wanted, now, caller.actor)
        store.update("models", model_id, status=after.value, updated_at=now.isoformat())
