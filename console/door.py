"""Who stands at the door: asks the service whose session a request carries.

The console decides nothing by itself; it asks `GET /v1/account` with the caller's own cookie.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request

from console.client import SESSION_COOKIE, Api, ApiProblem, ClientFactory
from console.places import Account


class SignedOut(Exception):
    """No session, or one that has ended."""


class Door:
    """Finds the account behind a request."""

    def __init__(self, make_client: ClientFactory) -> None:
        self._make_client = make_client

    async def account(self, scope: Any) -> Account:
        """Who sent this request.

        Raises:
            SignedOut: nobody who is signed in.
            ApiProblem: the service can't say, for example because it is locked.
        """
        request = Request(scope)
        if SESSION_COOKIE not in request.cookies:
            raise SignedOut
        try:
            found = await Api(self._make_client, request).get("/v1/account")
        except ApiProblem as problem:
            if problem.status == 401:
                raise SignedOut from problem
            raise
        return Account.of(found)
