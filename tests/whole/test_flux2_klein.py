"""The family draws what diffusers' own pipeline draws, and each picture on its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.tiny_pack import make_tiny_pack, write_manifest
from workspace.errors import EngineFailed, InvalidRequest, PackInvalid
from workspace.types import RGB, References, Rendered, RenderEvent, RenderJob, StepDone

torch = pytest.importorskip("torch")

from serve.deployments.families.flux2_klein import Flux2Klein  # noqa: E402
from serve.deployments.packs import load_pack  # noqa: E402

SIZES = {"close_up": (64, 64), "full_body": (64, 80), "product": (64, 64)}


def picture(slot: str, seed: int) -> RGB:
    width, height = SIZES[slot]
    values = np.random.default_rng(seed).integers(0, 256, (height, width, 3))
    return values.astype(np.uint8)


def job(name: str = "one", seed: int = 1, prompt: str = "a person", **change: object) -> RenderJob:
    everything = References(
        picture("close_up", 1), picture("full_body", 2), (picture("product", 3),)
    )
    values = {"width": 48, "height": 64, "steps": 3, "references": everything, **change}
    return RenderJob(name, prompt, seed, **values)  # type: ignore[arg-type]


def never(job_id: str) -> bool:
    return False


def pictures(events: list[RenderEvent]) -> dict[str, RGB | None]:
    return {event.job_id: event.image for event in events if isinstance(event, Rendered)}


def draw(family: Flux2Klein, *jobs: RenderJob) -> dict[str, RGB | None]:
    return pictures(list(family.render(jobs, never)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_pack(tmp_path_factory.mktemp("pack"))


@pytest.fixture(scope="module")
def family(folder: Path) -> Flux2Klein:
    return Flux2Klein.load(load_pack(folder), threads=1)


def by_diffusers(folder: Path, wanted: RenderJob, guidance: float) -> RGB:
    """Draw with the pipeline's own call: same networks, same noise, same references."""
    from diffusers import Flux2KleinPipeline
    from PIL import Image

    pipeline = Flux2KleinPipeline.from_pretrained(folder, local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    refs = wanted.references
    given = [refs.close_up, refs.full_body, *refs.products]
    result = pipeline(
        prompt=wanted.prompt,
        image=[Image.fromarray(one) for one in given if one is not None],
        width=wanted.width,
        height=wanted.height,
        num_inference_steps=wanted.steps,
        guidance_scale=guidance,
        generator=torch.Generator("cpu").manual_seed(wanted.seed),
        max_sequence_length=12,
        text_encoder_out_layers=(1, 2),
    )
    return np.asarray(result.images[0])


def test_one_job_is_what_the_pipeline_itself_draws(folder: Path, family: Flux2Klein) -> None:
    ours = draw(family, job())["one"]
    assert ours is not None
    assert np.abs(ours.astype(int) - by_diffusers(folder, job(), 1.0)).max() <= 1


def test_guidance_is_what_the_pipeline_itself_draws(tmp_path: Path) -> None:
    folder = make_tiny_pack(tmp_path, guidance=3.0)
    ours = draw(Flux2Klein.load(load_pack(folder), threads=1), job())["one"]
    assert ours is not None
    assert np.abs(ours.astype(int) - by_diffusers(folder, job(), 3.0)).max() <= 1


def test_a_picture_is_the_same_bytes_alone_and_in_any_batch(family: Flux2Klein) -> None:
    only_product = References(products=(picture("product", 4), picture("product", 5)))
    jobs = [
        job("a", 11, "red coat"),
        job("b", 12, "a long prompt about a blue coat in the rain"),
        job("c", 13, references=only_product),
        job("d", 14, width=64, height=48, references=References()),
    ]
    together, backwards = draw(family, *jobs), draw(family, *reversed(jobs))
    for one in jobs:
        alone = draw(family, one)[one.job_id]
        assert alone is not None and alone.shape == (one.height, one.width, 3)
        assert np.array_equal(alone, together[one.job_id])
        assert np.array_equal(alone, backwards[one.job_id])


def test_seed_prompt_and_every_reference_change_the_picture(family: Flux2Klein) -> None:
    full = job().references
    variants = [
        job("same"),
        job("seed", seed=2),
        job("prompt", prompt="a coat"),
        job("no close-up", references=References(None, full.full_body, full.products)),
        job("no body", references=References(full.close_up, None, full.products)),
        job("no product", references=References(full.close_up, full.full_body)),
        job(
            "two products", references=References(full.close_up, full.full_body, full.products * 2)
        ),
    ]
    drawn = [draw(family, one)[one.job_id] for one in variants]
    assert all(one is not None for one in drawn)
    assert len({one.tobytes() for one in drawn if one is not None}) == len(variants)


def test_a_missing_reference_does_not_move_the_others(family: Flux2Klein) -> None:
    from serve.deployments.families.flux2_klein import placed

    slots, refs = family._manifest.references, job().references
    assert [t for _, t in placed(refs, slots)] == [10, 20, 30]
    only = References(products=(picture("product", 1), picture("product", 2)))
    assert [t for _, t in placed(only, slots)] == [30, 40]


def test_every_step_is_reported_before_the_pictures(family: Flux2Klein) -> None:
    events = list(family.render([job("a"), job("b")], never))
    assert events[:3] == [StepDone(1, 3), StepDone(2, 3), StepDone(3, 3)]
    assert [type(event) for event in events[3:]] == [Rendered, Rendered]


def test_a_stopped_job_ends_at_its_next_step_and_leaves_the_others_alone(
    family: Flux2Klein,
) -> None:
    stopped: set[str] = set()
    events = []
    for event in family.render([job("a", 1), job("b", 2)], stopped.__contains__):
        events.append(event)
        stopped.add("a")
    found = pictures(events)
    assert found["a"] is None
    assert np.array_equal(found["b"], draw(family, job("b", 2))["b"])  # type: ignore[arg-type]


def test_when_all_jobs_are_stopped_no_further_step_is_taken(family: Flux2Klein) -> None:
    stopped: set[str] = set()
    events = []
    for event in family.render([job("a")], stopped.__contains__):
        events.append(event)
        stopped.add("a")
    assert [type(event) for event in events] == [StepDone, Rendered]
    assert pictures(events) == {"a": None}


@pytest.mark.parametrize(
    "jobs",
    [
        [],
        [job(str(k)) for k in range(5)],
        [job("a"), job("b", steps=2)],
        [job(steps=0)],
        [job(width=50)],
        [job(width=0)],
        [job(references=References(close_up=picture("full_body", 1)))],
        [job(references=References(products=(picture("product", 1),) * 3))],
    ],
)
def test_jobs_that_do_not_fit_the_pack_are_refused(
    family: Flux2Klein, jobs: list[RenderJob]
) -> None:
    with pytest.raises(InvalidRequest):
        list(family.render(jobs, never))


def test_numbers_that_are_no_picture_fail(folder: Path) -> None:
    broken = Flux2Klein.load(load_pack(folder), threads=1)
    with torch.no_grad():
        next(broken._pipeline.transformer.parameters()).fill_(float("nan"))
    with pytest.raises(EngineFailed):
        list(broken.render([job()], never))


def test_a_pack_of_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model_index.json").write_text('{"_class_name": "Flux2KleinPipeline"}')
    write_manifest(tmp_path)
    with pytest.raises(PackInvalid, match="don't form"):
        Flux2Klein.load(load_pack(tmp_path), threads=1)
