"""Exception -> RFC 9457 problem. Nothing else turns errors into HTTP answers.

Our own family carries code, title, status and remedy; FastAPI's validation errors become
`invalid_request` with a JSON pointer; what no handler knows becomes `internal` in `middleware.py`,
with the request id only. No body ever repeats what the caller sent.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from serve.wire.views import CheckView
from workspace.errors import HousemodelError, InvalidRequest, NotFound, PayloadTooLarge

MEDIA_TYPE = "application/problem+json"
_TYPE = "urn:housemodel:problem:"
_LONGEST_NAME = 64  # characters of an unknown field's name that a pointer repeats
_LONGEST_WORDS = 300  # characters of what a validator says
_DEEPEST = 8  # steps into a body that a pointer follows
_log = logging.getLogger("housemodel.http")


class Problem(BaseModel):
    """The body of every refusal and failure."""

    type: str = Field(description="A stable URN that ends with the code.")
    title: str
    status: int
    detail: str
    code: str = Field(description="Stable within /v1; decide on this, not on the words.")
    remedy: str = Field(description="What to do next.")
    request_id: str
    checks: list[CheckView] | None = Field(None, description="Photo checks, if they are the cause.")
    pointer: str | None = Field(None, description="JSON pointer (RFC 6901) to the wrong field.")


class MethodNotAllowed(HousemodelError):
    """The route exists, but not for this method."""

    code, title, status = "method_not_allowed", "This route has no such method", 405
    remedy = "Look the route up in /openapi.json."


def install(app: FastAPI) -> None:
    """Register the handlers on the application."""
    app.add_exception_handler(HousemodelError, _ours)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)


def body_of(error: HousemodelError, request_id: str) -> dict[str, Any]:
    """Make the problem's JSON; absent members are left out."""
    problem = Problem(
        type=_TYPE + error.code,
        title=error.title,
        status=error.status,
        detail=error.detail or error.title,
        code=error.code,
        remedy=error.remedy,
        request_id=request_id,
        checks=[CheckView.of(check) for check in error.checks] or None,
        pointer=error.pointer or None,
    )
    return problem.model_dump(mode="json", exclude_none=True)


def headers_of(error: HousemodelError) -> dict[str, str]:
    """Say when to come back and how to sign in, where that helps."""
    if error.status == 401:
        return {"WWW-Authenticate": 'Bearer realm="housemodel"'}
    if error.retry_after_seconds is not None:
        return {"Retry-After": str(error.retry_after_seconds)}
    if error.status in (429, 503):
        return {"Retry-After": "5"}
    return {}


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe the given statuses as problems, for a route's `responses`."""
    return {status: {"model": Problem, **as_openapi(status)} for status in statuses}


def as_openapi(status: int) -> dict[str, Any]:
    """Describe one status as a problem, in OpenAPI's own words."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        "description": _DESCRIPTIONS[status],
        "content": {MEDIA_TYPE: {"schema": schema}},
    }


_DESCRIPTIONS = {
    401: "No valid key or session.",
    403: "Refused: a scope, the network, the consent, the plan or the tool does not allow it.",
    404: "Nothing under this id in the caller's workspace.",
    405: "The route has no such method.",
    409: "Does not fit the present state, or the Idempotency-Key was used with another body.",
    410: "The person withdrew.",
    413: "Larger than the limits that /v1/capabilities names.",
    415: "Not a photo that can be read.",
    422: "The request can't be carried out as it is; `code` and `pointer` say why.",
    429: "A quota, a rate limit or the queue is full; Retry-After says when to try again.",
    500: "A fault on our side.",
    503: "Locked, or still starting.",
    507: "The disk is full.",
}


def respond(error: HousemodelError, request_id: str) -> JSONResponse:
    """Make the whole answer."""
    return JSONResponse(
        body_of(error, request_id), error.status, headers_of(error), media_type=MEDIA_TYPE
    )


def request_id_of(request: Request) -> str:
    """Take the id that the outermost middleware gave this request."""
    return str(request.scope.get("state", {}).get("request_id", ""))


async def _ours(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HousemodelError)
    if error.status >= 500:
        cause = type(error.__cause__).__name__ if error.__cause__ else "none"
        _log.error("request %s failed: %s (cause: %s)", request_id_of(request), error.code, cause)
    return respond(error, request_id_of(request))


async def _validation(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    return respond(invalid(error.errors()), request_id_of(request))


async def _http(request: Request, error: Exception) -> JSONResponse:
    """Translate what Starlette itself raises: unknown routes, methods, unreadable bodies."""
    assert isinstance(error, HTTPException)
    ours: HousemodelError
    if error.status_code == 404:
        ours = NotFound("There is no such route.")
    elif error.status_code == 405:
        ours = MethodNotAllowed()
        # Starlette names the methods of the first route that has this path, and there are several.
        if methods := _methods_of(request):
            error.headers = {"Allow": ", ".join(sorted(methods))}
    elif error.status_code == 413:
        ours = PayloadTooLarge()
    else:
        ours = InvalidRequest("The body can't be read.")
    answer = respond(ours, request_id_of(request))
    answer.headers.update(error.headers or {})
    return answer


def _methods_of(request: Request) -> set[str]:
    """Every method that the OpenAPI document has at the path of this request.

    `/v1/models/synthetic` is a path of its own, though `/v1/models/{model_id}` would fit it, too.
    """
    paths: dict[str, dict[str, Any]] = request.app.openapi()["paths"]
    path = request.scope["path"]
    fits = [one for one in paths if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", one), path)]
    return {method.upper() for method in paths[min(fits, key=_places)]} if fits else set()


def _places(template: str) -> int:
    return template.count("{")


def invalid(errors: Sequence[Any]) -> InvalidRequest:
    """Turn pydantic's errors into one `invalid_request` about the first of them."""
    first: Mapping[str, Any] = errors[0] if errors else {}
    where = [str(part)[:_LONGEST_NAME] for part in first.get("loc", ())[:_DEEPEST]]
    place = where[0] if where else "body"
    if first.get("type") == "json_invalid":
        return InvalidRequest("The body is not valid JSON.")
    field = ".".join(where[1:]) or place
    words = str(first.get("msg", "is not valid")).removeprefix("Value error, ")[:_LONGEST_WORDS]
    more = f" {len(errors) - 1} more field(s) are wrong." if len(errors) > 1 else ""
    pointer = to_pointer(where[1:]) if place == "body" else ""
    kind = "" if place == "body" else f" ({place} parameter)"
    return InvalidRequest(f"`{field}`{kind}: {words}.{more}", (), None, pointer)


def to_pointer(path: Sequence[str | int]) -> str:
    """Write a path as RFC 6901 does: `/a~1b/0` for ("a/b", 0)."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)
