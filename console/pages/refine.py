"""Refine Image: past generations, and from there to the consistent model.

A first part: the list, 'Select consistent model', and the way to each past generation.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

from console import texts
from console.client import ApiProblem, Json
from console.frame import PLAIN, QUIET, Frame
from console.pages.editorial import tabs
from console.parts import html, results
from console.parts.cards import model_card

_PAGES = {"flatlay_to_catalog": "flatlay"}


def build(frame: Frame, blocks: Any) -> None:
    """Draw the page and wire it."""
    frame.top("editorial")
    gr.HTML(html.heading(texts.REFINE, "Everything this workspace made, newest first."), **PLAIN)
    gr.HTML(tabs(frame, "refine"), **PLAIN)
    with gr.Row(elem_classes=["hm-buttons"]):
        button = gr.Button(texts.SELECT_MODEL, elem_id="select-model")
    with gr.Column(visible=False, elem_classes=["hm-panel"]) as panel:
        cards = gr.HTML("", elem_id="model-cards", **PLAIN)
        gr.HTML(f'<a class="hm-button" href="{frame.link("enrol")}">{texts.ENROL}</a>', **PLAIN)
    listed = gr.HTML("", elem_id="past", **PLAIN)

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
        return [picker(frame, ready), gr.update(visible=True)]

    blocks.load(load, None, listed, **QUIET)
    button.click(open_picker, None, [cards, panel], **QUIET)


def picker(frame: Frame, ready: list[Json]) -> str:
    """Every model that can be used; each leads to 'Create New image' with that model chosen."""
    cards = "".join(
        model_card(each, frame.link("editorial", model=str(each["id"]))) for each in ready
    )
    return f'<div class="hm-cards">{cards}</div>' if cards else html.empty(*texts.NOBODY_READY)


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
