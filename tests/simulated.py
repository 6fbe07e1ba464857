"""A small diffusion in memory: keeps the port's promises, learns nothing, needs no weights.

Its pictures depend on the seed, the prompt, the size and every reference, and on nothing else: the
same job gives the same picture alone or in a batch. The person's close-up and the product's colour
really appear in the picture, so that scores mean something.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from PIL import Image

from workspace.errors import EngineFailed
from workspace.types import RGB, PackSummary, Rendered, RenderEvent, RenderJob, StepDone

SUMMARY = PackSummary(
    name="simulated",
    version="1",
    family="simulated",
    digest="5" * 64,
    engine="numpy",
    tools=("editorial", "flatlay_to_catalog"),
    sizes={"3:4": (192, 256), "1:1": (224, 224)},
    default_aspect_ratio="3:4",
    steps=3,
    max_products=2,
    max_batch=4,
    encoder_id="yunet_sface_fp32",
    identity_pass=0.55,
    identity_warn=0.42,
    close_up_face_width=0.45,
    reference_sizes={"close_up": (144, 144), "full_body": (96, 128), "product": (96, 96)},
    summary="Draws nothing real; for tests.",
    people="words",
)


class SimulatedDiffusion:
    """Implements the Diffusion port. `pause_seconds` makes steps slow; `break_next` breaks one."""

    def __init__(self, pause_seconds: float = 0.0) -> None:
        self.pause_seconds = pause_seconds
        self.break_next = 0  # so many render calls raise EngineFailed
        self.batches: list[tuple[RenderJob, ...]] = []  # what was asked, for tests to look at
        self.gate: threading.Event | None = None  # if set, rendering waits for it after a step
        self.stopped: list[str] = []  # jobs that were not drawn to their end
        self._cancelled: set[str] = set()

    def describe(self) -> PackSummary:
        return SUMMARY

    def ready(self) -> None:
        """Always."""

    def render(self, jobs: Sequence[RenderJob]) -> Iterator[RenderEvent]:
        assert len({(job.width, job.height, job.steps, layout(job)) for job in jobs}) == 1
        assert len(jobs) <= SUMMARY.max_batch
        self.batches.append(tuple(jobs))
        started = time.perf_counter()
        for step in range(1, jobs[0].steps + 1):
            if self.break_next:
                self.break_next -= 1
                raise EngineFailed("The simulated engine broke.")
            time.sleep(self.pause_seconds)
            yield StepDone(step, jobs[0].steps)
            if self.gate is not None:
                self.gate.wait(10)
        for job in jobs:
            stopped = job.job_id in self._cancelled
            self._cancelled.discard(job.job_id)
            self.stopped += [job.job_id] if stopped else []
            picture = None if stopped else draw(job)
            yield Rendered(job.job_id, picture, time.perf_counter() - started)

    def cancel(self, job_ids: Sequence[str]) -> None:
        self._cancelled.update(job_ids)


class SimulatedSafety:
    """Implements the Safety port: says what it is told to, and counts how often it was asked."""

    def __init__(self, score: float = 0.01) -> None:
        self.score = score
        self.asked = 0

    def nudity(self, image: RGB) -> float:
        self.asked += 1
        return self.score


def layout(job: RenderJob) -> tuple[bool, bool, int]:
    refs = job.references
    return refs.close_up is not None, refs.full_body is not None, len(refs.products)


def draw(job: RenderJob) -> RGB:
    """Noise from the job's own seed and words, the close-up above, the products' colours below."""
    refs = job.references
    words = hashlib.sha256(job.prompt.encode())
    for picture in (refs.close_up, refs.full_body, *refs.products):
        words.update(b"-" if picture is None else picture.tobytes())
    key = int.from_bytes(words.digest()[:8], "big")
    rng = np.random.default_rng([job.seed, key])
    ground = rng.integers(170, 220, 3)
    canvas = np.clip(ground + rng.integers(-4, 5, (job.height, job.width, 3)), 0, 255)
    canvas = np.ascontiguousarray(canvas, dtype=np.uint8)
    image = Image.fromarray(canvas)
    third = job.height // 3
    for index, product in enumerate(refs.products):
        colour = tuple(int(c) for c in product[product.shape[0] // 2, product.shape[1] // 2])
        left = job.width // 4 + index * job.width // (2 * len(refs.products))
        right = left + job.width // (2 * len(refs.products))
        image.paste(colour, (left, third * 2, right, job.height))
    if refs.close_up is not None:
        face = Image.fromarray(refs.close_up)
        image.paste(face, ((job.width - face.width) // 2, 4))
    return np.asarray(image, dtype=np.uint8)


class Swapping(SimulatedDiffusion):
    """A pack that offers Model Background Swap."""

    def describe(self) -> PackSummary:
        return replace(SUMMARY, tools=(*SUMMARY.tools, "background_swap"))
