"""Model Background Swap: says what it is, why custom models are closed here, and what to do."""

from __future__ import annotations

from typing import Any

import gradio as gr

from console import texts
from console.client import ApiProblem
from console.frame import PLAIN, Frame
from console.parts import capabilities as can
from console.parts import html


def build(frame: Frame, blocks: Any) -> None:
    """Draw the page; whether the tool is offered comes from the service."""
    frame.top("background-swap")
    gr.HTML(html.heading(texts.SWAP, texts.TOOL_SUMMARIES["background_swap"]), **PLAIN)
    gr.HTML(html.note(texts.SWAP_RULE, "warn"), elem_id="swap-rule", **PLAIN)
    state = gr.HTML("", elem_id="swap-state", **PLAIN)

    async def load(request: gr.Request) -> str:
        try:
            able = await frame.api(request).get("/v1/capabilities")
        except ApiProblem as found:
            return html.problem(found)
        if "background_swap" in can.tools(able):
            return html.note("This tool is offered through the API; its page is being made.")
        return html.empty(
            "Not offered yet", texts.SWAP_NOT_OFFERED, frame.link("editorial"), texts.EDITORIAL
        )

    blocks.load(load, None, state, show_progress="hidden", api_visibility="private")
