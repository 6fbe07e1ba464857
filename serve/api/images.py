"""`GET /v1/images/{id}`: the only way out for the bytes of a result."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from identity.photos import MEDIA_TYPES, decode, encode
from serve import gallery
from serve.api.access import Visit, allowed
from serve.problems import documented
from serve.products import STORED

router = APIRouter(prefix="/v1/images", tags=["images"])
Format = Literal["png", "jpeg", "webp"]
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
) -> Response:
    """Open the sealed picture; it is kept as PNG and written anew for other formats."""
    wanted = format or preferred(request.headers.get("accept", ""))
    png = gallery.open_picture(visit.store, image_id)
    if wanted == "png":
        return Response(png, media_type=MEDIA_TYPES["png"], headers=_headers(image_id, wanted))
    content, media_type = encode(decode(png, STORED), wanted)
    return Response(content, media_type=media_type, headers=_headers(image_id, wanted))


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
