"""The disk is full at every write of an enrolment and of a generation, one after the other.

    python -m tests.disk_rounds [--report PATH]

The real service with the real face networks (their answers remembered), in one thread, so that the
n-th step to the disk is always the same one. A round breaks step n, looks at what is left, makes
room and does the same work to its end; n grows until nothing is left to break. Ways to break:
`lasting` (from step n on nothing fits), `once` (only step n fails), `checkpoint` (lasting, with
SQLite's log moved into the database after every transaction, so that those writes have their turn).

Promises that each round holds the product to: whoever asks gets `storage_full` (507) or a true
202; what was accepted waits and ends well; every row and file opens, the audit log is whole, no
file lies there without a row.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from compliance import audit
from identity.encoder import InsightFaceEncoder
from serve import queue
from serve.settings import load_settings
from tests.faulty_disk import FaultyDisk
from tests.generating import product_of
from tests.service import Service, enrolment, open_service, sample
from workspace.types import GenerationStatus, ProductId

WAYS = ("lasting", "once", "checkpoint")
MOST_STEPS = 400


class Remembered:
    """A face encoder that looks at each picture once; the same answers, sooner."""

    def __init__(self, encoder: Any) -> None:
        self._encoder = encoder
        self._known: dict[Any, Any] = {}

    @property
    def encoder_id(self) -> str:
        return str(self._encoder.encoder_id)

    def detect(self, image: Any) -> Any:
        return self._once(("detect", image.tobytes()), lambda: self._encoder.detect(image))

    def embed(self, image: Any, face: Any) -> Any:
        ask = ("embed", image.tobytes(), repr(face))
        return self._once(ask, lambda: self._encoder.embed(image, face))

    def _once(self, ask: Any, act: Callable[[], Any]) -> Any:
        if ask not in self._known:
            self._known[ask] = act()
        return self._known[ask]


@dataclass
class Found:
    """What the rounds of one kind of work and one way to break showed."""

    work: str
    way: str
    steps: int = 0  # rounds in which something broke
    broken: dict[str, int] = field(default_factory=dict)  # kind of step -> how many
    told: int = 0  # answered 507 storage_full
    waited: int = 0  # accepted, and ended well when there was room again
    unhurt: int = 0  # done although a step failed (a later try, or nothing that matters)
    seconds: float = 0.0


@contextmanager
def service_on(folder: Path, encoder: Any, disk: FaultyDisk) -> Iterator[Service]:
    """A service whose home and register of the erased lie on the disk that can fail."""
    with open_service(folder / "home", encoder, start=False) as service:
        disk.start()
        yield service
        disk.heal()


class Rounds:
    """Breaks one kind of work at each of its steps."""

    def __init__(self, service: Service, disk: FaultyDisk) -> None:
        self.service, self.disk = service, disk
        self._body = enrolment(service.client, sample("amara"))
        self._number = 0

    def run(self, work: str, way: str, every: int = 1, first: int = 1) -> Found:
        """Go through the steps; `every` and `first` leave some out."""
        found, begun = Found(work, way), time.monotonic()
        each = 1 if way == "checkpoint" else 1000
        self.service.store.db.execute(f"PRAGMA wal_autocheckpoint = {each}")
        product = product_of(self.service) if work == "generation" else None
        broken: Counter[str] = Counter()
        for step in range(first, MOST_STEPS, every):
            (self.disk.fail_only if way == "once" else self.disk.fail_from)(step)
            outcome = self.once(product)
            if not outcome:
                break
            found.steps += 1
            setattr(found, outcome, getattr(found, outcome) + 1)
            broken[self._broke] += 1
        else:
            raise AssertionError("there is always one more step to the disk")
        found.broken, found.seconds = dict(broken), round(time.monotonic() - begun, 1)
        return found

    def once(self, product: ProductId | None) -> str:
        """One round of a generation of this product, or of an enrolment; how it went."""
        self._number += 1
        return self._enrol() if product is None else self._generate(product)

    def _enrol(self) -> str:
        """One round; how it went, or nothing if no step was broken."""
        send = {**self._body, "headers": {"Idempotency-Key": f"round-{self._number}"}}
        answer, told = self._ask("/v1/models", send)
        builder = self.service.services.dispatcher.builder
        if not told:
            builder.run_once()  # under the fault, too
        fired = self._look()
        if told:
            answer = self.service.client.post("/v1/models", **send)
            assert answer.status_code == 202, answer.text
        model = answer.json()["id"]
        waited = self._status(f"/v1/models/{model}") == "building"
        builder.build(self.service.workspace.id, model, False)
        builder.run_once()
        assert self._status(f"/v1/models/{model}") == "ready"
        again = self.service.client.post("/v1/models", **send)
        assert again.json()["id"] == model  # the key made one model, however often it came
        assert self.service.store.count("models", "status = 'ready'") == 1
        assert self.service.client.delete(f"/v1/models/{model}").status_code == 200
        return _named(fired, told, waited)

    def _generate(self, product: ProductId) -> str:
        """One round, as above."""
        send = {
            "json": {
                "tool": "editorial", "prompt": "$product on a chair", "n": 1, "seed": 7,
                "product_ids": [product],
            },
            "headers": {"Idempotency-Key": f"round-{self._number}"},
        }  # fmt: skip
        answer, told = self._ask("/v1/generations", send)
        dispatcher = self.service.services.dispatcher
        if not told:
            dispatcher.run_once()
        fired = self._look()
        if told:
            answer = self.service.client.post("/v1/generations", **send)
            assert answer.status_code == 202, answer.text
        made = answer.json()["id"]
        store = self.service.store
        waited = queue.status_of(store, made) is not GenerationStatus.COMPLETED
        for _ in range(3):  # the end that could not be written is written first
            store.update("generations", made, not_before=None)
            dispatcher.run_once()
        done = self.service.client.get(f"/v1/generations/{made}").json()
        assert done["status"] == "completed" and len(done["images"]) == 1, done
        content = self.service.client.get(done["images"][0]["url"]).content
        Image.open(io.BytesIO(content)).load()
        assert store.count("images") == store.count("assets", "kind = 'image'")
        return _named(fired, told, waited)

    def _ask(self, path: str, send: dict[str, Any]) -> tuple[Any, bool]:
        answer = self.service.client.post(path, **send)
        if answer.status_code == 202:
            return answer, False
        assert (answer.status_code, answer.json()["code"]) == (507, "storage_full"), answer.text
        return answer, True

    def _look(self) -> bool:
        """Make room, and hold what is there to the promises; whether anything had broken."""
        self._broke = self.disk.broke
        self.disk.start()
        sound(self.service)
        return bool(self._broke)

    def _status(self, path: str) -> str:
        return str(self.service.client.get(path).json()["status"])


def sound(service: Service) -> None:
    """What `housemodel doctor` looks at, and that no file lies there without a row."""
    registry, store = service.services.registry, service.store
    assert registry.verify().intact
    assert store.verify().intact, store.verify().damaged
    assert audit.verify(store).intact
    registry.tombstones.check()
    files = {path.name for path in (store.folder / "assets").iterdir()}
    rows = {f"{row['id']}.sealed" for row in store.db.query("SELECT id FROM assets")}
    assert files == rows, files ^ rows


def _named(fired: bool, told: bool, waited: bool) -> str:
    if not fired:
        return ""
    return "told" if told else "waited" if waited else "unhurt"


def every_step(encoder: Any, every: int = 1, ways: tuple[str, ...] = WAYS) -> list[Found]:
    """All rounds: both kinds of work, each way to break."""
    found = []
    with (
        tempfile.TemporaryDirectory(prefix="housemodel-disk-") as folder,
        FaultyDisk(Path(folder)) as disk,
        service_on(Path(folder), Remembered(encoder), disk) as service,
    ):
        rounds = Rounds(service, disk)
        for work in ("enrolment", "generation"):
            for number, way in enumerate(ways):
                found.append(rounds.run(work, way, every, 1 + number % every))
                print(asdict(found[-1]), flush=True)
    return found


def main() -> None:
    from tests.small_disk import on_a_small_disk

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--every", type=int, default=1, help="1: every step")
    parser.add_argument("--report", type=Path)
    asked = parser.parse_args()
    encoder = InsightFaceEncoder(load_settings().face_pack_folder)
    found = every_step(encoder, asked.every)
    copies = every_copy(encoder, asked.every)
    with tempfile.TemporaryDirectory(prefix="housemodel-disk-") as folder:
        real = on_a_small_disk(Path(folder), asked.every)
    print(f"on a file system that is full: {real or 'this machine allows no namespaces'}")
    if asked.report and asked.every == 1:
        write(found, copies, real, asked.report)
    sys.exit(0 if copies and all(one.steps for one in found) else "nothing was broken")


def every_copy(encoder: Any, every: int) -> int:
    """Lose the power before each step (`power_loss.py`); how many copies were opened."""
    from tests.power_loss import hold_to_promises, moments

    with tempfile.TemporaryDirectory(prefix="housemodel-disk-") as folder:
        found, remembered = moments(Path(folder), encoder, every)
        for moment in found:
            hold_to_promises(moment, remembered)
    print(f"{len(found)} copies opened and brought to their end", flush=True)
    return len(found)


def write(found: list[Found], copies: int, real: Any, path: Path) -> None:
    """Write PATH.json and PATH.md."""
    machine = f"{platform.machine()}, {os.cpu_count()} cores"
    told = {"machine": machine, "copies": copies, "full_tmpfs": real}
    told["rounds"] = [asdict(one) for one in found]
    path.with_suffix(".json").write_text(json.dumps(told, indent=1) + "\n")
    rows = "".join(
        f"| {one.work} | {one.way} | {one.steps} | {one.told} | {one.waited} | {one.unhurt} | 0 |\n"
        for one in found
    )
    path.with_suffix(".md").write_text(
        f"# A disk that is full at every write\n\n`make disk-full` on {machine}. A row is every "
        "step to the disk of one kind of work, broken one after the other; a round that does not "
        "hold a promise ends the run.\n\n| work | way | steps broken | told `storage_full` |"
        " waited, then done | done all the same | damaged |\n|---|---|---|---|---|---|---|\n"
        f"{rows}\n"
        f"The home was also copied before each of {copies} steps to the disk, as a power cut would "
        "leave it: every copy opened, nothing was damaged, and all that had been accepted by then "
        "came to its end.\n\nOn a tmpfs that really was full, page by page: "
        f"{json.dumps(real) if real else 'not run, this machine allows no namespaces'}.\n"
    )


if __name__ == "__main__":
    main()
