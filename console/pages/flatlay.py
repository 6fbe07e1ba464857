"""Flatlay to Catalog: product photos in, one catalogue picture each out, model optional."""

from __future__ import annotations

from typing import Any

import gradio as gr

from console import texts
from console.client import ApiProblem, Json
from console.frame import PLAIN, QUIET, Frame
from console.pages.editorial import campaign_field, request_body
from console.parts import html
from console.parts.cards import ids_of
from console.parts.opening import opening
from console.parts.pickers import model_picker, product_picker
from console.parts.runner import REVEAL, runner


def build(frame: Frame, blocks: Any) -> None:
    """Draw the page and wire it."""
    frame.top("flatlay")
    gr.HTML(html.heading(texts.FLATLAY, texts.TOOL_SUMMARIES["flatlay_to_catalog"]), **PLAIN)
    told = gr.HTML("", **PLAIN)
    with gr.Row(equal_height=False, elem_classes=["hm-split"]):
        with gr.Column(scale=5, min_width=320, elem_classes=["hm-form"]):
            gr.HTML("<h2>Product photos</h2>", **PLAIN)
            products = product_picker(frame, several=True)
            gr.HTML("<h2>Model image (optional)</h2>", **PLAIN)
            models = model_picker(frame)
            ratio = gr.Dropdown(["3:4"], value="3:4", label="Aspect ratio")
            with gr.Row():
                purpose = gr.Dropdown([], label="Purpose", min_width=180)
                channel = gr.Dropdown([], label="Channel", min_width=180)
            campaign = campaign_field()
            go = gr.Button(texts.GENERATE, variant="primary", size="lg", elem_id="generate")
        with gr.Column(scale=7, min_width=320):
            run = runner(frame)
    asked = gr.Textbox(visible=False)

    async def load(generation: str, request: gr.Request) -> list[Any]:
        api = frame.api(request)
        return await opening(api, models, products, run, request, "", generation or "")

    async def generate(
        model_id: str,
        chosen: str,
        aspect: str,
        purpose_: str,
        channel_: str,
        campaign_: str,
        request: gr.Request,
    ) -> Any:
        api = frame.api(request)
        product_ids = ids_of(chosen)
        if not product_ids:
            listed = await run.follow([], request, api)
            return run.with_notice(listed, texts.PRODUCT_MISSING)
        try:
            names = {str(p.get("id")): str(p.get("name")) for p in await _products(api)}
        except ApiProblem:
            names = {}
        wanted = [
            (names.get(each, ""), body_of(model_id, each, aspect, purpose_, channel_, campaign_))
            for each in product_ids
        ]
        return await run.start(wanted, request, api)

    blocks.load(
        load,
        asked,
        [told, ratio, purpose, channel, *models.outputs, *products.outputs, *run.outputs],
        js="() => hm.asked('generation')",
        **QUIET,
    )
    go.click(
        generate,
        [models.state, products.state, ratio, purpose, channel, campaign],
        run.outputs,
        **QUIET,
    ).then(None, None, None, js=REVEAL)


def body_of(
    model_id: str, product_id: str, ratio: str, purpose: str, channel: str, campaign: str = ""
) -> Json:
    """One catalogue picture of one product; without a prompt the service takes its own."""
    return request_body(
        "flatlay_to_catalog",
        model_id,
        [product_id],
        "",
        ratio,
        1,
        purpose,
        channel,
        campaign=campaign if model_id else "",
    )


async def _products(api: Any) -> list[Json]:
    found: list[Json] = await api.items("/v1/products", limit=100)
    return found
