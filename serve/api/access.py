"""Who calls: an API key or the console's session, checked before a byte of the body is taken.

`allowed("scope", ...)` is the dependency of every route under /v1. It answers 401 without a valid
key or session, 403 when none of the scopes is there or the address is not in a listed network, 429
when the caller, its workspace or a wrong address asks too often, 503 when the workspace is locked.
Ids of other workspaces are not found, because a visit holds only its own workspace's store.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends, Header, Query, Request, Security
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer
from fastapi.security.utils import get_authorization_scheme_param
from starlette.concurrency import run_in_threadpool
from starlette.types import Scope

from serve.callers import auth
from serve.callers.buckets import Buckets
from serve.line import rules
from serve.middleware import RATE
from serve.services import Services
from serve.wire.paging import DEFAULT_LIMIT, MAX_LIMIT
from workspace.errors import AddressNotAllowed, RateLimited, Refused, Unauthenticated
from workspace.networks import throttle_key
from workspace.store import WorkspaceStore
from workspace.types import Caller

OUTSIDE_PER_MINUTE = 60  # calls of one address that came from outside of the networks
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        pattern=r"^[ -~]+$",
        description="Same key and same body: same resource. Another body: 409.",
    ),
]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Items on a page.")]
Cursor = Annotated[str | None, Query(max_length=200, description="`next_cursor` of a page.")]
PAGE = DEFAULT_LIMIT

_bearer = HTTPBearer(auto_error=False, description="An API key: `hm_...`")
_session = APIKeyCookie(name=auth.COOKIE, auto_error=False, description="A console session")
Bearer = Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]
Session = Annotated[str | None, Security(_session)]


@dataclass(frozen=True, slots=True)
class Visit:
    """One authenticated request: who, and the store of its workspace."""

    services: Services
    caller: Caller
    store: WorkspaceStore
    again: Callable[[], Caller] | None = None  # checks the key or session anew

    def still(self) -> None:
        """Check the key or session anew, after a body that took long to arrive.

        Raises:
            Unauthenticated, Refused: it ended meanwhile.
        """
        if self.again is not None:
            self.again()

    def now(self) -> datetime:
        """The present time, in UTC."""
        return self.services.now()


def services_of(request: Request) -> Services:
    """Find the services of the application that handles this request."""
    services: Services = request.app.state.services
    return services


def allowed(*scopes: str) -> Any:
    """Make the dependency that lets a caller with any of the scopes in; no scope: any caller."""

    def visit(request: Request, bearer: Bearer, session: Session) -> Visit:
        return visit_of(request, bearer, session, scopes)

    return Depends(visit)


def visit_of(
    request: Request,
    bearer: HTTPAuthorizationCredentials | None,
    session: str | None,
    scopes: tuple[str, ...],
) -> Visit:
    """Let a caller with any of the scopes in.

    Raises:
        Unauthenticated, Refused, ScopeMissing, Locked: it may not come in.
    """
    services = services_of(request)
    # NOTE: between the gate and here the body came in; who changes something is asked for anew.
    known = caller_of(request) if request.method in SAFE_METHODS else None
    caller = known or _admit(request, bearer, session)
    if scopes:
        auth.require(caller, *scopes)
    again = partial(identify, request, bearer, session)
    return Visit(services, caller, services.store_of(caller), again)


def check_may_confirm(visit: Visit) -> None:
    """Refuse an admin who would confirm what admins make.

    Raises:
        Refused: the caller is an admin.
    """
    if "admin" in visit.caller.scopes:
        raise Refused("Who holds the scope `admin` can't confirm what an admin makes.")


async def gate(scope: Scope) -> None:
    """Let only a known caller send a body; the middleware asks before it takes a byte.

    Raises:
        Unauthenticated, Refused: see `identify`.
    """
    request = Request(scope)
    scheme, secret = get_authorization_scheme_param(request.headers.get("authorization"))
    bearer = None
    if scheme.lower() == "bearer" and secret:
        bearer = HTTPAuthorizationCredentials(scheme=scheme, credentials=secret)
    if caller_of(request) is None:
        await run_in_threadpool(_admit, request, bearer, request.cookies.get(auth.COOKIE))


def caller_of(request: Request) -> Caller | None:
    """The caller of this request, if it was checked already."""
    caller: Caller | None = getattr(request.state, "caller", None)
    return caller


def _admit(
    request: Request, bearer: HTTPAuthorizationCredentials | None, session: str | None
) -> Caller:
    try:
        caller = identify(request, bearer, session)
    except AddressNotAllowed:
        count_outside(request)
        raise
    if request.url.path.startswith("/v1/") and not hasattr(request.state, RATE):
        _count(request, caller)
    request.state.caller = caller
    return caller


def _count(request: Request, caller: Caller) -> None:
    """Count one request of a caller and of its workspace; the answer says what is left.

    Raises:
        RateLimited: one of the two has asked too often; nothing is counted then.
    """
    services = services_of(request)
    plan = rules.plan_of(services.plans, services.registry.get(caller.workspace_id))
    most = plan.max_caller_requests_per_minute
    own = min(caller.per_minute or most, most)
    buckets: Buckets = request.app.state.buckets
    whole = (caller.workspace_id, plan.max_requests_per_minute)
    rate = buckets.take((f"{caller.workspace_id} {caller.principal}", own), whole)
    setattr(request.state, RATE, rate)
    if rate.wait_seconds:
        raise RateLimited("Too many requests in a minute.", (), rate.wait_seconds)


def count_outside(request: Request) -> None:
    """Count a call from outside of the networks, by its address: it costs the workspace nothing.

    Raises:
        RateLimited: too many came from there.
    """
    buckets: Buckets = request.app.state.buckets
    rate = buckets.take((f"outside {throttle_key(address_of(request))}", OUTSIDE_PER_MINUTE))
    if rate.wait_seconds:
        raise RateLimited("Too many requests in a minute.", (), rate.wait_seconds)


def address_of(request: Request) -> str:
    """Where a request comes from; behind a trusted proxy, what that says (`serve/forwarded.py`)."""
    return request.client.host if request.client else "unknown"


def is_by_tls(request: Request) -> bool:
    """Whether the browser came by TLS: the request says so, or the configured public address."""
    return request.url.scheme == "https" or services_of(request).ways_in.by_tls


def identify(
    request: Request, bearer: HTTPAuthorizationCredentials | None, session: str | None
) -> Caller:
    """Find the caller of a request.

    Raises:
        Unauthenticated: there is no valid key or session.
        Refused: a change by session that does not come from the console.
        AddressNotAllowed: the key or the workspace is for other networks.
    """
    services = services_of(request)
    if bearer is not None:
        caller = auth.authenticate(services.registry, bearer.credentials, services.now())
        auth.check_address(services.registry, caller, address_of(request))
        return caller
    if session is None or "authorization" in request.headers:
        raise Unauthenticated("The request carries no API key and no console session.")
    caller = auth.resume(services.registry, session, services.now())
    auth.check_address(services.registry, caller, address_of(request))
    if request.method not in SAFE_METHODS and not from_console(request):
        raise Refused("A change by console session must come from the console itself.")
    return caller


def from_console(request: Request) -> bool:
    """Tell whether our own pages sent this: they set a header, or the origin is this host."""
    if request.headers.get(auth.CONSOLE_HEADER) == "1":
        return True
    origin, host = request.headers.get("origin"), request.headers.get("host")
    try:
        return origin is not None and host is not None and urlsplit(origin).netloc == host
    except ValueError:  # for example `http://[x`
        return False
