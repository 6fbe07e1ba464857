"""`/v1/models`: enrol a person, look, rename, withdraw. What happens is in `identity.enrolment`."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import BeforeValidator, Field, JsonValue

from compliance import retention
from identity import enrolment
from serve import idempotency
from serve.api import once
from serve.api.access import PAGE, Cursor, Key, Limit, Visit, allowed
from serve.callers import break_glass, sight
from serve.custody import drafts, standing, withdrawal
from serve.idempotency import Once
from serve.line import rules
from serve.problems import documented
from serve.wire import forms, paging, present, schema, views
from workspace.rows import Row
from workspace.store import WorkspaceStore
from workspace.types import Caller, Gender, GenerationId, ModelId, ModelStatus, PhotoKind

router = APIRouter(prefix="/v1/models", tags=["models"])
Reader = Annotated[Visit, allowed("models:read")]
Writer = Annotated[Visit, allowed("models:write")]
Decider = Annotated[Visit, allowed("models:write", "consents:write")]
Move = Callable[[WorkspaceStore, ModelId, Caller, datetime], tuple[GenerationId, ...]]
_CHANGE = documented(401, 403, 404, 409, 410, 422, 500, 503, 507)
_FILES = {
    "full_body": "Head to toe: JPEG, PNG, WEBP or HEIC",
    "close_up": "Head and shoulders: JPEG, PNG, WEBP or HEIC",
    "evidence[]": "Signed consent: PDF or picture",
}
_FIELDS: dict[str, dict[str, Any]] = {
    "name": {"type": "string", "maxLength": 80},
    "gender": {"type": "string", "enum": [gender.value for gender in Gender]},
    "attestations": {
        "type": "string",
        "contentMediaType": "application/json",
        "description": "List of {id, sha256}: every attestation of /v1/capabilities",
    },
    "consent": {
        "type": "string",
        "contentMediaType": "application/json",
        "description": "Terms; what is left out gets its default",
    },
    "allow_duplicate": {"type": "string", "enum": ["true", "false"]},
}


def _json(text: Any) -> Any:
    """Read a field that holds JSON: real numbers, and text that can be written as UTF-8."""
    if not isinstance(text, str):
        return text
    try:
        value = json.loads(text, parse_constant=_no_number)
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise ValueError("must be JSON") from error
    return value


def _no_number(word: str) -> Any:
    raise ValueError(word)


class ModelFields(schema.Body):
    name: str
    gender: Gender
    attestations: Annotated[list[dict[str, JsonValue]], BeforeValidator(_json)] = Field(
        default_factory=list, max_length=64
    )
    consent: Annotated[dict[str, JsonValue] | None, BeforeValidator(_json)] = None
    allow_duplicate: bool = False


@router.post(
    "",
    status_code=202,
    summary="Enrol a person",
    responses=documented(401, 403, 409, 413, 415, 422, 429, 500, 503, 507),
    openapi_extra=forms.described(
        _FILES, _FIELDS, ("full_body", "close_up", "name", "gender", "attestations")
    ),
)
async def create(
    request: Request, response: Response, visit: Writer, key: Key = None
) -> views.ModelAccepted:
    """Check both photos, record the consent, and build the model in the background."""
    uploads = forms.uploads_of(request)
    files = frozenset(name.removesuffix("[]") for name in _FILES)
    async with uploads.form(request, files, frozenset(_FIELDS)) as form:
        fields = forms.parse(ModelFields, form)
        sent = once.of_form(key, request, form)
        wanted = enrolment.EnrolmentRequest(
            full_body=form.file("full_body"),
            close_up=form.file("close_up"),
            name=fields.name,
            gender=fields.gender,
            attestations=fields.attestations,
            consent_terms=fields.consent,
            evidence=form.files.get("evidence", ()),
            allow_duplicate=fields.allow_duplicate,
            policy_version=retention.version_shown(visit.store, visit.services.retention),
        )
        model = await uploads.work(lambda: _enrol(visit, wanted, sent))
    response.headers["Location"] = f"/v1/models/{model.id}"
    return model


def _enrol(visit: Visit, wanted: enrolment.EnrolmentRequest, sent: Once) -> views.ModelAccepted:
    visit.still()
    services, store, now = visit.services, visit.store, visit.now()
    with idempotency.one_at_a_time(store, sent):
        known = idempotency.find(store, sent, now)
        if known is None:
            plan = rules.plan_of(services.plans, store.workspace)
            model_id = enrolment.enrol(
                store,
                plan,
                services.guidelines,
                services.encoder,
                services.parts.safety,
                services.limits,
                wanted,
                visit.caller,
                now,
                lambda made: _taken_in(visit, sent, made, now),
            )
            workspace_id = visit.caller.workspace_id
            services.dispatcher.build_model(workspace_id, model_id, wanted.allow_duplicate)
        else:
            model_id = ModelId(known)
    return views.ModelAccepted(id=model_id, status=enrolment.describe(store, model_id).status)


def _taken_in(visit: Visit, sent: Once, model_id: ModelId, now: datetime) -> None:
    """Remember the key; the caller's draft is done with, and its copies of the photos must go."""
    idempotency.remember(visit.store, sent, model_id, now)
    drafts.discard(visit.store, visit.caller, now, drafts.ENROLLED)


