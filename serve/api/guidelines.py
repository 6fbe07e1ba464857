"""`GET /v1/guidelines`: the 'Adding Model Guidelines' page as data, with its pictures."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Response

from compliance import retention
from serve import about
from serve.api.access import Visit, allowed
from serve.problems import documented
from workspace.errors import NotFound

_PICTURES = "/v1/guidelines/pictures"
router = APIRouter(prefix="/v1", tags=["guidelines"])


@router.get(
    "/guidelines",
    summary="How to photograph, and what to tick",
    responses=documented(401, 503),
)
def guidelines(visit: Annotated[Visit, allowed()]) -> about.GuidelinesView:
    """Show framing, lighting and angles per photo, and the attestation texts with their hashes."""
    url = retention.page_url(visit.store, visit.services.retention)
    rules = visit.services.retention
    hours, days = rules.draft_hours, rules.draft_most_days
    own = {"retention_policy_url": url, "draft_hours": hours, "draft_most_days": days}
    shown = visit.services.guidelines.as_json() | own
    for example in shown["examples"]:
        example["url"] = f"{_PICTURES}/{example.pop('name')}"
    return about.GuidelinesView.model_validate(shown)


@router.get(
    "/guidelines/pictures/{name}",
    summary="A good or a bad photo, as an example",
    response_class=Response,
    responses={
        200: {"content": {"image/webp": {}}, "description": "The picture."},
        **documented(401, 404, 503),
    },
)
def picture(name: str, visit: Annotated[Visit, allowed()]) -> Response:
    """Show one of `examples`; no real person is in it."""
    for example in visit.services.guidelines.examples:
        if example.name == name:
            return Response(example.content, media_type="image/webp")
    raise NotFound("There is no such picture.")
