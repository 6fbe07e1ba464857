"""The power goes at every write: the home is copied before each step to the disk, and opened again.

An enrolment and a generation run on a real service; before each of their steps the whole home is
copied as it is at that moment, files half written and SQLite's log included. Each copy is then
opened by a new service, which has to find everything sound and bring to its end what had been
accepted by then. What a disk may lose of writes that were never synced is not simulated: a copy
holds all that was written up to it.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.disk_rounds import Remembered, service_on, sound
from tests.faulty_disk import FaultyDisk
from tests.generating import product_of
from tests.service import Service, enrolment, open_service, sample


@dataclass(frozen=True)
class Moment:
    """One copy, and what callers had been promised when it was made."""

    home: Path
    model: str  # "" before its 202
    generation: str


def moments(folder: Path, encoder: Any, every: int = 1) -> tuple[list[Moment], Remembered]:
    """Do the work and copy the home before every `every`-th step."""
    (folder / "at").mkdir()
    found: list[Moment] = []
    promised = {"model": "", "generation": ""}
    remembered = Remembered(encoder)
    live = folder / "live"
    live.mkdir()

    def copy(step: int) -> None:
        if step % every == 0:
            to = folder / "at" / str(step)
            to.mkdir()
            shutil.copytree(live / "home", to / "home")
            for beside in live.glob("home.tombstones*"):
                shutil.copy2(beside, to / beside.name)
            found.append(Moment(to / "home", **promised))

    with FaultyDisk(live) as disk, service_on(live, remembered, disk) as service:
        body, product = enrolment(service.client, sample("amara")), product_of(service)
        disk.start()
        disk.before_each = copy
        promised["model"] = service.client.post("/v1/models", **body).json()["id"]
        service.services.dispatcher.builder.run_once()
        ask = {
            "tool": "editorial", "prompt": "$model wearing $product", "n": 1, "seed": 7,
            "model_id": promised["model"], "product_ids": [product],
        }  # fmt: skip
        promised["generation"] = service.client.post("/v1/generations", json=ask).json()["id"]
        service.services.dispatcher.run_once()
        disk.before_each = None
    return found, remembered


def hold_to_promises(moment: Moment, encoder: Remembered) -> None:
    """Open a copy, as the next start does, and let it bring everything to its end."""
    with open_service(moment.home, encoder, start=False) as service:
        store = service.store
        for workspace in service.services.registry.ids():
            service.services.registry.store(workspace).assets.sweep()  # as each start does
        sound(service)
        dispatcher = service.services.dispatcher
        while dispatcher.builder.run_once():
            pass
        dispatcher.run_once()  # finds what the dead process held, and takes it
        dispatcher.run_once()
        sound(service)
        statuses = _statuses(service)
        assert set(statuses["models"].values()) <= {"ready"}, statuses
        assert set(statuses["generations"].values()) <= {"completed"}, statuses
        for kind, promised in (("models", moment.model), ("generations", moment.generation)):
            assert not promised or promised in statuses[kind], statuses
        published = store.count("generations", "status = 'completed'")
        assert store.count("images") == published == store.count("assets", "kind = 'image'")


def _statuses(service: Service) -> dict[str, dict[str, str]]:
    return {
        table: {
            row["id"]: row["status"] for row in service.store.db.query(f"SELECT * FROM {table}")
        }
        for table in ("models", "generations")
    }
