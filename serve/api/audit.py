"""`/v1/audit`: the workspace's append-only log and whether it is whole."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from compliance import audit, checkpoints
from serve.api.access import PAGE, Limit, Visit, allowed
from serve.problems import documented
from serve.wire import views

router = APIRouter(prefix="/v1/audit", tags=["audit"])


@router.get("", summary="Entries, oldest first", responses=documented(401, 403, 422, 503))
def entries(
    visit: Annotated[Visit, allowed("audit:read")],
    limit: Limit = PAGE,
    cursor: Annotated[str | None, Query(pattern=r"^[0-9]{1,15}$")] = None,
) -> views.Page[views.AuditEntryView]:
    """List entries in the order in which they were written."""
    found = audit.entries(visit.store, int(cursor or 0), limit + 1)
    more = len(found) > limit
    return views.Page(
        items=[views.AuditEntryView.model_validate(entry) for entry in found[:limit]],
        next_cursor=str(found[limit - 1].seq) if more else None,
    )


@router.get(
    "/search", summary="Find entries, newest first", responses=documented(401, 403, 422, 503)
)
def search(
    visit: Annotated[Visit, allowed("audit:read")],
    words: Annotated[str, Query(max_length=64, description="In what, which, who or facts.")] = "",
    limit: Limit = PAGE,
    cursor: Annotated[str | None, Query(pattern=r"^[0-9]{1,15}$")] = None,
) -> views.Page[views.AuditEntryView]:
    """List entries in which every word occurs, the newest first; without words all of them."""
    before = int(cursor) if cursor is not None else None
    found = audit.search(visit.store, words, before, limit + 1)
    more = len(found) > limit
    return views.Page(
        items=[views.AuditEntryView.model_validate(entry) for entry in found[:limit]],
        next_cursor=str(found[limit - 1].seq) if more else None,
    )


@router.get("/verify", summary="Is the log whole", responses=documented(401, 403, 503))
def verify(visit: Annotated[Visit, allowed("audit:read")]) -> views.AuditReportView:
    """Check every entry's hash, its order, that none is missing at the end, and all signatures."""
    return views.AuditReportView.model_validate(audit.verify(visit.store))


@router.get("/checkpoints", summary="Signed checkpoints", responses=documented(401, 403, 503))
def signed(
    visit: Annotated[Visit, allowed("audit:read")],
) -> views.Page[views.CheckpointView]:
    """List what the appliance signed of the log: keep them elsewhere, and compare them later."""
    found = checkpoints.listed(visit.store)
    return views.Page(items=[views.CheckpointView.model_validate(point) for point in found])
