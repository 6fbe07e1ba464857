"""Compliance: what waits for an answer, which consents end soon, and whether the log is whole.

Each part is drawn only for whoever may see it: the service answers 403 for the others, and the part
stays away. Answers are given by the service's own routes; nothing is decided here.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import gradio as gr

from console import texts
from console.client import Api, ApiProblem, Json
from console.frame import PLAIN, QUIET, Frame
from console.pages.verify import ZONE
from console.parts import audit_log, forms, glass_log, html, waiting
from console.parts.cards import card_list, chosen_in

_INTRO = "What waits for your answer, what ends soon, and the record of every decision."
_CHOSEN = chosen_in("waiting")
_SOON = 30  # days
_RECORDS = (
    ("processing-record", "Record of processing (GDPR Art. 30)"),
    ("dpia", "Facts for the impact assessment (Art. 35)"),
)


def build(frame: Frame, blocks: Any) -> None:
    """Draw the page and wire it."""
    frame.top("compliance")
    gr.HTML(html.heading(texts.COMPLIANCE, _INTRO), **PLAIN)
    notice = gr.HTML("", elem_id="compliance-notice", **PLAIN)
    forms.said()
    fresh = forms.refresher()
    with gr.Column(visible=False) as asking:
        gr.HTML(f"<h2>{texts.WAITING}</h2>", **PLAIN)
        cards = card_list(elem_id="waiting")
        with gr.Row(elem_classes=["hm-buttons"], visible=False) as answers:
            yes = gr.Button("Approve", variant="primary", elem_id="approve")
            no = gr.Button("Decline", variant="stop", elem_id="decline")
    ending = gr.HTML("", elem_id="ending", **PLAIN)
    glass = gr.HTML("", elem_id="glass-log", **PLAIN)
    gr.HTML("<h2>Verify an image</h2>", **PLAIN)
    gr.HTML(
        ZONE, js_on_load="hm.verify(element);", apply_default_css=False, elem_id="verify-picture"
    )
    with gr.Column(visible=False) as searching:
        gr.HTML(f"<h2>{texts.AUDIT}</h2>", **PLAIN)
        whole = gr.HTML("", elem_id="audit-state", **PLAIN)
        with gr.Row(equal_height=False, elem_classes=["hm-buttons", "hm-ends"]):
            words = gr.Textbox(label="Find in the log", max_length=64, elem_id="audit-words")
            find = gr.Button("Find", elem_id="audit-find")
            older = gr.Button("Older entries", elem_id="audit-older", visible=False)
    log = gr.HTML("", elem_id="audit-log", **PLAIN)
    records = gr.HTML("", **PLAIN)
    picked = gr.Textbox(visible=False)
    next_page = gr.Textbox(visible=False)
    outputs = [notice, asking, cards, answers, ending, glass, records]
    logged = [log, next_page, older]

    async def show(request: gr.Request, told: str = "") -> list[Any]:
        api = frame.api(request)
        try:
            scopes = await _scopes(api)
            asked = await waiting.listed(api) if "consents:write" in scopes else []
            ends = await _ending(api)
            looked = await glass_log.drawn(api, scopes, await _names(api))
        except ApiProblem as found:
            return [told + html.problem(found), *[gr.skip()] * (len(outputs) - 1)]
        nothing = html.empty(
            "Nothing waits", "Models, campaigns, images and new accounts that need a yes."
        )
        return [
            told,
            gr.update(visible="consents:write" in scopes),
            waiting.drawn(asked) or nothing,
            gr.update(visible=bool(asked)),
            ends,
            looked,
            _records() if {"consents:write", "audit:read"} & scopes else "",
        ]

    async def load(request: gr.Request) -> list[Any]:
        return await show(request)

    async def opened(request: gr.Request) -> list[Any]:
        """The log and its state, beside the rest: checking a long log takes a moment."""
        shown = await search("", request)
        try:
            told = await audit_log.state(frame.api(request))
        except ApiProblem as found:
            told = html.problem(found)
        return [told, gr.update(visible=bool(told)), *shown]

    async def search(find_: str, request: gr.Request) -> list[Any]:
        return await page_of(find_, "", request)

    async def page_of(find_: str, cursor: str, request: gr.Request) -> list[Any]:
        api = frame.api(request)
        try:
            entries, following = await audit_log.drawn(api, find_ or "", cursor, await _names(api))
        except ApiProblem as found:
            return [html.problem(found), "", gr.update(visible=False)]
        return [entries, following, gr.update(visible=bool(following))]

    async def approve(item: str, request: gr.Request) -> list[Any]:
        return await answer(item, "approve", request)

    async def decline(item: str, request: gr.Request) -> list[Any]:
        return await answer(item, "decline", request)

    async def answer(item: str, verb: str, request: gr.Request) -> list[Any]:
        path = waiting.path_of(item, verb)
        if not path:
            told = waiting.why_not(item) if item else waiting.CHOOSE
            return await show(request, html.note(told, "warn", "alert"))
        try:
            await frame.api(request).post(path, waiting.body_of(item))
        except ApiProblem as found:
            return await show(request, html.problem(found))
        said = "Approved." if verb == "approve" else "Declined. Pictures were destroyed."
        return await show(request, html.note(said, "good", "status"))

    blocks.load(load, None, outputs, **QUIET)
    blocks.load(opened, None, [whole, searching, *logged], **QUIET)
    fresh.click(load, None, outputs, **QUIET)
    yes.click(approve, picked, outputs, js=_CHOSEN, **QUIET)
    no.click(decline, picked, outputs, js=_CHOSEN, **QUIET)
    find.click(search, words, logged, **QUIET)
    words.submit(search, words, logged, **QUIET)
    older.click(page_of, [words, next_page], logged, **QUIET)


def _records() -> str:
    links = "".join(
        f'<a class="hm-button" href="/v1/exports/{path}?format=markdown" '
        f'download="{path}.md">{words}</a>'
        for path, words in _RECORDS
    )
    return (
        '<section class="hm-part" id="records"><h2>Records to download</h2>'
        f'<p class="hm-row">{links}</p></section>'
    )


async def _scopes(api: Api) -> frozenset[str]:
    account = await api.get("/v1/account")
    return frozenset(str(scope) for scope in account.get("scopes") or ())


async def _names(api: Api) -> dict[str, str]:
    """Person id -> name, for whoever may know them."""
    try:
        listed = await api.items("/v1/admin/people")
    except ApiProblem as found:
        if found.status == 403:
            return {}
        raise
    return {str(one.get("id")): str(one.get("name")) for one in listed}


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
    today = datetime.now(UTC)
    rows = "".join(_row(model, ends, today) for ends, model in dated[:20])
    if not rows:
        return ""
    return (
        f"<h2>{texts.ENDING}</h2><div class='hm-scroll' tabindex='0' role='region' "
        f"aria-label='{texts.ENDING}'><table class='hm-table'><thead><tr><th scope='col'>Model</th>"
        "<th scope='col'>State</th><th scope='col'>Consent ends</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></div>"
    )


def _row(model: Json, ends: str, today: datetime) -> str:
    name = html.text(model.get("name") or texts.NAMELESS)
    link = f'<a class="hm-link" href="models?model={html.text(model.get("id"))}">{name}</a>'
    return (
        f"<tr><td>{link}</td><td>{html.badge(model.get('status'))}</td>"
        f"<td>{html.text(html.day(ends))} {_soon(ends, today)}</td></tr>"
    )


def _soon(ends: str, today: datetime) -> str:
    """A mark for what ends soon or has ended; nothing for the rest."""
    try:
        days = (datetime.fromisoformat(ends.replace("Z", "+00:00")) - today).days
    except ValueError:
        return ""
    if days < 0:
        return '<span class="hm-badge hm-is-expired">Ended: renew it</span>'
    if days > _SOON:
        return ""
    left = "today" if days == 0 else f"in {days} day{'' if days == 1 else 's'}"
    return f'<span class="hm-badge hm-is-running">Ends {left}</span>'
