"""`POST /v1/verify`: what marks does a picture carry, and was it made here? Nothing is stored."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request

from compliance.marks import fingerprints
from compliance.provenance import Finding
from identity.photos import decode, kind_of
from serve.api.access import Key, Visit, allowed
from serve.line import gallery
from serve.problems import documented
from serve.wire import forms, views
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
    """Read the C2PA manifest, look for the watermark, and compare with your own images; offline.

    Whether this appliance made it is said of any picture; which image it is, and when it was made,
    only of pictures that your own workspace still keeps. An `Idempotency-Key` is taken and has no
    effect: nothing is made that could be made twice.
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
    marker, store = visit.services.parts.marker, visit.store
    # NOTE the decoder first: a million chunks, which it refuses, cost the other reader a minute.
    pixels = decode(picture, visit.services.limits.photos)
    found = marker.read(picture, f"image/{kind.lower()}")
    mark = marker.watermark_of(pixels)
    near = fingerprints.nearest(store, fingerprints.look_of(pixels))
    signed = found.image_id if found and found.signed_here else None
    own = [signed, fingerprints.of_watermark(store, mark) if mark else None]
    image_id = next((one for one in own if one and gallery.has(store, one)), None)
    return views.VerifyView(
        manifest=_manifest(found) if found else None,
        watermark_id=mark,
        made_by_this_appliance=mark is not None or bool(found and found.signed_here),
        made_here=signed is not None and signed == image_id,
        image_id=image_id,
        made_at=gallery.made_at(store, image_id) if image_id else None,
        near_duplicate=_near(near) if near and gallery.has(store, near.image_id) else None,
    )


def _manifest(found: Finding) -> views.ManifestView:
    return views.ManifestView(
        state=found.state,
        claim_generator=found.claim_generator,
        digital_source_type=found.digital_source_type,
        signed_by=found.signed_by,
    )


def _near(near: fingerprints.Near) -> views.NearView:
    difference = round(near.distance / fingerprints.BITS, 3)
    return views.NearView(image_id=near.image_id, difference=difference)
