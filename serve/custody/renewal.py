"""A new version of a person's consent, for a model that exists: renewed, widened or narrowed.

Every attestation is ticked anew. What waits or runs and is not covered any more is refused at once
(`standing.py`); admission decides by the newest version before anything is drawn or published.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from compliance import consent, policy
from compliance.consent import Consent
from compliance.guidelines import Guidelines
from compliance.terms import ConsentTerms
from identity import enrolment
from serve.callers import scopes
from serve.custody import standing
from workspace.errors import Conflict, ModelRevoked, NotReady
from workspace.store import WorkspaceStore
from workspace.types import Caller, ConsentStatus, GenerationId, ModelId, ModelStatus

_NOT_YET = (ModelStatus.DRAFT, ModelStatus.BUILDING)


def record(
    store: WorkspaceStore,
    model_id: ModelId,
    terms: ConsentTerms,
    attestations: Sequence[Mapping[str, Any]],
    guidelines: Guidelines,
    caller: Caller,
    now: datetime,
    policy_version: str = "",
) -> tuple[Consent, tuple[GenerationId, ...]]:
    """Record and audit the new version; a suspended model stays suspended.

    Returns:
        The version, and the generations that it refused, for `dispatcher.cancelled`.

    Raises:
        ScopeMissing: the workspace has the two-person rule, and the caller is not legal.
        NotFound: this workspace has no such model.
        AttestationMissing: a box is missing or of an old text.
        ModelRevoked: the person withdrew, or the model was erased.
        Conflict, NotReady: there is no model (yet) that the consent could be about.
    """
    if policy.read(store).two_person:
        scopes.require(caller, "consents:write")
    with store.transaction():
        shown = enrolment.describe(store, model_id)
        status = shown.status
        if status in (ModelStatus.REVOKED, ModelStatus.ERASED):
            raise ModelRevoked("The person withdrew, or the model was erased.")
        if status is ModelStatus.NEEDS_ATTENTION:
            raise Conflict("The enrolment was refused; enrol the person again.")
        if shown.synthetic:
            raise Conflict("Nobody real is shown, so there is no consent to renew.")
        if status in _NOT_YET:
            raise NotReady("The model is still being built.", (), 2)
        given = consent.record(
            store,
            model_id,
            terms,
            attestations,
            guidelines,
            caller,
            now,
            policy_version=policy_version,
        )
        if status is ModelStatus.SUSPENDED:
            suspended = ConsentStatus.SUSPENDED
            given = consent.set_status(store, given.id, suspended, now, caller.actor)
        if status is ModelStatus.EXPIRED:
            changed = {"status": ModelStatus.READY.value, "updated_at": now.isoformat()}
            store.update("models", model_id, **changed)
        return given, standing.recheck(store, model_id, caller.actor, now)
