"""Faults of the machine under the appliance: memory of the engine, disk, clock, a busy file."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from identity.encoder import InsightFaceEncoder
from serve import queue
from serve.dispatcher import Dispatcher, Policy
from tests.disk_rounds import sound
from tests.faulty_disk import FaultyDisk
from tests.generating import ask, product_of, submit
from tests.service import Service, open_service
from tests.simulated import SimulatedDiffusion
from workspace.errors import EngineFailed
from workspace.types import GenerationStatus, RenderEvent, RenderJob

COMPLETED, QUEUED = GenerationStatus.COMPLETED, GenerationStatus.QUEUED


class SmallMemory(SimulatedDiffusion):
    """An engine with room for one picture: it gives out as a GPU does when its memory is full."""

    def render(self, jobs: Sequence[RenderJob]) -> Iterator[RenderEvent]:
        if len(jobs) > 1:
            self.batches.append(tuple(jobs))
            raise EngineFailed("The engine stopped in the middle of a picture.")
        yield from super().render(jobs)


def run_until_idle(service: Service, dispatcher: Dispatcher, rounds: int = 6) -> None:
    for _ in range(rounds):
        service.store.db.execute("UPDATE generations SET not_before = NULL")
        dispatcher.run_once()


def test_a_batch_that_does_not_fit_is_drawn_in_smaller_ones(
    home: Path, encoder: InsightFaceEncoder
) -> None:
    engine = SmallMemory()
    with open_service(home, encoder, diffusion=engine, start=False) as service:
        product = product_of(service)
        alone = [submit(service, ask(product, seed=k)) for k in (1, 2)]
        four = submit(service, ask(product, n=4, seed=40))
        run_until_idle(service, service.services.dispatcher)
        states = [queue.status_of(service.store, one) for one in (*alone, four)]
        assert states == [COMPLETED] * 3 and service.store.count("images") == 6
        assert [len(batch) for batch in engine.batches if len(batch) > 1] == [2, 4, 2]


def test_a_home_that_became_read_only_is_read_and_says_what_is_wrong(
    tmp_path: Path, encoder: InsightFaceEncoder
) -> None:
    with (
        FaultyDisk(tmp_path, errno.EROFS) as disk,
        open_service(tmp_path / "home", encoder, start=False) as service,
    ):
        product = product_of(service)
        waiting = submit(service, ask(product))
        # A lease of no length: what the dead disk left in work is found again at once.
        dispatcher = Dispatcher(service.services.parts, Policy(lease_seconds=0.0))
        disk.fail_from(1)
        body = {"tool": "editorial", "prompt": "$product", "product_ids": [product], "n": 1}
        answer = service.client.post("/v1/generations", json=body)
        assert (answer.status_code, answer.json()["code"]) == (500, "storage_failed")
        assert "disk" in answer.json()["remedy"]
        assert service.client.get(f"/v1/generations/{waiting}").json()["status"] == "queued"
        assert service.client.get("/v1/products").status_code == 200
        dispatcher.run_once()
        disk.heal()
        sound(service)
        run_until_idle(service, dispatcher)
        assert queue.status_of(service.store, waiting) is COMPLETED
        assert service.client.post("/v1/generations", json=body).status_code == 202


def test_while_another_process_writes_reading_goes_on_and_writing_is_told_to_wait(
    home: Path, encoder: InsightFaceEncoder
) -> None:
    with open_service(home, encoder, start=False) as service:
        product = product_of(service)
        waiting = submit(service, ask(product))
        service.store.db.execute("PRAGMA busy_timeout = 20")
        other = sqlite3.connect(service.store.folder / "store.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        body = {"tool": "editorial", "prompt": "$product", "product_ids": [product], "n": 1}
        answer = service.client.post("/v1/generations", json=body)
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert answer.headers["Retry-After"] == "1"
        assert service.client.get("/v1/products").status_code == 200
        assert not service.services.dispatcher.run_once()
        assert queue.status_of(service.store, waiting) is QUEUED
        other.execute("ROLLBACK")
        other.close()
        run_until_idle(service, service.services.dispatcher)
        assert queue.status_of(service.store, waiting) is COMPLETED
        assert service.client.post("/v1/generations", json=body).status_code == 202


@pytest.mark.parametrize("leap", [timedelta(days=400), timedelta(days=-400), timedelta(hours=-1)])
def test_a_clock_that_leaps_loses_and_doubles_nothing(
    home: Path, encoder: InsightFaceEncoder, leap: timedelta
) -> None:
    with open_service(home, encoder, start=False) as service:
        clock = [datetime.now(UTC)]
        parts = replace(service.services.parts, clock=lambda: clock[0])
        dispatcher = Dispatcher(parts)
        product = product_of(service)
        service.diffusion.break_next = 1  # so that one waits when the clock leaps
        first = submit(service, ask(product, seed=1))
        dispatcher.run_once()
        assert queue.status_of(service.store, first) is QUEUED
        second = submit(service, ask(product, seed=2))
        clock[0] += leap
        for _ in range(4):
            dispatcher.run_once()
            clock[0] += timedelta(seconds=1)
        done = [queue.status_of(service.store, one) for one in (first, second)]
        assert done == [COMPLETED] * 2 and service.store.count("images") == 2
        sound(service)


def test_a_clock_that_leaps_in_the_middle_of_a_picture_publishes_it_once(
    home: Path, encoder: InsightFaceEncoder
) -> None:
    with open_service(home, encoder, start=False) as service:
        clock = [datetime.now(UTC)]

        class Leaping(SimulatedDiffusion):
            def render(self, jobs: Sequence[RenderJob]) -> Iterator[RenderEvent]:
                for event in super().render(jobs):
                    clock[0] += timedelta(days=1)  # each lease has long ended at the next step
                    yield event

        parts = replace(service.services.parts, clock=lambda: clock[0], diffusion=Leaping())
        one, other = Dispatcher(parts), Dispatcher(parts)
        made = submit(service, ask(product_of(service), n=2))
        one.run_once()
        for _ in range(3):
            other.run_once()
        assert queue.status_of(service.store, made) is COMPLETED
        assert service.store.count("images") == 2
        sound(service)
