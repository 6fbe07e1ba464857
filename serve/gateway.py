"""The gateway replica: HTTP, stores, keys and queue in one process; the only writer.

A Ray Serve deployment that runs its own HTTP server instead of Serve's proxy: bodies stream
straight into the limits of `middleware.py`, a request is 6 ms faster, and one process of 110 MiB
less runs (docs/adr/0006-http-server-in-the-gateway.md). Ray starts it again if it dies; queue and
stores survive that.
"""

from __future__ import annotations

import logging
import logging.handlers
from pathlib import Path
from typing import Any

from serve.app import build_services, build_site
from serve.deployments.fleet import RayFleet
from serve.deployments.handles import RayDiffusion, RayFaceEncoder, RaySafety
from serve.deployments.loopback import keep_to_loopback
from serve.http_server import HttpServer
from serve.locked import LockableSite
from serve.services import Services
from serve.settings import Settings
from serve.tls import certificate_of
from serve.unsealing import source_of
from serve.work.stuck import StuckWatch
from workspace.errors import Unavailable
from workspace.unseal import KeySource

WORK_SECONDS = 4.0  # for a render to reach its next step at stop
LOG_BYTES = 5 << 20


class Gateway:
    """The process that holds a home."""

    def __init__(self, settings: Settings, identity: Any, *diffusion: Any) -> None:
        keep_to_loopback()
        log_to(settings.home / "logs" / "gateway.log")
        fleet = RayFleet(identity, diffusion)
        ports = (RayDiffusion(diffusion), RayFaceEncoder(identity), RaySafety(identity), fleet)

        def open_home(source: KeySource) -> Services:
            return build_services(settings, *ports, source)

        source = source_of(settings)
        self._locked: LockableSite | None = None
        self._opened: Services | None = None
        self._stuck = StuckWatch()
        site: Any
        if source.waits:  # for `housemodel up`, or somebody with `housemodel unlock`
            site = self._locked = LockableSite(source, open_home, build_site)
        else:
            self._opened = open_home(source)
            site = build_site(self._opened)
        certificate = certificate_of(settings.tls_certificate, settings.tls_key)
        self._server = HttpServer(
            site, settings.host, settings.port, certificate, settings.trusted_proxies
        )

    def check_health(self) -> None:
        """Tell Ray to start this process anew when its HTTP server has ended or its stores hang.

        Raises:
            Unavailable: they have, or do.
        """
        if not self._server.alive:
            raise Unavailable("The HTTP server has ended.")
        if services := self._services():
            self._stuck.check(services.registry)
        self._server.renew_certificate()  # Ray asks every few seconds

    def stop(self) -> None:
        """Finish what is being answered, hand running work back to the queue, close the stores."""
        services = self._services()
        if services is not None:
            services.dispatcher.stop(timeout_seconds=WORK_SECONDS)
        self._server.stop()
        if services is not None:
            services.registry.close()

    def _services(self) -> Services | None:
        return self._locked.services if self._locked else self._opened


def log_to(path: Path) -> None:
    """Write this process's log lines to a file that only its owner reads."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    handler = logging.handlers.RotatingFileHandler(path, maxBytes=LOG_BYTES, backupCount=3)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    ours = logging.getLogger("housemodel")
    ours.setLevel(logging.INFO)
    ours.propagate = False
    for logger in (ours, logging.getLogger("uvicorn")):
        logger.addHandler(handler)
