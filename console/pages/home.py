"""Home: the tools, the workspace's models, the newest pictures."""

from __future__ import annotations

from typing import Any

import gradio as gr

from console import texts
from console.client import ApiProblem, Json
from console.frame import PLAIN, QUIET, Frame
from console.parts import capabilities as can
from console.parts import html, results
from console.parts.cards import GONE, model_card
from console.parts.pickers import ways_to_a_model

_PAGES = {
    "editorial": "editorial",
    "flatlay_to_catalog": "flatlay",
    "background_swap": "background-swap",
}
_NO_PICTURES = html.empty("No pictures yet", "They appear here.")


def build(frame: Frame, blocks: Any) -> None:
    """Draw the page; everything that belongs to the workspace comes with its load event."""
    frame.top("")
    gr.HTML(html.heading("What would you like to make?"), **PLAIN)
    notice = gr.HTML("", **PLAIN)
    first = gr.HTML("", elem_id="home-first", **PLAIN)
    tools = gr.HTML(tool_cards(frame, []), **PLAIN)
    models = gr.HTML(_section("Your models", ""), elem_id="home-models", **PLAIN)
    recent = gr.HTML(_section("Recent images", ""), elem_id="home-recent", **PLAIN)

    async def load(request: gr.Request) -> list[Any]:
        api = frame.api(request)
        try:
            able = await api.get("/v1/capabilities")
            listed = await api.items("/v1/models", limit=12)
            made = await api.items("/v1/generations", limit=12)
        except ApiProblem as found:
            return [html.problem(found), *[gr.skip()] * 4]
        told = can.pack_note(able)
        shown = [model for model in listed if model.get("status") not in GONE]
        return [
            html.note(told) if told else "",
            "" if shown or made else first_steps(frame, able),
            tool_cards(frame, can.tools(able)),
            models_section(frame, shown) if shown or made else "",
            recent_section(frame, made)
            if shown or made
            else _section("Recent images", _NO_PICTURES),
        ]

    blocks.load(load, None, [notice, first, tools, models, recent], **QUIET)


def first_steps(frame: Frame, able: Json) -> str:
    """What an empty workspace shows: one way in."""
    if able.get("custom_models") is False:
        return html.note(texts.PLAN_WITHOUT_MODELS)
    return (
        '<section class="hm-first"><h2>Start with a person</h2><ol>'
        "<li><b>Create a custom model</b> from two photos and the person's consent.</li>"
        "<li><b>Add a product</b>: one photo of a garment, laid flat.</li>"
        "<li><b>Press Generate</b>: your model in your product, in any scene.</li></ol>"
        f'<div class="hm-row"><a class="hm-button hm-primary" href="{frame.link("enrol")}">'
        f'{texts.ENROL}</a><span>or <a class="hm-link" href="{frame.link("scratch")}">'
        f"{texts.SCRATCH}</a>, if nobody real should be shown</span></div></section>"
    )


def tool_cards(frame: Frame, offered: list[str]) -> str:
    """One card for each tool; what the pack does not offer says so."""
    cards = []
    for tool, page in _PAGES.items():
        missing = offered and tool not in offered
        state = '<span class="hm-badge">Not offered yet</span>' if missing else ""
        cards.append(
            f'<a class="hm-tool" href="{frame.link(page)}"><strong>{texts.TOOLS[tool]}</strong>'
            f"<span>{texts.TOOL_SUMMARIES[tool]}</span>{state}</a>"
        )
    return f'<div class="hm-tools">{"".join(cards)}</div>'


def models_section(frame: Frame, models: list[Json]) -> str:
    """The workspace's models; each leads to Editorial Images with that model chosen."""
    if not models:
        body = html.empty(
            "No custom models yet",
            "Two photos and the person's consent are all it takes.",
            frame.link("enrol"),
            texts.ENROL,
        )
        return _section("Your models", body)
    cards = "".join(
        model_card(
            model,
            frame.link("editorial", model=str(model["id"]))
            if model.get("status") == "ready"
            else frame.link("models", model=str(model["id"])),
        )
        for model in models
    )
    return _section("Your models", f'<div class="hm-cards">{cards}</div>', ways_to_a_model(frame))


def recent_section(frame: Frame, generations: list[Json]) -> str:
    """The newest pictures of the workspace."""
    shown = results.thumbnails(generations, 12, frame.link("refine"))
    past = f'<a class="hm-button" href="{frame.link("refine")}">{texts.PAST}</a>'
    if not shown:
        body = html.empty(
            "No pictures yet", "Make the first one.", frame.link("editorial"), texts.CREATE_NEW
        )
        return _section("Recent images", body)
    return _section("Recent images", shown, past)


def _section(title: str, body: str, action: str = "") -> str:
    return (
        f'<section class="hm-section"><div class="hm-section-top"><h2>{html.text(title)}</h2>'
        f"{action}</div>{body}</section>"
    )
