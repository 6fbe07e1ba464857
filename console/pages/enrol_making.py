"""Step 5 of the wizard: the model is made, or why it was not."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import gradio as gr

from console import texts
from console.client import Json
from console.frame import PLAIN, Frame
from console.pages.enrol_steps import title
from console.parts import html
from console.parts.cards import model_card

_DUPLICATES = {"duplicate", "possible_duplicate"}
_MODEL_ID = re.compile(r"mdl_[0-9a-z]+")


@dataclass(frozen=True, slots=True)
class Making:
    shown: Any
    back: Any
    photos: Any
    again: Any
    anyway: Any
    retry: Any
    timer: Any

    @property
    def outputs(self) -> list[Any]:
        """What `making_state` and `stopped` fill, in order, before the finished model's id."""
        return [self.shown, self.timer, self.back, self.photos, self.again]


def making() -> Making:
    """Step 5: what happens now, and what to do if it stopped."""
    gr.HTML(title(texts.CREATE_MODEL), **PLAIN)
    shown = gr.HTML("", elem_id="making", **PLAIN)
    with gr.Column(visible=False, elem_classes=["hm-panel"]) as again:
        anyway = gr.Checkbox(
            False, label="This is a different person; make the model anyway", elem_id="anyway"
        )
        retry = gr.Button(texts.CREATE_MODEL, elem_id="create-again")
    with gr.Row(elem_classes=["hm-buttons"]):
        back = gr.Button(texts.BACK, visible=False, elem_id="back-5")
        photos_ = gr.Button("Back to the photos", visible=False, elem_id="photos-5")
    timer = gr.Timer(0.7, active=False)
    return Making(shown, back, photos_, again, anyway, retry, timer)


def making_html(model: Json | None) -> str:
    """The model on its way."""
    if model is None:
        line, more = "Sending the photos and the consent…", "Keep this page open until it is done."
    else:
        line, more = "Reading the face…", "A few seconds; you may leave the page meanwhile."
    return (
        f'<div class="hm-progress" role="status"><strong>{line}</strong>'
        '<progress aria-label="Making the model"></progress>'
        "<span class='hm-muted'>The consent is recorded first. The photos are sealed before they "
        f"are stored. {more}</span></div>"
    )


def making_state(frame: Frame, model: Json, known: Json | None = None) -> list[Any]:
    """Values for `Making.outputs` and the finished model's id.

    Args:
        model: As the service has it.
        known: The model that the person looks like, where that is why it was not made.
    """
    status = model.get("status")
    if status == "ready":
        use = frame.link("editorial", model=str(model["id"]))
        done = (
            '<div class="hm-note hm-good" role="status"><strong>Your model is ready.</strong> '
            "It belongs to this workspace only and is chosen for your next picture.</div>"
            f'<div class="hm-cards">{model_card(model, use)}</div>'
            f'<div class="hm-row"><a class="hm-button hm-primary" href="{html.text(use)}" '
            f'id="use-model">{texts.CREATE_NEW}</a></div>'
        )
        off = gr.update(visible=False)
        return [done, gr.Timer(active=False), off, off, off, str(model["id"])]
    if status in {"building", "draft"}:
        wait = gr.update(visible=False)
        return [making_html(model), gr.Timer(active=True), wait, wait, wait, ""]
    if status == "awaiting_approval":
        said = "The model is made. Somebody else in your workspace has to approve it before use."
        off = gr.update(visible=False)
        return [html.note(said, "good", "status"), gr.Timer(active=False), off, off, off, ""]
    if known is not None:
        return stopped(_known_already(frame, known), model)
    told = html.note("The model could not be made from these photos.", "bad", "alert")
    return stopped(told + html.check_list(model.get("checks") or ()), model)


def resembled(model: Json) -> str:
    """The id of the model that the person looks like, where that is why it was not made."""
    for check in model.get("checks") or ():
        found = _MODEL_ID.search(str(check.get("hint")))
        if check.get("code") in _DUPLICATES and found:
            return found.group()
    return ""


def _known_already(frame: Frame, known: Json) -> str:
    use = frame.link("editorial", model=str(known.get("id")))
    return (
        '<div class="hm-note hm-warn" role="alert"><strong>You may have this person already.'
        "</strong> The photos look like this model of your workspace.</div>"
        f'<div class="hm-cards">{model_card(known, use)}</div>'
    )


def stopped(told: str, body: Json) -> list[Any]:
    """Values for the same, when it ended without a model."""
    codes = {check.get("code") for check in body.get("checks") or () if isinstance(check, dict)}
    return [
        told,
        gr.Timer(active=False),
        gr.update(visible=True),
        gr.update(visible=True),
        gr.update(visible=bool(codes & _DUPLICATES)),
        "",
    ]


def read_answer(said: str) -> tuple[int, Json]:
    """Status and body of what the browser's request brought."""
    try:
        found = json.loads(said or "{}")
        body = found.get("body")
        return int(found.get("status") or 0), body if isinstance(body, dict) else {}
    except (ValueError, AttributeError):
        return 0, {}
