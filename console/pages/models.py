"""Models: everyone who is enrolled, on which consent, with what came of it; pause, renew, revoke.

Each part is drawn for whoever may use it: what the service would refuse is not offered. Pausing
and the person's link go from the browser straight to the API (`parts/forms.py`).
"""

from __future__ import annotations

from typing import Any

import gradio as gr

from console import texts
from console.client import Api, ApiProblem, Json
from console.frame import PLAIN, QUIET, Frame
from console.parts import capabilities as can
from console.parts import forms, html
from console.parts.cards import card_list, choice, choices, chosen_in, model_line, portrait
from console.parts.model_detail import ALIVE, GONE, Known, detail, effects, pausing, proof
from console.parts.renewing import may_renew, renewal, request

# In the browser, as quick as typing: the button opens with the last letter of the name.
_CONFIRMED = """(given, right) => ({ __type__: 'update', interactive: Boolean(right)
  && (given || '').trim().toLowerCase() === right.trim().toLowerCase() })"""
_INTRO = "Everyone who is enrolled in this workspace, and what they agreed to."
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
    forms.said()
    fresh = forms.refresher()
    with gr.Row(equal_height=False, elem_classes=["hm-split"]):
        with gr.Column(scale=5, min_width=300):
            cards = card_list(elem_id="models-list")
            enrol = gr.HTML("", **PLAIN)
        with gr.Column(scale=7, min_width=300):
            shown = gr.HTML("", elem_id="model-detail", **PLAIN)
            with gr.Row(visible=False, equal_height=False, elem_classes=["hm-ends"]) as naming:
                name = gr.Textbox(label="Name", max_length=80, elem_id="model-name", scale=4)
                rename = gr.Button("Rename", size="md", scale=1, min_width=110)
            renew = renewal()
            pause = gr.HTML("", elem_id="model-pause", **PLAIN)
            link = gr.HTML("", elem_id="talent", **PLAIN)
            with gr.Column(visible=False, elem_classes=["hm-panel"]) as ending:
                gr.HTML("<h2>Revoke</h2>", **PLAIN)
                foreseen = gr.HTML("", elem_id="revoke-effects", **PLAIN)
                typed = gr.Textbox(label="Name of the model", elem_id="revoke-name")
                revoke = gr.Button(
                    "Revoke this model", variant="stop", interactive=False, elem_id="revoke"
                )
    chosen = gr.Textbox(visible=False)
    called = gr.Textbox(visible=False)
    outputs = [notice, cards, enrol, shown, naming, name, pause, link, ending, foreseen, typed]
    outputs += [chosen, called, *renew.outputs]

    async def show(model_id: str, request_: gr.Request, told: str = "") -> list[Any]:
        api = frame.api(request_)
        try:
            listed = await api.items("/v1/models", limit=100)
            ids = [str(model.get("id")) for model in listed]
            wanted = model_id if model_id in ids else (ids[0] if ids else "")
            able = await api.get("/v1/capabilities")
            known = await _known(api, wanted, able)
        except ApiProblem as found:
            return [told + html.problem(found), *[gr.skip()] * (len(outputs) - 1)]
        model, scopes = known.model, known.scopes
        real = not model.get("synthetic")  # somebody is behind it who agrees, looks and answers
        may_write, is_there = "models:write" in scopes, bool(model) and not _is_gone(model)
        renewable = is_there and real and bool(_DECIDES & scopes)
        renewable = renewable and may_renew(model, known.consents)
        return [
            told,
            everyone(listed, wanted) or _nobody(),
            _enrol_link(frame) if may_write else "",
            detail(known),
            gr.update(visible=is_there and may_write),
            str(model.get("name") or ""),
            pausing(model, scopes) if model else "",
            _own_page(model) if is_there and real and "consents:write" in scopes else "",
            gr.update(visible=is_there and known.effects is not None),
            effects(known.effects, bool(model.get("synthetic"))),
            "",
            wanted,
            str(model.get("name") or texts.NAMELESS) if model else "",
            *renew.drawn(renewable, can.attestations(able)),
        ]

    async def load(model_id: str, request_: gr.Request) -> list[Any]:
        return await show(model_id or "", request_)

    async def give_name(model_id: str, new: str, request_: gr.Request) -> list[Any]:
        told = html.note("The new name is saved.", "good", "status")
        try:
            await frame.api(request_).call("PATCH", f"/v1/models/{model_id}", json={"name": new})
        except ApiProblem as found:
            told = html.problem(found)
        return await show(model_id, request_, told)

    async def withdraw(model_id: str, right: str, given: str, request_: gr.Request) -> list[Any]:
        if not _same(right, given):
            return await show(model_id, request_, html.note("The name does not match.", "warn"))
        try:
            done = await frame.api(request_).post(f"/v1/models/{model_id}/revoke", {})
            told = proof(model_id, done)
        except ApiProblem as found:
            told = html.problem(found)
        return await show(model_id, request_, told)

    async def go_on(
        model_id: str, until: str, ticked: list[str], request_: gr.Request
    ) -> list[Any]:
        api = frame.api(request_)
        try:
            consents = await api.items(f"/v1/models/{model_id}/consents")
            able = await api.get("/v1/capabilities")
            body = request(consents[0] if consents else {}, until, able, ticked or [])
            made = await api.post(f"/v1/models/{model_id}/consents", body)
        except ApiProblem as found:
            return await show(model_id, request_, html.problem(found))
        except ValueError:
            return await show(model_id, request_, html.note(texts.DATE_WRONG, "warn", "alert"))
        terms = made.get("terms")
        ends = html.day(terms.get("expires_at")) if isinstance(terms, dict) else until
        told = f"Version {made.get('version')} of the consent is recorded, until {ends}."
        return await show(model_id, request_, html.note(told, "good", "status"))

    blocks.load(load, chosen, outputs, js="() => hm.asked('model')", **QUIET)
    cards.select(load, chosen, outputs, js=chosen_in("models-list"), **QUIET)
    fresh.click(load, chosen, outputs, **QUIET)
    rename.click(give_name, [chosen, name], outputs, **QUIET)
    renew.button.click(go_on, [chosen, renew.until, renew.ticks], outputs, **QUIET)
    typed.input(None, [typed, called], revoke, js=_CONFIRMED, **QUIET)
    revoke.click(withdraw, [chosen, called, typed], outputs, **QUIET).then(
        lambda: gr.update(interactive=False), None, revoke, **QUIET
    )


