"""`/v1/models/{id}/talent-links`: make, list and end the links to a person's own page."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import Field

from identity import enrolment
from serve import idempotency
from serve.api import once
from serve.api.access import Key, Visit, allowed
from serve.problems import documented
from serve.subjects import talent
from serve.subjects.talent import MOST_DAYS, Link
from serve.wire import schema, views
from serve.wire.ledger_views import TalentLinkMade, TalentLinkView
from workspace.errors import Conflict
from workspace.types import ModelId

router = APIRouter(prefix="/v1/models", tags=["talent-links"])
Legal = Annotated[Visit, allowed("consents:write")]
_CHANGE = documented(401, 403, 404, 409, 422, 500, 503, 507)


class TalentLinkRequest(schema.Body):
    """For how long the link opens."""

    days: int = Field(30, ge=1, le=MOST_DAYS)


@router.post(
    "/{model_id}/talent-links",
    status_code=201,
    summary="Make a link to the person's own page",
    responses=_CHANGE,
)
def create(
    model_id: str,
    visit: Legal,
    request: Request,
    response: Response,
    body: TalentLinkRequest | None = None,
    key: Key = None,
) -> TalentLinkMade:
    """Make a link; its address is in this answer only. Whoever has it can decide for the person."""
    registry, store, now = visit.services.registry, visit.store, visit.now()
    found, wanted = ModelId(model_id), body or TalentLinkRequest()
    if enrolment.describe(store, found).synthetic:
        raise Conflict("Nobody real is shown, so there is nobody to send a link to.")
    tokens: list[str] = []

    def make() -> str:
        link, token = talent.create(registry, store, found, wanted.days, visit.caller, now)
        tokens.append(token)
        return link.id

    made = idempotency.once(store, once.of_json(key, request, wanted), now, make)
    url = str(request.url_for("door", token=tokens[0])) if tokens else None
    response.headers["Location"] = f"/v1/models/{model_id}/talent-links"
    link = talent.show(registry, store.workspace.id, found, made)
    return TalentLinkMade(**_fields(link), url=url)


@router.get(
    "/{model_id}/talent-links",
    summary="Links of a model, newest first",
    responses=documented(401, 403, 404, 500, 503),
)
def listing(model_id: str, visit: Legal) -> views.Page[TalentLinkView]:
    """List every link, also those that have ended; never an address."""
    found = ModelId(model_id)
    enrolment.describe(visit.store, found)
    known = talent.links(visit.services.registry, visit.store.workspace.id, found)
    return views.Page(items=[TalentLinkView(**_fields(link)) for link in known])


@router.delete(
    "/{model_id}/talent-links/{link_id}", summary="End a link at once", responses=_CHANGE
)
def revoke(model_id: str, link_id: str, visit: Legal) -> TalentLinkView:
    """Close the page behind a link; ending it again changes nothing."""
    done = talent.revoke(
        visit.services.registry,
        visit.store,
        ModelId(model_id),
        link_id,
        visit.caller,
        visit.now(),
    )
    return TalentLinkView(**_fields(done))


def _fields(link: Link) -> dict[str, object]:
    return {name: getattr(link, name) for name in TalentLinkView.model_fields}
