"""`/v1/models/{id}/consents`: what the person agreed to, version by version; record a new one.

A version is never rewritten: a renewal or a change of terms is a new version, and the newest one
holds. It holds at once: what is queued or running and not covered any more is refused with it.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import Field, JsonValue

from compliance import consent, retention
from compliance.terms import parse_terms
from identity import enrolment
from serve import idempotency
from serve.api import once
from serve.api.access import Key, Visit, allowed
from serve.custody import renewal
from serve.problems import documented
from serve.wire import present, schema, views
from workspace.errors import SealBroken
from workspace.types import ConsentId, GenerationId, ModelId

router = APIRouter(prefix="/v1/models", tags=["models"])


class ConsentRequest(schema.Body):
    """A new version of the consent: all its terms; what is left out gets its default."""

    consent: dict[str, JsonValue] | None = Field(
        None, description="Terms, as in an enrolment; not merged with the version before."
    )
    attestations: list[dict[str, JsonValue]] = Field(
        max_length=64, description="List of {id, sha256}: every attestation of /v1/capabilities."
    )


@router.get(
    "/{model_id}/consents",
    summary="Consent versions, newest first",
    responses=documented(401, 403, 404, 500, 503),
)
def consents(
    model_id: str, visit: Annotated[Visit, allowed("models:read")]
) -> views.Page[views.ConsentView]:
    """Show every version of the consent that was recorded for this model."""
    enrolment.describe(visit.store, ModelId(model_id))
    found, damaged = consent.readable(visit.store, model_id)
    return views.Page(
        items=[present.consent(version, visit.now()) for version in found],
        damaged=[views.DamagedView(id=one, code=SealBroken.code) for one in damaged],
    )


@router.post(
    "/{model_id}/consents",
    status_code=201,
    summary="Record a new version",
    responses=documented(401, 403, 404, 409, 410, 413, 422, 500, 503, 507),
)
def record_consent(
    model_id: str,
    body: ConsentRequest,
    visit: Annotated[Visit, allowed("models:write", "consents:write")],
    request: Request,
    response: Response,
    key: Key = None,
) -> views.ConsentView:
    """Renew a consent that ends or has ended, or change its terms; narrowing holds at once.

    A suspended model stays suspended; a person who withdrew stays withdrawn (410). Where the
    workspace has the two-person rule, this needs `consents:write`.
    """
    store, now, guidelines = visit.store, visit.now(), visit.services.guidelines
    found = ModelId(model_id)
    enrolment.describe(store, found)
    refused: list[GenerationId] = []
    shown = retention.version_shown(store, visit.services.retention)

    def record() -> ConsentId:
        terms = parse_terms(body.consent, now, guidelines.vocabulary)
        given, stopped = renewal.record(
            store, found, terms, body.attestations, guidelines, visit.caller, now, shown
        )
        refused.extend(stopped)
        return given.id

    made = idempotency.once(store, once.of_json(key, request, body), now, record)
    for generation_id in refused:
        visit.services.dispatcher.cancelled(generation_id)
    response.headers["Location"] = f"/v1/models/{model_id}/consents"
    return present.consent(consent.version(store, made), now)
