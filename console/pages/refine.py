"""Refine Image: past generations, and from there to the consistent model.

A first part: the list, 'Select consistent model', and the way to each past generation.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

from console import texts
from console.client import ApiProblem, Json
from console.frame import Frame
from console.pages.editorial import tabs
from console.parts import html, results
from console.parts.cards import card_list, model_choices, picked

_USE = "(id) => { if (id) location.assign(hm.page('editorial', 'model', id)); }"
_PAGES = {"flatlay_to_catalog": "flatlay"}


def build(frame: Frame, blocks: Any) -> None:
    """Draw the page and wire it."""
    plain = {"js_on_load": None, "apply_default_css": False}
    frame.top("editorial")
    gr.HTML(html.heading(texts.REFINE, "Everything this workspace made, newest first."), **plain)
    gr.HTML(tabs(frame, "refine"), **plain)
    button = gr.Button(texts.SELECT_MODEL, size="md", elem_id="select-model")
    with gr.Column(visible=False, elem_classes=["hm-panel"]) as panel:
        cards = card_list(elem_id="model-cards")
        gr.HTML(f'<a class="hm-button" href="{frame.link("enrol")}">{texts.ENROL}</a>', **plain)
    listed = gr.HTML("", elem_id="past", **plain)
    chosen = gr.Textbox(visible=False)

    async def load(request: gr.Request) -> str:
        try:
            found = await frame.api(request).items("/v1/generations", limit=40)
        except ApiProblem as problem:
            return html.problem(problem)
        return past(frame, found)

    async def open_picker(request: gr.Request) -> list[Any]:
        try:
            models = await frame.api(request).items("/v1/models", limit=100)
        except ApiProblem as problem:
            return [html.problem(problem), gr.update(visible=True)]
        ready = [model for model in models if model.get("status") == "ready"]
        drawn = model_choices(ready, "") or html.empty(
            "No custom model is ready", "Enrol a person with two photos and their consent."
        )
        return [drawn, gr.update(visible=True)]

    def choose(event: gr.EventData) -> str:
        return (picked(event) or [""])[0]

    quiet = {"show_progress": "hidden", "api_visibility": "private"}
    blocks.load(load, None, listed, **quiet)
    button.click(open_picker, None, [cards, panel], **quiet)
    cards.select(choose, None, chosen, **quiet).then(None, chosen, None, js=_USE)


def past(frame: Frame, generations: list[Json]) -> str:
    """The list of past generations; each opens where it was made."""
    rows = "".join(
        results.summary(
            each,
            frame.link(
                _PAGES.get(str(each.get("tool")), "editorial"), generation=str(each.get("id"))
            ),
        )
        for each in generations
    )
    return (
        f'<div class="hm-list">{rows}</div>'
        if rows
        else html.empty(
            "No pictures yet", "Make the first one.", frame.link("editorial"), texts.CREATE_NEW
        )
    )
