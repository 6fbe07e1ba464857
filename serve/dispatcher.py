"""The worker behind the queue: takes batches, runs the pipeline, ends every generation.

One thread per replica renders; one more builds custom models after their 202. Rules:
- At start, what an earlier process left running is queued again (`recovery.py`), models that
  were being built are built again, and files without a row are swept.
- Every error of a step ends here, and only here: refused, failed, or queued again.
- Nothing renders in a locked workspace; its generations wait.
- A full disk ends nothing: what it befell is queued again as soon as that can be written.
- A worker never dies of one generation: unknown errors fail it and are logged without content.
- A workspace that is locked, destroyed or damaged while a batch is drawn loses its own jobs only.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from serve import pipeline, queue, scheduler
from serve.custody import standing
from serve.line import rendering
from serve.line.stages import Drawn, Opened, Parts
from serve.work import leases, recovery
from serve.work.builder import Builder
from serve.work.endings import end, stop
from serve.work.guarding import guarded, log_unknown
from serve.work.leases import Claim
from serve.work.progress import News
from serve.work.unlocked import Unlocked
from serve.work.upkeep import Upkeep
from workspace.errors import (
    EngineFailed,
    HousemodelError,
    Locked,
    NotFound,
    SealBroken,
    StorageFull,
    Unavailable,
)
from workspace.store import WorkspaceStore
from workspace.types import ModelId, WorkspaceId

IDLE_SECONDS = 0.5  # a submit wakes the workers; this is only for leases and `not_before`
LOOK_AHEAD = 64  # queued generations of one workspace that the scheduler sees


@dataclass(frozen=True, slots=True)
class Policy:
    """How long a worker may be silent, and how often a generation may break."""

    lease_seconds: float = 60.0
    max_attempts: int = 3
    workers: int = 1


class Dispatcher:
    """Background threads of the gateway; `start` and `stop` may be called again."""

    def __init__(self, parts: Parts, policy: Policy | None = None) -> None:
        self.news = News()
        self.builder = Builder(parts)
        self._parts = parts
        self._policy = policy or Policy()
        self._owner = f"boot_{secrets.token_hex(8)}"
        self._wake = threading.Condition()
        self._calls = 0  # of `wake`
        self._claiming = threading.Lock()
        self._stopping = False
        self._starts = 0
        self._served: dict[WorkspaceId, int] = {}
        self._turn = 0
        self._running: dict[tuple[str, int], Claim] = {}  # by generation and fence
        self._unwritten: list[tuple[Claim, HousemodelError]] = []  # ends that the disk did not take
        self._unlocked = Unlocked(parts.registry)
        self._upkeep = Upkeep(parts.retention)
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Recover what was left behind and start the workers; does nothing if they run."""
        if self._threads:
            return
        self._stopping = False
        self._starts += 1
        for store in guarded(self._unlocked.stores) or ():
            guarded(self._look, store)
        self.builder.start()
        for number in range(self._policy.workers):
            name = f"dispatcher-{number}"
            thread = threading.Thread(
                target=self._work, args=(self._starts,), name=name, daemon=True
            )
            self._threads.append(thread)
            thread.start()

    def stop(self, timeout_seconds: float = 10.0) -> None:
        """Stop at the next step; what was running is queued again and keeps its attempts."""
        self._stopping = True
        self.wake()
        self._cancel_jobs(list(self._running.values()))
        self.builder.stop(timeout_seconds)
        for thread in self._threads:
            thread.join(timeout_seconds)
        self._threads = []
        for claim in list(self._running.values()):
            # Its step outlasts our patience; that is no fault of the generation.
            guarded(self._give_back, claim)

    def drawing(self) -> int:
        """How many pictures the workers hold now, of all workspaces."""
        return sum(claim.asked.n for claim in list(self._running.values()))

    def wake(self) -> None:
        """Tell the workers that there is something to do."""
        with self._wake:
            self._calls += 1
            self._wake.notify_all()

    def build_model(
        self, workspace_id: WorkspaceId, model_id: ModelId, allow_duplicate: bool
    ) -> None:
        """Build a custom model in the background."""
        self.builder.build(workspace_id, model_id, allow_duplicate)

    def cancelled(self, generation_id: str) -> None:
        """Stop drawing a generation whose cancellation is in the store."""
        held = [claim for claim in list(self._running.values()) if claim.id == generation_id]
        self._cancel_jobs(held)
        self.news.announce(generation_id)

    def run_once(self) -> bool:
        """Take and run one batch in this thread; False if nothing could start."""
        batch = guarded(self._take) or ()
        if batch:
            guarded(self._run, batch)
        return bool(batch)

    def _work(self, start: int) -> None:
        # A thread that outlived a stop must not go on beside those of the next start.
        while not self._stopping and self._starts == start:
            calls = self._calls
            if self.run_once():
                continue
            with self._wake:
                # A call that came while we looked must not be slept through.
                if self._calls == calls and not self._stopping:
                    self._wake.wait(IDLE_SECONDS)

    def _take(self) -> tuple[Claim, ...]:
        """Let the scheduler choose and claim what it chose; one bad store stops no other."""
        with self._claiming:
            guarded(self._upkeep.of_registry, self._parts.registry, self._parts.clock())
            self._end_again()
            stores = {store.workspace.id: store for store in self._unlocked.stores()}
            waiting = [job for s in stores.values() for job in guarded(self._look, s) or ()]
            if not waiting:
                return ()
            self._parts.diffusion.ready()  # else what is claimed would only wait in a lease
            size = self._parts.diffusion.describe().max_batch
            chosen = scheduler.next_batch(waiting, size, self._parts.clock(), self._served)
            claims = [guarded(self._claim, stores[job.workspace_id], job) for job in chosen]
        return tuple(claim for claim in claims if claim is not None)

    def _look(self, store: WorkspaceStore) -> list[scheduler.Waiting]:
        """Sweep, take back what a dead or stuck worker holds, and list what waits."""
        swept = guarded(self._upkeep.of_store, self._parts.registry, store, self._parts.clock())
        for erased in swept or ():
            self.cancelled(erased)
        for ended in guarded(standing.sweep, store, self._parts.clock()) or ():
            self.cancelled(ended)
        now, attempts = self._parts.clock(), self._policy.max_attempts
        self._announce(recovery.recover(store, self._owner, now, attempts))
        return queue.waiting(store, LOOK_AHEAD)

    def _claim(self, store: WorkspaceStore, job: scheduler.Waiting) -> Claim | None:
        self._turn += 1
        self._served[job.workspace_id] = self._turn
        now, seconds = self._parts.clock(), self._policy.lease_seconds
        try:
            claim = leases.claim(store, job.id, self._owner, now, seconds)
        except (Unavailable, StorageFull):
            raise  # nothing is wrong with the generation; it waits
        except Exception as error:
            # Its request can't be read and never will be; those behind it must not wait for it.
            code = error.code if isinstance(error, HousemodelError) else HousemodelError.code
            recovery.give_up(store, job.id, now, code)
            self.news.announce(job.id)
            raise
        if claim is not None:
            self._running[claim.id, claim.fence] = claim
            self.news.announce(claim.id)
        return claim

    def _run(self, batch: Sequence[Claim]) -> None:
        """Take a batch through the pipeline; every generation of it ends or is queued again."""
        try:
            ready = [opened for claim in batch if (opened := self._prepare(claim)) is not None]
            if ready:
                for drawn in self._render(ready):
                    self._release(drawn)
        finally:
            for claim in batch:
                self._running.pop((claim.id, claim.fence), None)
            self._announce([claim.id for claim in batch])

    def _prepare(self, claim: Claim) -> Opened | None:
        try:
            return pipeline.prepare(self._parts, claim)
        except Exception as error:
            self._end(claim, error)
            return None

    def _render(self, ready: Sequence[Opened]) -> Sequence[Drawn]:
        claims = [opened.recorded.claim for opened in ready]
        try:
            return pipeline.render(self._parts, ready, lambda *at: self._on_step(claims, *at))
        except Exception as error:
            for claim in claims:
                self._end(claim, error)
            return ()

    def _release(self, drawn: Drawn) -> None:
        claim = drawn.opened.recorded.claim
        try:
            if pipeline.release(self._parts, drawn) is None:
                self._stopped(claim)
        except Exception as error:
            self._end(claim, error)

    def _on_step(self, claims: Sequence[Claim], step: int, steps: int) -> None:
        """Note progress; stop what was cancelled or taken over. Called by the engine's loop."""
        guarded(self._parts.registry.close_withdrawn)
        for claim in claims:
            if self._stopping or not self._goes_on(claim, step, steps):
                self._cancel_jobs([claim])
            self.news.announce(claim.id)

    def _goes_on(self, claim: Claim, step: int, steps: int) -> bool:
        """Lengthen a lease; what befalls one workspace must not end the batch of all."""
        now, seconds = self._parts.clock(), self._policy.lease_seconds
        try:
            store = self._parts.registry.store(claim.workspace_id)
            for ended in standing.sweep(store, now):  # a consent may end by its date meanwhile
                self.cancelled(ended)
            beat = leases.beat(store, claim, step, steps, now, seconds)
        except (Locked, NotFound, SealBroken):
            return False  # it is gone; drawing on would be for nobody
        except Exception:
            return True  # a full disk or a busy store: the lease may outlive it
        return beat.held and not beat.cancel

    def _stopped(self, claim: Claim) -> None:
        """End what was not drawn to its end: cancelled by a caller, or we are stopping."""
        store, now = self._parts.registry.store(claim.workspace_id), self._parts.clock()
        if queue.is_cancelled(store, claim.id):
            stop(store, claim, now)
        elif self._stopping:
            self._give_back(claim)
        else:
            raise EngineFailed("The engine left out a picture that nobody cancelled.")

    def _give_back(self, claim: Claim) -> None:
        store = self._parts.registry.store(claim.workspace_id)
        leases.give_back(store, claim, self._parts.clock(), 0.0, counts=False)

    def _end(self, claim: Claim, error: Exception) -> None:
        known = error if isinstance(error, HousemodelError) else None
        if known is None:
            log_unknown("a generation", error)
        guarded(self._write_end, claim, known or HousemodelError())

    def _write_end(self, claim: Claim, error: HousemodelError) -> None:
        try:
            end(self._parts, claim, error, self._policy.max_attempts)
        except (StorageFull, Unavailable):  # else it would lie there until its lease ends
            self._unwritten.append((claim, error))
            raise

    def _end_again(self) -> None:
        unwritten, self._unwritten = self._unwritten, []
        for claim, error in unwritten:
            guarded(self._write_end, claim, error)

    def _cancel_jobs(self, claims: Sequence[Claim]) -> None:
        ids = [rendering.job_id(claim, k) for claim in claims for k in range(claim.asked.n)]
        if ids:
            guarded(self._parts.diffusion.cancel, ids)

    def _announce(self, ids: Sequence[str]) -> None:
        for generation_id in ids:
            self.news.announce(generation_id)
