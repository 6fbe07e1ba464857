"""Start, wait, stop: one appliance from nothing to nothing.

    lock the home -> see that the port is free -> private Ray node -> deploy -> ready -> wait
    -> stop the gateway in order -> end every process -> keep Ray's logs -> remove its folder

Two appliances run side by side on one machine, but never on one home. After `stop` no process of
this start is left: what does not end by itself is found by the mark in its environment.
Nothing here reads a store.
"""

from __future__ import annotations

import os
import secrets
import signal
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from identity.onnx import SILENT
from serve import doors
from serve.http_server import listen
from serve.leftovers import (
    MARK,
    PREFIX,
    adopt_orphans,
    clear_up,
    end_descendants,
    hold_home,
    remember_start,
)
from serve.settings import Settings
from serve.tls import certificate_of, trusting
from workspace import scratch
from workspace.errors import EngineFailed, HousemodelError, Starting

READY_SECONDS = 180.0
STOP_GATEWAY_SECONDS = 7.0
DISCONNECT_SECONDS = 2.0
END_SECONDS = 2.0
Say = Callable[[str], None]


class _StopAsked(BaseException):
    """Ctrl-C or SIGTERM; a BaseException, so that no handler on the way swallows it."""


def run(
    settings: Settings, on_ready: Callable[[str], None], say: Say, secret: bytes | None = None
) -> int:
    """Run the appliance until it is asked to stop.

    Args:
        settings: What is in force.
        on_ready: Called once with the base URL when every part answers.
        say: Told what happens, one line at a time.
        secret: Unlocks a gateway that starts locked, also after a crash; None: somebody else does.

    Returns:
        The exit status of the command: 0 after Ctrl-C or SIGTERM.

    Raises:
        Conflict: another appliance runs on this home.
        Unavailable: the port is taken.
        InvalidRequest: the TLS certificate can't be used.
        PackInvalid: the pack is damaged.
        EngineFailed: a part did not start; the log says why.
    """
    with hold_home(settings.home):
        scratch.clear(settings.home)
        certificate_of(settings.tls_certificate, settings.tls_key)  # a bad one is told here
        listen(settings.host, settings.port).close()
        for warning in doors.warnings(settings):
            say(warning)
        appliance = Appliance(settings, say, secret)
        try:
            listen_for_stop()
            appliance.start()
            announced = False
            while True:
                if not announced and not appliance.locked:
                    on_ready(appliance.base_url)
                    announced = True
                appliance.watch()
                time.sleep(1.0)
        except (_StopAsked, SystemExit):  # the latter is Ray's answer to SIGTERM while it starts
            say("Stopping")
        finally:
            ignore_stop()
            appliance.stop()
        say("Stopped; nothing is left running")
    return 0


