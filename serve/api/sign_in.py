"""`/sign-in`, `/sign-out`: from name and password, a code or an API key to a console session.

A plain page without scripts or outside files. The session travels in a cookie that scripts can't
read and other sites can't send. A one-time link only shows a page: its button sends the code, so
that a preview of the link does not use it up, and no other site can sign anybody in. Passwords are
throttled by name and address, and a refusal takes as long whether or not the name exists. Signing
in through a provider is in `provider.py`.
"""

from __future__ import annotations

import re
from contextlib import suppress
from functools import partial
from html import escape
from typing import Annotated, Any
from urllib.parse import parse_qs, urlencode

import anyio
from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import Field, ValidationError
from starlette.concurrency import run_in_threadpool

from serve.api.access import (
    address_of,
    count_outside,
    from_console,
    is_by_tls,
    services_of,
)
from serve.callers import auth, signing_in
from serve.callers.throttle import Throttle
from serve.callers.ways_in import WaysIn
from serve.problems import documented, headers_of
from serve.services import Services
from serve.wire import schema
from workspace.errors import (
    HousemodelError,
    InvalidRequest,
    RateLimited,
    Refused,
    Unauthenticated,
)

CONSOLE = "/console/"
REFUSAL_SECONDS = 0.4  # a refused password is answered no sooner
router = APIRouter(tags=["sign-in"])

