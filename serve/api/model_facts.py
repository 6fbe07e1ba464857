"""`/v1/models/{id}/images` and what revoking would do: figures of one model, nothing changed."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from identity import enrolment
from serve.api.access import PAGE, Cursor, Limit, Visit, allowed
from serve.custody import foreseen
from serve.line.gallery import Facts
from serve.problems import documented
from serve.wire import paging, views
from workspace.rows import Row
from workspace.types import ModelId

router = APIRouter(prefix="/v1/models", tags=["model-facts"])


class ImageOfModelView(BaseModel):
    """One image that shows the model; the picture itself is at `url`."""

    id: str
    url: str
    generation_id: str
    created_at: views.Time
    seed: int
    identity_score: float | None = Field(description="Cosine to the likeness; null without a face.")
    product_score: float | None
    model_version: int | None
    pack: str


class RevocationView(BaseModel):
    """What revoking would do at this moment; nothing was done."""

    model_config = ConfigDict(from_attributes=True)

    photos: int = Field(description="Reference photos that go, with the face data made of them.")
    evidence: int = Field(description="Signed consents that go.")
    images: int = Field(description="Results that go.")
    queued: int = Field(description="Waiting generations that are cancelled.")
    running: int = Field(description="Running generations that are stopped at their next step.")
    published: int = Field(description="Publications that have to be taken down by hand.")
    links: int = Field(description="Open links of the person; they stay, to read what was done.")


@router.get(
    "/{model_id}/images",
    summary="Images of a model, newest first",
    responses=documented(401, 403, 404, 422, 500, 503),
)
def images(
    model_id: str,
    visit: Annotated[Visit, allowed("images:read")],
    limit: Limit = PAGE,
    cursor: Cursor = None,
) -> views.Page[ImageOfModelView]:
    """List the images that show a model, with their scores: how well it was met over time."""
    enrolment.describe(visit.store, ModelId(model_id))
    return paging.page(visit.store, "images", limit, cursor, _shown, "model_id = ?", (model_id,))


@router.get(
    "/{model_id}/revoke",
    summary="What revoking would do",
    responses=documented(401, 403, 404, 500, 503),
)
def revocation(
    model_id: str, visit: Annotated[Visit, allowed("models:write", "consents:write")]
) -> RevocationView:
    """Count what would be destroyed, stopped and left; changes nothing."""
    found = foreseen.foresee(visit.services.registry, visit.store, ModelId(model_id), visit.now())
    return RevocationView.model_validate(found)


def _shown(row: Row) -> ImageOfModelView:
    facts, columns = Facts(**row.private), row.columns
    return ImageOfModelView(
        id=row.id,
        url=f"/v1/images/{row.id}",
        generation_id=columns["generation_id"],
        created_at=columns["created_at"],
        seed=columns["seed"],
        identity_score=facts.identity_score,
        product_score=facts.product_score,
        model_version=facts.model_version,
        pack=facts.pack,
    )
