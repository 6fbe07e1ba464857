"""`housemodel demo`: the line without a server. Enrol a sample person, draw, write PNGs, score."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from serve import local
from serve.callers import auth
from serve.settings import Settings
from serve.showcase import demo_workspace, samples, walk
from serve.unsealing import open_source
from workspace.errors import NotFound
from workspace.registry import Registry
from workspace.unseal import KeySource

IMAGES = 4
KEY_HOURS = 1
SCOPES = frozenset({"models:read", "models:write", "generate", "images:read"})


@dataclass(frozen=True, slots=True)
class DemoImage:
    file: str
    seed: int
    identity_score: float | None
    product_score: float | None


@dataclass(frozen=True, slots=True)
class DemoReport:
    """What the demo did; times in seconds of wall clock."""

    pack: str
    model_id: str
    enrolment_seconds: float
    generation_seconds: float
    images: tuple[DemoImage, ...]


def run(settings: Settings, out: Path, say: Callable[[str], None]) -> DemoReport:
    """Enrol the first sample person and write four PNGs into `out`.

    Raises:
        HousemodelError: any step was refused or failed; the message says what to do.
    """
    out.mkdir(parents=True, exist_ok=True)
    source = open_source(settings, create=True)
    secret = prepared_key(settings, source)
    say("loading the pack")
    with local.running(settings, source=source) as client:
        client.headers["Authorization"] = f"Bearer {secret}"
        return _walk(client, out, say)


def prepared_key(settings: Settings, source: KeySource) -> str:
    """A short-lived key of the demo workspace, which is made if it is not there."""
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    registry = Registry(settings.home, source, settings.tombstones)
    now = datetime.now(UTC)
    try:
        try:
            workspace = registry.by_name(demo_workspace.NAME)
        except NotFound:
            workspace = registry.create(demo_workspace.NAME, demo_workspace.PLAN, now)
        _, secret = auth.create_key(
            registry, workspace.id, SCOPES, now, now + timedelta(hours=KEY_HOURS), "demo"
        )
        return secret
    finally:
        registry.close()


def _walk(client: httpx.Client, out: Path, say: Callable[[str], None]) -> DemoReport:
    person, product = samples.people()[0], samples.products()[0]
    say(f"enrolling {person.name}")
    started = time.monotonic()
    model = walk.enrol(client, person, f"demo-model-{person.name}")
    enrolled = time.monotonic()
    garment = walk.add_product(client, product, f"demo-product-{product.name}")
    say(f"rendering {IMAGES} images")
    began = time.monotonic()
    done = walk.generate(client, {**demo_workspace.editorial(model, garment), "n": IMAGES})
    finished = time.monotonic()
    images = []
    for index, image in enumerate(done["images"], start=1):
        picture = client.get(image["url"], params={"format": "png"})
        file = out / f"editorial-{index}.png"
        file.write_bytes(picture.raise_for_status().content)
        images.append(
            DemoImage(file.name, image["seed"], image["identity_score"], image["product_score"])
        )
    return DemoReport(
        pack=done["images"][0]["pack"],
        model_id=model,
        enrolment_seconds=round(enrolled - started, 3),
        generation_seconds=round(finished - began, 3),
        images=tuple(images),
    )


def as_facts(report: DemoReport) -> dict[str, object]:
    """The report as plain JSON values."""
    return asdict(report)
