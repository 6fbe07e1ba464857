"""The in-process port: one batch at a time, cancel from another thread, faults as ours."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.tiny_pack import make_tiny_pack
from workspace.errors import EngineFailed, PackInvalid
from workspace.types import Rendered, RenderEvent, RenderJob, StepDone

pytest.importorskip("torch")

from serve.deployments.diffusion import LocalDiffusion


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_pack(tmp_path_factory.mktemp("pack"))


@pytest.fixture
def diffusion(folder: Path) -> LocalDiffusion:
    return LocalDiffusion(folder, threads=1)


def job(name: str, steps: int = 3, seed: int = 1) -> RenderJob:
    return RenderJob(name, "a person", seed, 48, 64, steps)


def test_it_says_what_is_loaded(diffusion: LocalDiffusion) -> None:
    summary = diffusion.describe()
    assert (summary.name, summary.family, summary.engine) == ("tiny", "flux2_klein", "torch")


def test_a_damaged_pack_is_not_loaded(folder: Path, tmp_path: Path) -> None:
    import shutil

    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    weights = copy / "vae" / "diffusion_pytorch_model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    with pytest.raises(PackInvalid, match="changed"):
        LocalDiffusion(copy)


def test_cancel_from_another_thread_stops_the_running_job_only(diffusion: LocalDiffusion) -> None:
    events = []
    for event in diffusion.render([job("a", 20), job("b", 20)]):
        events.append(event)
        if event == StepDone(2, 20):
            thread = threading.Thread(target=diffusion.cancel, args=(["a", "unknown"],))
            thread.start()
            thread.join()
    rendered = {event.job_id: event.image for event in events if isinstance(event, Rendered)}
    assert rendered["a"] is None and rendered["b"] is not None


def test_a_cancel_does_not_outlive_its_job(diffusion: LocalDiffusion) -> None:
    diffusion.cancel(["a"])  # not running: ignored
    first = list(diffusion.render([job("a")]))
    assert isinstance(first[-1], Rendered) and first[-1].image is not None


def test_a_waiting_job_can_be_cancelled(diffusion: LocalDiffusion) -> None:
    found: list[RenderEvent] = []
    running = diffusion.render([job("first")])
    next(running)
    second = threading.Thread(target=lambda: found.extend(diffusion.render([job("second")])))
    second.start()
    while len(diffusion._asked) < 2:
        pass
    diffusion.cancel(["second"])
    list(running)
    second.join()
    assert [type(event) for event in found] == [Rendered]


def test_a_job_that_is_tried_again_is_not_taken_for_the_first_try(
    diffusion: LocalDiffusion,
) -> None:
    first = diffusion.render([job("a")])
    next(first)
    second = diffusion.render([job("a")])
    diffusion.cancel(["a"])
    assert [event.image for event in first if isinstance(event, Rendered)] == [None]
    assert [event.image is None for event in second if isinstance(event, Rendered)] == [False]


def test_a_render_that_is_given_up_frees_the_engine(diffusion: LocalDiffusion) -> None:
    abandoned = diffusion.render([job("a")])
    next(abandoned)
    abandoned.close()  # type: ignore[attr-defined]
    assert np.any(list(diffusion.render([job("b")])))


def test_a_broken_engine_is_our_fault_class_without_foreign_words(
    diffusion: LocalDiffusion, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(jobs: Sequence[RenderJob], stopped: object) -> Iterator[RenderEvent]:
        yield StepDone(1, 3)
        raise RuntimeError("secret prompt inside a library's message")

    monkeypatch.setattr(diffusion._family, "render", broken)
    with pytest.raises(EngineFailed) as failed:
        list(diffusion.render([job("a")]))
    assert "secret" not in str(failed.value)


def test_an_engine_out_of_memory_is_an_engine_that_failed_and_can_draw_again(
    diffusion: LocalDiffusion, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    def full(canvas: object, step: int, steps: int) -> None:
        raise torch.OutOfMemoryError("tried to allocate 20.00 GiB")

    with monkeypatch.context() as patched:
        patched.setattr(diffusion._family, "_advance", full)
        with pytest.raises(EngineFailed) as failed:
            list(diffusion.render([job("a"), job("b")]))
    assert "GiB" not in str(failed.value) and diffusion.drawing == 0
    assert np.any(list(diffusion.render([job("a")])))


def test_a_render_without_a_sign_is_seen(diffusion: LocalDiffusion) -> None:
    assert diffusion.silent_seconds == 0
    drawing = diffusion.render([job("a")])
    next(drawing)
    seen = [diffusion.silent_seconds for _ in range(3)]
    assert 0 < seen[0] <= seen[1] <= seen[2] < 60
    drawing.close()
    assert diffusion.silent_seconds == 0
