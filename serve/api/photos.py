"""`POST /v1/photos/check`: are these usable reference photos? Nothing is stored, not even a key."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request

from identity import enrolment, likeness, quality
from serve.api.access import Key, Visit, allowed
from serve.problems import documented
from serve.wire import forms, views
from workspace.errors import InvalidRequest
from workspace.types import Check

router = APIRouter(prefix="/v1/photos", tags=["photos"])
_FILES: dict[str, str] = {str(kind): "JPEG, PNG, WEBP or HEIC" for kind in likeness.PHOTOS}


@router.post(
    "/check",
    summary="Check reference photos before enrolling",
    responses=documented(401, 403, 413, 415, 422, 500, 503),
    openapi_extra=forms.described(_FILES, {}, ()),
)
async def check(
    request: Request, visit: Annotated[Visit, allowed("models:write")], key: Key = None
) -> views.ChecksView:
    """Run the checks that need no biometric template on one photo or both.

    An `Idempotency-Key` is taken and has no effect: nothing is made that could be made twice.
    """
    uploads = forms.uploads_of(request)
    async with uploads.form(request, frozenset(_FILES), frozenset()) as form:
        if not form.files:
            raise InvalidRequest("Send `full_body`, `close_up` or both.", (), None, "/full_body")
        checks = await uploads.work(lambda: _check(visit, form))
    return views.ChecksView(
        usable=all(check.status != "fail" for check in checks),
        checks=[views.CheckView.of(check) for check in checks],
    )


def _check(visit: Visit, form: forms.Form) -> list[Check]:
    services = visit.services
    found: list[Check] = []
    for kind in likeness.PHOTOS:
        if kind in form.files:
            image = enrolment.decode_photo(form.file(kind), kind, services.limits.photos)
            faces = services.encoder.detect(image)
            found += quality.check(kind, image, faces, services.limits.quality)
            found.append(services.parts.safety.check_photo(kind, image))
    return found
