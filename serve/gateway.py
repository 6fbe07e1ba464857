"""The gateway replica: HTTP, stores, keys and queue in one process; the only writer.

A Ray Serve deployment that runs its own HTTP server instead of Serve's proxy: bodies stream
straight into the limits of `middleware.py`, a request is 6 ms faster, and one process of 110 MiB
less runs (docs/adr/0004-http-server-in-the-gateway.md). Ray starts it again if it dies; queue and
stores survive that.
"""

from __future__ import annotations

import logging
import logging.handlers
import socket
import threading
import time
from pathlib import Path
from typing import Any

import uvicorn

from serve.app import build_services, build_site
from serve.deployments.handles import RayDiffusion, RayFaceEncoder
from serve.deployments.loopback import keep_to_loopback
from serve.settings import Settings
from workspace.errors import Unavailable

START_SECONDS = 30.0
CLOSE_SECONDS = 3  # for open connections at stop; event streams end then
WORK_SECONDS = 4.0  # for a render to reach its next step at stop
LOG_BYTES = 5 << 20


class Gateway:
    """The process that holds a home."""

    def __init__(self, settings: Settings, identity: Any, *diffusion: Any) -> None:
        keep_to_loopback()
        log_to(settings.home / "logs" / "gateway.log")
        self._services = build_services(settings, RayDiffusion(diffusion), RayFaceEncoder(identity))
        self._server = HttpServer(build_site(self._services), settings.host, settings.port)

    def check_health(self) -> None:
        """Tell Ray to start this process anew when its HTTP server has ended.

        Raises:
            Unavailable: it has.
        """
        if not self._server.alive:
            raise Unavailable("The HTTP server has ended.")

    def stop(self) -> None:
        """Finish what is being answered, hand running work back to the queue, close the stores."""
        self._services.dispatcher.stop(timeout_seconds=WORK_SECONDS)
        self._server.stop()
        self._services.registry.close()


class HttpServer:
    """uvicorn in a thread, on a socket that is bound before anything else happens."""

    def __init__(self, site: Any, host: str, port: int) -> None:
        """Bind and start serving.

        Raises:
            Unavailable: the port is taken, or the server did not come up.
        """
        listening = listen(host, port)
        config = uvicorn.Config(
            site,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=CLOSE_SECONDS,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, args=([listening],), name="http", daemon=True
        )
        self._thread.start()
        deadline = time.monotonic() + START_SECONDS
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                raise Unavailable("The HTTP server did not start; see the log.")
            time.sleep(0.02)

    @property
    def alive(self) -> bool:
        """Whether requests are being answered."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """Answer what is open, then end."""
        self._server.should_exit = True
        self._thread.join(CLOSE_SECONDS + 2)


def listen(host: str, port: int) -> socket.socket:
    """Bind a TCP port.

    Raises:
        Unavailable: another program has it, or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=512)
    except OSError as error:
        raise Unavailable(
            f"Port {port} of {host} can't be used ({error.strerror}); "
            f"choose another one: --port {port + 1 if port < 65535 else port - 1}."
        ) from error


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
