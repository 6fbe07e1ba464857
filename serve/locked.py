"""A site that starts locked: it answers that it is, until somebody hands over the secret.

    locked    /healthz answers, POST /unlock listens, everything else is 503 `locked`
    unlocked  the whole site, as if it had started that way

Rules: until it is unlocked nothing of a home is opened and no engine is asked; a wrong secret costs
the one who sends it time, and is counted, by address and for all together. One secret is tried at a
time, of an address one waits, and of all a few; the rest is sent away, so that a burst costs
neither cores nor turns.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, PlainTextResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send

from serve import VERSION, problems
from serve.api import unlock
from serve.api.unlock import UnlockRequest
from serve.callers.throttle import Throttle
from serve.middleware import MAX_JSON_BYTES, Frame
from serve.services import Services
from workspace.errors import ApplianceLocked, Locked, RateLimited
from workspace.networks import throttle_key
from workspace.unseal import KeySource

MOST_WAITING = 8  # addresses; the machine itself may always
_HERE = ("127.0.0.1", "::1")
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_PAGE = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>housemodel is locked</title>'
    "<h1>housemodel is locked</h1><p>Whoever runs it has to unlock it first. Nothing is lost."
    "</p></html>"
)


class LockableSite:
    """The ASGI application of an appliance whose secret somebody hands over later.

    Args:
        source: Where the root key is; it waits for the secret.
        open_home: Opens the home and wires the service.
        build: Makes the whole site of it.
    """

    def __init__(
        self,
        source: KeySource,
        open_home: Callable[[KeySource], Services],
        build: Callable[[Services], FastAPI],
    ) -> None:
        self.services: Services | None = None  # once it is unlocked
        self._source, self._open_home, self._build = source, open_home, build
        self._site: FastAPI | None = None
        self._running: _Running | None = None
        self._throttle = Throttle()
        self._one = asyncio.Lock()
        self._waiting: set[str] = set()  # addresses, with the one whose turn it is
        self._locked = self._locked_app()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or start and stop."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await (self._site or self._locked)(scope, receive, send)

    async def unlock(self, asked: UnlockRequest, address: str) -> None:
        """Open the home and put the whole site in place.

        Raises:
            Locked: the secret opens nothing.
            RateLimited: too many wrong ones.
        """
        key = asked.key()
        async with self._turn(address):
            if self._site is not None:
                return
            now = datetime.now(UTC)
            # NOTE: asked here and not before: those that waited meanwhile have failed, too.
            self._throttle.check(_name(address), address, now)
            try:
                await run_in_threadpool(self._give, asked.passphrase, key)
            except Locked:
                self._throttle.failed(_name(address), address, now)
                raise
            services = await run_in_threadpool(self._open_home, self._source)
            try:
                site = await run_in_threadpool(self._build, services)
                self._running = _Running(site)
                await self._running.start()
            except BaseException:
                services.registry.close()
                raise
            self.services, self._site = services, site

    @asynccontextmanager
    async def _turn(self, address: str) -> AsyncIterator[None]:
        """Wait for the others; few may, and of one address one, so that a burst delays nobody.

        Raises:
            RateLimited: too many wait, or this address has failed too often.
        """
        self._throttle.check(_name(address), address, datetime.now(UTC))
        crowded = len(self._waiting) >= MOST_WAITING and address not in _HERE
        counted = throttle_key(address)
        if crowded or counted in self._waiting:
            raise RateLimited("Too many unlock at once; try again.", (), 2)
        self._waiting.add(counted)
        try:
            async with self._one:
                yield
        finally:
            self._waiting.discard(counted)

    def _give(self, passphrase: str | None, key: bytes | None) -> None:
        with self._throttle.attempt():
            if key is not None:
                self._source.give_key(key)
            else:
                self._source.give_passphrase(passphrase or "")

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        if self._running is not None:
            await self._running.stop()
        await send({"type": "lifespan.shutdown.complete"})

    def _locked_app(self) -> FastAPI:
        app = FastAPI(title="housemodel", version=VERSION, openapi_url=None)
        app.state.unlocking = self
        problems.install(app)
        app.include_router(unlock.router)
        app.add_api_route("/healthz", _alive, response_class=PlainTextResponse)
        app.add_api_route(
            "/{path:path}", _refuse, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]
        )
        app.add_middleware(
            Frame, max_upload_bytes=MAX_JSON_BYTES, observe=lambda *_: None, gate=_nobody
        )
        return app


class _Running:
    """Keeps the lifespan of a site in one task, from its start to its stop."""

    def __init__(self, site: FastAPI) -> None:
        self._site = site
        self._end = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the site; raises what its start raises."""
        started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._run(started))
        await started

    async def stop(self) -> None:
        """Stop the site."""
        self._end.set()
        if self._task is not None:
            await self._task

    async def _run(self, started: asyncio.Future[None]) -> None:
        try:
            async with self._site.router.lifespan_context(self._site):
                started.set_result(None)
                await self._end.wait()
        except BaseException as error:
            if started.done():
                raise
            started.set_exception(error)


def _name(address: str) -> str:
    """What wrong secrets are counted under, beside the address: all from elsewhere together.

    There is one secret, whoever guesses it. The machine itself is counted apart, so that nobody
    from elsewhere keeps out who runs it.
    """
    return "unlock here" if address in _HERE else "unlock elsewhere"


def _alive() -> str:
    return "ok"


def _refuse(request: Request) -> Response:
    if "text/html" in request.headers.get("accept", ""):
        return HTMLResponse(_PAGE, ApplianceLocked.status)
    raise ApplianceLocked()


async def _nobody(scope: Any) -> None:
    raise ApplianceLocked()
