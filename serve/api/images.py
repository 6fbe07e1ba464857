"""`GET /v1/images/{id}`: the only way out for the bytes of a result; and their manifest."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from starlette.background import BackgroundTask

from compliance.provenance import Marked
from identity.photos import MEDIA_TYPES, Format
from serve.api.access import Visit, allowed
from serve.custody import retaining
from serve.line import gallery, marking
from serve.problems import documented
from serve.work.guarding import guarded

Scale = Literal["1", "2", "4"]
router = APIRouter(prefix="/v1/images", tags=["images"])
_PICTURES: dict[str, dict[str, str]] = {kind: {} for kind in MEDIA_TYPES.values()}


@router.get(
    "/{image_id}",
    summary="The picture",
    response_class=Response,
    responses={
        200: {"content": _PICTURES, "description": "By `format`, else by `Accept`, else PNG."},
        **documented(401, 403, 404, 422, 500, 503),
    },
)
def image(
    request: Request,
    image_id: str,
    visit: Annotated[Visit, allowed("images:read")],
    format: Annotated[Format | None, Query(description="Wins over `Accept`.")] = None,
    scale: Annotated[Scale, Query(description="Enlarged for viewing; its marks say so.")] = "1",
) -> Response:
    """Open the sealed picture; it is kept as a marked PNG, and marked anew in other formats."""
    wanted = format or preferred(request.headers.get("accept", ""))
    stored = _opened(visit, image_id)
    copy = marking.copy(visit.services.parts.marker, stored, wanted, int(scale))
    gallery.check_release(visit.store, image_id, visit.caller.scopes)
    gone = BackgroundTask(guarded, retaining.fetched, visit.store, image_id, visit.now())
    headers = _headers(image_id, wanted)
    return Response(copy.data, media_type=copy.media_type, headers=headers, background=gone)


@router.get(
    "/{image_id}/manifest",
    summary="The picture's C2PA manifest",
    responses=documented(401, 403, 404, 500, 503),
)
def manifest(image_id: str, visit: Annotated[Visit, allowed("images:read")]) -> dict[str, Any]:
    """Read the manifest back from the stored picture and validate it.

    The JSON is the C2PA library's own report: `active_manifest`, `manifests`, `validation_state`.
    """
    stored = _opened(visit, image_id)
    return visit.services.parts.marker.report(stored.data, stored.media_type)


def _opened(visit: Visit, image_id: str) -> Marked:
    """Open a picture for this caller; one that waits for the person's answer stays here."""
    return gallery.release(visit.store, image_id, visit.caller.scopes)


def preferred(accept: str) -> Format:
    """Choose the format with the highest weight in an Accept header; PNG if nothing fits."""
    best: Format = "png"
    highest = 0.0
    for part in accept.split(","):
        media_type, _, rest = part.strip().partition(";")
        for name, known in MEDIA_TYPES.items():
            weight = _weight(rest)
            if media_type.strip().lower() == known and weight > highest:
                best, highest = name, weight
    return best


def _weight(parameters: str) -> float:
    for parameter in parameters.split(";"):
        name, _, value = parameter.strip().partition("=")
        if name == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


def _headers(image_id: str, format: Format) -> dict[str, str]:
    return {"Content-Disposition": f'inline; filename="{image_id}.{format}"', "Vary": "Accept"}
