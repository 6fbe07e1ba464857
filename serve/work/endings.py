"""How a claimed generation ends when a step raised.

Refused is for policy (consent, plan, quota), failed is for faults and for what is gone; an engine
that broke is tried again until the attempts are used up; what is only unavailable (locked,
starting, a full disk) waits without using one: what was accepted is not lost for want of room. The
end is audited; if the log takes no entry, it ends anyway.
"""

from __future__ import annotations

from datetime import datetime

from compliance import audit
from serve import queue
from serve.line.stages import Parts
from serve.scheduler import LONGEST_WAIT
from serve.work import leases
from serve.work.leases import Claim
from workspace.errors import (
    Conflict,
    ContentRefused,
    EngineFailed,
    HousemodelError,
    ModelRevoked,
    QuotaExceeded,
    Refused,
    StorageFull,
    Unavailable,
)
from workspace.store import WorkspaceStore
from workspace.types import GenerationStatus

_POLICY = (Refused, ModelRevoked, QuotaExceeded, ContentRefused)
_WAIT_SECONDS = 2.0  # for what is only unavailable
_FULL_WAIT_SECONDS = 15.0  # for room on the disk, twice as long each time: it is drawn again then
_FIRST_RETRY_SECONDS = 0.5  # of a broken engine; four times as long after each attempt


def end(parts: Parts, claim: Claim, error: HousemodelError, max_attempts: int) -> None:
    """End or queue again; does nothing if another worker holds the generation by now.

    Raises:
        StorageFull, Unavailable: not even that can be written; the caller tries again later.
    """
    store, now = parts.registry.store(claim.workspace_id), parts.clock()
    if not leases.is_held(store, claim):
        return
    if queue.is_cancelled(store, claim.id):
        stop(store, claim, now)
    elif isinstance(error, Unavailable):
        wait = float(error.retry_after_seconds or _WAIT_SECONDS)
        leases.give_back(store, claim, now, wait, counts=False)
    elif isinstance(error, StorageFull):
        leases.give_back(store, claim, now, _wait_for_room(claim), counts=False)
    elif isinstance(error, EngineFailed) and claim.attempts < max_attempts:
        wait = min(_FIRST_RETRY_SECONDS * 4 ** (claim.attempts - 1), LONGEST_WAIT.total_seconds())
        leases.give_back(store, claim, now, wait, counts=True)
    else:
        policy = isinstance(error, _POLICY)
        _close(parts, claim, GenerationStatus.REFUSED if policy else GenerationStatus.FAILED, error)


def _wait_for_room(claim: Claim) -> float:
    # NOTE: every claim raises the fence, and only what broke uses an attempt: the difference is
    # about how often it came back for want of something, and it outlives a restart.
    before = min(claim.fence - claim.attempts, 10)
    return min(_FULL_WAIT_SECONDS * 2.0**before, LONGEST_WAIT.total_seconds())


def stop(store: WorkspaceStore, claim: Claim, now: datetime) -> None:
    """End what somebody stopped: refused where a consent changed, else cancelled; audited if so.

    Raises:
        Conflict: the lease was lost; whoever has it now decides.
    """
    code = leases.kept_code(store, claim.id)
    status = leases.stopped_as(code)
    with store.transaction():
        leases.finish(store, claim, status, now, None, code)
        if code is not None:
            audit.append(store, f"generation.{status.value}", claim.id, claim.actor, now, code=code)


def _close(parts: Parts, claim: Claim, status: GenerationStatus, error: HousemodelError) -> None:
    store, now = parts.registry.store(claim.workspace_id), parts.clock()
    try:
        with store.transaction():
            leases.finish(store, claim, status, now, error)
            action = f"generation.{status.value}"
            audit.append(store, action, claim.id, claim.actor, now, code=error.code)
    except Conflict:
        return
    except (StorageFull, Unavailable):
        raise
    except HousemodelError:
        leases.finish(store, claim, status, now, error)
