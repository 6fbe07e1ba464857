"""`/v1/images/{id}/publications`: the workspace reports where an image went, and reads it back."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import AfterValidator, Field

from compliance import ledger
from serve import idempotency
from serve.api import once
from serve.api.access import Key, Visit, allowed
from serve.custody import publishing
from serve.line import gallery
from serve.problems import documented
from serve.wire import schema, views
from serve.wire.ledger_views import PublicationView
from workspace.errors import NotFound, SealBroken

router = APIRouter(prefix="/v1/images", tags=["publications"])


def _one_line(text: str) -> str:
    text = text.strip()
    if not text.isprintable():
        raise ValueError("must be printable text in one line")
    return text


class PublicationRequest(schema.Body):
    """Where an image went; what is left out is what the image was made for."""

    purpose: schema.Word | None = None
    channel: schema.Word | None = None
    territories: schema.Territories | None = None
    where: Annotated[str, Field(max_length=300), AfterValidator(_one_line)] = Field(
        "", description="An address, an issue, a shop: for whoever must find it again."
    )


@router.post(
    "/{image_id}/publications",
    status_code=201,
    summary="Report that the image was published",
    responses=documented(401, 403, 404, 409, 410, 422, 500, 503, 507),
)
def publish(
    image_id: str,
    visit: Annotated[Visit, allowed("review")],
    request: Request,
    response: Response,
    body: PublicationRequest | None = None,
    key: Key = None,
) -> PublicationView:
    """Record a publication that the person's consent covers now; another is refused.

    The report decides what the person is paid where the consent pays per published image.
    """
    store, now = visit.store, visit.now()
    wanted = body or PublicationRequest()

    def make() -> str:
        return publishing.publish(
            store,
            image_id,
            wanted.purpose,
            wanted.channel,
            wanted.territories,
            wanted.where,
            visit.services.guidelines.vocabulary,
            visit.caller,
            now,
        ).id

    made = idempotency.once(store, once.of_json(key, request, wanted), now, make)
    response.headers["Location"] = f"/v1/images/{image_id}/publications"
    return shown(ledger.publication(store, made))


@router.get(
    "/{image_id}/publications",
    summary="Where the image went, oldest first",
    responses=documented(401, 403, 404, 500, 503),
)
def publications(
    image_id: str,
    visit: Annotated[Visit, allowed("images:read", "review", "consents:write", "audit:read")],
) -> views.Page[PublicationView]:
    """List every publication of an image, also of one that was destroyed since."""
    found = ledger.publications_of(visit.store, image_id)
    if not (found.publications or found.damaged or gallery.has(visit.store, image_id)):
        raise NotFound("There is no such image.")
    return views.Page(
        items=[shown(one) for one in found.publications],
        damaged=[views.DamagedView(id=one, code=SealBroken.code) for one in found.damaged],
    )


def shown(one: ledger.Publication) -> PublicationView:
    """Show one publication."""
    return PublicationView(
        id=one.id,
        image_id=one.image_id,
        model_id=one.model_id or None,
        published_at=one.published_at,
        purpose=one.purpose,
        channel=one.channel,
        territories=list(one.territories),
        where=one.where,
        consent_id=one.consent_id,
        consent_version=one.consent_version,
        by=one.by,
    )
