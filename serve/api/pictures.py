"""`/v1/pictures`: photos of your own, for Model Background Swap.

A photo is looked at before it is kept: what it shows is cut out, nudity is refused, and so is what
this appliance made with a custom model, or was made a custom model from: told by marks and look,
also where the photo was mirrored or turned.
"""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from compliance import own_photos
from compliance.marks import fingerprints
from identity import likeness
from identity.photos import decode, kind_of
from serve import idempotency
from serve.api import once
from serve.api.access import PAGE, Cursor, Key, Limit, Visit, allowed
from serve.custody import pictures
from serve.idempotency import Once
from serve.line import cutout
from serve.problems import documented
from serve.wire import forms, paging, schema
from serve.wire.views import Page, Time
from workspace.errors import ImageCheckFailed, ToolNotAllowed
from workspace.rows import Row
from workspace.types import RGB, Check

router = APIRouter(prefix="/v1/pictures", tags=["pictures"])
Owner = Annotated[Visit, allowed("generate")]
PREVIEW_SIDE = 900  # pixels of the picture that shows what was cut out
_FIELDS: dict[str, dict[str, Any]] = {
    "attestations": {
        "type": "string",
        "contentMediaType": "application/json",
        "description": "List of {id, sha256}: every one of `own_photos` in /v1/capabilities",
    }
}
_UNSEEN = "Nothing stands out from the background: use a photo whose background is plainer."


class Tick(schema.Body):
    id: str = Field(max_length=64)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


def _json(text: Any) -> Any:
    try:
        return json.loads(text) if isinstance(text, str) else text
    except (ValueError, RecursionError) as error:
        raise ValueError("must be JSON") from error


class PictureFields(schema.Body):
    attestations: Annotated[list[Tick], BeforeValidator(_json)] = Field(
        default_factory=list, max_length=16
    )


