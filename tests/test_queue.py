"""The durable queue: leases, fences, attempts, cancellation, recovery after a crash."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from serve import queue
from serve.line.asked import Asked
from serve.work import leases, recovery
from serve.work.leases import Claim
from tests.homes import NOW, open_registry
from workspace.errors import Conflict, EngineFailed, NotFound, QueueFull
from workspace.store import WorkspaceStore
from workspace.types import GenerationId, GenerationStatus, ModelId, Tool

ASKED = Asked(
    Tool.EDITORIAL, "a secret prompt", None, (), 2, "3:4", 7, "lookbook", "web", ("EU",), {"a": "b"}
)
LEASE = 60.0


def put(store: WorkspaceStore, number: int = 1, asked: Asked = ASKED) -> GenerationId:
    generation_id = GenerationId(f"gen_{number:020d}")
    queue.submit(
        store, generation_id, asked, "key_1", NOW + timedelta(seconds=number % 10**6), 10**6
    )
    return generation_id


def take(store: WorkspaceStore, generation_id: GenerationId, owner: str = "boot_a") -> Claim:
    claim = leases.claim(store, generation_id, owner, NOW, LEASE)
    assert claim is not None
    return claim


def row(store: WorkspaceStore, generation_id: GenerationId) -> dict[str, object]:
    return store.get("generations", generation_id).columns


def test_what_was_submitted_is_there_after_the_process_ended(tmp_path: Path) -> None:
    with open_registry(tmp_path) as registry:
        workspace = registry.create("atelier", "pro", NOW)
        generation_id = put(registry.store(workspace.id))
    with open_registry(tmp_path) as registry:
        claim = take(registry.store(workspace.id), generation_id)
        assert claim.asked == ASKED and claim.actor == "key_1"


def test_the_prompt_is_not_in_any_plain_column(store: WorkspaceStore) -> None:
    assert "secret" not in str(row(store, put(store)))


def test_a_full_queue_refuses_and_says_when_to_come_back(store: WorkspaceStore) -> None:
    put(store, 1)
    with pytest.raises(QueueFull) as refused:
        queue.submit(store, GenerationId("gen_2"), ASKED, "key_1", NOW, 1)
    assert refused.value.retry_after_seconds
    assert store.count("generations") == 1


def test_a_generation_is_claimed_once(store: WorkspaceStore) -> None:
    generation_id = put(store)
    take(store, generation_id)
    assert leases.claim(store, generation_id, "boot_a", NOW, LEASE) is None


def test_waiting_lists_by_priority_then_age(store: WorkspaceStore) -> None:
    first, second, third = put(store, 1), put(store, 2), put(store, 3)
    store.update("generations", third, priority=1)
    assert [job.id for job in queue.waiting(store, 10)] == [third, first, second]
    assert queue.waiting(store, 1)[0].n == 2


def test_position_counts_what_runs_before(store: WorkspaceStore) -> None:
    first, second = put(store, 1), put(store, 2)
    assert [queue.position(store, row(store, one), one) for one in (first, second)] == [0, 1]
    take(store, first)
    assert queue.position(store, row(store, first), first) is None
    assert queue.position(store, row(store, second), second) == 0


def test_a_heartbeat_notes_progress_and_lengthens_the_lease(store: WorkspaceStore) -> None:
    claim = take(store, put(store))
    later = NOW + timedelta(seconds=50)
    assert leases.beat(store, claim, 2, 4, later, LEASE) == leases.Beat(held=True, cancel=False)
    seen = row(store, claim.id)
    assert (seen["step"], seen["steps"]) == (2, 4)
    assert datetime.fromisoformat(str(seen["lease_until"])) == later + timedelta(seconds=LEASE)


def test_a_stale_worker_changes_nothing_after_a_takeover(store: WorkspaceStore) -> None:
    old = take(store, put(store))
    recovery.recover(store, "boot_b", NOW, 3)
    new = take(store, old.id, "boot_b")
    assert new.fence > old.fence
    assert not leases.beat(store, old, 1, 4, NOW, LEASE).held
    leases.give_back(store, old, NOW, 0, counts=True)
    with pytest.raises(Conflict):
        leases.finish(store, old, GenerationStatus.COMPLETED, NOW)
    leases.finish(store, new, GenerationStatus.COMPLETED, NOW)
    assert queue.status_of(store, new.id) is GenerationStatus.COMPLETED


@pytest.mark.parametrize("end", ["completed", "failed", "refused", "cancelled"])
def test_an_ended_generation_stays_as_it_ended(store: WorkspaceStore, end: str) -> None:
    claim = take(store, put(store))
    leases.finish(store, claim, GenerationStatus(end), NOW)
    with pytest.raises(Conflict):
        leases.finish(store, claim, GenerationStatus.FAILED, NOW)
    assert queue.cancel(store, claim.id, NOW) == end
    assert recovery.recover(store, "boot_b", NOW + timedelta(days=1), 3) == ()
    assert leases.claim(store, claim.id, "boot_b", NOW, LEASE) is None


def test_a_failure_keeps_its_words_sealed_and_its_code_plain(store: WorkspaceStore) -> None:
    claim = take(store, put(store))
    leases.finish(store, claim, GenerationStatus.FAILED, NOW, EngineFailed("It broke."))
    kept = store.get("generations", claim.id)
    assert kept.columns["error_code"] == "engine_failed"
    assert kept.private["error"]["detail"] == "It broke."
    assert Asked.from_json(kept.private["asked"]) == ASKED


def test_cancelling_a_queued_generation_ends_it(store: WorkspaceStore) -> None:
    generation_id = put(store)
    assert queue.cancel(store, generation_id, NOW) is GenerationStatus.CANCELLED
    assert queue.waiting(store, 10) == []


def test_cancelling_a_running_generation_wins_over_its_completion(store: WorkspaceStore) -> None:
    claim = take(store, put(store))
    assert queue.cancel(store, claim.id, NOW) is GenerationStatus.RUNNING
    assert leases.beat(store, claim, 1, 4, NOW, LEASE).cancel
    with pytest.raises(Conflict):
        leases.finish(store, claim, GenerationStatus.COMPLETED, NOW)
    leases.finish(store, claim, GenerationStatus.CANCELLED, NOW)


def test_cancelling_what_does_not_exist_is_not_found(store: WorkspaceStore) -> None:
    with pytest.raises(NotFound):
        queue.cancel(store, "gen_nothing", NOW)


def test_a_models_generations_are_cancelled_together_and_no_others(store: WorkspaceStore) -> None:
    of_model = replace(ASKED, model_id=ModelId("mdl_1"))
    waiting, running, other = put(store, 1, of_model), put(store, 2, of_model), put(store, 3)
    take(store, running)
    assert queue.cancel_of_model(store, ModelId("mdl_1"), NOW) == (waiting, running)
    assert queue.status_of(store, waiting) is GenerationStatus.CANCELLED
    assert queue.is_cancelled(store, running)
    assert queue.status_of(store, other) is GenerationStatus.QUEUED


def test_a_dead_process_loses_its_leases_at_the_next_start(store: WorkspaceStore) -> None:
    claim = take(store, put(store), "boot_dead")
    assert recovery.recover(store, "boot_new", NOW, 3) == (claim.id,)
    assert queue.status_of(store, claim.id) is GenerationStatus.QUEUED


def test_a_living_worker_keeps_its_lease_until_it_runs_out(store: WorkspaceStore) -> None:
    claim = take(store, put(store), "boot_a")
    assert recovery.recover(store, "boot_a", NOW + timedelta(seconds=LEASE - 1), 3) == ()
    assert recovery.recover(store, "boot_a", NOW + timedelta(seconds=LEASE + 1), 3) == (claim.id,)


def test_poison_fails_after_three_attempts_with_a_clear_error(store: WorkspaceStore) -> None:
    generation_id = put(store)
    for boot in ("boot_a", "boot_b", "boot_c"):
        assert queue.status_of(store, generation_id) is GenerationStatus.QUEUED
        take(store, generation_id, boot)
        recovery.recover(store, "boot_next", NOW, 3)
    assert queue.status_of(store, generation_id) is GenerationStatus.FAILED
    assert "3 times" in store.get("generations", generation_id).private["error"]["detail"]


def test_a_cancelled_generation_is_not_queued_again_after_a_crash(store: WorkspaceStore) -> None:
    claim = take(store, put(store), "boot_dead")
    queue.cancel(store, claim.id, NOW)
    recovery.recover(store, "boot_new", NOW, 3)
    assert queue.status_of(store, claim.id) is GenerationStatus.CANCELLED


def test_giving_back_waits_and_counts_only_what_should_count(store: WorkspaceStore) -> None:
    claim = take(store, put(store))
    leases.give_back(store, claim, NOW, 5, counts=False)
    job = queue.waiting(store, 1)[0]
    assert job.not_before == NOW + timedelta(seconds=5)
    again = take(store, claim.id)
    assert again.attempts == 1
    leases.give_back(store, again, NOW, 0, counts=True)
    assert take(store, claim.id).attempts == 2


def test_seeds_count_up_and_wrap_around() -> None:
    asked = replace(ASKED, seed=2**32 - 1)
    assert [asked.seed_of(k) for k in range(2)] == [2**32 - 1, 0]


def test_readers_and_writers_in_many_threads_do_not_trip_over_each_other(
    store: WorkspaceStore,
) -> None:
    errors: list[Exception] = []
    deadline = time.monotonic() + 0.4

    def repeat(act: Callable[[int], object]) -> None:
        number = threading.get_ident() % 10**8 * 1000
        while time.monotonic() < deadline:
            number += 1
            try:
                act(number)
            except Exception as error:
                errors.append(error)

    def write(number: int) -> None:
        claim = take(store, put(store, number))
        leases.beat(store, claim, 1, 2, NOW, LEASE)
        leases.finish(store, claim, GenerationStatus.COMPLETED, NOW)

    def read(_: int) -> None:
        store.find("generations", order_by="created_at DESC", limit=2)
        store.count("generations")

    threads = [threading.Thread(target=repeat, args=(act,)) for act in (write, write, read, read)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
