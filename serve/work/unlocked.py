"""The stores that workers may open at this moment; one bad workspace hides no other.

A locked workspace is left out in silence, a damaged one after one line in the log. Looking also
closes what another process has locked or destroyed since, so that its key leaves our memory.
"""

from __future__ import annotations

import logging

from workspace.errors import HousemodelError, NotFound, Unavailable
from workspace.registry import Registry
from workspace.store import WorkspaceStore
from workspace.types import WorkspaceId

_log = logging.getLogger("housemodel.workers")


class Unlocked:
    """Looks at the workspaces of a registry; for one process."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._reported: set[WorkspaceId] = set()

    def stores(self) -> list[WorkspaceStore]:
        """Open every workspace that can be opened now, oldest first."""
        self._registry.close_withdrawn()
        found = (self._store(workspace_id) for workspace_id in self._registry.ids())
        return [store for store in found if store is not None]

    def _store(self, workspace_id: WorkspaceId) -> WorkspaceStore | None:
        try:
            store = self._registry.store(workspace_id)
        except (Unavailable, NotFound):  # locked, or destroyed a moment ago
            return None
        except HousemodelError as error:
            if workspace_id not in self._reported:
                self._reported.add(workspace_id)
                _log.error("workspace %s can't be opened: %s", workspace_id, error.code)
            return None
        self._reported.discard(workspace_id)
        return store
