"""The few interfaces that have several implementations (in process, and behind a Ray handle).

Calls are plain and blocking: the gateway runs them in worker threads.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from workspace.machine import Running
from workspace.types import RGB, Embedding, Face, PackSummary, RenderEvent, RenderJob


class Diffusion(Protocol):
    """Renders batches of compatible jobs (same size, steps and reference layout)."""

    def describe(self) -> PackSummary:
        """Say what is loaded, as last heard: it does not change while the appliance runs.

        Raises:
            Starting: no replica has finished loading since the start.
        """
        ...

    def ready(self) -> None:
        """Make sure that a replica answers now.

        Raises:
            Starting: none does; it is starting, or it broke and is being started again.
        """
        ...

    def render(self, jobs: Sequence[RenderJob]) -> Iterator[RenderEvent]:
        """Draw all jobs in one batch: a StepDone after every step, then a Rendered for each job.

        Raises:
            EngineFailed: the engine or the replica broke; none of the jobs is finished.
        """
        ...

    def cancel(self, job_ids: Sequence[str]) -> None:
        """Ask running jobs to stop at their next step; unknown ids are ignored."""
        ...


class FaceEncoder(Protocol):
    """Finds faces and, only after consent, turns one into an embedding."""

    @property
    def encoder_id(self) -> str: ...

    def detect(self, image: RGB) -> tuple[Face, ...]:
        """Find faces, largest first. Builds no biometric template."""
        ...

    def embed(self, image: RGB, face: Face) -> Embedding:
        """Compute the unit-length face vector of one detected face."""
        ...


class Safety(Protocol):
    """Judges pictures for nudity."""

    def nudity(self, image: RGB) -> float:
        """Say how likely a picture shows nudity, 0 to 1; it may be of any size.

        Raises:
            EngineFailed, Unavailable: it could not be looked at.
        """
        ...


class Fleet(Protocol):
    """Knows the processes of the appliance."""

    def running(self) -> tuple[Running, ...]:
        """Look at every process; one that does not answer in time is `starting`."""
        ...
