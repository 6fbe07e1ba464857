"""Somebody looks at a likeness: who may, and the audit entry that it leaves.

The entry is written before the photo leaves; what can't be audited is not shown. Whoever lacks
`models:read` needs an open break-glass grant for this model.
"""

from __future__ import annotations

from datetime import datetime

from compliance import audit
from identity import likeness
from serve.callers import break_glass
from workspace.registry import Registry
from workspace.store import WorkspaceStore
from workspace.types import Caller, ModelId, PhotoKind


def photo(
    registry: Registry,
    store: WorkspaceStore,
    model_id: ModelId,
    kind: PhotoKind,
    caller: Caller,
    now: datetime,
) -> tuple[bytes, str]:
    """Open one reference photo for a caller: its bytes and media type.

    Raises:
        ScopeMissing: the caller may not see it.
        NotFound: this workspace has no such model, or it has no photo (any more).
        StorageFull, Unavailable, SealBroken: it can't be audited or opened.
    """
    grant = None
    if "models:read" not in caller.scopes:
        grant = break_glass.current(registry, store.workspace.id, model_id, caller, now)
    content, media_type = likeness.photo(store, model_id, kind)
    audit.append(
        store,
        "likeness.viewed",
        model_id,
        caller.actor,
        now,
        part=kind,
        break_glass=grant.id if grant else None,
    )
    return content, media_type
