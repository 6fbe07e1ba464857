"""Editorial Images: 'Create New image' on the left, what comes of it on the right."""

from __future__ import annotations

from typing import Any

import gradio as gr

from console import texts
from console.frame import PLAIN, QUIET, Frame
from console.parts import html
from console.parts.opening import opening
from console.parts.runner import REVEAL, runner
from console.parts.wishes import body, campaign_field, request_body, seed_is_wrong, wishes

__all__ = ["build", "campaign_field", "request_body", "tabs"]

_ASKED = """() => {
  let model = hm.asked('model');
  try { model = model || sessionStorage.getItem('hm.model') || ''; } catch (error) { /* none */ }
  return [model, hm.asked('generation')];
}"""

_KEEP_MODEL = """(id) => {
  try { sessionStorage[id ? 'setItem' : 'removeItem']('hm.model', id); }
  catch (error) { /* private mode */ }
}"""


def build(frame: Frame, blocks: Any) -> None:
    """Draw the page and wire it."""
    frame.top("editorial")
    gr.HTML(html.heading(texts.EDITORIAL, texts.TOOL_SUMMARIES["editorial"]), **PLAIN)
    gr.HTML(tabs(frame, "editorial"), **PLAIN)
    told = gr.HTML("", **PLAIN)
    with gr.Row(equal_height=False, elem_classes=["hm-split"]):
        with gr.Column(scale=5, min_width=320, elem_classes=["hm-form"]):
            wished = wishes(frame)
            go = gr.Button(texts.GENERATE, variant="primary", size="lg", elem_id="generate")
        with gr.Column(scale=7, min_width=320):
            run = runner(frame)

    asked_model, asked_generation = gr.Textbox(visible=False), gr.Textbox(visible=False)

    async def load(model_id: str, generation: str, request: gr.Request) -> list[Any]:
        api = frame.api(request)
        models, products = wished.models, wished.products
        return await opening(api, models, products, run, request, model_id or "", generation or "")

    async def generate(
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
        asked = (model_id, chosen, words, aspect, n, purpose, channel, seed, campaign)
        return await run.start([("", body("editorial", *asked))], request, api)

    fields = (wished.ratio, wished.purpose, wished.channel)
    pickers = (*wished.models.outputs, *wished.products.outputs)
    blocks.load(
        load,
        [asked_model, asked_generation],
        [told, *fields, *pickers, *run.outputs],
        js=_ASKED,
        **QUIET,
    ).then(None, wished.models.state, None, js=_KEEP_MODEL)
    wished.models.state.change(None, wished.models.state, None, js=_KEEP_MODEL, **QUIET)
    go.click(generate, wished.inputs, run.outputs, **QUIET).then(None, None, None, js=REVEAL)


def tabs(frame: Frame, current: str) -> str:
    """'Create New image' and 'View past generations', as links to two pages."""
    links = "".join(
        f'<a href="{frame.link(page)}"{" aria-current=page" if page == current else ""}>{name}</a>'
        for page, name in (("editorial", texts.CREATE_NEW), ("refine", texts.PAST))
    )
    return f'<nav class="hm-tabs" aria-label="{texts.EDITORIAL}">{links}</nav>'
