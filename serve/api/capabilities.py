"""`GET /v1/capabilities`: what this appliance can do for this caller."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter

from compliance import retention
from compliance.terms import CUSTOM_MODEL_TOOLS
from serve import about
from serve.api.access import Visit, allowed
from serve.line import rules
from serve.problems import documented
from serve.wire import schema
from workspace.types import Gender

router = APIRouter(prefix="/v1", tags=["capabilities"])


@router.get(
    "/capabilities",
    summary="Tools, packs, sizes, limits, attestations",
    responses=documented(401, 503),
)
def capabilities(visit: Annotated[Visit, allowed()]) -> about.CapabilitiesView:
    """Show what may be asked for, and the texts that an enrolment must tick."""
    services, pack = visit.services, visit.services.diffusion.describe()
    own = visit.services.own_photos
    plan = rules.plan_of(services.plans, visit.store.workspace)
    guidelines, photos = services.guidelines, services.limits.photos
    return about.CapabilitiesView(
        tools=list(rules.offered(pack)),
        custom_model_tools=list(CUSTOM_MODEL_TOOLS),
        packs=[about.PackView.of(pack, rules.offered(pack))],
        aspect_ratios=list(pack.sizes),
        genders=list(Gender),
        purposes=list(guidelines.vocabulary.purposes),
        channels=list(guidelines.vocabulary.channels),
        limits=about.LimitsView(
            max_upload_bytes=services.max_upload_bytes,
            max_photo_bytes=photos.max_bytes,
            max_photo_pixels=photos.max_pixels,
            max_images=schema.MAX_IMAGES,
            max_products=pack.max_products,
            max_prompt_characters=schema.MAX_PROMPT,
        ),
        plan=plan.name,
        custom_models=plan.custom_models,
        guidelines_version=guidelines.version,
        retention_policy_url=retention.page_url(visit.store, services.retention),
        attestations=[about.AttestationView.of(box) for box in guidelines.attestations],
        own_photos=about.OwnPhotosView(
            version=own.version,
            kept_hours=own.kept_hours,
            attestations=[about.AttestationView.of(box) for box in own.attestations],
        ),
    )
