"""Exports for the person and for the data protection officer."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict

from compliance import records
from compliance.records import Record
from serve.api.access import Visit, allowed
from serve.problems import documented
from serve.subjects import subject_export
from serve.wire.views import Time
from workspace.types import ModelId

router = APIRouter(prefix="/v1", tags=["exports"])
Officer = Annotated[Visit, allowed("consents:write", "audit:read")]
Form = Annotated[Literal["json", "markdown"], Query(description="Markdown is a page to edit.")]
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/markdown": {}}, "description": "By `format`."},
    **documented(401, 403, 422, 500, 503),
}


class PartView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    title: str
    lines: list[str]


class RecordView(BaseModel):
    """A pre-filled document; lines that begin with `TO FILL` are the company's to write."""

    model_config = ConfigDict(from_attributes=True)

    title: str
    made_at: Time
    note: str
    parts: list[PartView]


@router.get(
    "/models/{model_id}/export",
    summary="Everything about one person, as a zip",
    response_class=Response,
    responses={
        200: {"content": {"application/zip": {}}, "description": "See README.txt in it."},
        **documented(401, 403, 404, 413, 422, 429, 500, 503, 507),
    },
)
def subject(
    model_id: str,
    visit: Annotated[Visit, allowed("consents:write")],
    images: Annotated[bool, Query(description="The marked pictures themselves, too.")] = False,
) -> Response:
    """Write photos, consents, signed forms, uses, the list of images and the audit entries.

    Every export is audited before it leaves. For an erased person it holds what is left.
    """
    content = subject_export.build(
        visit.store,
        ModelId(model_id),
        visit.services.retention,
        visit.caller,
        visit.now(),
        images,
    )
    return _file(content, "application/zip", f"{model_id}.zip")


@router.get(
    "/exports/processing-record",
    summary="Record of processing (Art. 30 GDPR), pre-filled",
    response_model=RecordView,
    responses=_ANSWERS,
)
def processing_record(visit: Officer, format: Form = "json") -> RecordView | Response:
    """Fill in what the appliance knows of this workspace; the rest is marked."""
    now, rules = visit.now(), visit.services.retention
    known = records.figures(visit.store, rules, now)
    return _shown(records.processing_record(known, rules, now), format, "processing-record")


@router.get(
    "/exports/dpia",
    summary="Data protection impact assessment (Art. 35 GDPR), pre-filled",
    response_model=RecordView,
    responses=_ANSWERS,
)
def dpia(visit: Officer, format: Form = "json") -> RecordView | Response:
    """Fill in what the appliance knows of this workspace; the assessment is the company's."""
    now, rules = visit.now(), visit.services.retention
    known = records.figures(visit.store, rules, now)
    return _shown(records.dpia(known, rules, now), format, "dpia")


def _shown(record: Record, form: str, name: str) -> RecordView | Response:
    if form == "markdown":
        return _file(record.as_markdown().encode(), "text/markdown; charset=utf-8", f"{name}.md")
    return RecordView.model_validate(record)


def _file(content: bytes, media_type: str, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=media_type, headers=headers)
