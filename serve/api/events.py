"""`GET /v1/generations/{id}/events`: progress as Server-Sent Events.

Events: `status` ({status, position}), `progress` ({step, steps, eta_seconds}), and at the end
`done` with the whole generation. Each connection first gets the present state, so joining late or
again loses nothing; the state is read from the store in a worker thread, never on the event loop.
A comment every `KEEP_ALIVE_SECONDS` keeps proxies from closing the line. The key or session is
checked again while the line is open, so a revoked key hears nothing more. How many a caller and a
workspace may hold open is counted (`callers/streams.py`): each is one of few connections.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send

from serve.api.access import Visit, allowed
from serve.callers.streams import Streams
from serve.problems import documented
from serve.wire import present, views
from workspace.errors import HousemodelError
from workspace.types import TERMINAL

KEEP_ALIVE_SECONDS = 15.0
RECHECK_SECONDS = 5.0  # how old the answer may be that the key or session is valid

router = APIRouter(prefix="/v1/generations", tags=["generations"])


class StatusEvent(BaseModel):
    status: str
    position: int | None


_EVENT: dict[str, Any] = {  # of one event of the stream
    "type": "object",
    "properties": {
        "event": {"enum": ["status", "progress", "done"]},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
}


@router.get(
    "/{generation_id}/events",
    summary="Progress as it happens",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "Events `status`, `progress`, `done`.",
            "content": {"text/event-stream": {"schema": _EVENT}},
        },
        **documented(401, 403, 404, 429, 500, 503),
    },
)
async def events(
    generation_id: str,
    visit: Annotated[Visit, allowed("generate", "images:read")],
    request: Request,
) -> StreamingResponse:
    """Stream the state of a generation until it ends."""
    await run_in_threadpool(_read, visit, generation_id)  # 404 while it can still be said
    streams: Streams = request.app.state.streams
    return _Counted(
        streams.take(visit.caller.workspace_id, visit.caller.principal),
        _stream(visit, generation_id),
        media_type="text/event-stream",
        headers={"X-Accel-Buffering": "no"},
    )


class _Counted(StreamingResponse):
    """A stream that is counted until it ends, also one whose first event was never asked for."""

    def __init__(self, end: Callable[[], None], *content: Any, **options: Any) -> None:
        super().__init__(*content, **options)
        self._end = end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._end()


async def _stream(visit: Visit, generation_id: str) -> AsyncIterator[str]:
    """Write what changed since the last look. Starlette ends it when the caller leaves."""
    status: StatusEvent | None = None
    step: tuple[int, int] | None = None
    checked = time.monotonic()
    with visit.services.dispatcher.news.listen(generation_id) as changed:
        while True:
            changed.clear()
            try:
                if visit.again is not None and time.monotonic() - checked >= RECHECK_SECONDS:
                    await run_in_threadpool(visit.again)
                    checked = time.monotonic()
                now = await run_in_threadpool(_read, visit, generation_id)
            except HousemodelError:
                return  # locked, erased or no longer allowed; asking again says why
            seen = StatusEvent(status=now.status.value, position=now.position)
            if seen != status:
                status = seen
                yield _event("status", seen)
            if now.progress.steps and (now.progress.step, now.progress.steps) != step:
                step = now.progress.step, now.progress.steps
                yield _event("progress", now.progress)
            if now.status in TERMINAL:
                yield _event("done", now)
                return
            try:
                await asyncio.wait_for(changed.wait(), KEEP_ALIVE_SECONDS)
            except TimeoutError:
                yield ": keep-alive\n\n"


def _read(visit: Visit, generation_id: str) -> views.GenerationView:
    store = visit.services.store_of(visit.caller)  # asked anew: it may be locked by now
    return present.generation(store, store.get("generations", generation_id), visit.now())


def _event(name: str, body: BaseModel) -> str:
    return f"event: {name}\ndata: {body.model_dump_json()}\n\n"
