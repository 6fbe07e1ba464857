"""`/talent/{token}`: a person's own page, without an account; what it may do is in `person.py`.

Rules: an address that does not open gives one and the same 404 page, whatever the reason. The page
opens after a button was pressed (a preview of the link shows nothing of the person), every change
carries the page's own token and must come from this site, and everything is counted (`Pace`).
Errors are pages in plain words here, not problems: a person reads them.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any
from urllib.parse import parse_qs

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from compliance.ledger import Publication
from serve.api.access import address_of, is_by_tls, services_of
from serve.callers import break_glass
from serve.callers.pace import Pace
from serve.problems import documented, request_id_of
from serve.services import Services
from serve.subjects import person, person_page, talent
from serve.subjects.person_style import HEADERS
from serve.subjects.talent import Link
from workspace.errors import HousemodelError, InvalidRequest, NotFound, Refused
from workspace.networks import throttle_key
from workspace.store import WorkspaceStore
from workspace.types import GenerationId

router = APIRouter(prefix="/talent", tags=["talent"])
COOKIE = "hm_talent"
_MINUTE = timedelta(minutes=1)
_LOOKS, _MISSES = 240, 30  # a minute: of one link with its pictures; of one address
_DONE = {
    "approved": "You said yes. The picture may be used as you agreed.",
    "declined": "You said no. The picture was destroyed.",
    "campaign-approved": "You said yes to the campaign.",
    "campaign-declined": "You said no to the campaign.",
    "paused": "Paused. What waited was refused; nothing more is made.",
    "resumed": "Allowed again, within the terms below.",
}
_WITHDRAWN = "You have withdrawn. Everything of you was destroyed here."
_log = logging.getLogger("housemodel.http")


def _pages(*statuses: int) -> dict[int | str, dict[str, Any]]:
    html: dict[str, Any] = {"text/html": {"schema": {"type": "string"}}}
    return {status: {"description": "A page that says so.", "content": html} for status in statuses}


_BACK: dict[int | str, dict[str, Any]] = {303: {"description": "Back to the page."}}
_LOOK = {**_BACK, **_pages(404, 429, 500, 503, 507), **documented(422)}
_ACT = {**_BACK, **_pages(403, 404, 409, 410, 422, 429, 500, 503, 507), **documented(413)}
_FORM = {
    "requestBody": {
        "content": {"application/x-www-form-urlencoded": {"schema": {"type": "object"}}}
    }
}


class Paces:
    """What is counted; one of them for the whole application."""

    def __init__(self) -> None:
        self.looks = Pace(_LOOKS, _MINUTE)
        self.misses = Pace(_MISSES, _MINUTE)


@dataclass(frozen=True, slots=True)
class Guest:
    """Whoever has the address, while it opens."""

    services: Services
    store: WorkspaceStore
    link: Link
    address: str  # path of the page
    now: datetime

    def tell(self, generations: tuple[GenerationId, ...]) -> None:
        """Stop what is drawn and was refused or cancelled just now."""
        for generation_id in generations:
            self.services.dispatcher.cancelled(generation_id)


Act = Callable[[Guest], Response]


@router.get("/{token}", summary="The page", response_class=HTMLResponse, responses=_LOOK)
def door(
    request: Request,
    token: str,
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
    done: Annotated[str, Query(max_length=32)] = "",
) -> Response:
    """Show the page to whoever pressed the button, and the button to everybody else."""

    def look(guest: Guest) -> Response:
        cookie = request.cookies.get(COOKIE)
        if not talent.is_seated(guest.store, guest.link, cookie, guest.now):
            return _html(person_page.closed_door(guest.address))
        return _whole(guest, page, _DONE.get(done, ""))

    return _with_guest(request, token, look)


@router.post(
    "/{token}/open",
    summary="Press the button",
    status_code=303,
    response_class=RedirectResponse,
    responses=_ACT,
)
def open_door(request: Request, token: str) -> Response:
    """Let a browser in for some hours."""

    def seat(guest: Guest) -> Response:
        answer = RedirectResponse(guest.address, 303)
        answer.set_cookie(
            COOKIE,
            talent.seat(guest.store, guest.link, guest.now),
            max_age=talent.SEAT_HOURS * 3600,
            path=guest.address,
            secure=is_by_tls(request),
            httponly=True,
            samesite="lax",
        )
        return answer

    return _with_guest(request, token, seat)


@router.get(
    "/{token}/images/{image_id}",
    summary="A picture of the person",
    response_class=Response,
    responses={200: {"content": {"image/png": {}}, "description": "Marked."}, **_LOOK},
)
def image(request: Request, token: str, image_id: str) -> Response:
    """Open a marked picture, also one that waits for the person's answer."""

    def show(guest: Guest) -> Response:
        marker = guest.services.parts.marker
        shown = person.picture(guest.store, marker, guest.link, image_id)
        headers = _named(f"{image_id}.png", "inline")
        return Response(shown.data, media_type=shown.media_type, headers=headers)

    return _with_guest(request, token, _seated(request, show))