class Appliance:
    """The processes of one start."""

    def __init__(self, settings: Settings, say: Say, secret: bytes | None = None) -> None:
        self._settings = settings
        self._say = say
        self._secret = secret
        self.locked = False
        self._mark = secrets.token_hex(8)
        self._node: Any = None

    @property
    def base_url(self) -> str:
        """Where this machine reaches the HTTP port."""
        return self._settings.url_here

    def start(self) -> None:
        """Start Ray, deploy the application and wait until it is ready.

        Raises:
            PackInvalid: the pack is damaged.
            EngineFailed: a part did not start.
        """
        from serve.deployments.packs import read_manifest

        manifest = read_manifest(self._settings.pack_folder)
        folder = self._make_folder()
        os.environ.update(environment(folder, self._mark))
        self._say("Starting Ray")
        # NOTE: only now: Ray reads the environment when it is imported.
        from serve.deployments.node import start_node

        adopt_orphans()
        # NOTE: Ray opens its own folder to everybody (mode 0777); the one around it stays private.
        inner = folder / "ray"
        inner.mkdir()
        self._node = start_node(inner, self._settings.object_store_mib)
        listen_for_stop()  # Ray has put its own handler in place
        self._say(f"Loading pack {manifest.name} {manifest.version} and the face encoder")
        self._deploy()
        self._wait_until_ready()
        self._say(f"{'Locked' if self.locked else 'Ready'} at {self.base_url}")

    def watch(self) -> None:
        """See that Ray itself is still there; it restarts replicas, but nobody restarts it.

        Raises:
            EngineFailed: one of Ray's processes has ended.
        """
        if self._node.dead_processes():
            raise EngineFailed("A process of Ray has ended; start the appliance again.")
        if self._may_be_locked:
            self._look_whether_locked()

    def stop(self) -> None:
        """End everything within 15 seconds; may be called in any state."""
        if self._node is not None:
            from serve.deployments.node import disconnect, end_node

            if not self._node.dead_processes():  # else it would wait for answers that never come
                _within(STOP_GATEWAY_SECONDS, self._stop_gateway)
                _within(DISCONNECT_SECONDS, disconnect)
            _within(END_SECONDS, partial(end_node, self._node))
            end_descendants()
        clear_up(self._settings.home)

    def _make_folder(self) -> Path:
        """A private folder with a short path, because Ray's sockets live in it."""
        (self._settings.home / "logs").mkdir(mode=0o700, parents=True, exist_ok=True)
        clear_up(self._settings.home)  # after a start that was killed
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir="/tmp"))
        remember_start(self._settings.home, self._mark, folder)
        return folder

    def _deploy(self) -> None:
        from ray import serve as ray_serve
        from ray.serve.schema import LoggingConfig

        from serve.app import APPLICATION, build_ray_app

        logs = str(self._settings.home / "logs")
        quiet = LoggingConfig(log_level="WARNING", logs_dir=logs, enable_access_log=False)
        ray_serve.start(proxy_location="Disabled", logging_config=quiet)
        try:
            ray_serve.run(
                build_ray_app(self._settings),
                name=APPLICATION,
                route_prefix=None,
                logging_config=quiet,
            )
        except RuntimeError as error:
            raise self._why_not() from error

    def _why_not(self) -> HousemodelError:
        """Find the reason of a failed deployment that an operator can do something about."""
        from serve.deployments.packs import load_pack

        try:
            load_pack(self._settings.pack_folder)
        except HousemodelError as error:
            return error
        return EngineFailed("A part of the appliance did not start; see the folder logs in home.")

    def _stop_gateway(self) -> None:
        from ray import serve as ray_serve

        from serve.app import APPLICATION

        gateway = ray_serve.get_deployment_handle("gateway", APPLICATION)
        gateway.stop.remote().result(timeout_s=STOP_GATEWAY_SECONDS)

    def _wait_until_ready(self) -> None:
        import httpx

        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            with suppress(httpx.HTTPError):
                if self._may_be_locked and self._look_whether_locked() and self._secret is None:
                    return
                if self._ask(httpx, "GET", "/readyz", timeout=10.0).status_code == 200:
                    return
            time.sleep(0.2)
        raise Starting("The service did not become ready; see the folder logs in home.")

    def _ask(self, httpx: Any, method: str, path: str, **options: Any) -> Any:
        """Ask the gateway; whatever the environment says of proxies, it is on this machine."""
        trusted = trusting(self._settings.tls_certificate)
        url = f"{self.base_url}{path}"
        return httpx.request(method, url, verify=trusted, trust_env=False, **options)

    @property
    def _may_be_locked(self) -> bool:
        return self._settings.unseal in ("environment", "passphrase")

    def _look_whether_locked(self) -> bool:
        """Ask the gateway, and unlock it if we can; it starts locked again after a crash."""
        import httpx

        with suppress(httpx.HTTPError, ValueError):
            answer = self._ask(httpx, "GET", "/readyz", timeout=10.0)
            self.locked = answer.status_code == 503 and answer.json().get("code") == "locked"
            if self.locked and self._secret is not None:
                body = {"unseal_key": self._secret.hex()}
                sent = self._ask(httpx, "POST", "/unlock", json=body, timeout=60.0)
                self.locked = sent.status_code != 200
        return self.locked


def environment(folder: Path, mark: str) -> dict[str, str]:
    """What every process of this start inherits: offline, quiet, on loopback, with a token."""
    token = folder / "token"
    token.touch(mode=0o600)
    token.write_text(secrets.token_hex(32))
    return {
        MARK: mark,
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token),
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # on Linux, too: keep to loopback
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_enable_metrics_collection": "0",
        # Ray starts every worker at 15, the gateway too; here only replicas stand back, by setting.
        "RAY_worker_niceness": "0",
        "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
        SILENT: "1",
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "DO_NOT_TRACK": "1",
        "GRADIO_ANALYTICS_ENABLED": "False",
        "TOKENIZERS_PARALLELISM": "false",
        "OMP_NUM_THREADS": "1",  # the families say why
        "MALLOC_ARENA_MAX": "2",
    }


def _within(seconds: float, does: Callable[[], None]) -> None:
    """Do one step of stopping; if it fails or takes too long, the next step ends the processes."""

    def attempt() -> None:
        with suppress(Exception):
            does()

    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    thread.join(seconds)


def listen_for_stop() -> None:
    """Let Ctrl-C and SIGTERM interrupt whatever the main thread does."""

    def ask(number: int, frame: Any) -> None:
        raise _StopAsked

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, ask)


def ignore_stop() -> None:
    """Let nothing interrupt the stopping itself."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
