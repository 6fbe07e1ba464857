"""The diffusion replica: `LocalDiffusion` behind Ray Serve.

A plain class; `serve.app` makes a deployment of it. What comes in and goes out is sealed: jobs to
this replica's key, pictures to the caller's. Steps go out as they happen, and `cancel` is heard
while a render runs in its thread. It keeps nothing between two renders.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import traceback
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from serve.deployments import payloads
from serve.deployments.diffusion import LocalDiffusion
from serve.deployments.loopback import keep_to_loopback
from serve.deployments.priority import stand_back
from workspace.errors import EngineFailed, HousemodelError
from workspace.machine import Running, this_process
from workspace.sealing import Recipient, seal_to
from workspace.types import PackSummary, Rendered, RenderEvent, RenderJob, StepDone

_log = logging.getLogger("housemodel.diffusion")
STALL_SECONDS = 180.0  # without a step: the engine hangs
FAILURES_IN_A_ROW = 3  # after so many the process is taken for broken, and Ray starts a new one


@dataclass(frozen=True, slots=True)
class SealedPicture:
    """A `Rendered` on its way: `sealed` is None when its job was cancelled."""

    job_id: str
    sealed: bytes | None
    seconds: float


class DiffusionReplica:
    """One loaded pack in one process."""

    def __init__(
        self,
        pack_folder: str,
        threads: int,
        stall_seconds: float = STALL_SECONDS,
        niceness: int = 0,
    ) -> None:
        keep_to_loopback()
        stand_back(niceness)
        self._stall_seconds = stall_seconds
        self._diffusion = LocalDiffusion(Path(pack_folder), threads)
        self._recipient = Recipient()
        self._failures = 0

    def check_health(self) -> None:
        """Tell Ray to start this process anew when it fails again and again, or hangs.

        Raises:
            EngineFailed: the last renders all failed, or a render has given no sign for too long.
        """
        if self._diffusion.silent_seconds > self._stall_seconds:
            raise EngineFailed("A render of this replica hangs.")
        if self._failures >= FAILURES_IN_A_ROW:
            raise EngineFailed("The last renders of this replica all failed.")

    async def introduce(self) -> tuple[PackSummary, bytes]:
        """Say what is loaded, and the public key that jobs are sealed to."""
        return self._diffusion.describe(), self._recipient.public

    async def report(self, name: str) -> Running:
        """Say how this process fares; nothing of what it draws."""
        own = self._diffusion
        engine, drawing = own.describe().engine, own.drawing
        return this_process(
            "diffusion", name, engine, own.device, drawing, own.drawn, self._failures
        )

    async def cancel(self, job_ids: Sequence[str]) -> None:
        """Ask running jobs to stop at their next step."""
        self._diffusion.cancel(job_ids)

    async def render(
        self, sealed_jobs: bytes, reply_to: bytes
    ) -> AsyncIterator[StepDone | SealedPicture]:
        """Draw sealed jobs; pictures are sealed to the public key `reply_to`.

        Raises:
            SealBroken: the jobs are sealed to another process, perhaps the one before this.
            InvalidRequest: the jobs can't be one batch of this pack.
            EngineFailed: the engine broke; none of the jobs is finished.
        """
        jobs = payloads.unpack_jobs(self._recipient.open(sealed_jobs, payloads.JOBS))
        feed = _Feed(self._diffusion, jobs)
        try:
            async for event in feed:
                if isinstance(event, Rendered):
                    self._failures = 0
                    yield _seal(event, reply_to)
                else:
                    yield event
        except EngineFailed:
            self._failures += 1
            raise
        finally:
            feed.close()  # the caller may have gone; the thread then ends at its next step


def _seal(rendered: Rendered, reply_to: bytes) -> SealedPicture:
    sealed = None
    if rendered.image is not None:
        plain = payloads.pack({}, [rendered.image])
        sealed = seal_to(reply_to, plain, payloads.picture_label(rendered.job_id))
    return SealedPicture(rendered.job_id, sealed, rendered.seconds)


def _bare(error: Exception) -> Exception:
    """The error without its chain, which Ray would write into its log word by word."""
    if error.__cause__ is not None:
        _log.error("%s\n%s", type(error.__cause__).__name__, _place_of(error.__cause__))
    error.__cause__ = error.__context__ = None
    return error


def _place_of(error: BaseException) -> str:
    return "".join(traceback.format_tb(error.__traceback__))


class _Feed:
    """The events of a render that runs in a thread of its own."""

    def __init__(self, diffusion: LocalDiffusion, jobs: Sequence[RenderJob]) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[RenderEvent | Exception | None] = asyncio.Queue()
        self._diffusion, self._jobs = diffusion, jobs
        self._closed = False
        threading.Thread(target=self._run, name="render", daemon=True).start()

    def close(self) -> None:
        """Stop drawing at the next step."""
        self._closed = True

    def _run(self) -> None:
        last: Exception | None = None
        try:
            with closing(self._diffusion.render(self._jobs)) as events:
                for event in events:
                    if self._closed:
                        return
                    self._tell(event)
        except HousemodelError as error:
            last = error
        except Exception as error:  # a bug of ours: say where, without what a caller wrote
            _log.error("render broke: %s\n%s", type(error).__name__, _place_of(error))
            last = EngineFailed("The engine stopped in the middle of a picture.")
        self._tell(None if last is None else _bare(last))

    def _tell(self, event: RenderEvent | Exception | None) -> None:
        self._loop.call_soon_threadsafe(self._queue.put_nowait, event)

    async def __aiter__(self) -> AsyncIterator[RenderEvent]:
        while True:
            event = await self._queue.get()
            if event is None:
                return
            if isinstance(event, Exception):
                raise event
            yield event
