"""Models: who is enrolled, on which consent, and the two things to do here: rename and revoke."""

from __future__ import annotations

from typing import Any

import gradio as gr

from console import texts
from console.client import ApiProblem, Json
from console.frame import PLAIN, QUIET, Frame
from console.parts import capabilities as can
from console.parts import html
from console.parts.cards import card_list, chosen_in, model_choices

# In the browser, as quick as typing: the button opens with the last letter of the name.
_CONFIRMED = """(given, right) => ({ __type__: 'update', interactive: Boolean(right)
  && (given || '').trim().toLowerCase() === right.trim().toLowerCase() })"""
_INTRO = "Everyone who is enrolled in this workspace, and what they agreed to."
_EFFECT = (
    "Revoking stops this model everywhere: waiting work is cancelled, and the photos, the face "
    "data and the name are destroyed for good. Pictures that were published stay where they are. "
    "Type the model's name to confirm."
)


_OWN_PAGE = (
    "A page without an account, where the person reads what they agreed to, sees every use, "
    "answers what waits for them, and can pause or withdraw. Whoever has the link can decide: send "
    "it to the person only. It opens for 30 days."
)


def build(frame: Frame, blocks: Any) -> None:
    """Draw the page and wire it."""
    frame.top("models")
    gr.HTML(html.heading(texts.MODELS, _INTRO), **PLAIN)
    notice = gr.HTML("", elem_id="models-notice", **PLAIN)
    with gr.Row(equal_height=False, elem_classes=["hm-split"]):
        with gr.Column(scale=5, min_width=300):
            cards = card_list(elem_id="models-list")
            gr.HTML(f'<a class="hm-button" href="{frame.link("enrol")}">{texts.ENROL}</a>', **PLAIN)
        with gr.Column(scale=7, min_width=300):
            shown = gr.HTML("", elem_id="model-detail", **PLAIN)
            with gr.Column(visible=False, elem_classes=["hm-panel"]) as actions:
                with gr.Row(equal_height=False):
                    name = gr.Textbox(label="Name", max_length=80, elem_id="model-name", scale=4)
                    rename = gr.Button("Rename", size="md", scale=1, min_width=110)
                gr.HTML(f"<h2>Revoke</h2><p class='hm-muted'>{html.text(_EFFECT)}</p>", **PLAIN)
                typed = gr.Textbox(label="Name of the model", elem_id="revoke-name")
                reason = gr.Textbox(
                    label="Reason", value="The person withdrew", elem_id="revoke-reason"
                )
                revoke = gr.Button(
                    "Revoke this model", variant="stop", interactive=False, elem_id="revoke"
                )
                gr.HTML(f"<h2>{texts.OWN_PAGE}</h2><p class='hm-muted'>{_OWN_PAGE}</p>", **PLAIN)
                invite = gr.Button("Make a link", size="md", elem_id="talent-link")
    chosen = gr.Textbox(visible=False)
    called = gr.Textbox(visible=False)
    outputs = [notice, cards, shown, actions, name, chosen, called, typed]

    async def show(model_id: str, request: gr.Request, told: str = "") -> list[Any]:
        api = frame.api(request)
        try:
            listed = await api.items("/v1/models", limit=100)
            known = [str(model.get("id")) for model in listed]
            wanted = model_id if model_id in known else (known[0] if known else "")
            model = await api.get(f"/v1/models/{wanted}") if wanted else {}
            consents = await api.items(f"/v1/models/{wanted}/consents") if wanted else []
            words = can.labels(await api.get("/v1/guidelines"), "purposes")
        except ApiProblem as found:
            return [told + html.problem(found), *[gr.skip()] * 7]
        return [
            told,
            model_choices(listed, wanted) or _nobody(frame),
            detail(model, consents, words) if model else "",
            gr.update(visible=bool(model) and model.get("status") not in {"revoked", "erased"}),
            str(model.get("name") or ""),
            wanted,
            str(model.get("name") or texts.NAMELESS) if model else "",
            "",
        ]

    async def load(model_id: str, request: gr.Request) -> list[Any]:
        return await show(model_id or "", request)

    async def give_name(model_id: str, new: str, request: gr.Request) -> list[Any]:
        told = html.note("The new name is saved.", "good", "status")
        try:
            await frame.api(request).call("PATCH", f"/v1/models/{model_id}", json={"name": new})
        except ApiProblem as found:
            told = html.problem(found)
        return await show(model_id, request, told)

    async def withdraw(
        model_id: str, right: str, given: str, why: str, request: gr.Request
    ) -> list[Any]:
        if not _same(right, given):
            return await show(model_id, request, html.note("The name does not match.", "warn"))
        told = _proof(model_id)
        try:
            await frame.api(request).post(f"/v1/models/{model_id}/revoke", {"reason": why})
        except ApiProblem as found:
            told = html.problem(found)
        return await show(model_id, request, told)

    async def link(model_id: str, request: gr.Request) -> list[Any]:
        try:
            made = await frame.api(request).post(f"/v1/models/{model_id}/talent-links", {})
        except ApiProblem as found:
            return await show(model_id, request, html.problem(found))
        return await show(model_id, request, _link(made))

    blocks.load(load, chosen, outputs, js="() => hm.asked('model')", **QUIET)
    cards.select(load, chosen, outputs, js=chosen_in("models-list"), **QUIET)
    rename.click(give_name, [chosen, name], outputs, **QUIET)
    typed.input(None, [typed, called], revoke, js=_CONFIRMED, **QUIET)
    invite.click(link, chosen, outputs, **QUIET)
    revoke.click(withdraw, [chosen, called, typed, reason], outputs, **QUIET).then(
        lambda: gr.update(interactive=False), None, revoke, **QUIET
    )


