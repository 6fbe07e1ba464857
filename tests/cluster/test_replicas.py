"""Replicas and ports over a real Ray, with tiny random weights."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import psutil
import pytest

from serve.deployments.diffusion import LocalDiffusion
from workspace.errors import EngineFailed, InvalidRequest, Starting
from workspace.types import RGB, References, Rendered, RenderEvent, RenderJob, StepDone

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore"),  # Ray imports warn in many places
]
CANARY = "canary-prompt-5f1d a woman in a yellow coat"


def picture(seed: int, height: int, width: int) -> RGB:
    values = np.random.default_rng(seed).integers(0, 256, (height, width, 3))
    return values.astype(np.uint8)


def job(name: str, steps: int = 3, seed: int = 1) -> RenderJob:
    refs = References(picture(1, 64, 64), picture(2, 80, 64), (picture(3, 64, 64),))
    return RenderJob(name, CANARY, seed, 48, 64, steps, refs)


def pictures(events: list[RenderEvent]) -> dict[str, RGB | None]:
    return {event.job_id: event.image for event in events if isinstance(event, Rendered)}


@pytest.fixture(scope="module")
def diffusion(node: Any, pack_folder: Path) -> Iterator[Any]:
    from ray import serve as ray_serve

    from serve.deployments.handles import RayDiffusion
    from serve.deployments.replica import DiffusionReplica

    ray_serve.start(proxy_location="Disabled")
    handles = []
    for number in range(2):
        deployment = ray_serve.deployment(DiffusionReplica, name=f"diffusion-{number}").options(
            ray_actor_options={"num_cpus": 0}, max_ongoing_requests=8, health_check_period_s=1
        )
        bound = deployment.bind(str(pack_folder), 1)
        handles.append(ray_serve.run(bound, name=f"app-{number}", route_prefix=None))
    yield RayDiffusion(handles)
    ray_serve.shutdown()


def drain(port: Any, *jobs: RenderJob) -> list[RenderEvent]:
    return list(port.render(jobs))


def test_a_replica_draws_what_the_same_pack_draws_in_process(
    diffusion: Any, pack_folder: Path
) -> None:
    jobs = [job("a"), job("b", seed=2)]
    events = drain(diffusion, *jobs)
    assert events[:3] == [StepDone(1, 3), StepDone(2, 3), StepDone(3, 3)]
    local = pictures(drain(LocalDiffusion(pack_folder, threads=1), *jobs))
    for name, image in pictures(events).items():
        assert np.array_equal(image, local[name])  # type: ignore[arg-type]
    assert diffusion.describe().name == "tiny"


def test_two_replicas_draw_at_the_same_time(diffusion: Any) -> None:
    first = diffusion.render([job("a", 40)])
    second = diffusion.render([job("b", 40)])
    assert next(first) == next(second) == StepDone(1, 40)
    first.close()
    second.close()
    assert sorted(diffusion._idle) == [0, 1]


def test_every_replica_says_how_it_fares_while_it_draws(diffusion: Any) -> None:
    from serve.deployments.fleet import RayFleet

    def late(**_: Any) -> Any:
        raise TimeoutError

    asked = SimpleNamespace(remote=lambda name: SimpleNamespace(result=late))
    silent = SimpleNamespace(report=asked)
    fleet = RayFleet(silent, diffusion._replicas)
    first = diffusion.render([job("a", 40)])
    next(first)
    found = {one.name: one for one in fleet.running()}
    first.close()
    states = {name: one.state for name, one in found.items()}
    drawing = states.pop("diffusion-0"), states.pop("diffusion-1")
    assert sorted(drawing) == ["drawing", "ready"]
    assert states == {"gateway": "ready", "identity": "starting"}
    assert found["diffusion-0"].engine == "torch"
    assert found["diffusion-1"].machine.name == found["gateway"].machine.name
    assert found["diffusion-1"].memory_bytes > 50 << 20


def test_cancel_is_heard_while_a_render_runs(diffusion: Any) -> None:
    events = []
    for event in diffusion.render([job("a", 400), job("b", 400)]):
        events.append(event)
        if event == StepDone(2, 400):
            threading.Thread(target=diffusion.cancel, args=(["a", "b"],)).start()
    assert pictures(events) == {"a": None, "b": None}
    assert len(events) < 400


def test_an_error_of_the_replica_arrives_as_ours_without_a_remote_traceback(
    diffusion: Any,
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        drain(diffusion, job("a", steps=0))
    assert type(refused.value) is InvalidRequest
    assert "Traceback" not in str(refused.value)


def test_sockets_are_on_loopback_only(diffusion: Any) -> None:
    ours = psutil.Process().children(recursive=True)
    assert len(ours) >= 7  # gcs, raylet, two agents, controller, two replicas
    everywhere = {"0.0.0.0", "::"}
    for process in [*ours, psutil.Process()]:
        for connection in process.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN:
                assert connection.laddr.ip not in everywhere, process.name()


def test_a_replica_that_dies_while_drawing_fails_the_batch_and_the_next_call_works(
    diffusion: Any,
) -> None:
    victims = [p for p in psutil.process_iter() if "diffusion-" in " ".join(_words(p))]
    assert len(victims) == 2
    render = diffusion.render([job("a", 2000)])
    next(render)
    for process in victims:
        os.kill(process.pid, signal.SIGKILL)
    with pytest.raises(EngineFailed):
        list(render)
    assert _patiently(diffusion, job("a"))["a"] is not None
    assert _patiently(diffusion, job("b"))["b"] is not None


def test_nothing_that_crossed_ray_is_on_its_disk_in_clear(
    diffusion: Any, settings: Any, node: Any
) -> None:
    drain(diffusion, job("a"))
    needles = [CANARY.encode(), picture(1, 64, 64).tobytes()[:64]]
    folder = Path(node.temp_dir)
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    assert files
    for path in [*files, *settings.home.rglob("*.log")]:
        data = path.read_bytes()
        assert not any(needle in data for needle in needles), path.name


def _patiently(port: Any, wanted: RenderJob) -> dict[str, RGB | None]:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            return pictures(drain(port, wanted))
        except Starting:  # nothing was begun, so nothing is lost
            time.sleep(1)
    raise AssertionError("the replica did not come back")


def _words(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []
