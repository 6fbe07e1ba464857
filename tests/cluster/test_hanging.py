"""A replica that hangs is started anew, and the same call works again: a real Ray, tiny weights."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.test_replicas import _patiently, drain, job, pictures
from workspace.errors import EngineFailed

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore"),  # Ray imports warn in many places
]


@pytest.fixture
def diffusion(node: Any, pack_folder: Path, tmp_path: Path) -> Iterator[Any]:
    """A replica whose first render never comes back: the engine is stuck in a call."""
    from ray import serve as ray_serve

    from serve.deployments.handles import RayDiffusion
    from serve.deployments.replica import DiffusionReplica

    hung = tmp_path / "hung"

    class Hanging(DiffusionReplica):
        def __init__(self, *given: Any) -> None:
            super().__init__(*given)
            whole = self._diffusion._family.render

            def render(jobs: Any, stopped: Any) -> Any:
                import time

                for event in whole(jobs, stopped):
                    yield event
                    while hung.exists() and hung.read_text() == str(os.getpid()):
                        time.sleep(0.1)

            if not hung.exists():
                hung.write_text(str(os.getpid()))
            self._diffusion._family.render = render

    ray_serve.start(proxy_location="Disabled")
    deployment = ray_serve.deployment(Hanging, name="hanging").options(
        ray_actor_options={"num_cpus": 0},
        health_check_period_s=0.5,
        graceful_shutdown_timeout_s=1,
    )
    bound = deployment.bind(str(pack_folder), 1, 1.0)
    handle = ray_serve.run(bound, name="app-hanging", route_prefix=None)
    yield RayDiffusion([handle])
    ray_serve.shutdown()


def test_a_render_that_hangs_fails_the_batch_and_the_next_call_works(diffusion: Any) -> None:
    with pytest.raises(EngineFailed):
        drain(diffusion, job("a", 2000))
    drawn = _patiently(diffusion, job("a"))
    assert drawn["a"] is not None
    assert pictures(drain(diffusion, job("b")))["b"] is not None
