"""`/v1/admin/engines`, `/nodes`, `/packs`: what runs, where, how loaded; for `admin`.

Figures of the whole appliance, as `/metrics` has them; nothing of a workspace but counts.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter

from serve import shelf
from serve.api.access import Visit, allowed
from serve.problems import documented
from serve.wire import machine_views as machine
from serve.wire.admin_views import QueueView
from workspace.errors import HousemodelError

router = APIRouter(prefix="/v1/admin", tags=["admin-machine"])
Admin = Annotated[Visit, allowed("admin")]
_READ = documented(401, 403, 500, 503)


@router.get("/engines", summary="What runs, and how much waits", responses=_READ)
def engines(visit: Admin) -> machine.EnginesView:
    """List the processes of the appliance with engine, device, memory, load and state."""
    pack = ""
    with suppress(HousemodelError):  # a replica that starts anew is shown as such
        loaded = visit.services.diffusion.describe()
        pack = f"{loaded.name} {loaded.version}"
    found = visit.services.fleet.running()
    return machine.EnginesView(
        pack=pack,
        queue=_queue(visit),
        items=[machine.EngineView.model_validate(one) for one in found],
    )


@router.get("/nodes", summary="The machines", responses=_READ)
def nodes(visit: Admin) -> machine.NodesView:
    """List the machines on which something of the appliance runs, with CPU and memory."""
    return machine.nodes(visit.services.fleet.running())


@router.get("/packs", summary="Packs and their licences", responses=_READ)
def packs(visit: Admin) -> machine.ShelfView:
    """List the packs that lie here, and who answered for those that need a contract."""
    services, digest = visit.services, ""
    with suppress(HousemodelError):
        digest = services.diffusion.describe().digest
    found = [shelf.described(services.registry, f) for f in shelf.folders(services.pack_shelves)]
    return machine.ShelfView(
        items=[
            machine.ShelvedPackView(**one, loaded=bool(digest) and one.get("digest") == digest)
            for one in found
        ]
    )


def _queue(visit: Visit) -> QueueView:
    registry, counts = visit.services.registry, {"queued": 0, "running": 0}
    for workspace_id in registry.ids():
        with suppress(HousemodelError):  # a locked or damaged one is left out
            store = registry.store(workspace_id)
            for status in counts:
                counts[status] += store.count("generations", "status = ?", (status,))
    return QueueView(**counts)
