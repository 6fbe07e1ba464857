"""What befalls one workspace, one request or one worker takes no other generation along."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from serve import pipeline
from serve.dispatcher import Dispatcher, Policy
from serve.idempotency import Once
from serve.line import products
from serve.work import leases
from tests.generating import ACTOR, ask, product_of, submit, until
from tests.homes import ROOT_KEY
from tests.service import Service
from workspace.errors import EngineFailed, StorageFull
from workspace.registry import Registry
from workspace.types import (
    Caller,
    GenerationId,
    Rendered,
    RenderEvent,
    RenderJob,
    StepDone,
    Workspace,
)

OPEN = ("queued", "running")


def asked_in(service: Service, workspace: Workspace, **changes: Any) -> GenerationId:
    """Submit a generation in any workspace."""
    store, now = service.services.registry.store(workspace.id), datetime.now(UTC)
    photo = np.full((200, 160, 3), 245, np.uint8)
    caller = Caller(workspace.id, ACTOR, frozenset())
    plan = service.services.plans["pro"]
    product = products.add(store, plan, photo, "Red", "tops", caller, now)
    wanted = ask(product, **changes)
    once = Once(None, "POST /test", "")
    return pipeline.submit(service.services.parts, workspace.id, wanted, ACTOR, once)


def state(service: Service, workspace: Workspace, generation_id: GenerationId) -> tuple[str, int]:
    store = service.services.registry.store(workspace.id)
    columns = store.get("generations", generation_id).columns
    return columns["status"], columns["attempts"]


def while_drawing(service: Service, act: Callable[[], object]) -> None:
    """Run one batch and do something after its first step."""
    gate = service.diffusion.gate = threading.Event()
    worker = threading.Thread(target=service.services.dispatcher.run_once)
    worker.start()
    until(lambda: bool(service.diffusion.batches))
    time.sleep(0.05)
    act()
    gate.set()
    worker.join(10)


@pytest.mark.parametrize("how", ["destroy", "lock", "damage"])
def test_a_workspace_that_goes_leaves_its_batch_mates_alone(
    fresh_service: Service, how: str
) -> None:
    service, other = fresh_service, fresh_service.other("b")
    registry, gone = service.services.registry, service.workspace.id
    asked_in(service, service.workspace)
    mate = asked_in(service, other)
    acts: dict[str, Callable[[], object]] = {
        "destroy": lambda: registry.destroy(gone),
        "lock": lambda: registry.lock(gone),
        "damage": lambda: registry.control.execute(
            "UPDATE workspaces SET plan = 'enterprise' WHERE id = ?", [gone]
        ),
    }
    while_drawing(service, acts[how])
    assert len(service.diffusion.batches[0]) == 2
    assert state(service, other, mate) == ("completed", 1)


def test_a_request_that_breaks_the_engine_takes_no_other_along(fresh_service: Service) -> None:
    service, other = fresh_service, fresh_service.other("b")
    whole = service.diffusion.render

    def render(jobs: Sequence[RenderJob]) -> Iterator[RenderEvent]:
        if any("poison" in job.prompt for job in jobs):
            raise EngineFailed("It broke.")
        yield from whole(jobs)

    service.diffusion.render = render  # type: ignore[method-assign]
    poison = asked_in(service, service.workspace, prompt="poison $product")
    innocent = asked_in(service, other)
    for _ in range(8):
        for workspace, one in ((service.workspace, poison), (other, innocent)):
            service.services.registry.store(workspace.id).update(
                "generations", one, not_before=None
            )
        service.services.dispatcher.run_once()
    assert state(service, service.workspace, poison) == ("failed", 3)
    assert state(service, other, innocent) == ("completed", 2)


def test_a_worker_that_was_taken_over_does_not_stop_its_successor(fresh_service: Service) -> None:
    service, whole, calls = fresh_service, fresh_service.diffusion.render, []
    taken_over = threading.Event()

    def render(jobs: Sequence[RenderJob]) -> Iterator[RenderEvent]:
        calls.append(jobs)
        first = len(calls) == 1
        if not first:
            taken_over.set()
        for event in whole(jobs):
            if isinstance(event, StepDone) and first:
                taken_over.wait(5)
            yield event
            time.sleep(0.4 if first else 0.1)  # the successor is done first

    service.diffusion.render = render  # type: ignore[method-assign]
    generation_id = submit(service, ask(product_of(service)))
    dispatcher = Dispatcher(service.services.parts, Policy(lease_seconds=0.3, workers=2))
    dispatcher.start()
    try:
        until(lambda: state(service, service.workspace, generation_id)[0] not in OPEN)
        time.sleep(0.5)  # the first worker comes to its end, too
    finally:
        dispatcher.stop()
    assert len(calls) == 2
    assert state(service, service.workspace, generation_id) == ("completed", 2)
    assert service.store.count("images") == 1


def test_a_picture_that_the_engine_leaves_out_is_a_fault_and_no_cancellation(
    fresh_service: Service,
) -> None:
    service, whole = fresh_service, fresh_service.diffusion.render

    def render(jobs: Sequence[RenderJob]) -> Iterator[RenderEvent]:
        for event in whole(jobs):
            yield replace(event, image=None) if isinstance(event, Rendered) else event

    service.diffusion.render = render  # type: ignore[method-assign]
    generation_id = submit(service, ask(product_of(service)))
    for attempt in range(1, 4):
        service.store.update("generations", generation_id, not_before=None)
        service.services.dispatcher.run_once()
        expected = "queued" if attempt < 3 else "failed"
        assert state(service, service.workspace, generation_id) == (expected, attempt)


def test_orderly_stops_cost_no_attempt_however_long_a_step_takes(fresh_service: Service) -> None:
    service = fresh_service
    service.diffusion.gate = threading.Event()
    generation_id = submit(service, ask(product_of(service)))
    for times in range(1, 5):
        dispatcher = Dispatcher(service.services.parts)
        dispatcher.start()
        until(lambda times=times: len(service.diffusion.batches) == times)  # type: ignore[misc]
        dispatcher.stop(timeout_seconds=0.05)
        assert state(service, service.workspace, generation_id) == ("queued", 0)
    service.diffusion.gate.set()


def test_one_damaged_workspace_stops_nobody_else(
    fresh_service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    service, other = fresh_service, fresh_service.other("b")
    generation_id = asked_in(service, other)
    service.services.registry.control.execute(
        "UPDATE workspaces SET plan = 'enterprise' WHERE id = ?", [service.workspace.id]
    )
    service.services.dispatcher.start()
    until(lambda: state(service, other, generation_id)[0] == "completed")
    time.sleep(1.2)  # several idle looks
    assert sum("can't be opened" in line for line in caplog.messages) <= 2  # workers, builder
    shown = service.client_of(other).get("/metrics")
    assert shown.status_code == 200 and 'status="completed"} 1.0' in shown.text


def test_a_thread_that_outlived_a_stop_does_not_work_on_after_the_next_start(
    fresh_service: Service,
) -> None:
    service, before = fresh_service, set(threading.enumerate())
    service.diffusion.gate = threading.Event()
    generation_id = submit(service, ask(product_of(service)))
    dispatcher = service.services.dispatcher
    dispatcher.start()
    until(lambda: len(service.diffusion.batches) == 1)
    dispatcher.stop(timeout_seconds=0.05)
    dispatcher.start()
    service.diffusion.gate.set()
    until(lambda: state(service, service.workspace, generation_id)[0] == "completed")
    until(lambda: sum(t.name == "dispatcher-0" for t in set(threading.enumerate()) - before) == 1)


@pytest.mark.parametrize("how", ["lock", "destroy"])
def test_the_key_of_a_workspace_that_another_process_closed_leaves_memory(
    fresh_service: Service, how: str
) -> None:
    held = fresh_service.store
    other = Registry(held.folder.parent.parent, ROOT_KEY)
    getattr(other, how)(fresh_service.workspace.id)
    other.close()
    fresh_service.services.dispatcher.run_once()
    assert held._keys._keys is None and held._keys._former is None


def test_a_request_that_can_not_be_read_blocks_no_other(
    fresh_service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = fresh_service
    product = product_of(service)
    odd, good = submit(service, ask(product)), submit(service, ask(product))
    asked = {**service.store.get("generations", odd).private["asked"], "tool": "of the future"}
    service.store.put("generations", odd, {"asked": asked})
    full = submit(service, ask(product))
    real = leases.claim

    def claim(store: Any, generation_id: str, *rest: Any) -> Any:
        if generation_id == full:
            raise StorageFull()
        return real(store, GenerationId(generation_id), *rest)

    monkeypatch.setattr(leases, "claim", claim)
    for _ in range(2):
        service.services.dispatcher.run_once()
    assert state(service, service.workspace, odd)[0] == "failed"
    assert state(service, service.workspace, good)[0] == "completed"
    assert state(service, service.workspace, full)[0] == "queued"
