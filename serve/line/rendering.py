"""From opened generations to render jobs, and from the engine's events back to pictures.

One image is one job: image k of a generation has seed + k, so a picture does not depend on what
else is in its batch. A replica learns prompt, seed, size and references; its job ids are opaque.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from serve.line import swaps
from serve.line.stages import Opened
from serve.work.leases import Claim
from workspace.errors import EngineFailed
from workspace.ports import Diffusion
from workspace.types import RGB, Rendered, RenderJob, StepDone

Order = tuple[RenderJob, ...]  # the jobs of one generation, in the order of their seeds
Outcome = tuple[tuple[RGB, ...] | None, float]  # pictures, or None if cancelled; seconds


def order(opened: Opened) -> Order:
    """Make the render jobs of one generation."""
    resolved = opened.recorded.admitted.resolved
    accepted = resolved.accepted
    width, height = accepted.pack.sizes[accepted.asked.aspect_ratio]
    words = resolved.prompt.text
    if opened.photo is not None:
        words = swaps.scene_words(words, opened.photo, accepted.pack)
    first = RenderJob("", words, 0, width, height, accepted.pack.steps, opened.references)
    return tuple(
        replace(first, job_id=job_id(opened.recorded.claim, k), seed=accepted.asked.seed_of(k))
        for k in range(accepted.asked.n)
    )


def job_id(claim: Claim, k: int) -> str:
    """Name the job of image k; a successor's claim gives other names, so each cancels its own."""
    return f"{claim.id}.{claim.fence}.{k}"


def draw(
    diffusion: Diffusion,
    orders: Sequence[Order],
    max_batch: int,
    on_step: Callable[[int, int], None],
) -> list[Outcome]:
    """Draw all jobs, at most `max_batch` at once, and hand every generation its pictures.

    Raises:
        EngineFailed: the engine broke or left a job out; nothing is finished.
    """
    jobs = [job for one in orders for job in one]
    chunks = [jobs[start : start + max_batch] for start in range(0, len(jobs), max_batch)]
    done: dict[str, Rendered] = {}
    for index, chunk in enumerate(chunks):
        for event in diffusion.render(chunk):
            if isinstance(event, StepDone):
                on_step(index * event.steps + event.step, len(chunks) * event.steps)
            else:
                done[event.job_id] = event
    if any(job.job_id not in done for job in jobs):
        raise EngineFailed("The engine ended without all pictures.")
    return [_outcome([done[job.job_id] for job in one]) for one in orders]


def _outcome(events: Sequence[Rendered]) -> Outcome:
    """A generation with one cancelled image is cancelled as a whole."""
    pictures = tuple(event.image for event in events if event.image is not None)
    seconds = max(event.seconds for event in events)
    return (pictures if len(pictures) == len(events) else None), seconds
