"""`/v1/account`: who the caller is, and a person's own password."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request

from compliance import audit
from serve.api.access import Key, Visit, address_of, allowed
from serve.callers import people
from serve.callers.throttle import Throttle
from serve.problems import documented
from serve.wire.admin_views import AccountView, NewPassword
from workspace.errors import Conflict, Refused

router = APIRouter(prefix="/v1/account", tags=["account"])
Anyone = Annotated[Visit, allowed()]


@router.get("", summary="Who am I", responses=documented(401, 503))
def show(visit: Anyone) -> AccountView:
    """Show the caller's own rights."""
    caller = visit.caller
    person = people.find(visit.services.registry, caller.person) if caller.person else None
    return AccountView(
        actor=caller.actor,
        workspace_id=caller.workspace_id,
        scopes=sorted(caller.scopes),
        name=person.name if person else None,
        roles=list(person.roles) if person else [],
    )


@router.post(
    "/password",
    status_code=204,
    summary="Change one's own password",
    responses=documented(401, 403, 404, 409, 422, 429, 500, 503, 507),
)
def change_password(body: NewPassword, visit: Anyone, request: Request, key: Key = None) -> None:
    """Change the password and end every session of the person, this one, too.

    An `Idempotency-Key` is taken and has no effect: a replay has no session any more.
    """
    caller, registry, now = visit.caller, visit.services.registry, visit.now()
    if caller.person is None:
        raise Conflict("Only a person who signed in with a name has a password.")
    throttle: Throttle = request.app.state.throttle
    address = address_of(request)
    with throttle.attempt():
        throttle.check(caller.person, address, now)
        if not people.check_password(registry, caller.person, body.old):
            throttle.failed(caller.person, address, now)
            raise Refused("The old password is wrong.", (), None, "/old")
    with visit.store.transaction():
        audit.append(visit.store, "person.password", caller.person, caller.actor, now)
        people.change_own_password(registry, caller.person, body.new)
