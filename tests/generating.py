"""Steps of the line for tests: ask, submit, claim, draw, wait. Generations without a person."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np

from compliance import audit
from serve import pipeline, queue
from serve.idempotency import Once
from serve.line import products
from serve.line.asked import Asked
from serve.line.stages import Published
from serve.work import leases
from serve.work.leases import Claim
from tests.service import Service
from workspace.types import Caller, GenerationId, GenerationStatus, ProductId, Tool

ACTOR = "key_test"


def nobody(service: Service) -> Caller:
    return Caller(service.workspace.id, ACTOR, frozenset())


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


def until(holds: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)
