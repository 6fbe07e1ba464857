"""`/v1/admin/break-glass` opens a model's photos for an admin; `/v1/break-glass` shows who did."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request

from serve import idempotency
from serve.api import once
from serve.api.access import Key, Visit, allowed
from serve.callers import break_glass
from serve.callers.break_glass import Grant
from serve.problems import documented
from serve.wire.admin_views import GlassesView, GlassView, NewGlass
from workspace.types import ModelId

router = APIRouter(tags=["break-glass"])


@router.post(
    "/v1/admin/break-glass",
    status_code=201,
    summary="See one model's photos, for a reason",
    responses=documented(401, 403, 404, 409, 422, 500, 503, 507),
)
def open_glass(
    body: NewGlass,
    visit: Annotated[Visit, allowed("admin")],
    request: Request,
    key: Key = None,
) -> GlassView:
    """Let the caller open the reference photos of one model, for some minutes; audited."""
    registry, store, now = visit.services.registry, visit.store, visit.now()

    def make() -> str:
        return break_glass.open_glass(
            registry, store, ModelId(body.model_id), body.reason, body.minutes, visit.caller, now
        ).id

    made = idempotency.once(store, once.of_json(key, request, body), now, make)
    return _shown(visit, break_glass.show(registry, store.workspace.id, made))


@router.get(
    "/v1/admin/break-glass",
    summary="Your own grants, newest first",
    responses=documented(401, 403, 500, 503),
)
def own(visit: Annotated[Visit, allowed("admin")]) -> GlassesView:
    """List the grants of the caller, ended ones, too."""
    found = break_glass.grants(visit.services.registry, visit.store.workspace.id)
    looker = visit.caller.actor.partition(".")[0]
    return GlassesView(items=[_shown(visit, grant) for grant in found if grant.actor == looker])


@router.get(
    "/v1/break-glass",
    summary="Who opened what and why, newest first",
    responses=documented(401, 403, 500, 503),
)
def listing(visit: Annotated[Visit, allowed("consents:write", "audit:read")]) -> GlassesView:
    """List every grant of this workspace with its reason."""
    found = break_glass.grants(visit.services.registry, visit.store.workspace.id)
    return GlassesView(items=[_shown(visit, grant) for grant in found])


@router.delete(
    "/v1/break-glass/{grant_id}",
    summary="Close it",
    responses=documented(401, 403, 404, 500, 503, 507),
)
def end(grant_id: str, visit: Annotated[Visit, allowed("consents:write", "admin")]) -> GlassView:
    """End a grant at once: `legal` any, an admin their own."""
    done = break_glass.end(
        visit.services.registry, visit.store, grant_id, visit.caller, visit.now()
    )
    return _shown(visit, done)


def _shown(visit: Visit, grant: Grant) -> GlassView:
    return GlassView.of(grant, grant.is_open(visit.now()))
