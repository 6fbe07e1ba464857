"""Builds custom models in the background, after the 202 of their enrolment.

One thread, one model at a time. What a crash interrupts is found in the stores at the next start
(`resume`); a face encoder that is still starting is waited for.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

from identity import enrolment
from serve.guarding import guarded
from serve.stages import Parts
from workspace.errors import Unavailable
from workspace.types import ModelId, WorkspaceId

WAIT_SECONDS = 2.0
Work = Callable[[], None]


class Builder:
    """The thread that turns `building` models into `ready` ones, or ones that need attention."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._work: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread; does nothing if it runs."""
        if self._thread is None:
            self._stopping.clear()
            self._thread = threading.Thread(target=self._loop, name="builder", daemon=True)
            self._thread.start()

    def stop(self, timeout_seconds: float = 10.0) -> None:
        """Stop after the model that is being built; the others stay `building`."""
        self._stopping.set()
        self._work.put(None)
        if self._thread is not None:
            self._thread.join(timeout_seconds)
            self._thread = None

    def build(self, workspace_id: WorkspaceId, model_id: ModelId, allow_duplicate: bool) -> None:
        """Build one model soon."""
        self._work.put(lambda: self._build(workspace_id, model_id, allow_duplicate))

    def resume(self, workspace_id: WorkspaceId) -> None:
        """Build the models that a crash interrupted."""
        self._work.put(lambda: self._resume(workspace_id))

    def _loop(self) -> None:
        while not self._stopping.is_set():
            work = self._work.get()
            if work is not None:
                guarded(self._patiently, work)

    def _patiently(self, work: Work) -> None:
        """Try again while a port is starting or a workspace is locked."""
        while not self._stopping.is_set():
            try:
                return work()
            except Unavailable:
                self._stopping.wait(WAIT_SECONDS)

    def _build(self, workspace_id: WorkspaceId, model_id: ModelId, allow_duplicate: bool) -> None:
        store = self._parts.registry.store(workspace_id)
        enrolment.build(store, self._parts.encoder, model_id, self._parts.clock(), allow_duplicate)

    def _resume(self, workspace_id: WorkspaceId) -> None:
        store = self._parts.registry.store(workspace_id)
        enrolment.resume_interrupted(store, self._parts.encoder, self._parts.clock())