def detail(model: Json, consents: list[Json], purposes: dict[str, str]) -> str:
    """One model: its photos, its state, its consents with their dates."""
    model_id = html.text(model.get("id"))
    photos = "".join(
        f'<figure><img src="/v1/models/{model_id}/photos/{kind}" alt="{words}" data-hm-optional>'
        f"<figcaption>{words}</figcaption></figure>"
        for kind, words in texts.PHOTOS.items()
        if kind != "both" and model.get("status") in {"ready", "suspended", "expired"}
    )
    agreed = "".join(_consent(consent, purposes) for consent in consents)
    listed = f"<h3>Consents</h3><div class='hm-list'>{agreed}</div>" if agreed else ""
    return (
        f"<h2>{html.text(model.get('name') or texts.NAMELESS)}</h2>"
        f'<p class="hm-row">{html.badge(model.get("status"))}'
        f'<span class="hm-muted">{html.text(texts.words(dict(_genders()), model.get("gender")))}'
        f'</span></p><div class="hm-photos">{photos}</div>'
        f"{html.check_list(model.get('checks') or ())}{listed}"
    )


def _consent(consent: Json, words: dict[str, str]) -> str:
    """One version: when it holds, and for what."""
    given = consent.get("terms")
    terms: Json = given if isinstance(given, dict) else {}
    purposes = ", ".join(texts.words(words, each) for each in terms.get("purposes") or ())
    where = ", ".join(
        texts.words(texts.TERRITORIES, each) for each in terms.get("territories") or ()
    )
    term = f"{html.day(terms.get('starts_at'))} – {html.day(terms.get('expires_at'))}"
    return (
        f'<div class="hm-panel"><p class="hm-row"><strong>Version '
        f"{html.text(consent.get('version'))}</strong>{html.badge(consent.get('status'))}"
        f"<span>{html.text(term)}</span></p>"
        f'<p class="hm-muted">{html.text(purposes)}</p>'
        f'<p class="hm-muted">{html.text(where)}</p></div>'
    )


def _genders() -> list[tuple[str, str]]:
    return [(code, words) for words, code in texts.GENDERS]


def _proof(model_id: str) -> str:
    """What was done, and where the signed certificate of it is."""
    href = f"/v1/models/{html.text(model_id)}/erasure-certificate"
    return (
        '<div class="hm-note hm-good" role="status">Revoked. The photos, the face data and the '
        f'name are destroyed. <a class="hm-link" href="{href}" download="erasure-certificate.json">'
        "Download the erasure certificate</a></div>"
    )


def _link(made: Json) -> str:
    """The address of the person's page, shown this once."""
    url = html.text(made.get("url"))
    return (
        '<div class="hm-note hm-good" role="status">The link, shown this once: '
        f'<code class="hm-address">{url}</code> <button type="button" class="hm-button" '
        f'data-hm-copy="{url}">Copy</button></div>'
    )


def _same(right: str, given: str) -> bool:
    return bool(right) and (given or "").strip().casefold() == right.strip().casefold()


def _nobody(frame: Frame) -> str:
    return html.empty("No custom models yet", "Enrol a person with two photos and their consent.")
