"""`/v1/models/{id}/retention`: until when a person is kept, and why until then."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from compliance import retention
from identity import enrolment
from serve.api.access import Visit, allowed
from serve.problems import documented
from serve.wire import schema
from serve.wire.views import Time
from workspace.errors import NotFound
from workspace.types import ModelId

router = APIRouter(prefix="/v1/models", tags=["retention"])


class RetentionView(BaseModel):
    """When a model is destroyed: the earliest of what the published policy names."""

    model_config = ConfigDict(from_attributes=True)

    model_id: str
    consent_ends_at: Time
    last_interaction_at: Time = Field(description="The person last agreed or acted then.")
    purpose_met_at: Time | None
    destroy_by: Time = Field(description="Destroyed within an hour after it.")
    cause: str = Field(description="consent_ended, purpose_met or last_interaction")


class RetentionChange(schema.Body):
    purpose_met_at: schema.Moment | None = Field(
        description="When the purpose is met and the person is destroyed; null: not decided."
    )


@router.get(
    "/{model_id}/retention",
    summary="Until when a model is kept",
    responses=documented(401, 403, 404, 500, 503),
)
def show(
    model_id: str,
    visit: Annotated[Visit, allowed("models:read", "consents:write", "audit:read")],
) -> RetentionView:
    """Say when the model is destroyed without anybody asking; 404 once it is."""
    enrolment.describe(visit.store, ModelId(model_id))
    return _view(visit, ModelId(model_id))


@router.patch(
    "/{model_id}/retention",
    summary="Say when the purpose is met",
    responses=documented(401, 403, 404, 410, 422, 500, 503, 507),
)
def change(
    model_id: str, body: RetentionChange, visit: Annotated[Visit, allowed("consents:write")]
) -> RetentionView:
    """Note the day on which the purpose of this model is met; the model is destroyed then.

    A day that has passed destroys it within the hour, for good. A renewed consent does not change
    the day; take it back with null.
    """
    retention.set_purpose_met(
        visit.store, ModelId(model_id), body.purpose_met_at, visit.caller, visit.now()
    )
    return _view(visit, ModelId(model_id))


def _view(visit: Visit, model_id: ModelId) -> RetentionView:
    found = retention.standing(visit.store, model_id, visit.services.retention)
    if found is None or retention.is_gone(visit.store, model_id):
        raise NotFound("There is nobody left to keep or destroy.")
    return RetentionView.model_validate(found)
