"""The dispatcher: every generation ends, whatever breaks; nothing waits without a reason."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from serve import queue
from serve.line import gallery, products
from tests.generating import (
    actions,
    ask,
    nobody,
    product_of,
    settled,
    submit,
    until,
)
from tests.service import Service
from workspace.errors import (
    EngineFailed,
    SealBroken,
    Starting,
    StorageFull,
)
from workspace.types import GenerationStatus, ProductId


@pytest.fixture
def product(fresh_service: Service) -> ProductId:
    return product_of(fresh_service)


def test_a_log_that_takes_no_entry_fails_the_generation_and_nothing_is_drawn(
    fresh_service: Service, product: ProductId
) -> None:
    generation_id = submit(fresh_service, ask(product))
    head = "UPDATE meta SET sealed = x'00' WHERE id = 'audit_head'"
    fresh_service.store.db.execute(head)
    fresh_service.services.dispatcher.start()
    assert settled(fresh_service, generation_id) is GenerationStatus.FAILED
    error = fresh_service.store.get("generations", generation_id).private["error"]
    assert error["code"] == SealBroken.code
    assert fresh_service.diffusion.batches == []


def test_a_product_that_is_gone_fails_the_generation_with_its_code(
    fresh_service: Service, product: ProductId
) -> None:
    generation_id = submit(fresh_service, ask(product))
    products.destroy(fresh_service.store, product, nobody(fresh_service), datetime.now(UTC))
    fresh_service.services.dispatcher.start()
    assert settled(fresh_service, generation_id) is GenerationStatus.FAILED
    kept = fresh_service.store.get("generations", generation_id)
    assert kept.private["error"]["code"] == "not_found"
    assert actions(fresh_service)[-1] == "generation.failed"


def test_an_engine_that_breaks_is_tried_again(fresh_service: Service, product: ProductId) -> None:
    fresh_service.diffusion.break_next = 1
    generation_id = submit(fresh_service, ask(product))
    fresh_service.services.dispatcher.start()
    assert settled(fresh_service, generation_id) is GenerationStatus.COMPLETED
    assert fresh_service.store.get("generations", generation_id).columns["attempts"] == 2


def test_a_broken_engine_fails_the_generation_after_three_attempts(
    fresh_service: Service, product: ProductId
) -> None:
    fresh_service.diffusion.break_next = 3
    generation_id = submit(fresh_service, ask(product))
    for _ in range(3):
        fresh_service.store.update("generations", generation_id, not_before=None)
        fresh_service.services.dispatcher.run_once()
    kept = fresh_service.store.get("generations", generation_id)
    assert kept.columns["status"] == "failed"
    assert kept.private["error"]["code"] == EngineFailed.code


def test_a_pack_that_is_still_loading_keeps_generations_waiting(
    fresh_service: Service, product: ProductId, monkeypatch: pytest.MonkeyPatch
) -> None:
    generation_id = submit(fresh_service, ask(product))

    def starting() -> None:
        raise Starting("Loading.")

    monkeypatch.setattr(fresh_service.diffusion, "ready", starting)
    fresh_service.services.dispatcher.run_once()
    kept = fresh_service.store.get("generations", generation_id)
    assert (kept.columns["status"], kept.columns["attempts"]) == ("queued", 0)


def test_a_cancelled_generation_stops_and_its_companion_goes_on(
    fresh_service: Service, product: ProductId
) -> None:
    fresh_service.diffusion.gate = threading.Event()
    first, second = (submit(fresh_service, ask(product, seed=seed)) for seed in (1, 2))
    fresh_service.services.dispatcher.start()
    until(lambda: fresh_service.store.get("generations", first).columns["step"] == 1)
    queue.cancel(fresh_service.store, first, datetime.now(UTC))
    fresh_service.services.dispatcher.cancelled(first)
    fresh_service.diffusion.gate.set()
    assert settled(fresh_service, first) is GenerationStatus.CANCELLED
    assert settled(fresh_service, second) is GenerationStatus.COMPLETED
    assert gallery.of_generation(fresh_service.store, first) == []


def test_stopping_gives_work_back_and_the_next_start_finishes_it(
    fresh_service: Service, product: ProductId
) -> None:
    fresh_service.diffusion.gate = threading.Event()
    generation_id = submit(fresh_service, ask(product))
    dispatcher = fresh_service.services.dispatcher
    dispatcher.start()
    until(lambda: fresh_service.store.get("generations", generation_id).columns["step"] == 1)
    stopping = threading.Thread(target=dispatcher.stop)
    stopping.start()
    time.sleep(0.05)
    fresh_service.diffusion.gate.set()
    stopping.join(10)
    kept = fresh_service.store.get("generations", generation_id).columns
    assert (kept["status"], kept["attempts"]) == ("queued", 0)
    dispatcher.start()
    assert settled(fresh_service, generation_id) is GenerationStatus.COMPLETED


def test_a_full_disk_at_publication_publishes_nothing_and_the_generation_waits(
    fresh_service: Service, product: ProductId, monkeypatch: pytest.MonkeyPatch
) -> None:
    generation_id = submit(fresh_service, ask(product, n=2))
    whole, calls = fresh_service.store.assets.put, []

    def second_fails(*args: Any) -> Any:
        calls.append(args)
        if len(calls) == 2:
            raise StorageFull()
        return whole(*args)

    monkeypatch.setattr(fresh_service.store.assets, "put", second_fails)
    store, dispatcher = fresh_service.store, fresh_service.services.dispatcher
    assert dispatcher.run_once()
    kept = store.get("generations", generation_id).columns
    assert (kept["status"], kept["attempts"], kept["not_before"] is None) == ("queued", 0, False)
    assert store.count("images") == store.count("assets", "kind = 'image'") == 0
    assert store.verify().intact
    store.update("generations", generation_id, not_before=None)
    assert dispatcher.run_once()
    assert queue.status_of(store, generation_id) is GenerationStatus.COMPLETED
    assert store.count("images") == 2


def test_a_damaged_request_fails_alone(fresh_service: Service, product: ProductId) -> None:
    bad, good = submit(fresh_service, ask(product)), submit(fresh_service, ask(product))
    store = fresh_service.store
    store.db.execute("UPDATE generations SET sealed = x'0102' WHERE id = ?", [bad])
    fresh_service.services.dispatcher.start()
    assert settled(fresh_service, good) is GenerationStatus.COMPLETED
    assert settled(fresh_service, bad) is GenerationStatus.FAILED
    answer = fresh_service.client.get(f"/v1/generations/{bad}")
    assert (answer.status_code, answer.json()["code"]) == (500, "seal_broken")


def test_a_submit_wakes_an_idle_worker_at_once(fresh_service: Service, product: ProductId) -> None:
    fresh_service.services.dispatcher.start()
    time.sleep(0.05)
    started = time.monotonic()
    for seed in range(4):
        generation_id = submit(fresh_service, ask(product, seed=seed))
        fresh_service.services.dispatcher.wake()
        settled(fresh_service, generation_id)
    waits = [
        image.facts.queued_seconds
        for row in fresh_service.store.find("generations")
        for image in gallery.of_generation(fresh_service.store, row.id)
    ]
    assert time.monotonic() - started < 8 and sorted(waits)[1] < 0.3
