"""`/v1/generations`: ask for pictures, look at past ones, cancel, refine. Events: `events.py`."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import UTC
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from compliance import audit, policy
from serve import idempotency, pipeline, queue
from serve.api import once
from serve.api.access import PAGE, Cursor, Key, Limit, Visit, allowed
from serve.idempotency import Once
from serve.line import casting, rules
from serve.line.asked import SEEDS, Asked
from serve.problems import documented
from serve.wire import paging, present, schema, views
from workspace.errors import Conflict, InvalidRequest
from workspace.rows import Row
from workspace.types import GenerationId, GenerationStatus, ModelId, ProductId, Tool

router = APIRouter(prefix="/v1/generations", tags=["generations"])
_SUBMIT = documented(401, 403, 404, 409, 410, 413, 422, 429, 500, 503, 507)
_REMOVABLE = {"model_id", "campaign"}  # `null` takes them away; elsewhere it means: as before
Reader = Annotated[Visit, allowed("generate", "images:read")]
Maker = Annotated[Visit, allowed("generate")]
Moment = Annotated[schema.Moment | None, Query(description="RFC 3339, with its offset.")]


@router.post("", status_code=202, summary="Ask for pictures", responses=_SUBMIT)
def create(
    body: schema.GenerationRequest,
    visit: Maker,
    request: Request,
    response: Response,
    key: Key = None,
) -> views.GenerationAccepted:
    """Check, admit and queue a generation; it is durable when this answers."""
    if body.image is not None and body.tool is not Tool.BACKGROUND_SWAP:
        raise InvalidRequest("Only background_swap works on an image.", (), None, "/image")
    if body.image and body.picture_id and body.image != body.picture_id:
        raise InvalidRequest("`image` is another name of `picture_id`.", (), None, "/image")
    usual = policy.read(visit.store)
    asked = Asked(
        tool=body.tool,
        prompt=body.prompt,
        model_id=ModelId(body.model_id) if body.model_id else None,
        product_ids=tuple(ProductId(product_id) for product_id in body.product_ids),
        n=body.n,
        aspect_ratio=body.aspect_ratio or "",
        seed=secrets.randbelow(SEEDS) if body.seed is None else body.seed,
        purpose=body.purpose or usual.purpose,
        channel=body.channel or usual.channel,
        territories=tuple(body.territories or usual.territories),
        label=body.label or usual.label,
        label_reason=body.label_reason if body.label else usual.label_reason,
        campaign=body.campaign,
        picture_id=body.picture_id or body.image,
        metadata=body.metadata,
    )
    return _submit(visit, asked, once.of_json(key, request, body), response)


@router.post("/{generation_id}/refine", status_code=202, summary="Ask again", responses=_SUBMIT)
def refine(
    generation_id: str,
    body: schema.RefineRequest,
    visit: Maker,
    request: Request,
    response: Response,
    key: Key = None,
) -> views.GenerationAccepted:
    """Make a new generation from an old one with changes; the seed stays unless it is changed."""
    old = Asked.from_json(visit.store.get("generations", generation_id).private["asked"])
    if casting.drew_candidate(old):  # somebody's own, drawn without a label: neither is passed on
        raise Conflict("This drew a candidate: who made the candidate draws the close-up again.")
    changes = body.model_dump(exclude_none=True)
    changes |= {name: None for name in _REMOVABLE & body.model_fields_set if name not in changes}
    for name in ("product_ids", "territories"):
        if name in changes:
            changes[name] = tuple(changes[name])
    asked = replace(old, refined_from=generation_id, **changes)
    return _submit(visit, asked, once.of_json(key, request, body), response)


def _submit(visit: Visit, asked: Asked, sent: Once, response: Response) -> views.GenerationAccepted:
    parts, caller = visit.services.parts, visit.caller
    rules.tool_takes_no_model(asked)  # before anything else: this answer depends on nothing
    rules.label_explained(asked)
    rules.words_known(asked, visit.services.guidelines.vocabulary)
    generation_id = pipeline.submit(parts, caller.workspace_id, asked, caller.actor, sent)
    visit.services.dispatcher.wake()
    row = visit.store.get("generations", generation_id)
    answer = present.accepted(visit.store, row, visit.now())
    response.headers["Location"] = answer.status_url
    return answer


@router.get("", summary="Past generations", responses=documented(401, 403, 422, 500, 503))
def past(
    visit: Reader,
    limit: Limit = PAGE,
    cursor: Cursor = None,
    status: GenerationStatus | None = None,
    tool: Tool | None = None,
    model_id: str | None = None,
    product_id: str | None = None,
    since: Moment = None,
    before: Moment = None,
) -> views.Page[views.GenerationView]:
    """List generations, newest first; `since` (included) and `before` bound when they were asked.

    With `product_id` a page may be short and still have a `next_cursor`.
    """
    where = "1"
    params: list[str] = []
    # NOTE: a `+` keeps SQLite from an index: those of one model are fewer than those of one tool.
    few = "+" if model_id is not None else ""
    for test, value in (
        (f"{few}status = ?", status),
        (f"{few}tool = ?", tool),
        ("model_id = ?", model_id),
        ("created_at >= ?", since.astimezone(UTC).isoformat() if since else None),
        ("created_at < ?", before.astimezone(UTC).isoformat() if before else None),
    ):
        if value is not None:
            where, params = f"{where} AND {test}", [*params, str(value)]

    def show(row: Row) -> views.GenerationView:
        return present.generation(visit.store, row, visit.now())

    def wanted(row: Row) -> bool:  # which products it was about is sealed
        return product_id in row.private["asked"]["product_ids"]

    which = wanted if product_id else None
    return paging.page(visit.store, "generations", limit, cursor, show, where, params, which)


@router.get(
    "/{generation_id}", summary="One generation", responses=documented(401, 403, 404, 500, 503)
)
def one(generation_id: str, visit: Reader) -> views.GenerationView:
    """Show a generation; one that failed keeps HTTP 200 and carries `error`."""
    row = visit.store.get("generations", generation_id)
    return present.generation(visit.store, row, visit.now())


@router.post(
    "/{generation_id}/cancel",
    summary="Stop it",
    responses=documented(401, 403, 404, 409, 500, 503, 507),
)
def cancel(
    generation_id: str, visit: Maker, request: Request, key: Key = None
) -> views.GenerationView:
    """Cancel: a queued one ends at once, a running one at its next step, an ended one stays."""
    store, now, actor = visit.store, visit.now(), visit.caller.actor

    def stop() -> str:
        before = queue.status_of(store, generation_id)
        if queue.cancel(store, GenerationId(generation_id), now) is not before or (
            before is GenerationStatus.RUNNING
        ):
            audit.append(store, "generation.cancel_asked", generation_id, actor, now)
        return generation_id

    idempotency.once(store, once.of_nothing(key, request), now, stop)
    visit.services.dispatcher.cancelled(generation_id)
    return present.generation(store, store.get("generations", generation_id), now)