@router.get(
    "/{token}/certificate",
    summary="What was destroyed, signed",
    response_class=Response,
    responses={200: {"content": {"application/json": {}}, "description": "The file."}, **_LOOK},
)
def certificate(request: Request, token: str) -> Response:
    """Download the certificate of destruction; `housemodel erasure verify` checks it offline."""

    def give(guest: Guest) -> Response:
        content = json.dumps(person.certificate(guest.store, guest.link), indent=2)
        name = f"erasure-{guest.link.model_id}.json"
        headers = _named(name, "attachment")
        return Response(content, media_type="application/json", headers=headers)

    return _with_guest(request, token, _seated(request, give))


@router.post(
    "/{token}/answer",
    summary="Approve or decline a picture or a campaign",
    status_code=303,
    response_class=RedirectResponse,
    responses=_ACT,
    openapi_extra=_FORM,
)
async def answer(request: Request, token: str) -> Response:
    """Note the person's answer; a declined picture is destroyed."""

    def decide(guest: Guest, form: dict[str, str]) -> str:
        kind, about, said = (form.get(name, "") for name in ("kind", "about", "answer"))
        if said not in ("approve", "decline") or kind not in ("image", "campaign"):
            raise InvalidRequest("Answer with one of the buttons.")
        yes = said == "approve"
        outcome = "approved" if yes else "declined"
        if kind == "image":
            person.answer_image(guest.store, guest.link, about, yes, guest.now)
            return outcome
        guest.tell(person.answer_campaign(guest.store, guest.link, about, yes, guest.now))
        return f"campaign-{outcome}"

    return await _change(request, token, decide)


@router.post(
    "/{token}/pause",
    summary="Pause",
    status_code=303,
    response_class=RedirectResponse,
    responses=_ACT,
    openapi_extra=_FORM,
)
async def pause(request: Request, token: str) -> Response:
    """Stop all use at once, until the person allows it again."""

    def rest(guest: Guest, form: dict[str, str]) -> str:
        guest.tell(person.pause(guest.store, guest.link, guest.now))
        return "paused"

    return await _change(request, token, rest)


@router.post(
    "/{token}/resume",
    summary="Allow again",
    status_code=303,
    response_class=RedirectResponse,
    responses=_ACT,
    openapi_extra=_FORM,
)
async def resume(request: Request, token: str) -> Response:
    """Allow use again after a pause of the person's own."""

    def go_on(guest: Guest, form: dict[str, str]) -> str:
        guest.tell(person.resume(guest.store, guest.link, guest.now))
        return "resumed"

    return await _change(request, token, go_on)


