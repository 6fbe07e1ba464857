"""What a picture is asked for with: model, products, prompt, ratio, seed, number, purpose, channel.

'Create New image' and 'Refine Image' share it; a page reads it with `inputs` and `body`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from console import texts
from console.client import Json
from console.frame import PLAIN, Frame
from console.parts import capabilities as can
from console.parts.cards import ids_of
from console.parts.pickers import ModelPicker, ProductPicker, model_picker, product_picker

MAX_SEED = 2**32 - 1
_CHIPS = '<div class="hm-prompt" data-hm-prompt></div>'  # the browser fills it: assets/prompt.js


@dataclass(frozen=True, slots=True)
class Wishes:
    """The left side of a drawing tool."""

    models: ModelPicker
    products: ProductPicker
    prompt: Any
    ratio: Any
    seed: Any
    count: Any
    purpose: Any
    channel: Any
    campaign: Any
    model_part: Any  # what is hidden where a tool takes no custom model

    @property
    def inputs(self) -> list[Any]:
        """What an event takes, in the order of `body`."""
        fields = (self.prompt, self.ratio, self.count, self.purpose, self.channel, self.seed)
        return [self.models.state, self.products.state, *fields, self.campaign]

    @property
    def fields(self) -> list[Any]:
        """What `filled` fills, in order."""
        named = (self.prompt, self.seed, self.count, self.campaign)
        return [*named, self.ratio, self.purpose, self.channel, self.model_part]

    def filled(self, generation: Json, able: Json, terms: Json) -> list[Any]:
        """Values for `fields` as an earlier generation had them.

        Args:
            generation: As the service shows it.
            able: `GET /v1/capabilities`.
            terms: `GET /v1/guidelines`.
        """
        return [
            str(generation.get("prompt") or ""),
            str(generation.get("seed") if generation.get("seed") is not None else ""),
            int(generation.get("n") or 1),
            str(generation.get("campaign") or ""),
            gr.update(choices=can.ratios(able), value=generation.get("aspect_ratio")),
            gr.update(choices=can.options(terms, "purposes"), value=generation.get("purpose")),
            gr.update(choices=can.options(terms, "channels"), value=generation.get("channel")),
            gr.update(visible=generation.get("tool") != "background_swap"),
        ]


def wishes(frame: Frame) -> Wishes:
    """Draw the form."""
    with gr.Column(elem_classes=["hm-form"]) as model_part:
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
    gr.HTML(_CHIPS, **PLAIN)
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
    chosen = (models, products, prompt, ratio, seed, count, purpose, channel, campaign)
    return Wishes(*chosen, model_part)


def campaign_field() -> Any:
    """Where the consent asks for approval of each campaign, one that is approved is named."""
    return gr.Textbox(
        label="Campaign (only where the person approves campaigns)",
        placeholder="Its name",
        max_length=64,
        elem_id="campaign",
    )


def seed_is_wrong(seed: str) -> bool:
    """Whether what stands in the seed's field is neither empty nor a seed."""
    found = (seed or "").strip()
    return bool(found) and not (found.isascii() and found.isdecimal() and int(found) <= MAX_SEED)


def body(
    tool: str,
    model_id: str,
    chosen: str,
    prompt: str,
    ratio: str,
    n: int,
    purpose: str,
    channel: str,
    seed: str,
    campaign: str,
) -> Json:
    """The request for what `Wishes.inputs` brought."""
    picked = ids_of(chosen)
    return request_body(tool, model_id, picked, prompt, ratio, n, purpose, channel, seed, campaign)


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
