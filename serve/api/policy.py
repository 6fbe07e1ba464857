"""`/v1/policy`: what the workspace decided for itself; see `compliance/policy.py`."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter

from compliance import policy
from serve.api.access import Visit, allowed
from serve.callers import auth
from serve.problems import documented
from serve.wire import schema, views

router = APIRouter(prefix="/v1/policy", tags=["policy"])


@router.get("", summary="The workspace's policy", responses=documented(401, 403, 500, 503))
def show(visit: Annotated[Visit, allowed()]) -> views.PolicyView:
    """Show the rules in force; whoever may sign in may read them."""
    return views.PolicyView(**policy.read(visit.store).as_json())


@router.patch("", summary="Change it", responses=documented(401, 403, 422, 500, 503, 507))
def change(
    body: schema.PolicyChange, visit: Annotated[Visit, allowed("consents:write", "admin")]
) -> views.PolicyView:
    """Change what is named; the rest stays. Every change is audited.

    An `admin` changes how long results are kept; who must agree, labels and what a request means
    when it says nothing are matters of `consents:write`.
    """
    if body.model_fields_set - {"results_days"}:
        auth.require(visit.caller, "consents:write")
    made = policy.change(
        visit.store,
        body.model_dump(exclude_unset=True),
        visit.caller,
        visit.now(),
        visit.services.guidelines.vocabulary,
    )
    return views.PolicyView(**made.as_json())
