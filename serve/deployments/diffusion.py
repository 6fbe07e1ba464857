"""Diffusion in this process: load a pack once, render batches, report steps, stop when asked.

`LocalDiffusion` is the `Diffusion` port without Ray: the demo, the tests and the benchmarks use
it, and `replica.py` wraps it for Ray. It holds no keys, no stores and no names; what a render
needs comes with the jobs and is forgotten with them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from serve.deployments.families import load_family
from serve.deployments.packs import load_pack
from workspace.errors import EngineFailed
from workspace.types import PackSummary, Rendered, RenderEvent, RenderJob


class LocalDiffusion:
    """A loaded pack that draws one batch at a time; further calls wait their turn."""

    def __init__(self, pack_folder: Path, threads: int = 2) -> None:
        """Verify the pack and load it.

        Raises:
            PackInvalid: the pack is damaged, or not of a family that this version runs.
        """
        pack = load_pack(pack_folder)
        self._family = load_family(pack, threads)
        self._summary = pack.summary(engine=self._family.engine)
        self._turn = threading.Lock()
        self._guard = threading.Lock()
        self._asked: list[_Asked] = []  # renders that run or wait for their turn
        self.drawn = 0  # pictures since the start
        self._moved_at: float | None = None  # when the render that has its turn last came on
        self.device = f"cpu, {threads} threads"

    def describe(self) -> PackSummary:
        """Say what is loaded."""
        return self._summary

    def ready(self) -> None:
        """It is there as soon as it exists."""

    @property
    def drawing(self) -> int:
        """How many pictures are in work, or wait for their turn in here."""
        with self._guard:
            return sum(len(asked.ids) for asked in self._asked)

    @property
    def silent_seconds(self) -> float:
        """How long the render that has its turn has given no sign; 0 when none has it."""
        moved_at = self._moved_at
        return 0.0 if moved_at is None else time.monotonic() - moved_at

    def render(self, jobs: Sequence[RenderJob]) -> Generator[RenderEvent, None, None]:
        """Draw all jobs: a StepDone after each step, then a Rendered for each job.

        Raises:
            InvalidRequest: the jobs can't be one batch of this pack.
            EngineFailed: the engine broke; none of the jobs is finished.
        """
        asked = _Asked(frozenset(job.job_id for job in jobs))
        with self._guard:
            self._asked.append(asked)
        try:
            with self._turn, self._watched():
                for event in self._family.render(jobs, asked.stopped.__contains__):
                    self._moved_at = time.monotonic()
                    self.drawn += isinstance(event, Rendered)
                    yield event
        except (RuntimeError, MemoryError, ArithmeticError, ValueError) as error:
            # Third-party errors may quote their inputs: the chain is kept, the text is not.
            raise EngineFailed("The engine stopped in the middle of a picture.") from error
        finally:
            with self._guard:
                self._asked.remove(asked)

    @contextmanager
    def _watched(self) -> Iterator[None]:
        self._moved_at = time.monotonic()
        try:
            yield
        finally:
            self._moved_at = None

    def cancel(self, job_ids: Sequence[str]) -> None:
        """Ask running jobs to stop at their next step; unknown ids are ignored."""
        with self._guard:
            for asked in self._asked:
                asked.stopped |= asked.ids.intersection(job_ids)


@dataclass(eq=False, slots=True)
class _Asked:
    """One call of `render`. A job that is tried again has the same id, so each call has its own."""

    ids: frozenset[str]
    stopped: set[str] = field(default_factory=set)