_DECIDES = frozenset({"models:write", "consents:write"})


async def _known(api: Api, model_id: str, able: Json) -> Known:
    """Ask for everything about one model that this caller may know.

    Raises:
        ApiProblem: the service failed, or the session has ended.
    """
    account = await api.get("/v1/account")
    scopes = frozenset(str(scope) for scope in account.get("scopes") or ())
    if not model_id:
        return Known(scopes=scopes)
    path = f"/v1/models/{model_id}"
    model = await api.get(path)
    words, pack = await api.get("/v1/guidelines"), can.pack(able)
    alive, gone = model.get("status") in ALIVE, _is_gone(model)
    page = await _allowed(api, f"{path}/images", limit=100) if alive else {}
    kept = {} if gone else await _allowed(api, f"{path}/retention")
    foreseen = None
    if scopes & _DECIDES and not gone:
        foreseen = await api.get(f"{path}/revoke")
    return Known(
        model=model,
        consents=await api.items(f"{path}/consents"),
        images=[one for one in page.get("items") or () if isinstance(one, dict)],
        more_images=bool(page.get("next_cursor")),
        retention=kept,
        effects=foreseen,
        scopes=scopes,
        purposes=can.labels(words, "purposes"),
        channels=can.labels(words, "channels"),
        passed=pack.get("identity_pass"),
        warn=pack.get("identity_warn"),
    )


async def _allowed(api: Api, path: str, **query: int) -> Json:
    """A resource, or nothing where this caller may not see it or there is none."""
    try:
        return await api.get(path, **query)
    except ApiProblem as found:
        if found.status in {403, 404}:
            return {}
        raise


def _own_page(model: Json) -> str:
    """How a person gets to their own page; a fictional person has none."""
    if model.get("synthetic"):
        return ""
    send = f"POST /v1/models/{model.get('id')}/talent-links"
    form = forms.form(send, [], "Make a link", "", once="url", stay=True, name="talent-link")
    return f"<h2>{texts.OWN_PAGE}</h2><p class='hm-muted'>{_OWN_PAGE}</p>{form}"


def _enrol_link(frame: Frame) -> str:
    return (
        f'<div class="hm-row"><a class="hm-button" href="{frame.link("enrol")}">{texts.ENROL}</a>'
        f'<a class="hm-button" href="{frame.link("scratch")}">{texts.SCRATCH}</a></div>'
    )


def everyone(models: list[Json], chosen: str) -> str:
    """Every model of the workspace to choose one from, whether or not it can be used now."""
    cards = [
        choice(
            "model",
            str(model.get("id")),
            portrait(model),
            str(model.get("name") or texts.NAMELESS),
            model_line(model),
            model.get("id") == chosen,
        )
        for model in models
    ]
    return choices("model", "Custom models", cards, [chosen], several=False) if cards else ""


def _is_gone(model: Json) -> bool:
    return model.get("status") in GONE


def _same(right: str, given: str) -> bool:
    return bool(right) and (given or "").strip().casefold() == right.strip().casefold()


def _nobody() -> str:
    return html.empty("No custom models yet", "Enrol a person with two photos and their consent.")