@router.get("", summary="Models, newest first", responses=documented(401, 403, 422, 500, 503))
def listing(
    visit: Reader, limit: Limit = PAGE, cursor: Cursor = None
) -> views.Page[views.ModelView]:
    """List the workspace's custom models; erased ones are left out."""
    store, now, hidden = visit.store, visit.now(), [ModelStatus.ERASED.value]

    def show(row: Row) -> views.ModelView:
        return present.model(store, ModelId(row.id), now)

    return paging.page(store, "models", limit, cursor, show, "status <> ?", hidden)


@router.get("/{model_id}", summary="One model", responses=documented(401, 403, 404, 500, 503))
def one(model_id: str, visit: Reader) -> views.ModelView:
    """Show a model with its checks and the state of its consent."""
    return present.model(visit.store, ModelId(model_id), visit.now())


@router.patch("/{model_id}", summary="Rename, allow tools", responses=_CHANGE)
def change(model_id: str, body: schema.ModelChange, visit: Writer) -> views.ModelView:
    """Change the name, or the tools that it may be used on; what waits on others is refused."""
    store, found, now = visit.store, ModelId(model_id), visit.now()
    with store.transaction():
        enrolment.change(store, found, visit.caller, now, body.name, body.tools)
        refused = standing.recheck(store, found, visit.caller.actor, now)
    for generation_id in refused:
        visit.services.dispatcher.cancelled(generation_id)
    return present.model(store, found, now)


@router.delete("/{model_id}", summary="Erase", responses=documented(401, 403, 404, 500, 503, 507))
def erase(model_id: str, visit: Decider) -> views.ErasureView:
    """Destroy the likeness, the name and every image of the model; answers with what went."""
    return _erased(
        visit, withdrawal.erase(visit.store, ModelId(model_id), visit.caller, visit.now())
    )


@router.get(
    "/{model_id}/photos/{kind}",
    summary="A reference photo",
    response_class=Response,
    responses={
        200: {"content": {"image/jpeg": {}}, "description": "The photo, without metadata."},
        **documented(401, 403, 404, 422, 500, 503, 507),
    },
)
def photo(
    model_id: str, kind: PhotoKind, visit: Annotated[Visit, allowed("models:read", "admin")]
) -> Response:
    """Open one sealed reference photo; audited. An `admin` needs break-glass for this model."""
    content, media_type = sight.photo(
        visit.services.registry, visit.store, ModelId(model_id), kind, visit.caller, visit.now()
    )
    return Response(content, media_type=media_type)


@router.post("/{model_id}/revoke", summary="The person withdraws", responses=_CHANGE)
def revoke(
    model_id: str,
    visit: Decider,
    request: Request,
    body: schema.Reason | None = None,
    key: Key = None,
) -> views.ErasureView:
    """Revoke the consent, cancel what is queued, erase the person. The reason is not kept."""
    store, now = visit.store, visit.now()
    sent, found = once.of_json(key, request, body or schema.Reason()), ModelId(model_id)
    with store.transaction():
        idempotency.once(store, sent, now, lambda: model_id)
        # It is final, so that doing it again for a replay changes nothing.
        done = withdrawal.revoke(store, found, visit.caller, now)
    return _erased(visit, done)


@router.post("/{model_id}/suspend", summary="Pause all use", responses=_CHANGE)
def suspend(
    model_id: str,
    visit: Decider,
    request: Request,
    body: schema.Reason | None = None,
    key: Key = None,
) -> views.ModelView:
    """Refuse all use of the model until it is resumed; what waits or runs is refused at once."""
    sent = once.of_json(key, request, body or schema.Reason())
    return _move(visit, sent, ModelId(model_id), withdrawal.suspend)


@router.post("/{model_id}/resume", summary="Allow use again", responses=_CHANGE)
def resume(
    model_id: str,
    visit: Decider,
    request: Request,
    body: schema.Reason | None = None,
    key: Key = None,
) -> views.ModelView:
    """Allow use again, within the terms; under the two-person rule by `consents:write` only."""
    sent = once.of_json(key, request, body or schema.Reason())
    return _move(visit, sent, ModelId(model_id), withdrawal.resume)


def _move(visit: Visit, sent: Once, model_id: ModelId, act: Move) -> views.ModelView:
    """Suspend or resume once; a replay, however late, only shows the present state."""
    store, now = visit.store, visit.now()
    enrolment.describe(store, model_id)

    refused: list[GenerationId] = []

    def move() -> str:
        refused.extend(act(store, model_id, visit.caller, now))
        return model_id

    idempotency.once(store, sent, now, move)
    for generation_id in refused:
        visit.services.dispatcher.cancelled(generation_id)
    return present.model(store, model_id, now)


def _erased(visit: Visit, done: withdrawal.Erasure) -> views.ErasureView:
    for generation_id in done.cancelled:
        visit.services.dispatcher.cancelled(generation_id)
    break_glass.forget_reasons(visit.services.registry, visit.store)
    return views.ErasureView(
        model_id=done.model_id,
        status=done.status,
        erased_at=done.erased_at,
        destroyed=done.destroyed,
        audit_entry=done.audit_entry,
        cancelled_generations=list(done.cancelled),
        certificate=views.CertificateView(**done.certificate),
        published=[
            views.PublishedView.model_validate(one, from_attributes=True) for one in done.published
        ],
    )
