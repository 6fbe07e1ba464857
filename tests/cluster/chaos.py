"""Kills the appliance's processes at random while it works, and counts what was lost.

    python -m tests.cluster.chaos [--generations 200] [--kills 20] [--seed N] [--report PATH]

A real `housemodel up` with the mannequin pack, and a person whose name and photos hold canaries.
Clients submit generations, each under its own Idempotency-Key, ask again where no answer came, and
wait for the end of one before they send the next, as good clients do. Meanwhile the gateway, the
diffusion replica or both are killed with SIGKILL, at moments spread over the run by the seed. At
the end every accepted generation is asked for and every picture fetched and opened; then Ray itself
is killed, which ends the appliance; the home is verified and searched for clear bytes. `--report`
writes PATH.json and PATH.md (`chaos_report.py`). It ends with status 1 if a promise did not hold.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import re
import sqlite3
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx
import psutil
from PIL import Image

from serve.showcase import samples, walk
from serve.showcase.samples import SamplePerson
from tests.cluster.chaos_report import Outcome, write
from tests.cluster.started import Started, rays_folder, still_running
from tests.homes import open_registry
from tests.line import free_port
from tests.whole.test_canaries import NAME, PHOTO, PROMPT, found_in, planted
from workspace.keys import load_root_key

CLIENTS = 6
PATIENCE_SECONDS = 300  # for anything to come back or to end
PIXEL_CANARIES = 24  # pictures whose bytes and pixels are searched for afterwards
VICTIMS = {
    "gateway": ("housemodel:gateway",),
    "replica": ("housemodel:diffusion",),
    "both": ("housemodel:gateway", "housemodel:diffusion"),
}
AGAIN = {429, 502, 503}  # what a good client waits for
ENDED = {"completed", "refused", "failed", "cancelled"}


class Chaos:
    """One run against one started appliance."""

    def __init__(self, started: Started, key: str, rng: random.Random) -> None:
        self.started, self.rng = started, rng
        headers = {"Authorization": f"Bearer {key}"}
        self.client = httpx.Client(base_url=started.base_url, headers=headers, timeout=60)
        self.outcome = Outcome()
        self.needles = [NAME.encode(), NAME.title().encode(), PROMPT.encode(), PHOTO]
        self._ids: dict[int, set[str]] = {}
        self._ended = 0
        self._statuses: Counter[int] = Counter()
        self._lock = threading.Lock()
        self._broken = threading.Event()  # a client gave up: nothing waits any longer

    def run(self, generations: int, kills: int) -> Outcome:
        """Enrol, submit, kill, wait, count."""
        begun = time.monotonic()
        model, product = self._person_and_product()
        self.outcome.generations = generations
        with ThreadPoolExecutor(CLIENTS) as pool:
            sent = [pool.submit(self._one, k, model, product) for k in range(generations)]
            for at, victim in zip(
                self._moments(generations, kills), self._victims(kills), strict=True
            ):
                self._until(lambda at=at: self._ended >= at, "enough to have ended")
                time.sleep(self.rng.uniform(0, 1.5))  # anywhere in a generation
                self._kill(victim)
            for each in sent:
                each.result()
        self.outcome.accepted = len(self._ids)
        for ids in self._ids.values():
            self.outcome.keys_with_two_generations += len(ids) > 1
            for generation_id in ids:
                self._count(self._final(generation_id))
        self.outcome.answers = {str(code): n for code, n in sorted(self._statuses.items())}
        self.outcome.seconds = round(time.monotonic() - begun, 1)
        return self.outcome

    def _person_and_product(self) -> tuple[str, str]:
        """Somebody with canaries in name and photos, enrolled as anybody is."""
        sample = samples.people()[3]
        with tempfile.TemporaryDirectory() as folder:
            full, close = Path(folder, "a.jpg"), Path(folder, "b.jpg")
            person = SamplePerson(
                NAME, sample.gender,
                planted(sample.full_body, full), planted(sample.close_up, close),
            )  # fmt: skip
            self._look_for(full.read_bytes(), close.read_bytes())
            model = walk.enrol(self.client, person, "chaos-model")
        return model, walk.add_product(self.client, samples.products()[3], "chaos-product")

    def _moments(self, generations: int, kills: int) -> list[int]:
        """After how many ended generations each kill comes: one somewhere in each equal part."""
        part = generations / (kills + 1)
        return [int(part * k + self.rng.uniform(0, part * 0.8)) for k in range(kills)]

    def _victims(self, kills: int) -> list[str]:
        """Each kind equally often, in random order."""
        order = [*VICTIMS] * (kills // len(VICTIMS) + 1)
        chosen = order[:kills]
        self.rng.shuffle(chosen)
        return chosen

    def _one(self, k: int, model: str, product: str) -> None:
        """Have generation `k` made, as a client that never gives up; some ask twice."""
        request = {
            "tool": "editorial", "prompt": f"$model wearing $product, {PROMPT}", "n": 1,
            "model_id": model, "product_ids": [product], "seed": k,
        }  # fmt: skip
        try:
            for _ in range(1 + (k % 5 == 0)):
                made = self._patiently("POST", "/v1/generations", f"chaos-{k}", request)
                with self._lock:
                    self._ids.setdefault(k, set()).add(made["id"])
            self._final(made["id"])
        except BaseException:
            self._broken.set()
            raise
        with self._lock:
            self._ended += 1

    def _final(self, generation_id: str) -> Any:
        """Wait until a generation has ended; what did not end in time is given back as it is."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            found = self._patiently("GET", f"/v1/generations/{generation_id}")
            if found["status"] in ENDED or time.monotonic() > deadline:
                return found
            time.sleep(0.4)

    def _patiently(self, method: str, path: str, key: str = "", body: Any = None) -> Any:
        """Ask until there is an answer that decides; everything else is counted."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        headers = {"Idempotency-Key": key} if key else {}
        while time.monotonic() < deadline:
            with suppress(httpx.HTTPError):
                answer = self.client.request(method, path, json=body, headers=headers)
                with self._lock:
                    self._statuses[answer.status_code] += 1
                if answer.is_success:
                    return answer.json()
                if answer.status_code not in AGAIN:
                    raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text}")
            time.sleep(0.5)
        raise TimeoutError(f"{PATIENCE_SECONDS} s were not enough for {method} {path}")

    def _kill(self, victim: str) -> None:
        names = VICTIMS[victim]
        found = [p for p in self.started.family() if _is_one_of(p, names)]
        begun = time.monotonic()
        for process in found:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        gone = {p.pid for p in found}
        self._until(lambda: self._is_back(names, gone), f"{victim} to come back")
        seconds = round(time.monotonic() - begun, 1)
        self.outcome.kills.append(
            {"victim": victim, "processes": len(found), "after": self._ended, "seconds": seconds}
        )
        print(
            f"killed {victim} ({len(found)}) after {self._ended}, back in {seconds} s", flush=True
        )

    def _is_back(self, names: tuple[str, ...], gone: set[int]) -> bool:
        alive = [p for p in self.started.family() if _is_one_of(p, names) and p.pid not in gone]
        if len(alive) < len(names):
            return False
        with suppress(httpx.HTTPError):
            return self.client.get("/readyz").status_code == 200
        return False

    def _until(self, holds: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not holds():
            if self._broken.is_set():
                raise RuntimeError("A client gave up; see its error.")
            if time.monotonic() > deadline:
                raise TimeoutError(f"{PATIENCE_SECONDS} s were not enough for {what}")
            time.sleep(0.2)

    def _count(self, done: Any) -> None:
        if done["status"] not in ENDED:
            self.outcome.lost += 1
            return
        if done["status"] != "completed":
            code = str((done.get("error") or {}).get("code", done["status"]))
            self.outcome.failed[code] = self.outcome.failed.get(code, 0) + 1
            return
        self.outcome.completed += 1
        self.outcome.published_twice += len(done["images"]) > 1
        self.outcome.lost += not done["images"]
        for image in done["images"]:
            self.outcome.unreadable_images += not self._opens(image["url"])

    def _opens(self, url: str) -> bool:
        try:
            content = self.client.get(url).raise_for_status().content
            pixels = Image.open(io.BytesIO(content)).convert("RGB")
        except (httpx.HTTPError, OSError):
            return False
        if self.outcome.pixel_canaries < PIXEL_CANARIES:
            self.outcome.pixel_canaries += 1
            self._look_for(content, pixels.tobytes())
        return True

    def _look_for(self, *clear: bytes) -> None:
        """Search for the middle of each later; what is all alike (a plain wall) is no canary."""
        middles = [each[len(each) // 2 :][:48] for each in clear]
        self.needles += [middle for middle in middles if len(set(middle)) > 8]


def _is_one_of(process: psutil.Process, names: tuple[str, ...]) -> bool:
    try:
        line = " ".join(process.cmdline())
    except psutil.Error:
        return False
    return any(name in line for name in names)


def look_into(home: Path, outcome: Outcome) -> None:
    """What only the stopped home can tell: damage, doubles in the store, what broke off."""
    with open_registry(home, load_root_key(home / "root.key", create=False)) as registry:
        for workspace in registry.ids():
            outcome.damaged += list(registry.store(workspace).verify().damaged)
    for store in home.glob("workspaces/*/store.db"):
        with sqlite3.connect(f"file:{store}?mode=ro", uri=True) as db:
            outcome.images_too_many += db.execute(
                "SELECT COALESCE(SUM(found - wanted), 0) FROM (SELECT COUNT(*) AS found,"
                " MAX(n) AS wanted FROM images JOIN generations g ON g.id = generation_id"
                " GROUP BY g.id) WHERE found > wanted"
            ).fetchone()[0]
            broke_off = "SELECT COUNT(*) FROM generations WHERE attempts > 1"
            outcome.broke_off += db.execute(broke_off).fetchone()[0]


def lose_raylet(started: Started) -> float:
    """Kill Ray itself, last: nobody restarts it, so the appliance must end, and wholly."""
    family = started.family()
    begun = time.monotonic()
    for process in family:
        if process.name() == "raylet":
            process.kill()
    status = started.process.wait(60)
    said = started.output.read_text()
    assert status != 0 and "A process of Ray has ended" in said, said
    assert still_running(family) == []
    return round(time.monotonic() - begun, 1)


def crash_test(folder: Path, generations: int, kills: int, seed: int) -> Outcome:
    """Start an appliance in `folder`, run, stop it, look into what it left."""
    started = Started(folder / "home", free_port(), folder / "printed.txt", ("--empty",))
    try:
        started.wait_for("Stop:")
        ray_folder = rays_folder(started.home)
        key = re.search(r"Bearer (\S+)'", started.output.read_text())
        assert key, started.output.read_text()
        chaos = Chaos(started, key[1], random.Random(seed))
        with chaos.client:
            outcome = chaos.run(generations, kills)
        outcome.seed = seed
        temp = Path(os.environ.get("TMPDIR", "/tmp"))
        places = [ray_folder, Path("/dev/shm"), *temp.glob("gradio*")]
        hits = [hit for place in places for hit in found_in(place, chaos.needles)]
        hits += found_in(started.home, chaos.needles)
        outcome.raylet_seconds = lose_raylet(started)
    finally:
        if started.process.poll() is None:
            started.stop()
    look_into(started.home, outcome)
    hits += found_in(started.home, chaos.needles)  # once more: logs are kept at the end
    outcome.files_with_clear_bytes = sorted(set(hits))
    outcome.needles = len(chaos.needles)
    return outcome


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--generations", type=int, default=200)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--report", type=Path)
    asked = parser.parse_args()
    print(f"seed {asked.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="housemodel-chaos-") as folder:
        outcome = crash_test(Path(folder), asked.generations, asked.kills, asked.seed)
    print(json.dumps(asdict(outcome), indent=1))
    if asked.report:
        write(outcome, asked.report)
    if outcome.faults:
        sys.exit(f"Promises that did not hold: {outcome.faults}")


if __name__ == "__main__":
    main()
