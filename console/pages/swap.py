"""Model Background Swap: a photo of your own, and words for the place behind it.

The photo goes from the browser straight to the API (`assets/uploads.js`), with its boxes ticked.
The picker for custom models is closed here and says why; the service refuses them anyway.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

from console import texts
from console.client import ApiProblem, Json
from console.frame import PLAIN, QUIET, Frame
from console.parts import capabilities as can
from console.parts import html
from console.parts.runner import REVEAL, jobs_of, runner
from console.parts.wishes import seed_is_wrong

NO_PHOTO = "Choose a photo first, tick its boxes and press 'Use this photo'."
NO_WORDS = "Say what the new background is, for example: a sandy beach in warm light."
CLOSED = (
    '<div class="hm-closed" id="swap-rule"><div><strong>Model image: closed here</strong>'
    f"<span>{html.text(texts.SWAP_RULE)}</span></div></div>"
)
_OWN = """
<div class="hm-own">
  <div data-hm-own="choose" class="hm-own">
    <div class="hm-drop" data-hm-drop="own">
      <img data-hm-own="preview" alt="The photo you chose" hidden>
      <span data-hm-own="empty" class="hm-muted">One person or one thing, before a background as
        plain as you have.</span>
      <label class="hm-button"><input class="hm-file" type="file" name="own-photo"
        accept="image/jpeg,image/png,image/webp,image/heic,.heic">
        <span>Choose a photo</span></label>
      <small data-hm-own="name" class="hm-muted"></small>
    </div>
    <div data-hm-own="boxes" class="hm-own-boxes" role="group" aria-label="Before you use it"></div>
    <small data-hm-own="hours" class="hm-muted"></small>
    <button type="button" class="hm-button" data-hm-own="use" disabled>Use this photo</button>
  </div>
  <div data-hm-own="kept" class="hm-own" hidden>
    <div class="hm-own-figure"><img data-hm-own="figure" alt=""></div>
    <p data-hm-own="told" class="hm-note"></p>
    <small data-hm-own="until" class="hm-muted"></small>
    <span class="hm-row">
      <button type="button" class="hm-button" data-hm-own="other">Use another photo</button>
      <button type="button" class="hm-button" data-hm-own="remove">Remove this photo</button>
    </span>
  </div>
  <p data-hm-own="said" class="hm-muted" role="status"></p>
</div>
"""


def build(frame: Frame, blocks: Any) -> None:
    """Draw the page; whether the tool is offered comes from the service."""
    frame.top("background-swap")
    gr.HTML(html.heading(texts.SWAP, texts.TOOL_SUMMARIES["background_swap"]), **PLAIN)
    told = gr.HTML("", elem_id="swap-state", **PLAIN)
    with gr.Row(equal_height=False, elem_classes=["hm-split"]):
        with gr.Column(scale=5, min_width=320, elem_classes=["hm-form"]):
            gr.HTML("<h2>Your photo</h2>", **PLAIN)
            gr.HTML(
                _OWN,
                js_on_load="hm.ownPhoto(element, trigger); // raises 'change'",
                apply_default_css=False,
                elem_id="own-photo",
            )
            gr.HTML(CLOSED, **PLAIN)
            prompt = gr.Textbox(
                label="New background",
                placeholder="A sandy beach in warm light",
                info="The place only: whoever is in your photo stays as they are.",
                lines=2,
                max_length=2000,
                elem_id="prompt",
            )
            with gr.Row():
                count = gr.Radio([1, 2, 3, 4], value=1, label="Number of images", elem_id="count")
                seed = gr.Textbox(
                    label="Seed", placeholder="Any", max_length=10, min_width=140, elem_id="seed"
                )
            with gr.Row():
                purpose = gr.Dropdown([], label="Purpose", min_width=180)
                channel = gr.Dropdown([], label="Channel", min_width=180)
            go = gr.Button(texts.GENERATE, variant="primary", size="lg", elem_id="generate")
        with gr.Column(scale=7, min_width=320):
            run = runner(frame)
    asked, picture = gr.Textbox(visible=False), gr.Textbox(visible=False)

    async def load(generation: str, request: gr.Request) -> list[Any]:
        api = frame.api(request)
        try:
            able = await api.get("/v1/capabilities")
            terms = await api.get("/v1/guidelines")
        except ApiProblem as found:
            return [html.problem(found), *[gr.skip()] * (3 + len(run.outputs))]
        offered = "background_swap" in can.tools(able)
        note = "" if offered else html.note(texts.SWAP_NOT_OFFERED, "warn")
        return [
            note,
            gr.update(interactive=offered),
            *can.vocabulary_updates(terms),
            *await run.follow(jobs_of(generation or ""), request, api),
        ]

    async def generate(
        picture_id: str,
        words: str,
        n: int,
        seed_: str,
        purpose_: str,
        channel_: str,
        request: gr.Request,
    ) -> Any:
        api = frame.api(request)
        missing = _missing(picture_id, words, seed_)
        if missing:
            return run.with_notice(await run.follow([], request, api), missing)
        body = body_of(picture_id, words, n, seed_, purpose_, channel_)
        return await run.start([("", body)], request, api)

    blocks.load(
        load,
        asked,
        [told, go, purpose, channel, *run.outputs],
        js="() => hm.asked('generation')",
        **QUIET,
    )
    go.click(
        generate,
        [picture, prompt, count, seed, purpose, channel],
        run.outputs,
        js="(_, ...rest) => [hm.ownPicture(), ...rest]",
        **QUIET,
    ).then(None, None, None, js=REVEAL)


def _missing(picture_id: str, words: str, seed: str) -> str:
    """What stands in the way of a picture, in plain words; empty when nothing does."""
    if not picture_id:
        return NO_PHOTO
    if not (words or "").strip():
        return NO_WORDS
    return texts.SEED_WRONG if seed_is_wrong(seed) else ""


def body_of(picture_id: str, words: str, n: int, seed: str, purpose: str, channel: str) -> Json:
    """The body of `POST /v1/generations`; what was left open is left out."""
    body: Json = {
        "tool": "background_swap",
        "picture_id": picture_id,
        "prompt": words.strip(),
        "n": int(n or 1),
        "purpose": purpose,
        "channel": channel,
    }
    if (seed or "").strip():
        body["seed"] = int(seed)
    return body
