"""Create custom model: the wizard in its five steps, and the events between them.

What each step looks like is in `enrol_steps`; words and JSON of the consent are in `enrol_terms`.
Photos stay in the browser until 'Create your model' posts them to the API in one request; going
back changes only which step is seen, so everything entered stays.
"""

from __future__ import annotations

import json
from typing import Any

import gradio as gr

from console import texts
from console.client import ApiProblem, Json, problem_of
from console.frame import PLAIN, QUIET, Frame
from console.pages import enrol_steps as steps
from console.pages import enrol_terms as terms
from console.parts import capabilities as can
from console.parts import html

# In the browser, so that what is seen is always what holds: no order of answers can turn it round.
_READY = "() => ({ __type__: 'update', interactive: hm.ready() })"
_CREATE = "(sent) => (sent ? hm.createModel(sent) : '')"
_FINISHED = "(id) => { if (id) hm.finished(id); }"
_TOP = "() => hm.toTop()"


def build(frame: Frame, blocks: Any) -> None:
    """Draw the wizard and wire it."""
    frame.top("models")
    gr.HTML(html.heading(texts.ENROL), **PLAIN)
    where = gr.HTML(steps.indicator(1), elem_id="steps", **PLAIN)
    notice = gr.HTML("", elem_id="enrol-notice", **PLAIN)
    with gr.Column(visible=True) as first:
        guidelines = steps.guidelines()
    with gr.Column(visible=False) as second:
        photos = steps.photos()
    with gr.Column(visible=False) as third:
        person = steps.person()
    with gr.Column(visible=False) as fourth:
        review = steps.review()
    with gr.Column(visible=False) as fifth:
        making = steps.making()
    columns = [first, second, third, fourth, fifth]
    boxes = gr.State([])
    sent = gr.Textbox(visible=False)  # not gr.State: the browser has to see it
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
        button.click(lambda step=step: go_to(step), None, [where, notice, *columns], **QUIET).then(
            None, None, None, js=_TOP
        )

    async def load(request: gr.Request) -> list[Any]:
        api = frame.api(request)
        try:
            able = await api.get("/v1/capabilities")
            told = await api.get("/v1/guidelines")
        except ApiProblem as found:
            return [html.problem(found), *[gr.skip()] * 7]
        if able.get("custom_models") is False:
            plan = html.note(texts.PLAN_WITHOUT_MODELS, "warn", "alert")
        else:
            plan = ""
        listed = can.attestations(able)
        purposes = can.options(told, "purposes")
        channels = can.options(told, "channels")
        return [
            plan,
            steps.guidelines_html(told),
            gr.update(interactive=bool(told.get("retention_policy_url"))),
            listed,
            gr.update(choices=[(str(box["text"]), str(box["id"])) for box in listed], value=[]),
            gr.update(choices=purposes, value=[code for _, code in purposes]),
            gr.update(choices=channels, value=[code for _, code in channels]),
            steps.compliance_intro(told),
        ]

    blocks.load(
        load,
        None,
        [
            notice,
            guidelines.shown,
            guidelines.next,
            boxes,
            review.ticks,
            review.purposes,
            review.channels,
            review.intro,
        ],
        **QUIET,
    )

    photos.pair.change(None, None, photos.next, js=_READY, **QUIET)
    for field in (person.name, person.gender):
        field.change(steps.is_named, [person.name, person.gender], person.next, **QUIET)
    person.next.click(steps.summary, [person.name, person.gender], review.summary, **QUIET)
    review.ticks.change(
        lambda ticked, listed: gr.update(interactive=terms.all_ticked(ticked, listed)),
        [review.ticks, boxes],
        review.create,
        **QUIET,
    )

    def prepare(
        listed: list[Json], ticked: list[str], name: str, gender: str, again: bool, *given: Any
    ) -> list[Any]:
        try:
            agreed = terms.consent(*given)
        except ValueError:
            return ["", gr.skip(), *go_to(4, html.note(texts.DATE_WRONG, "warn", "alert"))]
        body = {
            "name": (name or "").strip(),
            "gender": gender,
            "attestations": terms.attestations(listed, ticked),
            "consent": agreed,
            "allow_duplicate": bool(again),
        }
        return [json.dumps(body), steps.making_html(None), *go_to(5)]

    async def finish(said: str, request: gr.Request) -> list[Any]:
        if not said:  # nothing was sent
            return [gr.skip()] * len(progress)
        status, body = steps.read_answer(said)
        if status != 202:
            return ["", *steps.stopped(html.problem(problem_of(body, status)), body)]
        return await look(str(body.get("id")), request)

    async def look(made: str, request: gr.Request) -> list[Any]:
        if not made:
            return [made, *[gr.skip()] * (len(progress) - 1)]
        try:
            model = await frame.api(request).get(f"/v1/models/{made}")
        except ApiProblem as found:
            return [made, *steps.stopped(html.problem(found), {})]
        return [made, *steps.making_state(frame, model)]

    progress = [model_id, *making.outputs, finished]
    entered = [
        review.purposes,
        review.channels,
        review.territories,
        review.until,
        review.pay,
        review.amount,
        review.use,
        review.approval,
    ]
    asked = [boxes, review.ticks, person.name, person.gender, making.anyway, *entered]
    shown = [sent, making.shown, where, notice, *columns]
    for button in (review.create, making.retry):
        button.click(prepare, asked, shown, **QUIET).then(
            None, sent, answer, js=_CREATE, **QUIET
        ).then(finish, answer, progress, **QUIET)
    making.timer.tick(look, model_id, progress, **QUIET)
    finished.change(None, finished, None, js=_FINISHED, **QUIET)
