"""`GET /v1/guidelines`: the 'Adding Model Guidelines' page as data."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter

from compliance import retention
from serve import about
from serve.api.access import Visit, allowed
from serve.problems import documented

router = APIRouter(prefix="/v1", tags=["guidelines"])


@router.get(
    "/guidelines",
    summary="How to photograph, and what to tick",
    responses=documented(401, 503),
)
def guidelines(visit: Annotated[Visit, allowed()]) -> about.GuidelinesView:
    """Show framing, lighting and angles per photo, and the attestation texts with their hashes."""
    url = retention.page_url(visit.store, visit.services.retention)
    shown = visit.services.guidelines.as_json() | {"retention_policy_url": url}
    return about.GuidelinesView.model_validate(shown)
