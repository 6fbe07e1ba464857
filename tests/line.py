"""The `appliance` fixture: the whole line in one process, with the real packs, on a loopback port.

Nothing in it is simulated: the mannequin pack draws, the face pack measures, every byte is sealed.
Ray is left out; `tests/cluster` runs the same line with it.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from serve import local
from serve.callers import auth
from serve.settings import Settings, load_settings
from workspace.keys import load_root_key
from workspace.registry import Registry


@dataclass(frozen=True)
class Appliance:
    home: Path
    settings: Settings
    base_url: str
    client: httpx.Client  # of the workspace `demo`, with every scope but admin

    def client_of(self, workspace: str, plan: str = "enterprise", scopes=None) -> httpx.Client:
        """A client with a new key of a workspace, which is made if it is not there."""
        key = new_key(self.settings, workspace, plan, scopes or auth.SCOPES - {"admin"})
        headers = {"Authorization": f"Bearer {key}"}
        return httpx.Client(base_url=self.base_url, headers=headers, timeout=60)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def new_key(settings: Settings, workspace: str, plan: str, scopes: frozenset[str]) -> str:
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    registry = Registry(settings.home, load_root_key(settings.root_key_file, create=True))
    now = datetime.now(UTC)
    known = {w.name: w for w in registry.list()}
    made = known.get(workspace) or registry.create(workspace, plan, now)
    _, secret = auth.create_key(registry, made.id, frozenset(scopes), now)
    registry.close()
    return secret


@pytest.fixture(scope="session")
def appliance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Appliance]:
    home = tmp_path_factory.mktemp("appliance") / "home"
    settings = load_settings(home=home)
    for needed in (settings.pack_folder / "pack.toml", settings.face_pack_folder / "manifest.json"):
        if not needed.exists():
            pytest.fail(f"{needed.name} is missing: run `make setup`")
    key = new_key(settings, "demo", "enterprise", auth.SCOPES - {"admin"})
    port = free_port()
    with local.running(settings, port=port) as client:
        client.headers["Authorization"] = f"Bearer {key}"
        yield Appliance(home, settings, f"http://127.0.0.1:{port}", client)
