"""What waits for somebody's yes: models of the two-person rule, campaigns, single images.

Answers are given by legal (`consents:write`), for images by a reviewer, too (`review`); the person
gives them on their own page. Where the consent asks for no approval, nothing waits.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request, Response

from compliance import approvals, campaigns
from identity import activation, enrolment
from serve import idempotency
from serve.api import once
from serve.api.access import PAGE, Cursor, Key, Limit, Visit, allowed
from serve.custody import approving
from serve.idempotency import Once
from serve.problems import documented
from serve.wire import approval_views, paging, present, views
from workspace.errors import ModelRevoked
from workspace.rows import Row
from workspace.types import GenerationId, ModelId, ModelStatus

router = APIRouter(prefix="/v1", tags=["approvals"])
Legal = Annotated[Visit, allowed("consents:write")]
Reviewer = Annotated[Visit, allowed("review", "consents:write")]
Planner = Annotated[Visit, allowed("generate", "models:write", "consents:write")]
_LIST = documented(401, 403, 404, 422, 500, 503)
_DECIDE = documented(401, 403, 404, 409, 410, 422, 500, 503, 507)


@router.post("/models/{model_id}/approve", summary="Put a model into use", responses=_DECIDE)
def approve_model(
    model_id: str, visit: Legal, request: Request, key: Key = None
) -> views.ModelView:
    """Give the second yes of the two-person rule; whoever enrolled the person can't give it."""
    store, now, found = visit.store, visit.now(), ModelId(model_id)
    enrolment.describe(store, found)

    def approve() -> str:
        activation.approve(store, found, visit.caller, now)
        return model_id

    idempotency.once(store, once.of_nothing(key, request), now, approve)
    return present.model(store, found, now)


@router.get("/models/{model_id}/campaigns", summary="Campaigns of a model", responses=_LIST)
def campaigns_of_model(
    model_id: str,
    visit: Annotated[Visit, allowed("models:read", "generate", "consents:write")],
    limit: Limit = PAGE,
    cursor: Cursor = None,
) -> views.Page[approval_views.CampaignView]:
    """List the campaigns that the person was asked about, newest first."""
    enrolment.describe(visit.store, ModelId(model_id))

    def show(row: Row) -> approval_views.CampaignView:
        return approval_views.CampaignView.of(campaigns.campaign(visit.store, row.id))

    return paging.page(
        visit.store, campaigns.CAMPAIGNS, limit, cursor, show, "model_id = ?", (model_id,)
    )


@router.post(
    "/models/{model_id}/campaigns",
    status_code=201,
    summary="Ask about a campaign",
    responses=_DECIDE,
)
def propose_campaign(
    model_id: str,
    body: approval_views.CampaignRequest,
    visit: Planner,
    request: Request,
    response: Response,
    key: Key = None,
) -> approval_views.CampaignView:
    """Put a campaign before the person; generations name it as `campaign` once it is approved."""
    store, now, found = visit.store, visit.now(), ModelId(model_id)

    def propose() -> str:
        gone = (ModelStatus.REVOKED, ModelStatus.ERASED)
        if enrolment.describe(store, found).status in gone:
            raise ModelRevoked("The person withdrew, or the model was erased.")
        return campaigns.propose(
            store,
            found,
            body.name,
            visit.caller.actor,
            now,
            body.purpose or "",
            body.channels,
            body.territories,
            body.note,
            visit.services.guidelines.vocabulary,
        ).id

    enrolment.describe(store, found)
    made = idempotency.once(store, once.of_json(key, request, body), now, propose)
    response.headers["Location"] = f"/v1/models/{model_id}/campaigns"
    return approval_views.CampaignView.of(campaigns.campaign(store, made))


@router.post("/campaigns/{campaign_id}/approve", summary="Allow a campaign", responses=_DECIDE)
def approve_campaign(
    campaign_id: str, visit: Legal, request: Request, key: Key = None
) -> approval_views.CampaignView:
    """Note that the person agrees; the consent's own limits hold as before."""
    return _decide_campaign(visit, campaign_id, True, once.of_nothing(key, request))


@router.post("/campaigns/{campaign_id}/decline", summary="Refuse a campaign", responses=_DECIDE)
def decline_campaign(
    campaign_id: str, visit: Legal, request: Request, key: Key = None
) -> approval_views.CampaignView:
    """Note that the person does not agree (any more); what waits or runs for it is refused."""
    return _decide_campaign(visit, campaign_id, False, once.of_nothing(key, request))


def _decide_campaign(
    visit: Visit, campaign_id: str, approved: bool, sent: Once
) -> approval_views.CampaignView:
    """Answer once; a replay, however late, only shows the present state."""
    store, now, actor = visit.store, visit.now(), visit.caller.actor
    campaigns.campaign(store, campaign_id)
    refused: list[GenerationId] = []

    def decide() -> str:
        _, stopped = approving.decide_campaign(store, campaign_id, approved, actor, now)
        refused.extend(stopped)
        return campaign_id

    idempotency.once(store, sent, now, decide)
    for generation_id in refused:
        visit.services.dispatcher.cancelled(generation_id)
    return approval_views.CampaignView.of(campaigns.campaign(store, campaign_id))


@router.get("/approvals", summary="Images that wait", responses=_LIST)
def waiting_images(
    visit: Reviewer, limit: Limit = PAGE, cursor: Cursor = None, model_id: str | None = None
) -> views.Page[approval_views.ImageApprovalView]:
    """List the images that wait for an answer, newest first."""
    kept = "status = 'pending' AND id IN (SELECT id FROM images)"
    params: tuple[str, ...] = ()
    if model_id is not None:
        kept, params = f"{kept} AND model_id = ?", (model_id,)

    def show(row: Row) -> approval_views.ImageApprovalView:
        return approval_views.ImageApprovalView.of(approvals.of_image(visit.store, row.id))

    return paging.page(visit.store, approvals.IMAGES, limit, cursor, show, kept, params)


@router.post("/images/{image_id}/approve", summary="Let an image go out", responses=_DECIDE)
def approve_image(
    image_id: str, visit: Reviewer, request: Request, key: Key = None
) -> approval_views.ImageApprovalView:
    """Note that the person agrees to this image; 404 where nobody was asked about it."""
    return _decide_image(visit, image_id, True, once.of_nothing(key, request))


@router.post("/images/{image_id}/decline", summary="Destroy an image", responses=_DECIDE)
def decline_image(
    image_id: str, visit: Reviewer, request: Request, key: Key = None
) -> approval_views.ImageApprovalView:
    """Note that the person does not agree to this image, and destroy it. Final."""
    return _decide_image(visit, image_id, False, once.of_nothing(key, request))


def _decide_image(
    visit: Visit, image_id: str, approved: bool, sent: Once
) -> approval_views.ImageApprovalView:
    """Answer once; a replay, however late, only shows the present state."""
    store, now, actor = visit.store, visit.now(), visit.caller.actor
    approvals.of_image(store, image_id)

    def decide() -> str:
        approving.decide_image(store, image_id, approved, actor, now)
        return image_id

    idempotency.once(store, sent, now, decide)
    return approval_views.ImageApprovalView.of(approvals.of_image(store, image_id))
