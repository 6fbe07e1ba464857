"""The same job without HTTP and Ray, in this process: the render call alone, and the whole line."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from serve import local, pipeline, queue
from serve.callers import auth
from serve.idempotency import Once
from serve.line.asked import Asked
from serve.services import Services
from serve.settings import load_settings
from serve.showcase import demo_workspace, samples, walk
from serve.showcase.demo import prepared_key
from workspace.ports import Diffusion
from workspace.types import (
    TERMINAL,
    ModelId,
    PackSummary,
    ProductId,
    RenderEvent,
    RenderJob,
    Tool,
    WorkspaceId,
)

POLL_SECONDS = 0.001


class Recording:
    """A Diffusion port that passes everything on and remembers the last batch."""

    def __init__(self, inner: Diffusion) -> None:
        self._inner = inner
        self.jobs: tuple[RenderJob, ...] = ()

    def describe(self) -> PackSummary:
        return self._inner.describe()

    def ready(self) -> None:
        self._inner.ready()

    def render(self, jobs: Sequence[RenderJob]) -> Iterator[RenderEvent]:
        self.jobs = tuple(jobs)
        return self._inner.render(jobs)

    def cancel(self, job_ids: Sequence[str]) -> None:
        self._inner.cancel(job_ids)


def seconds(rounds: int) -> tuple[list[float], list[float]]:
    """Seconds of the bare render call, and of the line from submit to its end, of one image."""
    with tempfile.TemporaryDirectory(prefix="hm-bench-") as folder:
        settings = load_settings(home=Path(folder) / "home")
        secret = prepared_key(settings)
        with local.services(settings) as services:
            recording = Recording(services.diffusion)
            object.__setattr__(services.parts, "diffusion", recording)
            caller = auth.authenticate(services.registry, secret, services.now())
            with local.serving(services) as client:
                client.headers["Authorization"] = f"Bearer {secret}"
                model = walk.enrol(client, samples.people()[0], "bench-model")
                product = walk.add_product(client, samples.products()[0], "bench-product")
                # NOTE: inside of `serving`: when the site ends, its lifespan stops the dispatcher.
                line = [
                    _line(services, caller.workspace_id, model, product, 100 * k)
                    for k in range(rounds + 1)
                ]
            bare = [_render(recording, recording.jobs) for _ in range(rounds + 1)]
    return bare[1:], line[1:]


def _line(services: Services, workspace: WorkspaceId, model: str, product: str, seed: int) -> float:
    request = demo_workspace.editorial(model, product)
    asked = Asked(
        tool=Tool.EDITORIAL,
        prompt=str(request["prompt"]),
        model_id=ModelId(model),
        product_ids=(ProductId(product),),
        n=1,
        aspect_ratio="",
        seed=seed,
        purpose="ecommerce_pdp",
        channel="web",
        territories=("EU",),
    )
    store = services.registry.store(workspace)
    started = time.monotonic()
    made = pipeline.submit(services.parts, workspace, asked, "bench", Once(None, "bench", ""))
    services.dispatcher.wake()
    while queue.status_of(store, made) not in TERMINAL:
        time.sleep(POLL_SECONDS)
    return time.monotonic() - started


def _render(diffusion: Diffusion, jobs: Sequence[RenderJob]) -> float:
    started = time.monotonic()
    for _ in diffusion.render(jobs):
        pass
    return time.monotonic() - started
