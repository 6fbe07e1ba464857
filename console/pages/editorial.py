"""Editorial Images: 'Create New image' on the left, what comes of it on the right."""

from __future__ import annotations

from typing import Any

import gradio as gr

from console import texts
from console.client import Json
from console.frame import PLAIN, QUIET, Frame
from console.parts import html
from console.parts.cards import ids_of
from console.parts.opening import opening
from console.parts.pickers import model_picker, product_picker
from console.parts.runner import REVEAL, runner

MAX_SEED = 2**32 - 1
_ASKED = """() => {
  let model = hm.asked('model');
  try { model = model || sessionStorage.getItem('hm.model') || ''; } catch (error) { /* none */ }
  return [model, hm.asked('generation')];
}"""


def build(frame: Frame, blocks: Any) -> None:
    """Draw the page and wire it."""
    frame.top("editorial")
    gr.HTML(html.heading(texts.EDITORIAL, texts.TOOL_SUMMARIES["editorial"]), **PLAIN)
    gr.HTML(tabs(frame, "editorial"), **PLAIN)
    told = gr.HTML("", **PLAIN)
    with gr.Row(equal_height=False, elem_classes=["hm-split"]):
        with gr.Column(scale=5, min_width=320, elem_classes=["hm-form"]):
            gr.HTML("<h2>Model image</h2>", **PLAIN)
            models = model_picker(frame)
            gr.HTML("<h2>Product image</h2>", **PLAIN)
            products = product_picker(frame, several=False)
            prompt = gr.Textbox(
                texts.PROMPT_START,
                label="Model prompt",
                info=texts.PROMPT_HELP,
                lines=2,
                elem_id="prompt",
            )
            with gr.Row():
                ratio = gr.Dropdown(["3:4"], value="3:4", label="Aspect ratio", min_width=140)
                seed = gr.Textbox(
                    label="Seed", placeholder="Any", max_length=10, min_width=140, elem_id="seed"
                )
            count = gr.Radio([1, 2, 3, 4], value=2, label="Number of images", elem_id="count")
            with gr.Row():
                purpose = gr.Dropdown([], label="Purpose", min_width=180)
                channel = gr.Dropdown([], label="Channel", min_width=180)
            campaign = campaign_field()
            go = gr.Button(texts.GENERATE, variant="primary", size="lg", elem_id="generate")
        with gr.Column(scale=7, min_width=320):
            run = runner(frame)

    asked_model, asked_generation = gr.Textbox(visible=False), gr.Textbox(visible=False)

    async def load(model_id: str, generation: str, request: gr.Request) -> list[Any]:
        api = frame.api(request)
        return await opening(api, models, products, run, request, model_id or "", generation or "")

    async def generate(
        model_id: str,
        chosen: str,
        words: str,
        aspect: str,
        n: int,
        purpose_: str,
        channel_: str,
        seed_: str,
        campaign_: str,
        request: gr.Request,
    ) -> Any:
        if (seed_ or "").strip() and not (seed_.strip().isdecimal() and int(seed_) <= MAX_SEED):
            told = await run.follow([], request, frame.api(request))
            return run.with_notice(told, texts.SEED_WRONG)
        picked, seeded = ids_of(chosen), (seed_, campaign_)
        body = request_body(
            "editorial", model_id, picked, words, aspect, n, purpose_, channel_, *seeded
        )
        return await run.start([("", body)], request, frame.api(request))

    blocks.load(
        load,
        [asked_model, asked_generation],
        [told, ratio, purpose, channel, *models.outputs, *products.outputs, *run.outputs],
        js=_ASKED,
        **QUIET,
    )
    go.click(
        generate,
        [models.state, products.state, prompt, ratio, count, purpose, channel, seed, campaign],
        run.outputs,
        **QUIET,
    ).then(None, None, None, js=REVEAL)


def campaign_field() -> Any:
    """Where the consent asks for approval of each campaign, one that is approved is named."""
    return gr.Textbox(
        label="Campaign (only where the person approves campaigns)",
        placeholder="Its name",
        max_length=64,
        elem_id="campaign",
    )


def tabs(frame: Frame, current: str) -> str:
    """'Create New image' and 'View past generations', as links to two pages."""
    links = "".join(
        f'<a href="{frame.link(page)}"{" aria-current=page" if page == current else ""}>{name}</a>'
        for page, name in (("editorial", texts.CREATE_NEW), ("refine", texts.PAST))
    )
    return f'<nav class="hm-tabs" aria-label="{texts.EDITORIAL}">{links}</nav>'


def request_body(
    tool: str,
    model_id: str,
    product_ids: list[str],
    prompt: str,
    ratio: str,
    n: int,
    purpose: str,
    channel: str,
    seed: str = "",
    campaign: str = "",
) -> Json:
    """The body of `POST /v1/generations`; what was left open is left out."""
    body: Json = {
        "tool": tool,
        "prompt": (prompt or "").strip() or None,
        "product_ids": list(product_ids or ()),
        "n": int(n or 1),
        "aspect_ratio": ratio,
        "purpose": purpose,
        "channel": channel,
    }
    if model_id:
        body["model_id"] = model_id
    if (seed or "").strip():
        body["seed"] = int(seed)
    if model_id and (campaign or "").strip():
        body["campaign"] = campaign.strip()
    return {name: value for name, value in body.items() if value is not None}
