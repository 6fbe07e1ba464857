"""Steps 2 and 3 of the wizard, and what stands around every step: where one is, what is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from console import texts
from console.client import Json
from console.frame import PLAIN
from console.parts import html

STEPS = (texts.GUIDELINES, "Photos", "Name", "Review", texts.CREATE_MODEL)
_ACCEPT = "image/jpeg,image/png,image/webp,image/heic,image/heif,.heic,.heif"


def indicator(step: int) -> str:
    """Where the person is in the wizard."""
    items = "".join(
        f'<li class="{"hm-now" if k == step else "hm-done" if k < step else ""}"'
        f"{' aria-current=step' if k == step else ''}><span>{k}</span> {html.text(name)}</li>"
        for k, name in enumerate(STEPS, 1)
    )
    return f'<ol class="hm-steps" aria-label="Steps">{items}</ol>'


def draft_bar() -> Any:
    """What is kept of the draft, until when, and the way to discard it; filled in the browser."""
    return gr.HTML(
        '<div class="hm-draft" data-hm-draft role="status" hidden></div>',
        js_on_load="hm.enrol.bar();",
        apply_default_css=False,
        elem_id="draft-bar",
    )


def title(words: str) -> str:
    """The heading of a step; it takes the focus when the step is reached."""
    return f'<h2 data-hm-step-title tabindex="-1">{html.text(words)}</h2>'


def missing(step: int) -> None:
    """What is still missing, in words beside the button; filled in the browser."""
    gr.HTML(
        f'<p class="hm-missing" data-hm-missing="{step}" role="status"></p>',
        js_on_load=f"hm.enrol.hint({step});",
        apply_default_css=False,
    )


@dataclass(frozen=True, slots=True)
class Photos:
    kept: Any
    pair: Any
    back: Any
    next: Any


def photos() -> Photos:
    """Step 2: two photos, each with its checks beside it."""
    gr.HTML(title("Two photos of the same person"), **PLAIN)
    kept = gr.HTML(how_long_kept({}), **PLAIN)
    zones = "".join(_drop_zone(kind) for kind in ("full_body", "close_up"))
    pair = gr.HTML(
        f'<div class="hm-two">{zones}</div>',
        js_on_load="hm.enrol.photoPair(element, trigger); // raises 'change'",
        apply_default_css=False,
        elem_id="photo-pair",
    )
    missing(2)
    with gr.Row(elem_classes=["hm-buttons"]):
        back = gr.Button(texts.BACK, elem_id="back-2")
        onward = gr.Button(texts.NEXT, variant="primary", interactive=False, elem_id="next-2")
    return Photos(kept, pair, back, onward)


def how_long_kept(page: Json) -> str:
    """What happens to the photos before 'Create your model'."""
    hours = page.get("draft_hours")
    span = f"{hours} hours" if isinstance(hours, int) and hours != 1 else "one hour"
    days = page.get("draft_most_days")
    longest = f", {days} days in all at most" if isinstance(days, int) and days > 1 else ""
    return (
        '<p class="hm-muted">A photo that can be used is kept encrypted, for you alone, so you '
        f"can leave and go on later: for {html.text(span)} after your last change{longest}, then "
        "it is destroyed. Nothing about the face is computed before 'Create your model'.</p>"
    )


def _drop_zone(kind: str) -> str:
    name = texts.PHOTOS[kind]
    return (
        f'<section class="hm-photo"><h3>{name}</h3><div class="hm-drop" data-hm-drop="{kind}">'
        f'<img data-hm-photo="{kind}" alt="The {name.lower()} that you chose" hidden>'
        f'<p class="hm-muted" data-hm-without="{kind}">Drop the photo here, or choose a file. '
        "JPEG, PNG, WEBP or HEIC.</p>"
        f'<label class="hm-button"><input class="hm-file" type="file" name="{kind}" '
        f'accept="{_ACCEPT}"><span>Choose {name.lower()}</span></label></div>'
        f'<div role="status"><ul class="hm-checks" data-hm-checks="{kind}" '
        f'aria-label="Checks of the {name.lower()}"></ul></div></section>'
    )


@dataclass(frozen=True, slots=True)
class Person:
    name: Any
    gender: Any
    back: Any
    next: Any


def person() -> Person:
    """Step 3: name and gender."""
    gr.HTML(title("Who is it?"), **PLAIN)
    with gr.Row():
        name = gr.Textbox(
            label="Name",
            info="Seen only inside this workspace.",
            max_length=80,
            min_width=240,
            elem_id="person-name",
        )
        gender = gr.Dropdown(
            [("Choose…", ""), *texts.GENDERS],
            value="",
            label="Gender",
            min_width=240,
            elem_id="person-gender",
        )
    missing(3)
    with gr.Row(elem_classes=["hm-buttons"]):
        back = gr.Button(texts.BACK, elem_id="back-3")
        onward = gr.Button(texts.NEXT, variant="primary", interactive=False, elem_id="next-3")
    return Person(name, gender, back, onward)
