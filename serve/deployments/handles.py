"""The ports over Ray: plain blocking calls for the gateway's worker threads.

Every payload is sealed to the replica that will read it, and answers to this process. Each
diffusion replica is a deployment of its own (docs/adr/0003-replica-transport.md): the port asks it
for its key, seals to that key, and knows that the same process gets the jobs.
Ray's errors become ours:
- a replica that is not there yet, or is being started again: `Starting`, after a short wait;
- a replica that dies in the middle of a picture: `EngineFailed`; the next call finds the new one;
- errors that a replica raised itself arrive as they are, without the remote traceback.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import ray.exceptions
from ray.serve import exceptions as serve_exceptions

from serve.deployments import payloads
from serve.deployments.safety import reduced
from workspace.errors import EngineFailed, HousemodelError, Starting, TooMany
from workspace.sealing import Recipient, seal_to
from workspace.types import (
    RGB,
    Embedding,
    Face,
    PackSummary,
    Rendered,
    RenderEvent,
    RenderJob,
    StepDone,
)

KNOCK_SECONDS = 5.0  # how long a call waits for a replica that is starting
ANSWER_SECONDS = 60.0  # how long a face may take
_CLASSIFIER = "The nudity classifier"
HEARD_SECONDS = 1.0  # a replica is asked whether it is there at most so often


@contextmanager
def our_errors(part: str, begun: bool = True) -> Iterator[None]:
    """Turn Ray's errors into ours, with a detail that names only the part that was asked.

    Args:
        part: The words for it, for example "The face encoder".
        begun: Whether work may be lost; else the caller only has to come again.
    """
    try:
        yield
    except HousemodelError as error:
        # NOTE: an error that crossed Ray is a RayTaskError too; its text is a remote traceback.
        cause = getattr(error, "cause", None)
        if isinstance(cause, HousemodelError):
            raise cause from None
        raise
    except (TimeoutError, ray.exceptions.GetTimeoutError) as error:
        raise Starting(f"{part} has not answered yet; it may be starting.", (), 5) from error
    except serve_exceptions.DeploymentUnavailableError as error:
        raise Starting(f"{part} could not be started; see the log.", (), 30) from error
    except serve_exceptions.BackPressureError as error:
        raise TooMany(f"{part} is busy.", (), 5) from error
    except (ray.exceptions.RayError, serve_exceptions.RayServeException) as error:
        if not begun:
            raise Starting(f"{part} is being started again.", (), 5) from error
        raise EngineFailed(f"{part} stopped in the middle of its work.") from error


class RayDiffusion:
    """The `Diffusion` port over one or more replicas; each draws one batch at a time."""

    def __init__(self, replicas: Sequence[Any]) -> None:
        """Take one deployment handle for each replica."""
        self._replicas = tuple(replicas)
        self._recipient = Recipient()
        self._changed = threading.Condition()
        self._idle = list(range(len(self._replicas)))
        self._drawing: dict[str, int] = {}  # job id -> replica
        self._heard: tuple[float, PackSummary] | None = None

    def describe(self) -> PackSummary:
        """Say what is loaded, as last heard; who only asks for limits never waits for a replica.

        Raises:
            Starting: no replica has finished loading since the start.
        """
        if self._heard is None:
            self.ready()
        assert self._heard is not None
        return self._heard[1]

    def ready(self) -> None:
        """Make sure that a replica answered within the last second.

        Raises:
            Starting: none does.
        """
        if self._heard is None or time.monotonic() - self._heard[0] > HEARD_SECONDS:
            summary, _ = self._introduce(0)
            self._heard = (time.monotonic(), summary)

    def render(self, jobs: Sequence[RenderJob]) -> Generator[RenderEvent, None, None]:
        """Draw all jobs: a StepDone after each step, then a Rendered for each job.

        Raises:
            Starting: the replica is not ready; nothing was begun.
            InvalidRequest: the jobs can't be one batch of this pack.
            EngineFailed: the engine or the replica broke; none of the jobs is finished.
        """
        with self._turn(jobs) as replica:
            _, public = self._introduce(replica)
            sealed = seal_to(public, payloads.pack_jobs(jobs), payloads.JOBS)
            handle = self._replicas[replica].options(stream=True)
            answer = handle.render.remote(sealed, self._recipient.public)
            try:
                with our_errors("The diffusion replica"):
                    for event in answer:
                        yield event if isinstance(event, StepDone) else self._open(event)
            finally:
                answer.cancel()  # a caller that left early; nothing happens after the end

    def cancel(self, job_ids: Sequence[str]) -> None:
        """Ask running jobs to stop at their next step; unknown ids are ignored."""
        with self._changed:
            known = {self._drawing[job_id] for job_id in job_ids if job_id in self._drawing}
        for replica in known:
            with our_errors("The diffusion replica", begun=False):
                answer = self._replicas[replica].cancel.remote(list(job_ids))
                answer.result(timeout_s=KNOCK_SECONDS)

    def _introduce(self, replica: int) -> tuple[PackSummary, bytes]:
        with our_errors("The diffusion replica", begun=False):
            answer = self._replicas[replica].introduce.remote()
            summary, public = answer.result(timeout_s=KNOCK_SECONDS)
        return summary, public

    @contextmanager
    def _turn(self, jobs: Sequence[RenderJob]) -> Iterator[int]:
        """Wait for an idle replica and hold it."""
        with self._changed:
            self._changed.wait_for(lambda: self._idle)
            replica = self._idle.pop(0)
            self._drawing |= {job.job_id: replica for job in jobs}
        try:
            yield replica
        finally:
            with self._changed:
                for job in jobs:
                    self._drawing.pop(job.job_id, None)
                self._idle.append(replica)
                self._changed.notify()

    def _open(self, event: Any) -> Rendered:
        image: RGB | None = None
        if event.sealed is not None:
            label = payloads.picture_label(event.job_id)
            _, (view,) = payloads.unpack(self._recipient.open(event.sealed, label))
            image = view.copy()
        return Rendered(event.job_id, image, event.seconds)


class RayFaceEncoder:
    """The `FaceEncoder` port over the identity replica."""

    def __init__(self, replica: Any) -> None:
        """Take the handle of the identity deployment."""
        self._replica = replica
        self._recipient = Recipient()

    @property
    def encoder_id(self) -> str:
        """Which encoder the replica runs.

        Raises:
            Starting: the replica has not finished loading.
        """
        return self._introduce()[0]

    def detect(self, image: RGB) -> tuple[Face, ...]:
        """Find faces, largest first. Builds no biometric template.

        Raises:
            Starting: the replica is not ready.
            EngineFailed: the replica broke.
        """
        answer = self._ask("detect", {}, image)
        header, _ = payloads.unpack(self._recipient.open(answer, payloads.FACES))
        return tuple(payloads.face_from_json(face) for face in header["faces"])

    def embed(self, image: RGB, face: Face) -> Embedding:
        """Compute the unit-length face vector of one detected face.

        Raises:
            Starting: the replica is not ready.
            EngineFailed: the replica broke.
        """
        answer = self._ask("embed", {"face": payloads.face_to_json(face)}, image)
        return payloads.unpack_embedding(self._recipient.open(answer, payloads.EMBEDDING))

    def _introduce(self) -> tuple[str, bytes]:
        with our_errors("The face encoder", begun=False):
            encoder_id, public = self._replica.introduce.remote().result(timeout_s=KNOCK_SECONDS)
        return encoder_id, public

    def _ask(self, method: str, header: dict[str, Any], image: RGB) -> bytes:
        _, public = self._introduce()
        plain = payloads.pack(header, [np.ascontiguousarray(image)])
        sealed = seal_to(public, plain, payloads.FACE_IMAGE)
        with our_errors("The face encoder"):
            call = getattr(self._replica, method).remote(sealed, self._recipient.public)
            answer: bytes = call.result(timeout_s=ANSWER_SECONDS)
        return answer


class RaySafety:
    """The `Safety` port over the identity replica, which holds the classifier, too."""

    def __init__(self, replica: Any) -> None:
        """Take the handle of the identity deployment."""
        self._replica = replica
        self._recipient = Recipient()

    def nudity(self, image: RGB) -> float:
        """Say how likely a picture shows nudity, 0 to 1.

        Raises:
            Starting: the replica is not ready.
            EngineFailed: the replica broke.
        """
        with our_errors(_CLASSIFIER, begun=False):
            _, public = self._replica.introduce.remote().result(timeout_s=KNOCK_SECONDS)
        plain = payloads.pack({}, [np.ascontiguousarray(reduced(image))])
        sealed = seal_to(public, plain, payloads.JUDGED_IMAGE)
        with our_errors(_CLASSIFIER):
            call = self._replica.nudity.remote(sealed, self._recipient.public)
            answer = call.result(timeout_s=ANSWER_SECONDS)
        header, _ = payloads.unpack(self._recipient.open(answer, payloads.JUDGEMENT))
        return float(header["nudity"])
