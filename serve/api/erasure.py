"""Proof of an erasure: its certificate, later, and the key that everybody can check it with."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter

from compliance import erasure
from identity import enrolment
from serve.api.access import Visit, allowed
from serve.problems import documented
from serve.wire import views
from workspace.types import ModelId

router = APIRouter(prefix="/v1", tags=["erasure"])


@router.get(
    "/models/{model_id}/erasure-certificate",
    summary="What was destroyed of a model, signed",
    responses=documented(401, 403, 404, 500, 503),
)
def certificate(
    model_id: str,
    visit: Annotated[Visit, allowed("models:read", "consents:write", "audit:read")],
) -> views.CertificateView:
    """Give the certificate of a model that was revoked or erased; 404 while it is not."""
    enrolment.describe(visit.store, ModelId(model_id))
    return views.CertificateView(**erasure.latest(visit.store, model_id))


@router.get("/erasure-key", summary="The appliance's public key", responses=documented(401, 503))
def key(visit: Annotated[Visit, allowed()]) -> views.ErasureKeyView:
    """Give the key that certificates of erasure and checkpoints of the audit log are signed with.

    `housemodel erasure verify` needs nothing else.
    """
    return views.ErasureKeyView(public_key=visit.store.signer.public_pem)
