"""`housemodel up`: start the appliance, fill the demo workspace, say how to get in."""

from __future__ import annotations

import argparse
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from compliance import licences
from serve.callers import auth
from serve.cli.common import add_home, command, now, open_marks
from serve.deployments.packs import outline
from serve.settings import Settings, load_settings
from serve.showcase import demo_workspace
from serve.tls import trusting
from serve.unsealing import open_source
from workspace.errors import NotFound, SealBroken
from workspace.registry import Registry
from workspace.types import WorkspaceId
from workspace.unseal import KeySource

CURL_KEY_HOURS = 24
FILL_SCOPES = frozenset({"models:read", "models:write", "generate", "images:read"})


def add_parser(commands: Any) -> None:
    parser = command(
        commands,
        "up",
        "start the appliance; prints the console's address and a one-time sign-in",
        "housemodel up --home /srv/housemodel --port 8010",
    )
    add_home(parser)
    parser.add_argument("--host", help="address to bind (default 127.0.0.1)")
    parser.add_argument("--port", type=int, help="HTTP port (default 8000)")
    parser.add_argument("--pack", metavar="NAME", help="which pack to load (default mannequin)")
    parser.add_argument("--replicas", type=int, metavar="N", help="diffusion replicas, one per GPU")
    parser.add_argument("--configs", type=Path, metavar="DIR", help="another configs folder")
    parser.add_argument("--empty", action="store_true", help="leave the demo workspace unfilled")
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from serve import runtime

    settings = load_settings(
        home=args.home,
        host=args.host,
        port=args.port,
        pack=args.pack,
        replicas=args.replicas,
        configs_folder=args.configs,
    )
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    started = time.monotonic()

    def say(line: str) -> None:
        print(f"[{time.monotonic() - started:5.1f} s] {line}", flush=True)

    say(f"housemodel, home {settings.home}")
    # NOTE: before anything else is started, so that no process inherits the unseal key.
    source = open_source(settings, create=True, may_wait=True)
    workspace = None if source.waits else _first_workspace(settings, source)
    if source.waits:
        where = f"--home {settings.home} --url {settings.url_here}"
        say(f"Starting locked; from another terminal: housemodel unlock {where}")

    def on_ready(base_url: str) -> None:
        if workspace is not None and not args.empty and _is_open(settings, source, workspace):
            _fill(settings, source, workspace, base_url, say)
        if workspace is not None:
            _welcome(settings, source, workspace, base_url)

    return runtime.run(settings, on_ready=on_ready, say=say, secret=source.secret)


def _first_workspace(settings: Settings, source: KeySource) -> WorkspaceId | None:
    """The demo workspace; made on the first start, None where it was destroyed later."""
    registry = _open(settings, source)
    try:
        open_marks(settings, registry)  # a bad certificate is told here, before Ray is started
        licences.require(registry, outline(settings.pack_folder))
        if not registry.ids():
            registry.create(demo_workspace.NAME, demo_workspace.PLAN, now())
        return _demo_of(registry)
    finally:
        registry.close()


def _demo_of(registry: Registry) -> WorkspaceId | None:
    try:
        found = registry.by_name(demo_workspace.NAME)
    except (NotFound, SealBroken):  # a damaged one is `doctor`'s to report; the others are served
        return None
    return None if found.locked else found.id


def _is_open(settings: Settings, source: KeySource, workspace: WorkspaceId) -> bool:
    """Whether this machine may call the workspace: one that has networks of its own is in use."""
    registry = _open(settings, source)
    try:
        return not registry.get(workspace).networks
    finally:
        registry.close()


def _fill(
    settings: Settings, source: KeySource, workspace: WorkspaceId, base_url: str, say: Any
) -> None:
    key_id, secret = _make_key(settings, source, workspace, FILL_SCOPES, 1, "demo fill")
    try:
        headers = {"Authorization": f"Bearer {secret}"}
        trusted = trusting(settings.tls_certificate)
        with httpx.Client(
            base_url=base_url, headers=headers, timeout=120.0, verify=trusted, trust_env=False
        ) as client:
            demo_workspace.fill(client, say)
    finally:
        registry = _open(settings, source)
        auth.revoke_key(registry, key_id, now())
        registry.close()


def _welcome(settings: Settings, source: KeySource, workspace: WorkspaceId, base_url: str) -> None:
    """Print the way in. The key of the curl line ends by itself after a day."""
    scopes = auth.SCOPES - {"admin"}
    _, secret = _make_key(settings, source, workspace, scopes, CURL_KEY_HOURS, "curl line")
    registry = _open(settings, source)
    code = auth.create_sign_in(
        registry, workspace, auth.SCOPES, now(), minutes=settings.sign_in_minutes
    )
    registry.close()
    base_url = settings.public_url.rstrip("/") or base_url
    print(
        f"\nThe console:  {base_url}/sign-in?code={code}\n"
        f"              (works once, within {settings.sign_in_minutes} minutes; "
        "then: housemodel key create, and sign in with the key)\n"
        f"Try the API:  curl -s -H 'Authorization: Bearer {secret}' {base_url}/v1/models\n"
        "Stop:         Ctrl-C",
        flush=True,
    )
    sys.stdout.flush()


def _make_key(
    settings: Settings,
    source: KeySource,
    workspace: WorkspaceId,
    scopes: frozenset[str],
    hours: int,
    label: str,
) -> tuple[str, str]:
    registry = _open(settings, source)
    try:
        return auth.create_key(
            registry, workspace, scopes, now(), now() + timedelta(hours=hours), label
        )
    finally:
        registry.close()


def _open(settings: Settings, source: KeySource) -> Registry:
    return Registry(settings.home, source, settings.tombstones)
