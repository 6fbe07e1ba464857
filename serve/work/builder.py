"""Builds custom models in the background, after the 202 of their enrolment.

One thread, one model at a time. Rules:
- What is `building` in a store is found at the start and every now and then, so that nothing is
  forgotten: not what a crash interrupted, and not what lay in a locked workspace.
- Whatever a model waits for (its workspace is locked, the face encoder starts, the disk is full),
  it goes back into the line, and the others go on.
- What breaks is tried again a few times; after that, and at once where trying again can't help (a
  damaged photo, a consent that ended), the model is refused: its photos are destroyed.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace

from identity import enrolment
from serve.line.stages import Parts
from serve.work.guarding import guarded, log_unknown
from serve.work.unlocked import Unlocked
from workspace.errors import (
    EngineFailed,
    Fault,
    HousemodelError,
    NotFound,
    StorageFull,
    Unavailable,
)
from workspace.types import ModelId, WorkspaceId

Key = tuple[WorkspaceId, ModelId]


@dataclass(frozen=True, slots=True)
class Pace:
    """How patient the builder is; times in seconds."""

    wait: float = 2.0  # before the next try; four times as long after each try that broke
    look: float = 30.0  # between two searches of the stores
    max_tries: int = 5  # of what breaks


@dataclass(frozen=True, slots=True)
class _Job:
    """One model in the line."""

    key: Key
    allow_duplicate: bool
    due: float  # on the monotonic clock
    tries: int = 0


class Builder:
    """The thread that turns `building` models into `ready` ones, or ones that need attention."""

    def __init__(self, parts: Parts, pace: Pace | None = None) -> None:
        self._parts = parts
        self._pace = pace or Pace()
        self._unlocked = Unlocked(parts.registry)
        self._line: dict[Key, _Job] = {}
        self._given_up: set[Key] = set()  # what could not even be refused; until the next start
        self._changed = threading.Condition()
        self._stopping = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread; does nothing if it runs."""
        if self._thread is None:
            self._stopping = False
            self._thread = threading.Thread(target=self._loop, name="builder", daemon=True)
            self._thread.start()

    def stop(self, timeout_seconds: float = 10.0) -> None:
        """Stop after the model that is being built; the others stay `building`."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(timeout_seconds)
            self._thread = None

    def build(self, workspace_id: WorkspaceId, model_id: ModelId, allow_duplicate: bool) -> None:
        """Build one model soon."""
        self._put(_Job((workspace_id, model_id), allow_duplicate, time.monotonic()))

    def run_once(self) -> bool:
        """Look for unfinished models and build one in this thread; False if none is due."""
        guarded(self._look)
        job = self._next(time.monotonic())
        if job is not None:
            guarded(self._take_on, job)
        return job is not None

    def _put(self, job: _Job) -> None:
        with self._changed:
            self._line[job.key] = job
            self._changed.notify_all()

    def _loop(self) -> None:
        next_look = time.monotonic()
        while not self._stopping:
            if time.monotonic() >= next_look:
                guarded(self._look)
                next_look = time.monotonic() + self._pace.look
            job = self._next(next_look)
            if job is not None:
                guarded(self._take_on, job)

    def _look(self) -> None:
        """Put every unfinished model into the line that is not in it."""
        for store in self._unlocked.stores():
            for model_id in guarded(enrolment.unfinished, store) or ():
                key = (store.workspace.id, model_id)
                with self._changed:
                    if key not in self._line and key not in self._given_up:
                        self._line[key] = _Job(key, False, time.monotonic())

    def _next(self, until: float) -> _Job | None:
        """Wait for the next job that is due; None at `until`, or when something changed."""
        with self._changed:
            job = min(self._line.values(), key=lambda job: job.due, default=None)
            wait = min(until, job.due if job else until) - time.monotonic()
            if self._stopping:
                return None
            if wait > 0:
                self._changed.wait(wait)
                return None
            if job is None or job.due > time.monotonic():
                return None
            return self._line.pop(job.key)

    def _take_on(self, job: _Job) -> None:
        """Build one model, or put it back into the line, or refuse it."""
        try:
            self._build(job)
        except (Unavailable, StorageFull):
            self._put_back(job, job.tries, self._pace.wait)
        except EngineFailed as error:
            self._again(job, error)
        except HousemodelError as error:
            self._refuse(job, error)
        except Exception as error:
            log_unknown("building a model", error)
            self._again(job, Fault())

    def _again(self, job: _Job, error: HousemodelError) -> None:
        if job.tries + 1 < self._pace.max_tries:
            self._put_back(job, job.tries + 1, self._pace.wait * 4**job.tries)
        else:
            self._refuse(job, error)

    def _put_back(self, job: _Job, tries: int, wait: float) -> None:
        self._put(replace(job, due=time.monotonic() + wait, tries=tries))

    def _build(self, job: _Job) -> None:
        workspace_id, model_id = job.key
        store, now = self._parts.registry.store(workspace_id), self._parts.clock()
        enrolment.build(store, self._parts.encoder, model_id, now, job.allow_duplicate)

    def _refuse(self, job: _Job, error: HousemodelError) -> None:
        """End what can't be built, so that no photo lies there without a purpose."""
        workspace_id, model_id = job.key
        try:
            store = self._parts.registry.store(workspace_id)
            enrolment.give_up(store, model_id, error.code, self._parts.clock())
        except NotFound:
            return  # the workspace was destroyed, and the model with it
        except (Unavailable, StorageFull):
            self._put_back(job, job.tries, self._pace.wait)
        except Exception:
            self._given_up.add(job.key)
            raise
