"""New keys for an appliance at work: does any request fail, and is the old root key useless?

`python -m benchmarks.rotating` starts a real appliance, adds images until at least 10,000 keys of
objects are wrapped, lets clients in that look, enrol, make and cancel (`crowd.py`), and has
`housemodel rotate-keys` replace the workspace's key and the root key meanwhile. Afterwards
everything in the home has to open with the new root key and nothing with the old one. Writes
benchmarks/results/rotating.{json,md}; ends with status 1 if something of this does not hold.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from benchmarks import appliance
from benchmarks.crowd import Crowd
from benchmarks.filling import Filling, unsynced
from benchmarks.load import percentile
from benchmarks.report import Figure, write
from compliance import audit, consent
from compliance.guidelines import load_guidelines
from serve.settings import Settings, load_settings
from serve.unsealing import open_source
from workspace.errors import Locked
from workspace.registry import Registry
from workspace.types import ProductId

CLIENTS = 16
AFTER_SECONDS = 5.0  # of traffic before the rotation begins


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=10_000, help="keys that are wrapped again")
    parser.add_argument("--seconds", type=float, default=90.0, help="of traffic")
    parser.add_argument("--name", default="rotating", help="of the files in benchmarks/results")
    args = parser.parse_args()
    with appliance.running() as running:
        figures, facts = measure(running, args.objects, args.seconds)
    print(write(args.name, figures, facts).read_text())
    print(*facts["failures"], sep="\n")
    return 0 if all(figure.met is not False for figure in figures) else 1


def measure(
    running: appliance.Running, objects: int, seconds: float
) -> tuple[list[Figure], dict[str, Any]]:
    """Rotate the keys of an appliance at work; the first three figures decide."""
    settings = load_settings(home=running.home)
    old = (running.home / "root.key").read_bytes()
    _fill(settings, running, objects)
    base_url, headers = str(running.client.base_url), dict(running.client.headers)
    crowd = Crowd(base_url, headers, CLIENTS, think=0.3)
    rotating = _Rotation(running.home)
    rotating.start()
    seen = asyncio.run(crowd.run(seconds))
    rotating.join()
    opens, intact = _look(settings, bytes.fromhex(old.decode()))
    wrapped = sum(rotating.done.get("workspaces", {}).values())
    gets = [1000 * s for route, each in seen.answers.items() if "GET" in route for _, s in each]
    figures = [
        Figure("failed requests meanwhile", "", [float(len(seen.failures))], 0),
        Figure("homes that the old root key opens afterwards", "", [float(opens)], 0),
        Figure("things that do not open with the new one", "", [float(not intact)], 0),
        Figure(f"{wrapped} keys wrapped again and a new root key", "s", [rotating.seconds]),
        Figure("p99 of all GETs", "ms", [percentile(gets, 99)]),
    ]
    facts = {
        "keys": wrapped,
        "requests": sum(map(len, seen.answers.values())),
        "rounds": dict(seen.done),
        "rotation": rotating.done,
        "failures": seen.failures[:50],
    }
    if wrapped < objects or rotating.done.get("left"):
        facts["failures"].append(f"only {wrapped} keys were wrapped again")
        figures[2].samples[0] += 1
    return figures, facts


def _fill(settings: Settings, running: appliance.Running, objects: int) -> None:
    """Add images of the people of the demo workspace, from beside the running appliance."""
    registry = Registry(settings.home, open_source(settings), settings.tombstones)
    try:
        store = registry.store(registry.ids()[0])
        models = running.client.get("/v1/models").json()["items"]
        garments = running.client.get("/v1/products").json()["items"]
        agreed = [given for one in models if (given := consent.current(store, one["id"]))]
        done = running.client.get("/v1/generations", params={"status": "completed"}).json()
        made = done["items"][0]["images"][0]
        picture = running.client.get(made["url"]).content
        texts = load_guidelines(settings.configs_folder / "guidelines")
        filling = Filling(store, texts, picture=picture)
        with unsynced(store):
            while store.db.execute("SELECT COUNT(*) FROM object_keys").fetchone()[0] < objects:
                filling.images(400, agreed, [ProductId(one["id"]) for one in garments], print)
    finally:
        registry.close()


class _Rotation(threading.Thread):
    """`housemodel rotate-keys`, a moment after the clients have come."""

    def __init__(self, home: Path) -> None:
        super().__init__(daemon=True)
        self.done: dict[str, Any] = {}
        self.seconds = 0.0
        self._home = home

    def run(self) -> None:
        time.sleep(AFTER_SECONDS)
        began = time.monotonic()
        command = [sys.executable, "-m", "serve", "rotate-keys", "--home", str(self._home)]
        told = subprocess.run([*command, "--json"], capture_output=True, text=True, check=False)
        self.seconds = time.monotonic() - began
        self.done = json.loads(told.stdout) if told.returncode == 0 else {"left": told.stderr}


def _look(settings: Settings, old: bytes) -> tuple[bool, bool]:
    """Whether the old root key opens the home, and whether all opens with the one in force."""
    opens = True
    try:
        Registry(settings.home, old, settings.tombstones).close()
    except Locked:
        opens = False
    registry = Registry(settings.home, open_source(settings), settings.tombstones)
    try:
        store = registry.store(registry.ids()[0])
        whole = registry.verify().intact and store.verify().intact and audit.verify(store).intact
        return opens, whole
    finally:
        registry.close()


if __name__ == "__main__":
    sys.exit(main())
