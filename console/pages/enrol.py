"""Create custom model: the wizard in its five steps, and the events between them.

What each step looks like is in `enrol_guide`, `enrol_steps`, `enrol_review` and `enrol_making`;
words and JSON of the consent are in `enrol_terms`. Photos and what is entered go from the browser
to the caller's own draft at the API (`assets/enrol.js`), so that a reload goes on where it was;
'Create your model' posts everything in one request. Going back changes only which step is seen.
"""

from __future__ import annotations

import json
from typing import Any

import gradio as gr

from console import texts
from console.client import ApiProblem, Json, problem_of
from console.frame import PLAIN, QUIET, Frame
from console.pages import enrol_guide as guide
from console.pages import enrol_making as make
from console.pages import enrol_review as review_
from console.pages import enrol_steps as steps
from console.pages import enrol_terms as terms
from console.parts import capabilities as can
from console.parts import html

# In the browser, so that what is seen is always what holds: no order of answers can turn it round.
_OPEN = "async () => [await hm.enrol.open()]"
_PHOTOS_READY = "() => hm.enrol.open_(2)"
_NAMED = "(name, gender) => hm.enrol.person(name, gender)"
_AGREED = "(...given) => hm.enrol.terms(...given)"
_CREATE = "(sent) => (sent ? hm.enrol.create(sent) : '')"
_FINISHED = "(id) => { if (id) hm.enrol.finished(id); }"
_ARRIVE = "() => hm.enrol.arrive()"
_AGAIN = "() => hm.enrol.again()"