@router.post(
    "/{token}/withdraw",
    summary="Withdraw for good",
    response_class=HTMLResponse,
    responses=_ACT,
    openapi_extra=_FORM,
)
async def withdraw(request: Request, token: str) -> Response:
    """Revoke the consent and destroy everything of the person; asked for in writing."""

    def end(guest: Guest, form: dict[str, str]) -> Response:
        if form.get("word", "").strip().upper() != person_page.CONFIRMATION:
            raise InvalidRequest(
                f"Nothing was done: write {person_page.CONFIRMATION} to withdraw for good."
            )
        done = person.withdraw(guest.store, guest.link, guest.now)
        guest.tell(done.cancelled)
        break_glass.forget_reasons(guest.services.registry, guest.store)
        # NOTE: shown at once, not after a redirect: where pictures went is known for this one time.
        return _whole(guest, 1, _WITHDRAWN, went=done.published)

    return await _change(request, token, end)


async def _change(
    request: Request, token: str, act: Callable[[Guest, dict[str, str]], str | Response]
) -> Response:
    """Run a change of the page's own form, and lead back to the page with what was done."""
    form = _form_of(await request.body())

    def carry_out(guest: Guest) -> Response:
        try:
            if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
                raise Refused("Use the buttons of the page itself.")
            if not talent.is_ours(guest.store, guest.link, form.get("token"), guest.now):
                raise Refused("The page was open for too long. Look at it again, then answer.")
            done = act(guest, form)
        except NotFound:
            raise
        except HousemodelError as error:
            if error.status >= 500:
                raise
            return _whole(guest, 1, error.detail or error.title, error.status)
        if isinstance(done, str):
            return RedirectResponse(f"{guest.address}?done={done}", 303)
        return done

    return await run_in_threadpool(_with_guest, request, token, _seated(request, carry_out))


def _with_guest(request: Request, token: str, act: Act) -> Response:
    """Find whose page it is, and answer in pages whatever happens."""
    services = services_of(request)
    now, paces = services.now(), request.app.state.paces
    try:
        link = talent.find(services.registry, token, now)
        if link is None:
            paces.misses.step(throttle_key(address_of(request)), now)
            return _html(person_page.missing(), 404)
        paces.looks.step(link.id, now)
        store = services.registry.store(link.workspace_id)
        answer = act(Guest(services, store, link, f"/talent/{token}", now))
    except NotFound:
        return _html(person_page.missing(), 404)
    except HousemodelError as error:
        if error.status >= 500:
            _log.error("request %s failed: %s", request_id_of(request), error.code)
        wait = error.retry_after_seconds
        answer = _html(person_page.problem(error.title, error.detail), error.status)
        if wait is not None:
            answer.headers["Retry-After"] = str(wait)
    for name, value in HEADERS.items():
        answer.headers[name] = value
    return answer


def _seated(request: Request, act: Act) -> Act:
    """Lead whoever did not press the button to it."""

    def only_seated(guest: Guest) -> Response:
        cookie = request.cookies.get(COOKIE)
        if talent.is_seated(guest.store, guest.link, cookie, guest.now):
            return act(guest)
        return RedirectResponse(guest.address, 303)

    return only_seated


def _whole(
    guest: Guest,
    page: int,
    notice: str,
    status: int = 200,
    went: Sequence[Publication] = (),
) -> Response:
    seen = person.look(guest.store, guest.link, guest.now, page)
    token = talent.form_token(guest.store, guest.link, guest.now)
    return _html(person_page.whole(seen, guest.address, token, notice, status != 200, went), status)


def _html(content: str, status: int = 200) -> HTMLResponse:
    return HTMLResponse(content, status, headers=HEADERS)


def _form_of(body: bytes) -> dict[str, str]:
    try:
        pairs = parse_qs(body.decode(), max_num_fields=8)
    except ValueError:
        return {}  # without the page's token nothing is done
    return {name: values[0] for name, values in pairs.items()}


def _named(name: str, how: str) -> dict[str, str]:
    return {"Content-Disposition": f'{how}; filename="{name}"'}