# Only our own pages, nothing that leads out: no encoded dots or slashes before the query.
_NEXT = re.compile(r"/console/(?=.{0,500}$)[\w\-./=&,~]*(\?[\w\-./?=&%,~]*)?", re.ASCII)

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Sign in – housemodel</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">{head}
<style>
:root {{ --ink: #1f1d1b; --paper: #faf9f7; --soft: #5f5a55; --line: #8d867f; --field: #fff;
  --go: #2b5a4e; --bad: #a5281b }}
@media (prefers-color-scheme: dark) {{ :root {{ --ink: #ece9e5; --paper: #161514; --soft: #b0a9a2;
  --line: #7a736d; --field: #1e1c1b; --go: #3f6f62; --bad: #ffb4a8 }} }}
body {{ font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; margin: 8vh auto;
  max-width: 25rem; padding: 0 1.25rem; color: var(--ink); background: var(--paper) }}
h1 {{ font-size: 1.9rem; letter-spacing: -.02em; margin: 0 0 1.25rem }}
label {{ display: block; font-weight: 600; margin-bottom: .8rem }}
label small, p, summary {{ color: var(--soft); font-weight: 400 }}
input, button {{ font: inherit; width: 100%; box-sizing: border-box; padding: .65rem .75rem;
  margin: .3rem 0 0; border-radius: 8px; border: 1px solid var(--line) }}
input {{ color: inherit; background: var(--field) }}
button, .go {{ background: var(--go); color: #fff; border-color: transparent; cursor: pointer;
  font-weight: 600; margin-top: .4rem }}
.go {{ display: block; text-align: center; text-decoration: none; border-radius: 8px;
  padding: .7rem .75rem }}
details {{ margin-top: 2rem; border-top: 1px solid var(--line); padding-top: 1rem }}
summary {{ cursor: pointer; margin-bottom: .8rem }}
:focus-visible {{ outline: 3px solid #678a80; outline-offset: 2px }}
[role=alert] {{ color: var(--bad); border-left: 4px solid; padding-left: .75rem }}
</style></head><body><main><h1>housemodel</h1>{body}</main></body></html>"""
_PASSWORDS = """<form method="post" action="/sign-in">{next}
<label>Name <input name="name" autocomplete="username" required autofocus></label>
<label>Password
<input name="password" type="password" autocomplete="current-password" required></label>
<label>Workspace <small>(only if your name is in several)</small> <input name="workspace"></label>
<button>Sign in</button></form>
<p>Forgotten your password? An admin of your workspace sets a new one.</p>
"""
_PROVIDER = '<p><a class="go" href="/sign-in/provider{query}">Sign in with {name}</a></p>\n'
_SECRET = """<details><summary>With a one-time code or an API key</summary>
<form method="post" action="/sign-in">{next}
<label>One-time code or API key
<input name="secret" type="password" autocomplete="off" required></label>
<button>Sign in with it</button></form>
<p>The start of the service prints a one-time code. An admin adds people, or
<code>housemodel user add</code> does.</p></details>"""
_BACK = '<p role="status">Sign in to go on; you come back to the page where you were.</p>'
_ONE_BUTTON = """<form method="post" action="/sign-in">
<input name="code" type="hidden" value="{code}"><button autofocus>Sign in</button></form>
<p>The link works once.</p>"""


class Secret(schema.Body):
    """A code, a key (or `secret` for whichever it is), or a person's name with the password."""

    code: str | None = None
    key: str | None = None
    secret: str | None = None
    name: str | None = Field(None, max_length=200)
    password: str | None = Field(None, max_length=1000)
    workspace: str | None = Field(
        None, max_length=200, description="Needed only where several workspaces have the name."
    )
    next: str | None = Field(
        None, max_length=600, description="The page of the console to open; of the form only."
    )


def documented_pages(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Problems for programs; the page again, with the words, for its own form."""
    html = {"text/html": {"schema": {"type": "string"}}}
    described = documented(*statuses)
    return {k: {**one, "content": {**one["content"], **html}} for k, one in described.items()}


@router.get("/", include_in_schema=False)
def root() -> RedirectResponse:
    """Lead to the console."""
    return RedirectResponse(CONSOLE, 303)


@router.get(
    "/sign-in",
    summary="The sign-in page",
    response_class=HTMLResponse,
    responses=documented(422),
)
def page(
    request: Request,
    code: Annotated[str | None, Query(max_length=128)] = None,
    next: Annotated[
        str | None, Query(max_length=600, description="The page of the console to come back to.")
    ] = None,
) -> Response:
    """Show the form, or one button for the code of a one-time link; nothing is used up yet."""
    if code is None:
        return form_page(services_of(request).ways_in, None, next)
    return plain_page(_ONE_BUTTON.format(code=escape(code, quote=True)))


@router.post(
    "/sign-in",
    summary="Sign in with name and password, a one-time code or an API key",
    status_code=204,
    responses={
        303: {"description": "To the console, for the page's own form."},
        **documented(422, 500, 503, 507),
        **documented_pages(401, 403, 429),
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                kind: {"schema": {"$ref": "#/components/schemas/Secret"}}
                for kind in ("application/json", "application/x-www-form-urlencoded")
            },
        }
    },
)
async def sign_in(request: Request) -> Response:
    """Open a console session; the answer sets the cookie.

    Send `{"name": ..., "password": ...}`, `{"code": ...}` or `{"key": ...}`.
    """
    # NOTE: programs send no origin; a browser always does, and `null` is no page of ours.
    if "origin" in request.headers and not from_console(request):
        raise Refused("Sign in from this service's own page.")
    from_page = "urlencoded" in request.headers.get("content-type", "")
    secret = _read(await request.body(), from_page)
    services, started = services_of(request), anyio.current_time()
    try:
        session = await run_in_threadpool(_open, request, services, secret)
    except (Unauthenticated, RateLimited, Refused) as error:
        if secret.password is not None:
            await anyio.sleep_until(started + REFUSAL_SECONDS)
        if from_page:
            return form_page(services.ways_in, error, secret.next)
        raise
    answer = RedirectResponse(inside(secret.next), 303) if from_page else Response(status_code=204)
    return with_session(answer, request, services, session)


@router.post(
    "/sign-out",
    summary="End the console session",
    status_code=303,
    responses=documented(403, 500, 503),
)
def sign_out(request: Request) -> RedirectResponse:
    """Forget the session here and in the browser."""
    if not from_console(request):
        raise Refused("Sign out from the console itself.")
    session, services = request.cookies.get(auth.COOKIE), services_of(request)
    if session:
        with suppress(Unauthenticated):
            caller = auth.resume(services.registry, session, services.now())
            signing_in.signed_out(services.registry, caller, services.now())
        auth.sign_out(services.registry, session)
    answer = RedirectResponse("/sign-in", 303)
    answer.delete_cookie(auth.COOKIE, path="/")
    return answer


def _read(body: bytes, from_page: bool) -> Secret:
    try:
        if from_page:
            pairs = parse_qs(body.decode(), max_num_fields=5)
            return Secret(**{name: values[0] for name, values in pairs.items()})
        return Secret.model_validate_json(body)
    except (ValidationError, ValueError, TypeError) as error:
        words = (
            'Send `{"name": "...", "password": "..."}`, `{"code": "..."}` or `{"key": "hm_..."}`.'
        )
        raise InvalidRequest(words) from error


def _open(request: Request, services: Services, given: Secret) -> str:
    registry, now, hours = services.registry, services.now(), services.session_hours
    address = address_of(request)
    key, code = given.key, given.code
    if given.secret is not None:
        secret = given.secret.strip()
        key, code = (secret, None) if secret.startswith("hm_") else (None, secret)
    if key is not None:
        outside = partial(count_outside, request)
        return signing_in.with_key(registry, key, address, now, hours, outside)
    if code is not None:
        return signing_in.with_code(registry, code, address, now, hours)
    if given.name is None or given.password is None:
        raise InvalidRequest("Name and password, a one-time code or an API key is needed.")
    if not services.ways_in.passwords:
        raise Refused("Passwords are switched off here; sign in through the provider.")
    throttle: Throttle = request.app.state.throttle
    place = (given.workspace or "").strip() or None
    return signing_in.with_password(
        registry, throttle, given.name, given.password, place, address, now, hours
    )


def form_page(ways: WaysIn, error: HousemodelError | None, back: str | None) -> HTMLResponse:
    """The sign-in page: every way in that there is, and what went wrong with the last one."""
    place = inside(back)
    hidden = f'<input name="next" type="hidden" value="{escape(place, quote=True)}">'
    there = "" if place == CONSOLE else hidden
    body = "" if place == CONSOLE else _BACK
    if error is not None:
        body = f'<p role="alert">{escape(error.detail)}</p>'
    if ways.provider_name:
        query = "" if place == CONSOLE else "?" + urlencode({"next": place})
        body += _PROVIDER.format(name=escape(ways.provider_name), query=escape(query, quote=True))
    if ways.passwords:
        body += _PASSWORDS.format(next=there)
    page = plain_page(body + _SECRET.format(next=there))
    if error is not None:
        page.status_code = error.status
        page.headers.update(headers_of(error))
    return page


def plain_page(body: str, head: str = "") -> HTMLResponse:
    """A page in the dress of the sign-in page."""
    return HTMLResponse(_PAGE.format(body=body, head=head))


def inside(place: str | None) -> str:
    """The page to come back to, if it is one of the console's own."""
    return place if place and _NEXT.fullmatch(place) and ".." not in place else CONSOLE


def with_session(answer: Response, request: Request, services: Services, session: str) -> Response:
    """Let an answer carry the cookie of a session."""
    answer.set_cookie(
        auth.COOKIE,
        session,
        max_age=services.session_hours * 3600,
        path="/",
        secure=is_by_tls(request),
        httponly=True,
        samesite="strict",
    )
    return answer
