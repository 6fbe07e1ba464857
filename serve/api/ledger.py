"""`/v1/models/{id}/ledger` and `/statement`: what was made of a person, and what is owed for it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import Response

from serve.api.access import Visit, allowed
from serve.problems import documented
from serve.subjects import accounts
from serve.wire import schema
from serve.wire.ledger_views import LedgerView, StatementView
from serve.wire.tables import MEDIA_TYPE
from workspace.errors import InvalidRequest

router = APIRouter(prefix="/v1/models", tags=["ledger"])
Accountant = Annotated[Visit, allowed("consents:write", "audit:read")]
Since = Annotated[
    schema.AnyMoment | None, Query(alias="from", description="RFC 3339; none: beginning.")
]
Until = Annotated[schema.AnyMoment | None, Query(alias="to", description="Without it; none: now.")]
Form = Annotated[Literal["json", "csv"], Query(description="The same rows, for a spreadsheet.")]
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/csv": {}}, "description": "By `format`."},
    **documented(401, 403, 404, 422, 500, 503),
}


@router.get(
    "/{model_id}/ledger", summary="The use ledger", response_model=LedgerView, responses=_ANSWERS
)
def ledger(
    model_id: str,
    visit: Accountant,
    since: Since = None,
    until: Until = None,
    format: Form = "json",
) -> LedgerView | Response:
    """Show every image of the person that was made or published in a period.

    Codes, ids and times; no picture, no name, no prompt. It answers for an erased model, too.
    """
    shown = accounts.account(visit.store, model_id, _utc(since), _utc(until), visit.now())
    if format == "json":
        return shown
    return _file(accounts.ledger_csv(shown), f"ledger-{model_id}.csv")


@router.get(
    "/{model_id}/statement",
    summary="The statement of pay",
    response_model=StatementView,
    responses=_ANSWERS,
)
def statement(
    model_id: str,
    visit: Accountant,
    since: Since = None,
    until: Until = None,
    format: Form = "json",
) -> StatementView | Response:
    """Reckon what is owed for a period, by the pay that each version of the consent names."""
    shown = accounts.pay(visit.store, model_id, _utc(since), _utc(until), visit.now())
    if format == "json":
        return shown
    return _file(accounts.statement_csv(shown), f"statement-{model_id}.csv")


def _utc(moment: datetime | None) -> datetime | None:
    """A time without a zone is UTC, as in a consent."""
    if moment is None:
        return None
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError as error:
        raise InvalidRequest("This is outside of all calendars.", (), None, "/from") from error


def _file(content: bytes, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=MEDIA_TYPE, headers=headers)
