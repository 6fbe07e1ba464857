"""Flatlay to Catalog: many product photos in, a list of shots, the pictures by product.

Photos go from the browser straight to the API (`assets/uploads.js`), each with a state of its own.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

from console import texts
from console.client import ApiProblem, Json
from console.frame import PLAIN, QUIET, Frame
from console.pages.editorial import campaign_field, request_body
from console.parts import capabilities as can
from console.parts import html
from console.parts.board import MOST, Shot, board
from console.parts.cards import card_list, chosen_in, ids_of, product_choices
from console.parts.pickers import model_picker
from console.parts.runner import REVEAL

SHOTS = {  # name of the shot -> words for it
    "Front": "full body, front view",
    "Three-quarter": "full body, three-quarter view",
    "Waist up": "half body, front view",
    "Close": "close-up",
    "Walking": "full body, walking",
}
FIRST_SHOT = "Front"
NO_SHOT = "Tick at least one shot, or write one of your own."
TOO_MANY = f"That is more than {MOST} pictures at once. Choose fewer products or fewer shots."
_STUDIO = "plain white studio"
_MAX_LINE = 200  # characters of a shot of one's own
_NO_PRODUCTS = html.empty(
    "No products yet", "Add photos of garments, each laid flat on a plain ground."
)
_DROP = """
<div class="hm-drop" data-hm-drop="products">
  <span class="hm-muted">Drop many photos here: one garment each, laid flat on a plain
    ground.</span>
  <label class="hm-button"><input class="hm-file" type="file" name="products" multiple
    accept="image/jpeg,image/png,image/webp,image/heic,.heic">
    <span>Add product photos</span></label>
