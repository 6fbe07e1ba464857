"""The scheduler: fair between workspaces, homogeneous batches, repeatable."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

from serve.scheduler import Waiting, next_batch
from workspace.types import GenerationId, WorkspaceId

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def job(
    workspace: str,
    number: int,
    key: str = "a",
    n: int = 1,
    priority: int = 0,
    not_before: datetime | None = None,
) -> Waiting:
    return Waiting(
        WorkspaceId(workspace),
        GenerationId(f"gen_{workspace}{number:04d}"),
        key,
        n,
        priority,
        NOW - timedelta(seconds=10_000 - number),
        not_before,
    )


def ids(batch: tuple[Waiting, ...]) -> list[str]:
    return [waiting.id for waiting in batch]


def test_an_empty_queue_gives_no_batch() -> None:
    assert next_batch([], 4, NOW) == ()


def test_a_batch_holds_only_one_compat_key_and_no_more_than_fits() -> None:
    waiting = [job("x", 1), job("x", 2, "b"), job("x", 3, n=2), job("x", 4, n=2), job("x", 5)]
    assert ids(next_batch(waiting, 4, NOW)) == ["gen_x0001", "gen_x0003", "gen_x0005"]


def test_an_incompatible_head_does_not_block_the_other_key_for_ever() -> None:
    waiting = [job("x", 1, "a"), job("x", 2, "b")]
    first = next_batch(waiting, 4, NOW)
    rest = [w for w in waiting if w not in first]
    assert ids(first) == ["gen_x0001"] and ids(next_batch(rest, 4, NOW)) == ["gen_x0002"]


def test_a_generation_larger_than_a_batch_runs_alone() -> None:
    assert ids(next_batch([job("x", 1, n=4), job("x", 2)], 2, NOW)) == ["gen_x0001"]


def test_a_greedy_workspace_delays_another_by_one_batch_at_most() -> None:
    waiting = [job("greedy", number) for number in range(500)] + [job("small", 900)]
    served: dict[WorkspaceId, int] = {}
    for turn in range(2):
        batch = next_batch(waiting, 1, NOW, served)
        waiting = [w for w in waiting if w not in batch]
        served.update({w.workspace_id: turn for w in batch})
        if batch[0].workspace_id == "small":
            return
    raise AssertionError("the small workspace waited for more than one batch")


def test_room_in_a_batch_is_shared_between_workspaces() -> None:
    waiting = [job("x", number) for number in range(10)] + [job("y", 20), job("z", 30)]
    batch = next_batch(waiting, 4, NOW)
    assert sorted(w.workspace_id for w in batch) == ["x", "x", "y", "z"]


def test_every_workspace_gets_its_turn_over_many_batches() -> None:
    waiting = [job(workspace, number) for workspace in "abcde" for number in range(40)]
    served: dict[WorkspaceId, int] = {}
    counts = dict.fromkeys("abcde", 0)
    for turn in range(100):
        batch = next_batch(waiting, 1, NOW, served)
        waiting = [w for w in waiting if w not in batch]
        served.update({w.workspace_id: turn for w in batch})
        counts[batch[0].workspace_id] += 1
    assert set(counts.values()) == {20}


def test_priority_wins_within_a_workspace_then_age() -> None:
    waiting = [job("x", 1), job("x", 2, priority=1), job("x", 3, priority=1)]
    assert ids(next_batch(waiting, 1, NOW)) == ["gen_x0002"]


def test_what_may_not_start_yet_is_left_out() -> None:
    later = job("x", 1, not_before=NOW + timedelta(seconds=1))
    assert next_batch([later], 4, NOW) == ()
    assert ids(next_batch([later, job("x", 2)], 4, NOW)) == ["gen_x0002"]
    assert ids(next_batch([later], 4, NOW + timedelta(seconds=1))) == ["gen_x0001"]


def test_the_choice_does_not_depend_on_the_order_of_the_snapshot() -> None:
    waiting = [job(w, number, key) for w in "xyz" for number in range(5) for key in "ab"]
    expected = ids(next_batch(waiting, 4, NOW))
    for seed in range(20):
        random.Random(seed).shuffle(waiting)
        assert ids(next_batch(waiting, 4, NOW)) == expected


def test_a_wait_that_was_written_before_the_clock_was_set_back_has_ended() -> None:
    soon, never = NOW + timedelta(seconds=5), NOW + timedelta(days=3)
    assert next_batch([job("a", 1, not_before=soon)], 4, NOW) == ()
    assert len(next_batch([job("a", 1, not_before=never)], 4, NOW)) == 1