class PictureView(BaseModel):
    """A photo of your own, and what was found in it."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    width: int = Field(description="As it is kept, in pixels; results are as large.")
    height: int
    kind: str = Field(description="`person` around a face, or `thing` in the middle.")
    share: float = Field(description="Of the photo's area that is cut out, 0 to 1.")
    clear: bool = Field(description="False: look at `figure`, its outline may be wrong.")
    cropped: bool = Field(description="It goes on below the photo's lower edge.")
    created_at: Time
    expires_at: Time = Field(description="Then it is destroyed.")


@router.post(
    "",
    status_code=201,
    summary="Bring a photo of your own",
    responses=documented(401, 403, 404, 409, 413, 415, 422, 429, 500, 503, 507),
    openapi_extra=forms.described(
        {"photo": "JPEG, PNG, WEBP or HEIC"}, _FIELDS, ("photo", "attestations")
    ),
)
async def create(
    request: Request, response: Response, visit: Owner, key: Key = None
) -> PictureView:
    """Seal a photo for Model Background Swap; it is destroyed after `own_photos.kept_hours`."""
    uploads = forms.uploads_of(request)
    async with uploads.form(request, frozenset({"photo"}), frozenset(_FIELDS)) as form:
        fields = forms.parse(PictureFields, form)
        sent = once.of_form(key, request, form)
        made = await uploads.work(lambda: _add(visit, fields, form.file("photo"), sent))
    response.headers["Location"] = f"/v1/pictures/{made.id}"
    return made


def _add(visit: Visit, fields: PictureFields, photo: bytes, sent: Once) -> PictureView:
    visit.still()
    services, store, now = visit.services, visit.store, visit.now()
    rules = services.own_photos
    declared = own_photos.declared(rules, [(one.id, one.sha256) for one in fields.attestations])
    with idempotency.one_at_a_time(store, sent):
        known = idempotency.find(store, sent, now)
        if known is None:
            pixels = pictures.bounded(decode(photo, services.limits.photos))
            services.parts.safety.check_product(pixels)
            media_type = f"image/{str(kind_of(photo)).lower()}"
            _refuse_models(visit, photo, media_type, pixels)
            faces = services.encoder.detect(pixels)
            figure = cutout.foreground(pixels, faces[0] if faces else None)
            if figure is None:
                failed = Check("figure", "photo", "fail", None, None, _UNSEEN)
                raise ImageCheckFailed(_UNSEEN, (failed,), None, "/photo")
            file, hours, caller = (photo, media_type), rules.kept_hours, visit.caller
            known = idempotency.once(
                store,
                sent,
                now,
                lambda: pictures.add(store, pixels, figure, file, declared, hours, caller, now),
            )
    return PictureView.model_validate(pictures.get(store, known, now))


def _refuse_models(visit: Visit, photo: bytes, media_type: str, pixels: RGB) -> None:
    """Refuse what was made here with a custom model, or with nobody can tell whom, and its photos.

    Raises:
        ToolNotAllowed: it was.
    """
    store, marker = visit.store, visit.services.parts.marker
    found = marker.read(photo, media_type)
    mark = marker.watermark_of(pixels, any_way_up=True)
    signed = found.image_id if found and found.signed_here else None
    looks = fingerprints.looks_of(pixels)
    if likeness.shown_in(store, looks) is not None:
        raise ToolNotAllowed(
            "This is a photo of a custom model, which this tool never takes.", (), None, "/photo"
        )
    ids = [signed, fingerprints.of_watermark(store, mark) if mark else None]
    ids += fingerprints.all_near(store, looks)
    sql = "SELECT model_id FROM images WHERE id = ?"
    rows = [store.db.execute(sql, [image_id]).fetchone() for image_id in ids if image_id]
    unknown = (mark or signed) and not any(rows)
    if unknown or any(row[0] for row in rows if row):
        raise ToolNotAllowed(
            "This picture was made here with a custom model, which this tool never takes.",
            (),
            None,
            "/photo",
        )


def _show(row: Row) -> PictureView:
    return PictureView.model_validate(pictures.of_row(row))


@router.get("", summary="Your photos, newest first", responses=documented(401, 403, 422, 500, 503))
def listing(visit: Owner, limit: Limit = PAGE, cursor: Cursor = None) -> Page[PictureView]:
    """List the photos that are still kept."""
    kept = ("expires_at > ?", [visit.now().isoformat()])
    return paging.page(visit.store, "pictures", limit, cursor, _show, *kept)


@router.get("/{picture_id}", summary="One photo", responses=documented(401, 403, 404, 500, 503))
def one(picture_id: str, visit: Owner) -> PictureView:
    """Show what is known of a photo."""
    return PictureView.model_validate(pictures.get(visit.store, picture_id, visit.now()))


@router.get(
    "/{picture_id}/photo",
    summary="The photo itself",
    response_class=Response,
    responses={
        200: {"content": {"image/png": {}}, "description": "The photo, without metadata."},
        **documented(401, 403, 404, 500, 503),
    },
)
def photo(picture_id: str, visit: Owner) -> Response:
    """Open the sealed photo."""
    opened = pictures.open_photo(visit.store, picture_id, visit.now())
    return Response(opened, media_type="image/png")


@router.get(
    "/{picture_id}/figure",
    summary="What was cut out",
    response_class=Response,
    responses={
        200: {"content": {"image/png": {}}, "description": "The figure, clear around it."},
        **documented(401, 403, 404, 500, 503),
    },
)
def figure(picture_id: str, visit: Owner) -> Response:
    """Show whom or what will stand before the new background; small, to look at."""
    opened = pictures.open_(visit.store, picture_id, visit.now())
    shown = cutout.as_png(opened.pixels, opened.figure.alpha, PREVIEW_SIDE)
    return Response(shown, media_type="image/png")


@router.delete(
    "/{picture_id}",
    status_code=204,
    summary="Erase a photo",
    responses=documented(401, 403, 404, 500, 503, 507),
)
def erase(picture_id: str, visit: Owner) -> None:
    """Destroy the photo's keys; generations that wait for it will fail."""
    pictures.destroy(visit.store, picture_id, visit.caller.actor, visit.now())
