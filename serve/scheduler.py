"""Which generations render next: a snapshot of the queues -> one batch. Pure.

Rules:
- Turns go round the workspaces: the one that was served longest ago comes first, so a workspace
  with 500 waiting generations delays another's single one by one batch at most.
- Within a workspace: higher priority first, then older first.
- A batch holds only generations with the same compat key (same size, steps and references), from
  any workspace, and at most `max_batch` images. One generation is never split here; one that is
  larger than a batch runs alone and the pipeline cuts it.
- A wait of more than `LONGEST_WAIT` was written before the clock was set back: it has ended.
- What broke off before runs alone, so that a request that breaks the engine takes no other along.
- Nothing waits for companions: a free replica takes what is there.

It knows no store, no lease and no clock of its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from workspace.types import GenerationId, WorkspaceId

LONGEST_WAIT = timedelta(minutes=10)  # that anything is told to wait


@dataclass(frozen=True, slots=True)
class Waiting:
    """What the scheduler may know of a queued generation."""

    workspace_id: WorkspaceId
    id: GenerationId
    compat_key: str
    n: int  # images
    priority: int
    created_at: datetime
    not_before: datetime | None = None
    attempts: int = 0  # how often it broke off


def next_batch(
    waiting: Sequence[Waiting],
    max_batch: int,
    now: datetime,
    served: Mapping[WorkspaceId, int] | None = None,
) -> tuple[Waiting, ...]:
    """Choose the generations of the next batch; empty when nothing may start.

    Args:
        waiting: Every queued generation (or the head of each queue).
        max_batch: How many images a replica draws at once.
        now: Generations with a later `not_before` stay out.
        served: Turn number in which each workspace was last served; absent means never.
    """
    queues = _queues(waiting, now)
    if not queues:
        return ()
    turns = served or {}
    order = sorted(
        queues, key=lambda workspace: (turns.get(workspace, -1), _age(queues, workspace))
    )
    head = queues[order[0]][0]
    if head.attempts:
        return (head,)
    return tuple(_fill(head, _matching(queues, order, head), max_batch))


def _queues(waiting: Sequence[Waiting], now: datetime) -> dict[WorkspaceId, list[Waiting]]:
    queues: dict[WorkspaceId, list[Waiting]] = defaultdict(list)
    for job in waiting:
        if job.not_before is None or not now < job.not_before <= now + LONGEST_WAIT:
            queues[job.workspace_id].append(job)
    for queue in queues.values():
        queue.sort(key=lambda job: (-job.priority, job.created_at, job.id))
    return queues


def _age(
    queues: Mapping[WorkspaceId, list[Waiting]], workspace: WorkspaceId
) -> tuple[datetime, str]:
    """Ties between workspaces go to the older head, then to the id: the choice is repeatable."""
    head = queues[workspace][0]
    return head.created_at, head.id


def _matching(
    queues: Mapping[WorkspaceId, list[Waiting]], order: Sequence[WorkspaceId], head: Waiting
) -> list[Waiting]:
    """Companions of the head, one workspace after the other, round after round."""
    columns = [
        [job for job in queues[workspace] if job != head and _goes_with(job, head)]
        for workspace in (*order[1:], order[0])
    ]
    longest = max(len(column) for column in columns)
    return [column[row] for row in range(longest) for column in columns if row < len(column)]


def _goes_with(job: Waiting, head: Waiting) -> bool:
    return job.compat_key == head.compat_key and not job.attempts


def _fill(head: Waiting, companions: Sequence[Waiting], max_batch: int) -> list[Waiting]:
    chosen, room = [head], max_batch - head.n
    for job in companions:
        if job.n <= room:
            chosen.append(job)
            room -= job.n
    return chosen
