"""Compliance: what waits for an answer, which consents end soon, and whether the log is whole.

Each part is drawn only for whoever may see it: the service answers 403 for the others, and the part
stays away. Answers are given by the service's own routes; nothing is decided here.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

from console import texts
from console.client import Api, ApiProblem, Json
from console.frame import PLAIN, QUIET, Frame
from console.parts import audit_log, html, waiting
from console.parts.cards import card_list, chosen_in

_INTRO = "What waits for your answer, what ends soon, and the record of every decision."
_CHOSEN = chosen_in("waiting")


def build(frame: Frame, blocks: Any) -> None:
    """Draw the page and wire it."""
    frame.top("compliance")
    gr.HTML(html.heading(texts.COMPLIANCE, _INTRO), **PLAIN)
    notice = gr.HTML("", elem_id="compliance-notice", **PLAIN)
    gr.HTML(f"<h2>{texts.WAITING}</h2>", **PLAIN)
    cards = card_list(elem_id="waiting")
    with gr.Row(elem_classes=["hm-buttons"], visible=False) as answers:
        yes = gr.Button("Approve", variant="primary", elem_id="approve")
        no = gr.Button("Decline", variant="stop", elem_id="decline")
    ending = gr.HTML("", elem_id="ending", **PLAIN)
    with gr.Column(visible=False) as searching:
        gr.HTML(f"<h2>{texts.AUDIT}</h2>", **PLAIN)
        with gr.Row(equal_height=False, elem_classes=["hm-buttons", "hm-ends"]):
            words = gr.Textbox(label="Find in the log", max_length=64, elem_id="audit-words")
            find = gr.Button("Find", elem_id="audit-find")
    log = gr.HTML("", elem_id="audit-log", **PLAIN)
    picked = gr.Textbox(visible=False)
    outputs = [notice, cards, answers, ending, log, searching]

    async def show(request: gr.Request, told: str = "", find_: str = "") -> list[Any]:
        api = frame.api(request)
        try:
            asked = await waiting.listed(api)
            ends = await _ending(api)
            entries = await audit_log.drawn(api, find_)
        except ApiProblem as found:
            return [told + html.problem(found), *[gr.skip()] * 5]
        nothing = html.empty("Nothing waits", "Models, campaigns and images that need a yes.")
        return [
            told,
            waiting.drawn(asked) or nothing,
            gr.update(visible=bool(asked)),
            ends,
            entries,
            gr.update(visible=bool(entries)),
        ]

    async def load(request: gr.Request) -> list[Any]:
        return await show(request)

    async def search(find_: str, request: gr.Request) -> list[Any]:
        return await show(request, find_=find_ or "")

    async def approve(item: str, request: gr.Request) -> list[Any]:
        return await answer(item, "approve", request)

    async def decline(item: str, request: gr.Request) -> list[Any]:
        return await answer(item, "decline", request)

    async def answer(item: str, verb: str, request: gr.Request) -> list[Any]:
        path = waiting.path_of(item, verb)
        if not path:
            told = html.note("Choose what you answer first.", "warn", "alert")
            if item:
                told = html.note(
                    "A model is declined by revoking it, on its page.", "warn", "alert"
                )
            return await show(request, told)
        try:
            await frame.api(request).post(path, {})
        except ApiProblem as found:
            return await show(request, html.problem(found))
        said = "Approved." if verb == "approve" else "Declined. Pictures were destroyed."
        return await show(request, html.note(said, "good", "status"))

    blocks.load(load, None, outputs, **QUIET)
    yes.click(approve, picked, outputs, js=_CHOSEN, **QUIET)
    no.click(decline, picked, outputs, js=_CHOSEN, **QUIET)
    find.click(search, words, outputs, **QUIET)
    words.submit(search, words, outputs, **QUIET)


async def _ending(api: Api) -> str:
    """Consents by the day they end, the next one first."""
    try:
        models = await api.items("/v1/models", limit=100)
    except ApiProblem as found:
        if found.status == 403:
            return ""
        raise
    dated = sorted(
        (str(model["consent_expires_at"]), model)
        for model in models
        if model.get("consent_expires_at") and model.get("status") not in {"revoked", "erased"}
    )
    rows = "".join(_row(model, ends) for ends, model in dated[:20])
    if not rows:
        return ""
    return (
        f"<h2>{texts.ENDING}</h2><div class='hm-scroll' tabindex='0'><table class='hm-table'>"
        "<thead><tr><th>Model</th><th>State</th><th>Consent ends</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></div>"
    )


def _row(model: Json, ends: str) -> str:
    name = html.text(model.get("name") or texts.NAMELESS)
    link = f'<a class="hm-link" href="models?model={html.text(model.get("id"))}">{name}</a>'
    return (
        f"<tr><td>{link}</td><td>{html.badge(model.get('status'))}</td>"
        f"<td>{html.text(html.day(ends))}</td></tr>"
    )
