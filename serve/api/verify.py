"""`POST /v1/verify`: what marks does a picture carry, and was it made here? Nothing is stored."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request

from identity.photos import kind_of
from serve import forms, gallery, views
from serve.api.access import Key, Visit, allowed
from serve.problems import documented
from workspace.errors import PayloadTooLarge, UnsupportedImage

router = APIRouter(prefix="/v1", tags=["verify"])
_IMAGE = "image"


@router.post(
    "/verify",
    summary="The marks of any picture",
    responses=documented(401, 413, 415, 422, 503),
    openapi_extra=forms.described({_IMAGE: "JPEG, PNG, WEBP or HEIC"}, {}, (_IMAGE,)),
)
async def verify(
    request: Request, visit: Annotated[Visit, allowed()], key: Key = None
) -> views.VerifyView:
    """Read and validate the picture's C2PA manifest, offline.

    `made_here` needs a whole picture, signed by this appliance, that your own workspace still
    keeps: about pictures of other workspaces the answer is the same as about strangers'. An
    `Idempotency-Key` is taken and has no effect: nothing is made that could be made twice.
    """
    uploads = forms.uploads_of(request)
    async with uploads.form(request, frozenset({_IMAGE}), frozenset()) as form:
        return await uploads.work(lambda: _verify(visit, form.file(_IMAGE)))


def _verify(visit: Visit, picture: bytes) -> views.VerifyView:
    most = visit.services.limits.photos.max_bytes
    if len(picture) > most:
        raise PayloadTooLarge(f"The file has {len(picture):,} bytes; at most {most:,} are taken.")
    kind = kind_of(picture)
    if kind is None:
        raise UnsupportedImage("The file is not a JPEG, PNG, WEBP or HEIC picture.")
    found = visit.services.parts.marker.read(picture, f"image/{kind.lower()}")
    if found is None:
        return views.VerifyView(manifest=None, made_here=False, image_id=None)
    made_here = found.image_id is not None and gallery.has(visit.store, found.image_id)
    return views.VerifyView(
        manifest=views.ManifestView(
            state=found.state,
            claim_generator=found.claim_generator,
            digital_source_type=found.digital_source_type,
            signed_by=found.signed_by,
        ),
        made_here=made_here,
        image_id=found.image_id if made_here else None,
    )