</div>
<p class="hm-muted" data-hm-status role="status"></p>
<ul class="hm-uploads" data-hm-files aria-label="Photos that were added now"></ul>
"""


def build(frame: Frame, blocks: Any) -> None:
    """Draw the page and wire it."""
    frame.top("flatlay")
    gr.HTML(html.heading(texts.FLATLAY, texts.TOOL_SUMMARIES["flatlay_to_catalog"]), **PLAIN)
    told = gr.HTML("", **PLAIN)
    with gr.Row(equal_height=False, elem_classes=["hm-split"]):
        with gr.Column(scale=5, min_width=320, elem_classes=["hm-form"]):
            gr.HTML("<h2>Product photos</h2>", **PLAIN)
            upload = gr.HTML(
                _DROP,
                js_on_load="hm.bulk(element, trigger); // raises 'upload'",
                apply_default_css=False,
                elem_id="product-upload",
            )
            cards = card_list(elem_id="product-cards")
            gr.HTML("<h2>Shot list</h2>", **PLAIN)
            shots = gr.CheckboxGroup(
                list(SHOTS),
                value=[FIRST_SHOT],
                label="One picture of each product for every shot",
                elem_id="shots",
            )
            own = gr.Textbox(
                label="Shots of your own",
                placeholder="on a beach, sunset",
                info="One line for each shot.",
                lines=2,
                max_length=2000,
                elem_id="own-shots",
            )
            gr.HTML("<h2>Model image (optional)</h2>", **PLAIN)
            models = model_picker(frame)
            ratio = gr.Dropdown(["3:4"], value="3:4", label="Aspect ratio")
            with gr.Row():
                purpose = gr.Dropdown([], label="Purpose", min_width=180)
                channel = gr.Dropdown([], label="Channel", min_width=180)
            campaign = campaign_field()
            go = gr.Button(texts.GENERATE, variant="primary", size="lg", elem_id="generate")
        with gr.Column(scale=7, min_width=320):
            made = board(frame)
    asked, chosen, fresh = (gr.Textbox(visible=False) for _ in range(3))

    async def load(batch: str, request: gr.Request) -> list[Any]:
        api = frame.api(request)
        try:
            able = await api.get("/v1/capabilities")
            terms = await api.get("/v1/guidelines")
            people = await api.items("/v1/models", limit=100)
            goods = await api.items("/v1/products", limit=100)
        except ApiProblem as found:
            rest = [*models.outputs, *made.outputs]
            return [html.problem(found), *[gr.skip()] * (4 + len(rest))]
        note = can.pack_note(able)
        return [
            html.note(note) if note else "",
            gr.update(choices=can.ratios(able), value=can.default_ratio(able)),
            *can.vocabulary_updates(terms),
            product_choices(goods, [], several=True) or _NO_PRODUCTS,
            *models.drawn(people, ""),
            *await made.found(batch or "", _names(goods), api),
        ]

    async def added(new: str, before: str, request: gr.Request) -> list[Any]:
        try:
            goods = await frame.api(request).items("/v1/products", limit=100)
        except ApiProblem as found:
            return [before, html.problem(found)]
        kept = [each for each in [*ids_of(before), *ids_of(new)] if each in _names(goods)]
        return [",".join(kept), product_choices(goods, kept, several=True) or _NO_PRODUCTS]

    async def generate(
        model_id: str,
        picked: str,
        ticked: list[str],
        own_: str,
        aspect: str,
        purpose_: str,
        channel_: str,
        campaign_: str,
        request: gr.Request,
    ) -> Any:
        api, wanted = frame.api(request), shot_list(ticked, own_)
        product_ids = ids_of(picked)
        if not product_ids:
            return made.with_notice(texts.PRODUCT_MISSING)
        if not wanted:
            return made.with_notice(NO_SHOT)
        if len(product_ids) * len(wanted) > MOST:
            return made.with_notice(TOO_MANY)
        try:
            names = _names(await api.items("/v1/products", limit=100))
        except ApiProblem:
            names = {}
        rest = (aspect, purpose_, channel_, campaign_)
        return await made.start(
            [
                Shot(each, names.get(each, "Product"), name, body_of(model_id, each, words, *rest))
                for each in product_ids
                for name, words in wanted
            ],
            api,
        )

    blocks.load(
        load,
        asked,
        [told, ratio, purpose, channel, cards, *models.outputs, *made.outputs],
        js="() => hm.asked('batch')",
        **QUIET,
    )
    cards.select(None, None, chosen, js=chosen_in("product-cards"), **QUIET)
    upload.upload(
        added, [fresh, chosen], [chosen, cards], js="(_, chosen) => [hm.taken(), chosen]", **QUIET
    )
    go.click(
        generate,
        [models.state, chosen, shots, own, ratio, purpose, channel, campaign],
        made.outputs,
        **QUIET,
    ).then(None, None, None, js=REVEAL)


def shot_list(ticked: list[str], own: str) -> list[tuple[str, str]]:
    """Name and words of every shot: those that were ticked, then one's own, each once."""
    wanted = {name: SHOTS[name] for name in SHOTS if name in (ticked or ())}
    for line in (own or "").splitlines():
        words = line.strip()[:_MAX_LINE]
        if words:
            wanted.setdefault(words, words)
    return list(wanted.items())


def body_of(
    model_id: str,
    product_id: str,
    words: str,
    ratio: str,
    purpose: str,
    channel: str,
    campaign: str = "",
) -> Json:
    """One picture of one product; the shots on offer are taken in a studio."""
    subject = "$model wearing $product" if model_id else "$product, catalog"
    prompt = words if "$" in words else f"{subject}, {words}"
    if words in SHOTS.values():
        prompt = f"{prompt}, {_STUDIO}"
    return request_body(
        "flatlay_to_catalog",
        model_id,
        [product_id],
        prompt,
        ratio,
        1,
        purpose,
        channel,
        campaign=campaign if model_id else "",
    )


def _names(goods: list[Json]) -> dict[str, str]:
    return {str(product.get("id")): str(product.get("name") or "Product") for product in goods}
