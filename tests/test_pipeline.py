"""The pipeline and its dispatcher: the numbered line, in order, with real parts."""

from __future__ import annotations

import ast
import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from compliance import audit
from serve import gallery, leases, pipeline, products, queue, rules, stages
from serve.asked import Asked
from serve.idempotency import Once
from serve.leases import Claim
from serve.settings import PROJECT
from serve.stages import Published
from tests.service import Service
from workspace.errors import (
    EngineFailed,
    HousemodelError,
    IdempotencyConflict,
    InvalidRequest,
    NotFound,
    QueueFull,
    SealBroken,
    Starting,
    StorageFull,
    ToolNotAllowed,
)
from workspace.types import Caller, GenerationId, GenerationStatus, ModelId, ProductId, Tool

ACTOR = "key_test"
STAGES = ("Accepted", "Resolved", "Admitted", "Recorded", "Opened", "Drawn", "Reviewed")


def nobody(service: Service) -> Caller:
    return Caller(service.workspace.id, ACTOR, frozenset())


@pytest.fixture
def product(fresh_service: Service) -> ProductId:
    return product_of(fresh_service)


def product_of(service: Service) -> ProductId:
    """A red product, so that generations need no person and no face networks."""
    photo = np.full((200, 160, 3), 245, np.uint8)
    photo[40:160, 40:120] = (200, 30, 40)
    plan = service.services.plans["pro"]
    now = datetime.now(UTC)
    return products.add(service.store, plan, photo, "Red", "tops", nobody(service), now)


def ask(product: ProductId, **changes: Any) -> Asked:
    wanted: dict[str, Any] = {
        "tool": Tool.EDITORIAL,
        "prompt": "$product on a chair",
        "model_id": None,
        "product_ids": (product,),
        "n": 1,
        "aspect_ratio": "",
        "seed": 42,
        "purpose": "lookbook",
        "channel": "web",
        "territories": ("EU",),
    }
    return Asked(**{**wanted, **changes})


def submit(service: Service, asked: Asked, key: str | None = None) -> GenerationId:
    parts, workspace = service.services.parts, service.workspace.id
    return pipeline.submit(parts, workspace, asked, ACTOR, Once(key, "POST /test", repr(asked)))


def claim(service: Service, generation_id: GenerationId) -> Claim:
    held = leases.claim(service.store, generation_id, "boot_test", datetime.now(UTC), 60)
    assert held is not None
    return held


def draw(service: Service, *generations: GenerationId) -> list[Published | None]:
    """Steps 0 to 7 for a batch, without the dispatcher."""
    parts = service.services.parts
    ready = [pipeline.prepare(parts, claim(service, one)) for one in generations]
    drawn = pipeline.render(parts, ready, lambda step, steps: None)
    return [pipeline.release(parts, one) for one in drawn]


def actions(service: Service) -> list[str]:
    return [entry.action for entry in audit.entries(service.store)]


def settled(service: Service, generation_id: GenerationId) -> GenerationStatus:
    """Wait for the dispatcher to end a generation."""
    deadline = time.monotonic() + 10
    while True:
        status = queue.status_of(service.store, generation_id)
        if status not in ("queued", "running"):
            return status
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_whole_line_publishes_sealed_images(fresh_service: Service, product: ProductId) -> None:
    generation_id = submit(fresh_service, ask(product, n=2))
    published = draw(fresh_service, generation_id)[0]
    assert published is not None and len(published.images) == 2
    images = gallery.of_generation(fresh_service.store, generation_id)
    assert [image.seed for image in images] == [42, 43]
    assert images[0].facts.product_score == pytest.approx(1.0, abs=0.35)
    assert images[0].facts.identity_score is None and images[0].facts.consent_id is None
    assert gallery.open_picture(fresh_service.store, images[0].id).startswith(b"\x89PNG")
    assert queue.status_of(fresh_service.store, generation_id) is GenerationStatus.COMPLETED


def test_the_decision_is_in_the_audit_log_before_anything_is_drawn(
    fresh_service: Service, product: ProductId
) -> None:
    generation_id = submit(fresh_service, ask(product))
    pipeline.prepare(fresh_service.services.parts, claim(fresh_service, generation_id))
    assert actions(fresh_service)[-2:] == ["generation.accepted", "generation.admitted"]
    assert fresh_service.diffusion.batches == []


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


def test_the_same_request_and_seed_give_the_same_image_alone_or_in_a_batch(
    fresh_service: Service, product: ProductId
) -> None:
    one, other = ask(product, seed=7, n=2), ask(product, seed=900, prompt="$product in snow")
    alone = draw(fresh_service, submit(fresh_service, one))
    batched = draw(fresh_service, submit(fresh_service, other), submit(fresh_service, one))
    assert [len(batch) for batch in fresh_service.diffusion.batches] == [2, 3]

    def pictures(published: Published | None) -> list[bytes]:
        assert published is not None
        return [gallery.open_picture(fresh_service.store, image) for image in published.images]

    assert pictures(alone[0]) == pictures(batched[1]) != pictures(batched[0])


def test_more_images_than_a_batch_holds_are_drawn_in_chunks(
    fresh_service: Service, product: ProductId
) -> None:
    steps: list[tuple[int, int]] = []
    parts = fresh_service.services.parts
    ids = [submit(fresh_service, ask(product, n=4, seed=k)) for k in (1, 2)]
    ready = [pipeline.prepare(parts, claim(fresh_service, one)) for one in ids]
    drawn = pipeline.render(parts, ready, lambda *at: steps.append(at))
    assert [len(batch) for batch in fresh_service.diffusion.batches] == [4, 4]
    assert steps == [(step, 6) for step in range(1, 7)]
    assert all(one.pictures is not None and len(one.pictures) == 4 for one in drawn)


