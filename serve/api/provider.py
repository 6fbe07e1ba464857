"""`/sign-in/provider`: through the sign-in provider (OpenID Connect) to a console session.

Two pages for browsers. The first leads to the provider and leaves a sealed cookie with what must
come back; nothing is kept here, so that nobody can fill the memory. The second checks that the
answer belongs to that cookie, and ends in a page of our own that leads on: a redirect from another
site would not carry the strict session cookie along. The cookie is sealed, for ten minutes, bound
to its `state`; it is lax, because the provider's answer comes from another site.
"""

from __future__ import annotations

import base64
import binascii
from datetime import datetime, timedelta
from html import escape
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response

from serve.api.access import address_of, is_by_tls, services_of
from serve.api.sign_in import documented_pages, form_page, inside, plain_page, with_session
from serve.callers import signing_in
from serve.callers.provider import Begun
from serve.services import Services
from workspace.errors import (
    HousemodelError,
    InvalidRequest,
    NotFound,
    SealBroken,
    Unauthenticated,
)
from workspace.networks import throttle_key

COOKIE = "hm_provider"
PATH = "/sign-in/provider"
MINUTES = 10  # to sign in at the provider
PER_MINUTE = 30  # pages of one address, of both kinds together
_TABLE = "provider sign-in"  # of the seal; there is no such table
_LOST = "This sign-in was not begun here, or too long ago; start it again."
_GO_ON = '<p role="status">Signed in.</p><p><a class="go" href="{place}">Go on</a></p>'

router = APIRouter(tags=["sign-in"])


@router.get(
    PATH,
    summary="Sign in through the provider",
    status_code=303,
    responses={
        303: {"description": "To the provider."},
        **documented_pages(404, 422, 429, 500, 503),
    },
)
def begin(
    request: Request,
    next: Annotated[
        str | None, Query(max_length=600, description="The page of the console to open then.")
    ] = None,
) -> Response:
    """Lead the browser to the provider. For people; programs use an API key."""
    services = services_of(request)
    try:
        _pace(request, services)
        if services.provider is None:
            raise NotFound("There is no sign-in provider here.")
        there, begun = services.provider.begin()
    except HousemodelError as error:
        return form_page(services.ways_in, error, next)
    answer = RedirectResponse(there, 303)
    answer.set_cookie(
        COOKIE,
        _sealed(services, begun, inside(next)),
        max_age=MINUTES * 60,
        path=PATH,
        secure=is_by_tls(request),
        httponly=True,
        samesite="lax",
    )
    return answer


@router.get(
    PATH + "/back",
    summary="Where the provider sends the browser back to",
    response_class=Response,
    responses={
        200: {
            "description": "Signed in; the page leads on to the console.",
            "content": {"text/html": {"schema": {"type": "string"}}},
        },
        **documented_pages(401, 403, 404, 422, 429, 500, 503, 507),
    },
)
def back(
    request: Request,
    state: Annotated[str | None, Query(max_length=200)] = None,
    code: Annotated[str | None, Query(max_length=4096)] = None,
    iss: Annotated[str | None, Query(max_length=500, description="RFC 9207.")] = None,
    error: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """Finish a sign-in that was begun in this browser, and open a console session."""
    services, place = services_of(request), None
    try:
        _pace(request, services)
        if services.provider is None or services.ways_in.rules is None:
            raise NotFound("There is no sign-in provider here.")
        now = services.now()
        begun, place = _opened(services, request.cookies.get(COOKIE, ""), state or "", now)
        if error is not None:
            raise Unauthenticated("The provider did not let you in; start again, or ask there.")
        if not code:
            raise InvalidRequest("The provider sent no code; start again.")
        claims = services.provider.finish(code, iss, begun, now)
        session = signing_in.with_provider(
            services.registry,
            services.ways_in.rules,
            claims,
            address_of(request),
            now,
            services.session_hours,
        )
    except HousemodelError as problem:
        answer: Response = form_page(services.ways_in, problem, place)
    else:
        there = escape(place, quote=True)
        on = f'<meta http-equiv="refresh" content="0;url={there}">'
        page = plain_page(_GO_ON.format(place=there), on)
        answer = with_session(page, request, services, session)
    if place is not None:  # the cookie was this answer's: a link from elsewhere ends no sign-in
        answer.delete_cookie(COOKIE, path=PATH)
    return answer


def _pace(request: Request, services: Services) -> None:
    request.app.state.provider_pace.step(throttle_key(address_of(request)), services.now())


def _sealed(services: Services, begun: Begun, place: str) -> str:
    kept = {
        "nonce": begun.nonce,
        "verifier": begun.verifier,
        "place": place,
        "until": (services.now() + timedelta(minutes=MINUTES)).isoformat(),
    }
    sealed = services.registry.seal(_TABLE, begun.state, kept)
    return base64.urlsafe_b64encode(sealed).decode()


def _opened(services: Services, cookie: str, state: str, now: datetime) -> tuple[Begun, str]:
    """What was kept in the browser, if it belongs to this answer.

    Raises:
        Unauthenticated: it does not, or is too old.
    """
    try:
        sealed = base64.urlsafe_b64decode(cookie.encode())
        kept = services.registry.open(_TABLE, state, sealed)
    except (SealBroken, binascii.Error, ValueError) as error:
        raise Unauthenticated(_LOST) from error
    if datetime.fromisoformat(kept["until"]) <= now:
        raise Unauthenticated(_LOST)
    return Begun(state, kept["nonce"], kept["verifier"]), inside(kept["place"])
