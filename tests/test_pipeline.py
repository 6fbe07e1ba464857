"""The pipeline: the numbered line, in order, with real parts."""

from __future__ import annotations

import ast
import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from identity.photos import decode
from serve import pipeline, queue
from serve.line import gallery, products, rules, stages
from serve.line.products import STORED
from serve.line.stages import Published
from serve.settings import PROJECT
from tests.alike import drawn_alike
from tests.generating import (
    actions,
    ask,
    claim,
    draw,
    nobody,
    product_of,
    submit,
)
from tests.service import Service
from workspace.errors import (
    HousemodelError,
    IdempotencyConflict,
    InvalidRequest,
    NotFound,
    QueueFull,
    ToolNotAllowed,
)
from workspace.types import RGB, GenerationStatus, ModelId, ProductId, Tool

STAGES = ("Accepted", "Resolved", "Admitted", "Recorded", "Opened", "Drawn", "Reviewed")


@pytest.fixture
def product(fresh_service: Service) -> ProductId:
    return product_of(fresh_service)


def test_the_whole_line_publishes_sealed_images(fresh_service: Service, product: ProductId) -> None:
    generation_id = submit(fresh_service, ask(product, n=2))
    published = draw(fresh_service, generation_id)[0]
    assert published is not None and len(published.images) == 2
    images = gallery.of_generation(fresh_service.store, generation_id)
    assert [image.seed for image in images] == [42, 43]
    assert images[0].facts.product_score == pytest.approx(1.0, abs=0.35)
    assert images[0].facts.identity_score is None and images[0].facts.consent_id is None
    stored = gallery.open_picture(fresh_service.store, images[0].id)
    assert stored.data.startswith(b"\x89PNG") and stored.certificate == "development"
    assert queue.status_of(fresh_service.store, generation_id) is GenerationStatus.COMPLETED


def test_the_decision_is_in_the_audit_log_before_anything_is_drawn(
    fresh_service: Service, product: ProductId
) -> None:
    generation_id = submit(fresh_service, ask(product))
    pipeline.prepare(fresh_service.services.parts, claim(fresh_service, generation_id))
    assert actions(fresh_service)[-2:] == ["generation.accepted", "generation.admitted"]
    assert fresh_service.diffusion.batches == []


def test_the_same_request_and_seed_give_the_same_image_alone_or_in_a_batch(
    fresh_service: Service, product: ProductId
) -> None:
    one, other = ask(product, seed=7, n=2), ask(product, seed=900, prompt="$product in snow")
    alone = draw(fresh_service, submit(fresh_service, one))
    batched = draw(fresh_service, submit(fresh_service, other), submit(fresh_service, one))
    assert [len(batch) for batch in fresh_service.diffusion.batches] == [2, 3]

    def pictures(published: Published | None) -> list[RGB]:
        assert published is not None
        kept = [gallery.open_picture(fresh_service.store, image) for image in published.images]
        return [decode(one.data, STORED) for one in kept]

    once, again, another = (pictures(one) for one in (alone[0], batched[1], batched[0]))
    assert all(map(drawn_alike, once, again)) and not drawn_alike(once[0], another[0])


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
