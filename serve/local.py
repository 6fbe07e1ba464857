"""The whole line in one process, without Ray: for `housemodel demo`, benchmarks and tests.

The same services, routes and dispatcher as the appliance; only the two ports are in process. The
API is served on a Unix socket in a private folder (or on a loopback port when a browser needs it).
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import uvicorn

from serve.app import build_services, build_site
from serve.http_server import CONNECTIONS_AT_ONCE
from serve.services import Services
from serve.settings import Settings
from workspace.errors import Starting
from workspace.unseal import KeySource

START_SECONDS = 60.0


@contextmanager
def services(settings: Settings, source: KeySource | None = None) -> Iterator[Services]:
    """Open one home with both ports in this process, its dispatcher running.

    Raises:
        Locked: the root key is missing.
        PackInvalid: the pack is damaged.
    """
    from identity.encoder import InsightFaceEncoder
    from serve.deployments.diffusion import LocalDiffusion
    from serve.deployments.safety import OpenNsfw

    diffusion = LocalDiffusion(settings.pack_folder, threads=settings.torch_threads)
    encoder = InsightFaceEncoder(settings.face_pack_folder, threads=settings.face_threads)
    safety = OpenNsfw(settings.face_threads)
    made = build_services(settings, diffusion, encoder, safety, source=source)
    made.dispatcher.start()
    try:
        yield made
    finally:
        made.dispatcher.stop()
        made.registry.close()


@contextmanager
def serving(made: Services, port: int | None = None) -> Iterator[httpx.Client]:
    """Serve the whole site until the block ends.

    Args:
        port: a loopback TCP port for browsers; None serves on a private Unix socket.

    Yields:
        A client without credentials; set its `Authorization` header.

    Raises:
        Starting: the server did not come up.
    """
    with (
        tempfile.TemporaryDirectory(prefix="hm-") as folder,
        _serving(build_site(made), Path(folder) / "api.sock", port) as client,
    ):
        yield client


@contextmanager
def running(
    settings: Settings, port: int | None = None, source: KeySource | None = None
) -> Iterator[httpx.Client]:
    """`services` and `serving` in one."""
    with services(settings, source) as made, serving(made, port) as client:
        yield client


@contextmanager
def _serving(site: object, socket: Path, port: int | None) -> Iterator[httpx.Client]:
    where = {"host": "127.0.0.1", "port": port} if port else {"uds": str(socket)}
    config = uvicorn.Config(
        site,  # type: ignore[arg-type]
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        limit_concurrency=CONNECTIONS_AT_ONCE,
        **where,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="local-api", daemon=True)
    thread.start()
    deadline = time.monotonic() + START_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise Starting("The in-process server did not start.")
        time.sleep(0.02)
    transport = None if port else httpx.HTTPTransport(uds=str(socket))
    base = f"http://127.0.0.1:{port}" if port else "http://housemodel.internal"
    try:
        with httpx.Client(base_url=base, transport=transport, timeout=120.0) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(timeout=10)
