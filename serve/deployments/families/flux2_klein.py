"""FLUX.2 klein: reference pictures as extra tokens beside the picture that is drawn.

The networks come from diffusers' `Flux2KleinPipeline`; the loop is ours, because the jobs of one
batch have different prompts and references, report each step, and can be stopped one by one.
For one job it draws what the pipeline itself would draw (a test holds it to that).

    condition: prompt -> text tokens; references -> latent tokens, each slot with its own t
    denoise:   noise -> velocity -> one Euler step, for every job, step after step
    decode:    latent tokens -> picture
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar, cast

import torch
from diffusers import Flux2KleinPipeline
from diffusers.pipelines.flux2.pipeline_flux2_klein import compute_empirical_mu, retrieve_timesteps
from diffusers.utils import logging as diffusers_logging
from torch import Tensor
from transformers.utils import logging as transformers_logging

from serve.deployments.engines.torch import Row, TorchEngine
from serve.deployments.families import latents as shape
from serve.deployments.manifest import ReferenceSlots
from serve.deployments.packs import Pack
from workspace.errors import EngineFailed, InvalidRequest, PackInvalid
from workspace.types import RGB, References, Rendered, RenderEvent, RenderJob, StepDone

Does = TypeVar("Does", bound=Callable[..., Any])


def inference(does: Does) -> Does:
    """Run without autograd. The mode belongs to the thread, so each piece of work sets it."""
    return cast(Does, torch.inference_mode()(does))


@dataclass(slots=True)
class _Canvas:
    """One job on its way: what stays the same, and the tokens drawn so far."""

    job_id: str
    rows: int  # height and width in tokens
    columns: int
    drawn: Tensor
    references: Tensor
    token_ids: Tensor
    texts: tuple[Tensor, ...]  # the prompt, and the empty prompt if there is guidance


class Flux2Klein:
    """The loaded networks of one pack."""

    def __init__(self, pack: Pack, pipeline: Any, threads: int) -> None:
        self._workers = ThreadPoolExecutor(threads, thread_name_prefix="row")
        self._manifest = pack.manifest
        self._pipeline = pipeline
        self._vae = pipeline.vae.eval()
        self._engine = TorchEngine(pipeline.transformer)
        self._pixels = 2 * pipeline.vae_scale_factor  # side of one token in pixels
        running = self._vae.bn
        self._mean = running.running_mean.view(1, -1, 1, 1).float()
        variance = running.running_var.view(1, -1, 1, 1).float()
        self._spread = torch.sqrt(variance + self._vae.config.batch_norm_eps)
        # A distilled model ignores guidance, as the pipeline does.
        self._guidance = 1.0 if pipeline.config.is_distilled else pack.manifest.render.guidance

    @classmethod
    def load(cls, pack: Pack, threads: int) -> Flux2Klein:
        """Load a verified pack in float32 on the CPU; `threads` pictures are drawn side by side.

        NOTE: every network runs on one thread. These networks are small: on a busy 2-core machine
        two threads in one network were ten times slower than one (they wait for each other), and
        sums that are split differently round differently.

        Raises:
            PackInvalid: the files are not a FLUX.2 klein pipeline that this family can run.
        """
        torch.set_num_threads(1)
        diffusers_logging.disable_progress_bar()
        transformers_logging.disable_progress_bar()
        try:
            pipeline = Flux2KleinPipeline.from_pretrained(
                str(pack.folder),
                dtype=torch.float32,
                local_files_only=True,
                use_safetensors=True,
            )
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, AttributeError) as error:
            raise PackInvalid("The pack's files don't form a FLUX.2 klein pipeline.") from error
        if pipeline.scheduler.config.get("stochastic_sampling"):
            raise PackInvalid("The pack's scheduler adds noise between steps; seeds would lie.")
        return cls(pack, pipeline, threads)

    @property
    def engine(self) -> str:
        """Name of the backend that runs the transformer."""
        return self._engine.name

    def render(
        self, jobs: Sequence[RenderJob], stopped: Callable[[str], bool]
    ) -> Iterator[RenderEvent]:
        """Draw all jobs: a StepDone after each step, then a Rendered for each job.

        A job for which `stopped(job_id)` turns true is left out from its next step on.

        Raises:
            InvalidRequest: the jobs can't be one batch of this pack.
            EngineFailed: the networks gave numbers that are no picture.
        """
        self._check(jobs)
        started, steps = time.monotonic(), jobs[0].steps
        # NOTE: never yield inside inference_mode: it would stay on in the caller's thread.
        with torch.inference_mode():
            memo = dict[bytes | str, Tensor]()
            canvases = [self._condition(job, memo) for job in jobs if not stopped(job.job_id)]
        for step in range(steps):
            canvases = [canvas for canvas in canvases if not stopped(canvas.job_id)]
            if not canvases:
                break
            list(self._workers.map(partial(self._advance, step=step, steps=steps), canvases))
            yield StepDone(step + 1, steps)
        decoded = self._workers.map(self._decode, canvases)
        pictures = dict(zip((canvas.job_id for canvas in canvases), decoded, strict=True))
        seconds = time.monotonic() - started
        for job in jobs:
            yield Rendered(job.job_id, pictures.get(job.job_id), seconds)

    def _check(self, jobs: Sequence[RenderJob]) -> None:
        limits = self._manifest.limits
        if not 1 <= len(jobs) <= limits.max_batch:
            raise InvalidRequest(f"A batch has 1 to {limits.max_batch} jobs, not {len(jobs)}.")
        if len({job.steps for job in jobs}) > 1 or jobs[0].steps < 1:
            raise InvalidRequest("Jobs of one batch have the same number of steps, at least 1.")
        for job in jobs:
            if job.width < 1 or job.height < 1 or (job.width | job.height) % self._pixels:
                raise InvalidRequest(f"Width and height are multiples of {self._pixels} pixels.")
            if len(job.references.products) > limits.max_products:
                raise InvalidRequest(f"The pack takes up to {limits.max_products} products.")

    def _condition(self, job: RenderJob, memo: dict[bytes | str, Tensor]) -> _Canvas:
        rows, columns = job.height // self._pixels, job.width // self._pixels
        start = shape.noise(job.seed, self._engine.channels, rows, columns)
        tokens, ids = list[Tensor](), [shape.grid_ids(rows, columns, 0)]
        for picture, t in placed(job.references, self._manifest.references):
            latent = self._encode(picture, memo)
            tokens.append(shape.to_tokens(latent))
            ids.append(shape.grid_ids(latent.shape[2], latent.shape[3], t))
        prompts = (job.prompt,) if self._guidance <= 1 else (job.prompt, "")
        drawn = shape.to_tokens(start)
        return _Canvas(
            job_id=job.job_id,
            rows=rows,
            columns=columns,
            drawn=drawn,
            references=torch.cat([drawn[:, :0], *tokens], dim=1),
            token_ids=torch.cat(ids, dim=1),
            texts=tuple(self._read(prompt, memo) for prompt in prompts),
        )

    def _read(self, prompt: str, memo: dict[bytes | str, Tensor]) -> Tensor:
        """Text tokens of a prompt. Images of one generation share it: read once per batch."""
        if prompt not in memo:
            render = self._manifest.render
            memo[prompt], _ = self._pipeline.encode_prompt(
                prompt=[prompt],
                max_sequence_length=render.text_tokens,
                text_encoder_out_layers=render.text_layers,
            )
        return memo[prompt]

    def _encode(self, picture: RGB, memo: dict[bytes | str, Tensor]) -> Tensor:
        """Normalised latent patches of a reference. The memo ends with the batch: faces go too."""
        key = repr(picture.shape).encode() + picture.tobytes()
        if key not in memo:
            values = shape.picture_to_tensor(picture, self._vae.dtype)
            latent = shape.patchify(self._vae.encode(values).latent_dist.mode())
            memo[key] = (latent.float() - self._mean) / self._spread
        return memo[key]

    @inference
    def _advance(self, canvas: _Canvas, step: int, steps: int) -> None:
        """Take one Euler step along the predicted velocity."""
        sigmas = self._sigmas(canvas.drawn.shape[1], steps)
        tokens = torch.cat([canvas.drawn, canvas.references], dim=1)
        found = [
            self._engine.velocity(
                Row(tokens, canvas.token_ids, text, shape.text_ids(text), sigmas[step : step + 1])
            )[:, : canvas.drawn.shape[1]]
            for text in canvas.texts
        ]
        velocity = found[0]
        if len(found) == 2:
            velocity = found[1] + self._guidance * (found[0] - found[1])
        canvas.drawn = canvas.drawn + (sigmas[step + 1] - sigmas[step]) * velocity

    def _sigmas(self, tokens: int, steps: int) -> Tensor:
        """The pack's noise levels, (steps + 1,) from 1 to 0, as the pipeline chooses them."""
        scheduler = copy.deepcopy(self._pipeline.scheduler)
        plain = None
        if not scheduler.config.get("use_flow_sigmas"):
            plain = torch.linspace(1.0, 1 / steps, steps, dtype=torch.float64).tolist()
        mu = compute_empirical_mu(image_seq_len=tokens, num_steps=steps)
        retrieve_timesteps(scheduler, steps, "cpu", sigmas=plain, mu=mu)
        sigmas: Tensor = scheduler.sigmas.to(torch.float32)
        return sigmas

    @inference
    def _decode(self, canvas: _Canvas) -> RGB:
        if not bool(torch.isfinite(canvas.drawn).all()):
            raise EngineFailed("The engine gave numbers that are no picture.")
        patches = shape.from_tokens(canvas.drawn, canvas.rows, canvas.columns)
        latent = shape.unpatchify(patches * self._spread + self._mean).to(self._vae.dtype)
        return shape.tensor_to_picture(self._vae.decode(latent, return_dict=False)[0])


def placed(references: References, slots: ReferenceSlots) -> Iterator[tuple[RGB, int]]:
    """List the pictures that are there, each with the t of its slot; products follow in steps.

    Raises:
        InvalidRequest: a picture does not have its slot's size.
    """
    wanted = [(references.close_up, slots.close_up, 0), (references.full_body, slots.full_body, 0)]
    wanted += [(product, slots.product, k) for k, product in enumerate(references.products)]
    for picture, slot, k in wanted:
        if picture is None:
            continue
        width, height = slot.size
        if picture.shape != (height, width, 3):
            raise InvalidRequest(f"A reference must be {width}x{height} pixels for this pack.")
        yield picture, slot.t + PRODUCT_STEP * k


PRODUCT_STEP = 10  # t between one product and the next, as diffusers spaces references
