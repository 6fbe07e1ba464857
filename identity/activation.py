"""The two-person rule: whoever enrols a person does not also put the model into use.

Where the workspace's policy says so, a built model waits (`awaiting_approval`) until somebody else
approves it. "Somebody else" is another person or another key; that two keys are in two hands is
for the workspace to see to. The rule that held when the person was enrolled goes on to hold.
"""

from __future__ import annotations

from datetime import datetime

from compliance import audit, policy
from identity.models import REAL_PERSON, TABLE
from workspace.errors import ApprovalMissing, Conflict, ModelRevoked
from workspace.rows import Row
from workspace.store import WorkspaceStore
from workspace.types import Caller, ModelId, ModelStatus

ENROLLED_BY = "enrolled_by"  # in the model's sealed row: the principal of who enrolled it


def status_after_build(store: WorkspaceStore, row: Row) -> ModelStatus:
    """What a model becomes when its likeness is there."""
    needs_two = policy.read(store).two_person and row.columns["kind"] == REAL_PERSON
    return ModelStatus.AWAITING_APPROVAL if needs_two else ModelStatus.READY


def approve(store: WorkspaceStore, model_id: ModelId, caller: Caller, now: datetime) -> None:
    """Put a model into use, as the second person; audited. One that is in use stays so.

    Raises:
        NotFound: this workspace has no such model.
        ModelRevoked: the person withdrew, or the model was erased.
        Conflict: the model does not wait for approval.
        ApprovalMissing: the caller enrolled the person.
    """
    with store.transaction():
        row = store.get(TABLE, model_id)
        status = ModelStatus(row.columns["status"])
        if status is ModelStatus.READY:
            return
        if status in (ModelStatus.REVOKED, ModelStatus.ERASED):
            raise ModelRevoked("The person withdrew, or the model was erased.")
        if status is not ModelStatus.AWAITING_APPROVAL:
            raise Conflict(f"The model is {status.value}.")
        if row.private.get(ENROLLED_BY) in (None, caller.principal):
            raise ApprovalMissing("Somebody other than who enrolled the person has to approve.")
        ready = ModelStatus.READY.value
        store.update(TABLE, model_id, status=ready, updated_at=now.isoformat())
        enrolled_by = row.private[ENROLLED_BY]
        audit.append(store, "model.approved", model_id, caller.actor, now, enrolled_by=enrolled_by)
