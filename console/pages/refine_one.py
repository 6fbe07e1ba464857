"""One past generation: as it was on the right, and beside it what to change.

'Generate' asks again with what stands in the form; 'Make variations' does so with a new seed.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

import gradio as gr

from console import texts
from console.client import Api, Json, origin_of
from console.frame import PLAIN, QUIET, Frame
from console.parts import capabilities as can
from console.parts import html, results
from console.parts.runner import REVEAL, Runner, jobs_of, runner
from console.parts.wishes import MAX_SEED, Wishes, body, seed_is_wrong, wishes

_NOTHING_YET = html.empty(
    "Your new pictures appear here", "Change something, or ask for variations with a new seed."
)


@dataclass(frozen=True, slots=True)
class One:
    """The parts of the page that show one past generation."""

    wished: Wishes
    original: Any
    which: Any
    run: Runner

    @property
    def outputs(self) -> list[Any]:
        """What `opened` fills, in order."""
        pickers = (*self.wished.models.outputs, *self.wished.products.outputs)
        return [self.which, self.original, *self.wished.fields, *pickers, *self.run.outputs]

    async def opened(
        self, api: Api, generation_id: str, made: str, request: gr.Request
    ) -> list[Any]:
        """Values for `outputs`.

        Raises:
            ApiProblem: the service refused, or there is no such generation.
        """
        found = await api.get(f"/v1/generations/{generation_id}")
        able = await api.get("/v1/capabilities")
        terms = await api.get("/v1/guidelines")
        models = await api.items("/v1/models", limit=100)
        products = await api.items("/v1/products", limit=100)
        chosen = [str(each) for each in found.get("product_ids") or ()]
        return [
            generation_id,
            original(found, can.pack(able), request),
            *self.wished.filled(found, able, terms),
            *self.wished.models.drawn(models, str(found.get("model_id") or "")),
            *self.wished.products.drawn(products, chosen),
            *await self.run.follow(jobs_of(made), request, api),
        ]


def original(generation: Json, pack: Json, request: gr.Request) -> str:
    """The past generation as it came out."""
    if generation.get("status") == "completed":
        curl = results.as_curl(origin_of(request), results.body_of(generation))
        return results.gallery(generation, curl, "", pack)
    return results.progress(generation)


def draw(frame: Frame) -> One:
    """Draw the parts and wire them."""
    gr.HTML(f'<a class="hm-link" href="{frame.link("refine")}">← {texts.PAST}</a>', **PLAIN)
    which = gr.Textbox(visible=False)
    with gr.Row(equal_height=False, elem_classes=["hm-split"]):
        with gr.Column(scale=5, min_width=320, elem_classes=["hm-form"]):
            wished = wishes(frame)
            with gr.Row(elem_classes=["hm-buttons"]):
                go = gr.Button(texts.GENERATE, variant="primary", size="lg", elem_id="generate")
                vary = gr.Button("Make variations", size="lg", elem_id="variations")
            gr.HTML(
                '<p class="hm-muted">Variations: the same request with a new seed.</p>', **PLAIN
            )
        with gr.Column(scale=7, min_width=320):
            run = runner(frame, "made", _NOTHING_YET)
            gr.HTML("<h2>What it was</h2>", **PLAIN)
            shown = gr.HTML("", elem_id="original", **PLAIN)

    async def again(
        generation_id: str,
        model_id: str,
        chosen: str,
        words: str,
        aspect: str,
        n: int,
        purpose: str,
        channel: str,
        seed: str,
        campaign: str,
        request: gr.Request,
    ) -> Any:
        api = frame.api(request)
        if seed_is_wrong(seed):
            return run.with_notice(await run.follow([], request, api), texts.SEED_WRONG)
        asked = (model_id, chosen, words, aspect, n, purpose, channel)
        wanted = changes(body("", *asked, (seed or "").strip() or new_seed(), campaign))
        return await run.start(
            [("", wanted)], request, api, f"/v1/generations/{generation_id}/refine"
        )

    inputs = [which, *wished.inputs]
    go.click(again, inputs, run.outputs, **QUIET).then(None, None, None, js=REVEAL)
    vary.click(new_seed, None, wished.seed, **QUIET).then(again, inputs, run.outputs, **QUIET).then(
        None, None, None, js=REVEAL
    )
    return One(wished, shown, which, run)


def new_seed() -> str:
    """Another seed."""
    return str(secrets.randbelow(MAX_SEED + 1))


def changes(wanted: Json) -> Json:
    """What the form asks for, as changes to an earlier generation: `null` takes something away."""
    kept = {name: value for name, value in wanted.items() if name != "tool"}
    return {"model_id": None, "campaign": None, "prompt": "", **kept}
