"""uvicorn in a thread, for the gateway: bound before anything starts, ended in order.

Knows no Ray and no services: it serves the ASGI application that it is given.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterable
from typing import Any

import uvicorn

from serve.connections import BoundedProtocol
from serve.forwarded import Forwarded
from serve.tls import Certificate
from workspace.errors import Unavailable

START_SECONDS = 30.0
CONNECTIONS_AT_ONCE = 512  # open ones; what is above is told so, or cut off (`connections.py`)
# A connection without a request is closed then; clients that keep theirs as long as the server does
# send into one that is just being closed (httpx drops its own after 5 s, aiohttp after 15 s).
IDLE_SECONDS = 20
CLOSE_SECONDS = 3  # for open connections at stop; event streams end then


class HttpServer:
    """uvicorn in a thread, on a socket that is bound before anything else happens."""

    def __init__(
        self,
        site: Any,
        host: str,
        port: int,
        certificate: Certificate | None = None,
        trusted_proxies: Iterable[str] = (),
    ) -> None:
        """Bind and start serving.

        Args:
            certificate: For TLS; None: plain HTTP.
            trusted_proxies: Networks whose proxies say where a request comes from.

        Raises:
            Unavailable: the port is taken, or the server did not come up.
        """
        listening = listen(host, port)
        self._certificate = certificate
        config = uvicorn.Config(
            Forwarded(site, trusted_proxies),
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,  # `Forwarded` reads them; uvicorn would trust this whole machine
            ssl_context_factory=(lambda *_: certificate.context) if certificate else None,
            http=BoundedProtocol,
            loop="serve.connections:tls_loop" if certificate else "auto",
            ws="none",
            limit_concurrency=CONNECTIONS_AT_ONCE,
            timeout_keep_alive=IDLE_SECONDS,
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

    def renew_certificate(self) -> None:
        """Show the certificate that lies there now; costs two looks at files."""
        if self._certificate is not None:
            self._certificate.renew()

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
