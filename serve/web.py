"""The HTTP application: services -> FastAPI. Knows no Ray, no console, no settings.

Errors become problems in one place (`problems.py`), everything around a request is in
`middleware.py`. The interactive documentation pages are off, because they load scripts from
elsewhere; the OpenAPI document itself is at `/openapi.json`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool

from serve import VERSION, metrics, problems
from serve.api import (
    access,
    account,
    admin,
    admin_keys,
    admin_machine,
    approvals,
    audit,
    break_glass,
    capabilities,
    consents,
    drafts,
    erasure,
    events,
    exports,
    generations,
    guidelines,
    health,
    images,
    ledger,
    model_facts,
    models,
    photos,
    pictures,
    policy,
    policy_page,
    products,
    provider,
    publications,
    retention,
    sign_in,
    synthetic,
    talent,
    talent_links,
    unlock,
    verify,
)
from serve.callers.buckets import Buckets
from serve.callers.pace import Pace
from serve.callers.streams import Streams
from serve.callers.throttle import Throttle
from serve.middleware import Frame
from serve.services import Services
from serve.wire.forms import Uploads

_ROUTERS = (
    health,
    sign_in,
    provider,
    account,
    admin,
    admin_keys,
    admin_machine,
    break_glass,
    capabilities,
    guidelines,
    photos,
    pictures,
    drafts,
    policy,
    policy_page,
    synthetic,  # before `models`, whose ids would take its place
    models,
    model_facts,
    consents,
    approvals,
    erasure,
    retention,
    exports,
    products,
    events,
    generations,
    images,
    publications,
    ledger,
    talent_links,
    talent,
    verify,
    audit,
    unlock,
)


# Of every answer to a known caller; written down where a caller needs them.
_PACE = {
    name: {"description": words, "schema": {"type": "integer"}}
    for name, words in (
        ("Retry-After", "Seconds until it makes sense to try again."),
        ("RateLimit-Limit", "Requests a minute, of the tighter of caller and workspace."),
        ("RateLimit-Remaining", "Requests that may be sent at once."),
        ("RateLimit-Reset", "Seconds until the full number is there again."),
    )
}


def build_app(services: Services) -> FastAPI:
    """Make the application. Its lifespan starts and stops the dispatcher, if a server runs it."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(services.dispatcher.start)
        yield
        await run_in_threadpool(services.dispatcher.stop)

    app = FastAPI(
        title="housemodel",
        version=VERSION,
        description="One consenting person's face and look, locked across a brand's pictures.",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        generate_unique_id_function=_operation_id,
    )
    app.state.services = services
    app.state.uploads = Uploads()
    app.state.metrics = metrics.Metrics()
    app.state.throttle = Throttle()
    app.state.buckets = Buckets()
    app.state.streams = Streams()
    app.state.paces = talent.Paces()
    app.state.provider_pace = Pace(provider.PER_MINUTE, timedelta(minutes=1))
    problems.install(app)
    for module in _ROUTERS:
        app.include_router(module.router)
    app.add_middleware(
        Frame,
        max_upload_bytes=services.max_upload_bytes,
        observe=app.state.metrics.observe,
        gate=access.gate,
        by_tls=services.ways_in.by_tls,
    )
    app.openapi = lambda: _document(app)  # type: ignore[method-assign]
    return app


def _operation_id(route: APIRoute) -> str:
    """Name operations for generated clients: `generations_create`."""
    tag = str(route.tags[0]) if route.tags else "root"
    return f"{tag.replace('-', '_')}_{route.name}"


def _document(app: FastAPI) -> dict[str, Any]:
    """Write the OpenAPI document once, with our problems where FastAPI names its own errors."""
    if app.openapi_schema is None:
        document = FastAPI.openapi(app)
        schemas = document["components"]["schemas"]
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        schemas.setdefault("Secret", sign_in.Secret.model_json_schema())
        for path, methods in document["paths"].items():
            for operation in methods.values():
                answers = operation["responses"]
                if path.startswith("/v1/"):  # any caller may come from elsewhere, or too often
                    for status in (403, 429):
                        answers.setdefault(str(status), problems.as_openapi(status))
                    answers["429"]["headers"] = _PACE
                if "HTTPValidationError" in str(answers.get("422")):
                    answers["422"] = problems.as_openapi(422)
        app.openapi_schema = document
    return app.openapi_schema
