"""`/v1/drafts`: the enrolment that the caller has begun: one, sealed, their own, for a while.

A photo is checked on its way in, with checks that build no biometric template, and is only kept
when it can be used; it is kept without metadata. Ticks are never part of a draft: whoever sends the
enrolment ticks then.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from compliance import retention
from identity import enrolment, evidence, photos, quality
from serve.api.access import Visit, allowed
from serve.custody import drafts
from serve.line import rules
from serve.problems import documented
from serve.wire import forms, schema
from serve.wire.draft_views import DraftChange, DraftFileKept, DraftView
from serve.wire.views import CheckView, Page
from workspace.errors import PlanExcludesCustomModels
from workspace.types import Check, PhotoKind

router = APIRouter(prefix="/v1/drafts", tags=["drafts"])
Writer = Annotated[Visit, allowed("models:write")]
DraftId = Annotated[str, Query(max_length=64, description="The draft as the caller knows it.")]
_FIELDS: dict[str, dict[str, Any]] = {
    "draft": {"type": "string", "description": "The draft as the caller knows it."},
    "name": {"type": "string", "maxLength": 120, "description": "Of the file, to be shown again."},
}


class FileFields(schema.Body):
    draft: str
    name: str = ""


@router.get("", summary="Your draft, if there is one", responses=documented(401, 403, 500, 503))
def listing(visit: Writer) -> Page[DraftView]:
    """Show what the caller has entered so far; nobody else's draft can be asked for."""
    draft = drafts.find(visit.store, visit.caller, visit.now())
    return Page(items=[DraftView.of(draft)] if draft else [], next_cursor=None)


@router.put(
    "/enrolment",
    summary="Keep what was entered",
    responses=documented(401, 403, 409, 422, 500, 503, 507),
)
def save(body: DraftChange, visit: Writer) -> DraftView:
    """Begin a draft, or change it; 409 when it was changed or ended elsewhere."""
    _check_may_enrol(visit)
    store, caller, now = visit.store, visit.caller, visit.now()
    entered = body.entered.model_dump()
    seen = (body.id, body.revision)
    return DraftView.of(drafts.save(store, caller, seen, entered, visit.services.retention, now))


@router.delete(
    "/enrolment",
    status_code=204,
    summary="Discard your draft",
    responses=documented(401, 403, 500, 503, 507),
)
def discard(visit: Writer) -> None:
    """Destroy the caller's draft and its files at once; without one, nothing happens."""
    with visit.store.transaction():
        drafts.discard(visit.store, visit.caller, visit.now())


@router.put(
    "/enrolment/files/{kind}",
    summary="Check a photo and keep it",
    responses=documented(401, 403, 409, 413, 415, 422, 500, 503, 507),
    openapi_extra=forms.described(
        {"file": "A photo: JPEG, PNG, WEBP or HEIC; a signed form: also PDF"},
        _FIELDS,
        ("file", "draft"),
    ),
)
async def keep(kind: drafts.Kind, request: Request, visit: Writer) -> DraftFileKept:
    """Run the checks of one photo, and keep it if it can be used; a signed form is only kept."""
    uploads = forms.uploads_of(request)
    async with uploads.form(request, frozenset({"file"}), frozenset(_FIELDS)) as form:
        fields = forms.parse(FileFields, form)
        return await uploads.work(lambda: _keep(visit, kind, form.file("file"), fields))


def _keep(visit: Visit, kind: drafts.Kind, data: bytes, fields: FileFields) -> DraftFileKept:
    visit.still()
    _check_may_enrol(visit)
    checks: list[Check] = []
    if kind == "evidence":
        [(data, media_type)] = evidence.checked((data,), visit.services.limits.evidence)
    else:
        data, media_type, checks = _checked(visit, kind, data)
    store, caller, now = visit.store, visit.caller, visit.now()
    usable = all(check.status != "fail" for check in checks)
    shown = [CheckView.of(check) for check in checks]
    rules_ = visit.services.retention
    if usable:
        file = (data, media_type, fields.name[:120])
        said = [view.model_dump() for view in shown]
        draft = drafts.keep(store, caller, fields.draft, kind, file, rules_, now, said)
    else:
        draft = drafts.remove(store, caller, fields.draft, kind, rules_, now)
    return DraftFileKept(draft=DraftView.of(draft), kept=usable, checks=shown)


def _checked(visit: Visit, kind: PhotoKind, data: bytes) -> tuple[bytes, str, list[Check]]:
    """The photo as it would be kept, and what is to be said about it."""
    services = visit.services
    image = enrolment.decode_photo(data, kind, services.limits.photos)
    checks = [
        *quality.check(kind, image, services.encoder.detect(image), services.limits.quality),
        services.parts.safety.check_photo(kind, image),
    ]
    return *photos.encode(image, "jpeg"), checks


@router.get(
    "/enrolment/files/{kind}",
    summary="A file of your draft",
    response_class=Response,
    responses={
        200: {
            "content": {"image/jpeg": {}, "application/pdf": {}},
            "description": "A photo without metadata, or the signed form as it came.",
        },
        **documented(401, 403, 404, 422, 500, 503),
    },
)
def opened(kind: drafts.Kind, visit: Writer) -> Response:
    """Open a file that the caller put into their own draft."""
    content, media_type = drafts.open_file(visit.store, visit.caller, kind, visit.now())
    return Response(content, media_type=media_type, headers={"content-disposition": "attachment"})


@router.delete(
    "/enrolment/files/{kind}",
    summary="Destroy a file of your draft",
    responses=documented(401, 403, 409, 422, 500, 503, 507),
)
def remove(kind: drafts.Kind, draft: DraftId, visit: Writer) -> DraftView:
    """Destroy one file at once; the rest of the draft stays."""
    store, rules_, now = visit.store, visit.services.retention, visit.now()
    return DraftView.of(drafts.remove(store, visit.caller, draft, kind, rules_, now))


def _check_may_enrol(visit: Visit) -> None:
    """Keep nothing of a person whom this workspace could not enrol anyway.

    Raises:
        PlanExcludesCustomModels: the plan has no custom models.
        RetentionPolicyMissing: no policy is published yet.
    """
    plan = rules.plan_of(visit.services.plans, visit.store.workspace)
    if not plan.custom_models:
        raise PlanExcludesCustomModels(f"The {plan.name} plan has no custom models.")
    retention.version_shown(visit.store, visit.services.retention)
