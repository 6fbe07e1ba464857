"""`/healthz`, `/readyz`, `/metrics`: for machines that watch. No key, no names."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response

from serve import about, metrics
from serve.api.access import services_of
from serve.problems import documented
from workspace.errors import HousemodelError
from workspace.types import GenerationStatus

router = APIRouter(tags=["health"])


@router.get("/healthz", summary="The process answers", response_class=PlainTextResponse)
def healthz() -> str:
    """Answer `ok` as long as the process can."""
    return "ok"


@router.get("/readyz", summary="Engines loaded, unsealed", responses=documented(503))
def readyz(request: Request) -> about.ReadyView:
    """Say what is loaded, or 503 `starting` while something is not."""
    services = services_of(request)
    services.diffusion.ready()
    pack = services.diffusion.describe()
    return about.ReadyView(
        pack=f"{pack.name} {pack.version}",
        engine=pack.engine,
        detail=pack.detail,
        face_encoder=services.encoder.encoder_id,
    )


@router.get(
    "/metrics",
    summary="Figures for Prometheus",
    response_class=PlainTextResponse,
)
def show_metrics(request: Request) -> Response:
    """Write counters and gauges as text."""
    services = services_of(request)
    shown: metrics.Metrics = request.app.state.metrics
    counts: Counter[str] = Counter(dict.fromkeys(GenerationStatus, 0))
    for workspace_id in services.registry.ids():
        # A locked or damaged workspace is left out; the figures of the others count.
        with suppress(HousemodelError):
            store = services.registry.store(workspace_id)
            sql = "SELECT status, COUNT(*) AS n FROM generations GROUP BY status"
            counts.update({row["status"]: row["n"] for row in store.db.query(sql)})
    return Response(shown.show(dict(counts)), media_type=metrics.CONTENT_TYPE)