def build(frame: Frame, blocks: Any) -> None:
    """Draw the wizard and wire it."""
    frame.top("models")
    gr.HTML(html.heading(texts.ENROL), **PLAIN)
    where = gr.HTML(steps.indicator(1), elem_id="steps", **PLAIN)
    steps.draft_bar()
    notice = gr.HTML("", elem_id="enrol-notice", **PLAIN)
    with gr.Column(visible=True) as first:
        guidelines = guide.guidelines(frame)
    with gr.Column(visible=False) as second:
        photos = steps.photos()
    with gr.Column(visible=False) as third:
        person = steps.person()
    with gr.Column(visible=False) as fourth:
        review = review_.review()
    with gr.Column(visible=False) as fifth:
        making = make.making()
    columns = [first, second, third, fourth, fifth]
    boxes = gr.State([])
    opened = gr.Textbox(visible=False)  # not gr.State: the browser has to see these
    sent = gr.Textbox(visible=False)
    answer = gr.Textbox(visible=False)
    finished = gr.Textbox(visible=False)
    model_id = gr.State("")

    def go_to(step: int, told: str = "") -> list[Any]:
        shown = [gr.update(visible=each == step) for each in range(1, 6)]
        return [steps.indicator(step), told, *shown]

    for button, step in (
        (guidelines.next, 2),
        (photos.back, 1),
        (photos.next, 3),
        (person.back, 2),
        (person.next, 4),
        (review.back, 3),
        (making.back, 4),
        (making.photos, 2),
    ):
        button.click(None, None, None, js=f"() => hm.enrol.step({step})", **QUIET)
        button.click(lambda step=step: go_to(step), None, [where, notice, *columns], **QUIET).then(
            None, None, None, js=_ARRIVE
        )
    for button in (making.back, making.photos):
        button.click(None, None, None, js=_AGAIN, **QUIET)

    async def load(opened_: str, request: gr.Request) -> list[Any]:
        api = frame.api(request)
        try:
            able = await api.get("/v1/capabilities")
            told = await api.get("/v1/guidelines")
        except ApiProblem as found:
            return [*go_to(1, html.problem(found)), *[gr.skip()] * (len(filled) - 7)]
        plan = ""
        if able.get("custom_models") is False:
            plan = html.note(texts.PLAN_WITHOUT_MODELS, "warn", "alert")
        entered, made = read_opened(opened_)
        may = bool(told.get("retention_policy_url")) and not plan
        name, gender = str(entered.get("name") or ""), str(entered.get("gender") or "")
        step = 5 if made else int(entered.get("step") or 1) if may else 1
        listed = can.attestations(able)
        purposes, channels = can.options(told, "purposes"), can.options(told, "channels")
        values = terms.resumed(entered, [c for _, c in purposes], [c for _, c in channels])
        fields = [gr.update(value=value) for value in values]
        fields[0] = gr.update(choices=purposes, value=values[0])
        fields[1] = gr.update(choices=channels, value=values[1])
        return [
            *go_to(step, plan),
            guide.guidelines_html(told),
            gr.update(interactive=may),
            steps.how_long_kept(told),
            name,
            gender,
            gr.update(interactive=bool(name.strip() and gender)),
            review_.summary(name, gender),
            *fields,
            review_.compliance_intro(told),
            listed,
            gr.update(choices=[(str(box["text"]), str(box["id"])) for box in listed], value=[]),
            made,
            gr.Timer(active=bool(made)),
        ]

    filled = [
        where,
        notice,
        *columns,
        guidelines.shown,
        guidelines.next,
        photos.kept,
        person.name,
        person.gender,
        person.next,
        review.summary,
        *review.entered,
        review.intro,
        boxes,
        review.ticks,
        model_id,
        making.timer,
    ]
    blocks.load(load, opened, filled, js=_OPEN, **QUIET)

    named = [person.name, person.gender]
    photos.pair.change(None, None, photos.next, js=_PHOTOS_READY, **QUIET)
    # `change`, because pasted text raises no `input`.
    gr.on([each.change for each in named], None, named, person.next, js=_NAMED, **QUIET)
    person.next.click(review_.summary, named, review.summary, **QUIET)
    agreed = [*review.entered, review.ticks]
    changes = [each.change for each in agreed]
    gr.on(changes, None, agreed, review.create, js=_AGREED, **QUIET)

    def prepare(
        listed: list[Json], ticked: list[str], name: str, gender: str, again: bool, *given: Any
    ) -> list[Any]:
        try:
            consent = terms.consent(*given)
        except ValueError:
            return ["", gr.skip(), *go_to(4, html.note(texts.DATE_WRONG, "warn", "alert"))]
        body = {
            "name": (name or "").strip(),
            "gender": gender,
            "attestations": terms.attestations(listed, ticked),
            "consent": consent,
            "allow_duplicate": bool(again),
        }
        return [json.dumps(body), make.making_html(None), *go_to(5)]

    async def finish(said: str, request: gr.Request) -> list[Any]:
        if not said:  # nothing was sent
            return [gr.skip()] * len(progress)
        status, body = make.read_answer(said)
        if status != 202:
            return ["", *make.stopped(html.problem(problem_of(body, status)), body)]
        return await look(str(body.get("id")), request)

    async def look(made: str, request: gr.Request) -> list[Any]:
        api = frame.api(request)
        if not made:
            return [made, *[gr.skip()] * (len(progress) - 1)]
        try:
            model = await api.get(f"/v1/models/{made}")
            like = make.resembled(model)
            known = await api.get(f"/v1/models/{like}") if like else None
        except ApiProblem as found:
            return [made, *make.stopped(html.problem(found), {})]
        return [made, *make.making_state(frame, model, known)]

    progress = [model_id, *making.outputs, finished]
    asked = [boxes, review.ticks, person.name, person.gender, making.anyway, *review.entered]
    shown = [sent, making.shown, where, notice, *columns]
    for button in (review.create, making.retry):
        button.click(prepare, asked, shown, **QUIET).then(
            None, sent, answer, js=_CREATE, **QUIET
        ).then(finish, answer, progress, **QUIET)
    making.timer.tick(look, model_id, progress, **QUIET)
    finished.change(None, finished, None, js=_FINISHED, **QUIET)


def read_opened(said: str) -> tuple[Json, str]:
    """What the draft has, and the id of a model that this page was making before a reload."""
    try:
        found = json.loads(said or "{}")
        entered = (found.get("draft") or {}).get("entered") or {}
        made = str(found.get("made") or "")
    except (ValueError, AttributeError):
        return {}, ""
    return (entered if isinstance(entered, dict) else {}), (made if made.startswith("mdl_") else "")