def test_a_replica_learns_no_workspace_no_name_and_no_placeholder(
    fresh_service: Service, product: ProductId
) -> None:
    draw(fresh_service, submit(fresh_service, ask(product)))
    job = fresh_service.diffusion.batches[0][0]
    assert job.prompt == "the product on a chair"
    assert fresh_service.workspace.id not in repr(job) and "Red" not in repr(job)


@pytest.mark.parametrize(
    ("changes", "error", "pointer"),
    [
        ({"tool": Tool.BACKGROUND_SWAP, "model_id": "mdl_none"}, ToolNotAllowed, "/model_id"),
        ({"tool": Tool.BACKGROUND_SWAP, "prompt": "$model"}, ToolNotAllowed, "/prompt"),
        ({"tool": Tool.BACKGROUND_SWAP, "prompt": "a beach"}, InvalidRequest, "/tool"),
        ({"aspect_ratio": "7:1"}, InvalidRequest, "/aspect_ratio"),
        ({"prompt": "  "}, InvalidRequest, "/prompt"),
        ({"tool": Tool.FLATLAY_TO_CATALOG, "product_ids": ()}, InvalidRequest, "/product_ids"),
        ({"product_ids": ("prd_a", "prd_b", "prd_c")}, InvalidRequest, "/product_ids"),
        ({"product_ids": ("prd_none",)}, NotFound, "/product_ids/0"),
        ({"model_id": ModelId("mdl_none")}, NotFound, ""),
    ],
)
def test_what_does_not_fit_is_refused_and_leaves_nothing(
    fresh_service: Service,
    product: ProductId,
    changes: dict[str, Any],
    error: type[HousemodelError],
    pointer: str,
) -> None:
    before = actions(fresh_service)
    with pytest.raises(error) as refused:
        submit(fresh_service, ask(product, **changes))
    assert type(refused.value) is error and refused.value.pointer == pointer
    assert fresh_service.store.count("generations") == 0 and actions(fresh_service) == before


def test_flatlay_needs_no_prompt(fresh_service: Service, product: ProductId) -> None:
    draw(
        fresh_service,
        submit(fresh_service, ask(product, tool=Tool.FLATLAY_TO_CATALOG, prompt="")),
    )
    assert "catalog" in fresh_service.diffusion.batches[0][0].prompt


def test_a_key_gives_the_same_generation_and_refuses_another_body(
    fresh_service: Service, product: ProductId
) -> None:
    first = submit(fresh_service, ask(product), "k")
    assert submit(fresh_service, ask(product), "k") == first
    assert fresh_service.store.count("generations") == 1
    with pytest.raises(IdempotencyConflict):
        submit(fresh_service, ask(product, seed=43), "k")
    assert submit(fresh_service, ask(product), "k2") != first


def test_admission_is_asked_again_before_rendering(
    fresh_service: Service, product: ProductId
) -> None:
    generation_id = submit(fresh_service, ask(product))
    products.destroy(fresh_service.store, product, nobody(fresh_service), datetime.now(UTC))
    with pytest.raises(NotFound):
        pipeline.prepare(fresh_service.services.parts, claim(fresh_service, generation_id))
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

    monkeypatch.setattr(fresh_service.diffusion, "describe", starting)
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


def test_a_full_disk_at_publication_publishes_nothing_and_says_so(
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
    fresh_service.services.dispatcher.start()
    assert settled(fresh_service, generation_id) is GenerationStatus.FAILED
    kept = fresh_service.store.get("generations", generation_id)
    assert kept.private["error"]["code"] == "storage_full"
    assert fresh_service.store.count("images") == 0
    assert fresh_service.store.count("assets", "kind = 'image'") == 0
    assert fresh_service.store.verify().intact


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


def test_the_queue_has_a_bound(fresh_service: Service, product: ProductId) -> None:
    parts = replace(fresh_service.services.parts, max_waiting=1)
    service = replace(fresh_service, services=replace(fresh_service.services, parts=parts))
    submit(service, ask(product))
    with pytest.raises(QueueFull):
        submit(service, ask(product))


def test_images_of_the_day_count_against_the_plan_once(
    fresh_service: Service, product: ProductId
) -> None:
    generation_id = submit(fresh_service, ask(product, n=4))
    now = datetime.now(UTC)
    store = fresh_service.store
    assert rules.usage(store, "gen_other", None, now, True).images_today == 4
    assert rules.usage(store, generation_id, None, now, True).images_today == 0
    tomorrow = now + timedelta(days=1)
    assert rules.usage(store, "gen_other", None, tomorrow, True).images_today == 0


def test_every_stage_is_built_in_exactly_one_place() -> None:
    built: dict[str, list[str]] = {stage: [] for stage in STAGES}
    for path in sorted((PROJECT / "serve").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            called = node.func if isinstance(node, ast.Call) else None
            if isinstance(called, ast.Name) and called.id in built:
                built[called.id].append(path.name)
    assert built == {stage: ["pipeline.py"] for stage in STAGES}


def test_every_stage_holds_the_one_before_it() -> None:
    for before, after in itertools.pairwise(STAGES):
        assert before in {str(kind) for kind in vars(stages)[after].__annotations__.values()}


def until(holds: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)
