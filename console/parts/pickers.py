"""Choosing the model and the products of the next picture; both tools share it.

The chosen ids are in hidden text fields (the browser fills them); what is drawn follows them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from console import texts
from console.client import ApiProblem, Json
from console.frame import PLAIN, QUIET, Frame
from console.parts import html
from console.parts.cards import (
    LOOKING,
    card_list,
    chosen_in,
    chosen_model,
    ids_of,
    model_choices,
    product_choices,
)

_UPLOAD = """
<div class="hm-drop hm-drop-line" data-hm-drop="products">
  <label class="hm-button"><input class="hm-file" type="file" name="products" multiple
    accept="image/jpeg,image/png,image/webp,image/heic,.heic">
    <span>Add product photos</span></label>
  <span class="hm-muted">or drop them here</span>
</div>
<p class="hm-muted" data-hm-status role="status"></p>
"""

_ADDED = "(_, chosen) => [hm.added(), chosen]"


@dataclass(frozen=True, slots=True)
class ModelPicker:
    """The chosen model's card, the button that opens the picker, and the picker."""

    state: Any
    shown: Any
    cards: Any
    clear: Any

    def drawn(self, models: list[Json], model_id: str) -> list[Any]:
        """Values for `outputs`: the model if it can be used, else none and why."""
        asked = next((each for each in models if each.get("id") == model_id), None)
        usable = asked if asked and asked.get("status") == "ready" else None
        listed = model_choices(models, model_id) or html.empty(*texts.NOBODY_READY)
        shown = chosen_model(usable)
        if model_id and usable is None:
            shown = html.note(closed(asked), "warn", "alert") + shown
        return [model_id if usable else "", shown, listed, gr.update(visible=bool(usable))]

    @property
    def outputs(self) -> list[Any]:
        """What `drawn` fills, in order."""
        return [self.state, self.shown, self.cards, self.clear]


def closed(model: Json | None) -> str:
    """Why the model that was asked for can't be used."""
    if model is None:
        return "The model that you chose is not there any more. Choose another one."
    state = texts.words(texts.STATUS, model.get("status"))
    name = model.get("name") or texts.NAMELESS
    return f"{name} can't be used now ({state.lower()}). Choose another model."


def model_picker(frame: Frame) -> ModelPicker:
    """Draw the model part of a form and wire it."""
    state = gr.Textbox(visible=False)
    shown = gr.HTML(LOOKING, **PLAIN)
    with gr.Row(elem_classes=["hm-buttons"]):
        button = gr.Button(texts.SELECT_MODEL, size="md", elem_id="select-model")
        clear = gr.Button("Without a model", size="md", visible=False)
    with gr.Column(visible=False, elem_classes=["hm-panel"]) as panel:
        cards = card_list(elem_id="model-cards")
        gr.HTML(ways_to_a_model(frame), **PLAIN)
    opened = gr.State(False)
    picker = ModelPicker(state, shown, cards, clear)

    async def redraw(model_id: str, request: gr.Request) -> list[Any]:
        try:
            models = await frame.api(request).items("/v1/models", limit=100)
        except ApiProblem as found:
            return ["", html.problem(found), "", gr.update(visible=False)]
        return picker.drawn(models, model_id)

    async def toggle(is_open: bool, model_id: str, request: gr.Request) -> list[Any]:
        drawn = await redraw(model_id, request) if not is_open else [gr.skip()] * 4
        return [*drawn, not is_open, gr.update(visible=not is_open)]

    async def choose(model_id: str, request: gr.Request) -> list[Any]:
        drawn = await redraw(model_id, request)
        return [*drawn, False, gr.update(visible=False)]

    async def without(request: gr.Request) -> list[Any]:
        return await redraw("", request)

    button.click(toggle, [opened, state], [*picker.outputs, opened, panel], **QUIET)
    cards.select(
        choose,
        state,
        [*picker.outputs, opened, panel],
        js=chosen_in("model-cards"),
        trigger_mode="always_last",
        **QUIET,
    )
    clear.click(without, None, picker.outputs, **QUIET)
    return picker


def ways_to_a_model(frame: Frame) -> str:
    """'Create custom model' and 'Create from scratch', at the foot of every picker."""
    ways = (("enrol", texts.ENROL), ("scratch", texts.SCRATCH))
    links = "".join(f'<a class="hm-button" href="{frame.link(p)}">{name}</a>' for p, name in ways)
    return f'<div class="hm-row">{links}</div>'


@dataclass(frozen=True, slots=True)
class ProductPicker:
    """The workspace's products as cards, and the control that adds more."""

    state: Any
    cards: Any
    several: bool

    def drawn(self, products: list[Json], chosen: list[str]) -> list[Any]:
        """Values for `outputs`."""
        known = [str(product.get("id")) for product in products]
        kept = [each for each in chosen if each in known]
        listed = product_choices(products, kept, self.several) or html.empty(
            "No products yet", "Add a photo of a garment, laid flat on a plain ground."
        )
        return [",".join(kept), listed]

    @property
    def outputs(self) -> list[Any]:
        """What `drawn` fills, in order."""
        return [self.state, self.cards]


def product_picker(frame: Frame, several: bool) -> ProductPicker:
    """Draw the product part of a form and wire it."""
    state = gr.Textbox(visible=False)
    cards = card_list(elem_id="product-cards")
    upload = gr.HTML(
        _UPLOAD,
        js_on_load="hm.products(element, trigger); // raises 'upload'",
        apply_default_css=False,
        elem_id="product-upload",
    )
    fresh = gr.Textbox(visible=False)
    picker = ProductPicker(state, cards, several)

    async def added(new: str, chosen: str, request: gr.Request) -> list[Any]:
        try:
            products = await frame.api(request).items("/v1/products", limit=100)
        except ApiProblem as found:
            return [chosen, html.problem(found)]
        if several:
            return picker.drawn(products, [*ids_of(chosen), *ids_of(new)])
        return picker.drawn(products, ids_of(new)[-1:])

    cards.select(None, None, state, js=chosen_in("product-cards"), **QUIET)
    upload.upload(added, [fresh, state], picker.outputs, js=_ADDED, **QUIET)
    return picker
