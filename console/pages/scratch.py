"""Create from scratch: choices -> candidates, full body first -> close-up -> a synthetic model.

What it looks like is in `scratch_parts`. Candidates live at the service, so that a reload or a
second tab shows the same ones; nothing is entered here that names or shows somebody real.
"""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import gradio as gr

from console import texts
from console.client import Api, ApiProblem, Json
from console.frame import PLAIN, QUIET, Frame
from console.pages import scratch_parts as parts
from console.parts import html
from console.parts.cards import card_list, chosen_in

_BASE = "/v1/models/synthetic"
_SINGLE = ("age", "skin", "hair", "hair_colour", "eyes", "build")
_TICK_SECONDS = 1.5
_LIST = "candidates"
# On a phone both are below the button: what went wrong or was made, else the candidates.
_TO_RESULT = """() => { const told = document.getElementById('scratch-notice');
  const place = told.textContent.trim() ? told : document.getElementById('candidates');
  place.scrollIntoView({ block: 'nearest' }); }"""


def build(frame: Frame, blocks: Any) -> None:
    """Draw the page and wire it."""
    frame.top("models")
    gr.HTML(html.heading(texts.SCRATCH, parts.INTRO), **PLAIN)
    notice = gr.HTML("", elem_id="scratch-notice", **PLAIN)
    with gr.Row(equal_height=False, elem_classes=["hm-split"]):
        with gr.Column(scale=4, min_width=280):
            gr.HTML("<h2>Describe the person</h2>", **PLAIN)
            gender = gr.Dropdown(
                list(texts.GENDERS), value="female", label="Gender", elem_id="scratch-gender"
            )
            single = [
                gr.Dropdown(
                    [(parts.ANY, "")], value="", label=name.title(), elem_id=f"scratch-{name}"
                )
                for name in _SINGLE
            ]
            features = gr.Dropdown(
                [],
                label="Features",
                info="Up to three.",
                multiselect=True,
                max_choices=3,
                elem_id="scratch-features",
            )
            seed = gr.Textbox(
                label="Seed",
                info="Empty: different people each time.",
                max_length=10,
                elem_id="scratch-seed",
            )
            make = gr.Button(parts.SHOW, variant="primary", elem_id="show-candidates")
        with gr.Column(scale=7, min_width=300):
            about = gr.HTML("", elem_id="scratch-about", **PLAIN)
            cards = card_list(_LIST)
            shown = gr.HTML("", elem_id="candidate", **PLAIN)
            with gr.Column(visible=False, elem_id="candidate-actions") as deciding:
                close_up = gr.Button(parts.DRAW_CLOSE_UP, visible=False, elem_id="draw-close-up")
                name = gr.Textbox(
                    label="Name",
                    info="Seen only inside this workspace. Not the name of somebody real.",
                    max_length=80,
                    elem_id="fiction-name",
                )
                ticks = gr.CheckboxGroup(
                    [], label="Tick every box", elem_id="fiction-ticks", elem_classes=["hm-ticks"]
                )
                lacks = gr.HTML("", elem_id="fiction-missing", **PLAIN)
                with gr.Row(elem_classes=["hm-buttons"]):
                    discard = gr.Button(parts.DISCARD, elem_id="discard-candidate")
                    promote = gr.Button(
                        texts.CREATE_MODEL,
                        variant="primary",
                        interactive=False,
                        elem_id="create-fiction",
                    )
    chosen = gr.Textbox(visible=False)
    offer = gr.State({})
    one = gr.State({})
    timer = gr.Timer(_TICK_SECONDS, active=False)
    outputs = [notice, cards, shown, deciding, close_up, chosen, one, lacks, promote, timer]

    async def show(
        api: Api, known: Json, wanted: str, given: str, ticked: list[str], told: str = ""
    ) -> list[Any]:
        """Everything on the right side, as it stands at the service now."""
        try:
            answer = await api.get(f"{_BASE}/candidates")
        except ApiProblem as found:
            return [told + html.problem(found), *[gr.skip()] * (len(outputs) - 1)]
        listed = answer.get("items") or []
        found_one = next((each for each in listed if each.get("id") == wanted), None)
        labels = parts.labels_of(known)
        status = str((found_one or {}).get("status"))
        boxes = known.get("attestations") or ()
        lack = parts.missing(given, ticked or [], boxes, found_one)
        drawn = known.get("way") == "words" and status in {"full_body", "complete"}
        again = parts.DRAW_AGAIN if status == "complete" else parts.DRAW_CLOSE_UP
        return [
            told,
            parts.cards(listed[: parts.MOST_SHOWN], wanted, labels),
            parts.detail(found_one, labels),
            gr.update(visible=found_one is not None),
            gr.update(visible=drawn, value=again),
            wanted if found_one else "",
            found_one or {},
            lack if found_one else "",
            gr.update(interactive=found_one is not None and not lack),
            gr.Timer(_TICK_SECONDS, active=any(e.get("status") in parts.LIVE for e in listed)),
        ]

    async def load(request: gr.Request) -> list[Any]:
        api = frame.api(request)
        try:
            known = await api.get(_BASE)
        except ApiProblem as found:
            return [html.problem(found), *[gr.skip()] * (len(loaded) - 1)]
        rest = await show(api, known, "", "", [])
        choices = {str(each["id"]): each for each in known.get("attributes") or ()}
        genders = [(words, code) for words, code in texts.GENDERS if code in known["genders"]]
        boxes = [(str(box["text"]), str(box["id"])) for box in known.get("attestations") or ()]
        return [
            *rest,
            known,
            parts.about(known),
            gr.update(choices=genders),
            *[_options(choices.get(each, {})) for each in _SINGLE],
            _options(choices.get("features", {}), open_choice=False),
            gr.update(choices=boxes, value=[]),
            gr.update(interactive=known.get("way") != "none"),
        ]

    async def ask(
        known: Json,
        sex: str,
        age: str,
        skin: str,
        hair: str,
        hair_colour: str,
        eyes: str,
        figure: str,
        wanted_features: list[str],
        number: str,
        called: str,
        ticked: list[str],
        request: gr.Request,
    ) -> list[Any]:
        values = (age, skin, hair, hair_colour, eyes, figure)
        api = frame.api(request)
        chosen_values = {"gender": sex, **dict(zip(_SINGLE, values, strict=True))}
        try:
            body = parts.asked(chosen_values, wanted_features, number)
        except ValueError:
            told = html.note(texts.SEED_WRONG, "warn", "alert")
            return [told, *[gr.skip()] * (len(outputs) - 1)]
        try:
            made = await api.post(_BASE, body, str(uuid4()))
        except ApiProblem as found:
            return [html.problem(found), *[gr.skip()] * (len(outputs) - 1)]
        first = str(((made.get("items") or [{}])[0]).get("id") or "")
        return await show(api, known, first, called, ticked)

    async def look(
        known: Json, wanted: str, called: str, ticked: list[str], request: gr.Request
    ) -> list[Any]:
        return await show(frame.api(request), known, wanted, called, ticked)

    async def draw(
        known: Json, wanted: str, called: str, ticked: list[str], request: gr.Request
    ) -> list[Any]:
        api, told = frame.api(request), ""
        try:
            await api.post(f"{_BASE}/candidates/{wanted}/close-up", {}, str(uuid4()))
        except ApiProblem as found:
            told = html.problem(found)
        return await show(api, known, wanted, called, ticked, told)

    async def throw_away(
        known: Json, wanted: str, called: str, ticked: list[str], request: gr.Request
    ) -> list[Any]:
        api, told = frame.api(request), html.note("The candidate is gone.", "good", "status")
        try:
            await api.call("DELETE", f"{_BASE}/candidates/{wanted}")
        except ApiProblem as found:
            told = html.problem(found)
        return await show(api, known, "", called, ticked, told)

    async def become(
        known: Json, wanted: str, called: str, ticked: list[str], request: gr.Request
    ) -> list[Any]:
        api = frame.api(request)
        boxes = [
            {"id": box["id"], "sha256": box["sha256"]}
            for box in known.get("attestations") or ()
            if box["id"] in (ticked or ())
        ]
        body = {"name": (called or "").strip(), "attestations": boxes}
        try:
            made = await api.post(f"{_BASE}/candidates/{wanted}/promote", body, str(uuid4()))
        except ApiProblem as found:
            again = await show(api, known, wanted, called, ticked, html.problem(found))
            return [*again, gr.skip(), gr.skip()]
        told = parts.made(frame, str(made.get("id")), (called or "").strip())
        return [*await show(api, known, "", "", [], told), "", []]

    loaded = [*outputs, offer, about, gender, *single, features, ticks, make]
    state = [offer, chosen, name, ticks]
    blocks.load(load, None, loaded, **QUIET)
    cards.select(None, None, chosen, js=chosen_in(_LIST), **QUIET).then(
        look, state, outputs, **QUIET
    )
    make.click(ask, [offer, gender, *single, features, seed, name, ticks], outputs, **QUIET).then(
        None, None, None, js=_TO_RESULT
    )
    timer.tick(look, state, outputs, **QUIET)
    close_up.click(draw, state, outputs, **QUIET)
    discard.click(throw_away, state, outputs, **QUIET)
    promote.click(become, state, [*outputs, name, ticks], **QUIET).then(
        None, None, None, js=_TO_RESULT
    )
    for field in (name, ticks):
        field.change(_can_create, [name, ticks, offer, one], [lacks, promote], **QUIET)


def _can_create(called: str, ticked: list[str], known: Json, one: Json) -> list[Any]:
    """'Create your model' opens when nothing is missing; until then it is said what is."""
    if not one:
        return ["", gr.update(interactive=False)]
    lack = parts.missing(called, ticked or [], known.get("attestations") or (), one)
    return [lack, gr.update(interactive=not lack)]


def _options(attribute: Json, open_choice: bool = True) -> Any:
    """A drop-down's choices as the service names them."""
    values = [(str(v["label"]), str(v["id"])) for v in attribute.get("values") or ()]
    label = str(attribute.get("label") or "")
    if not open_choice:
        return gr.update(choices=values, value=[], label=label)
    return gr.update(choices=[(parts.ANY, ""), *values], value="", label=label)
