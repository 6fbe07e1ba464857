"""What each step of the wizard looks like: its controls, its buttons, its HTML."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import gradio as gr

from console import texts
from console.client import Json
from console.frame import PLAIN, Frame
from console.pages import enrol_terms as terms
from console.parts import html
from console.parts.cards import model_card

_STEPS = (texts.GUIDELINES, "Photos", "Name", "Review", texts.CREATE_MODEL)
_ACCEPT = "image/jpeg,image/png,image/webp,image/heic,image/heif,.heic,.heif"


def indicator(step: int) -> str:
    """Where the person is in the wizard."""
    items = "".join(
        f'<li class="{"hm-now" if k == step else "hm-done" if k < step else ""}"'
        f"{' aria-current=step' if k == step else ''}><span>{k}</span> {html.text(name)}</li>"
        for k, name in enumerate(_STEPS, 1)
    )
    return f'<ol class="hm-steps" aria-label="Steps">{items}</ol>'


@dataclass(frozen=True, slots=True)
class Guidelines:
    shown: Any
    next: Any


def guidelines() -> Guidelines:
    """Step 1: what a good pair of photos looks like."""
    shown = gr.HTML(f"<h2>{texts.GUIDELINES}</h2>", elem_id="guidelines", **PLAIN)
    with gr.Row(elem_classes=["hm-buttons"]):
        onward = gr.Button(texts.NEXT, variant="primary", elem_id="next-1")
    return Guidelines(shown, onward)


def guidelines_html(page: Json) -> str:
    """The guidelines as the service has them: one card for each photo."""
    cards = "".join(_guideline(photo) for photo in page.get("photos") or ())
    return (
        f"<h2>{html.text(page.get('title') or texts.GUIDELINES)}</h2>"
        f'<p class="hm-lead">{html.text(page.get("intro"))}</p>'
        f'{_policy(page.get("retention_policy_url"))}<div class="hm-two">{cards}</div>'
    )


def _policy(url: Any) -> str:
    """Where the person reads how long everything is kept; without it nobody is enrolled."""
    if not url:
        return html.note(texts.NO_POLICY, "bad", "alert")
    return (
        f'<p><a class="hm-link" href="{html.text(url)}" target="_blank" rel="noopener noreferrer">'
        f"{texts.POLICY}</a></p>"
    )


def _guideline(photo: Json) -> str:
    """One photo: what to look for, what is good, what is bad."""
    topics = "".join(
        f"<h4>{html.text(texts.words({}, topic.get('topic')))}</h4>"
        f"<p>{html.text(topic.get('text'))}</p>"
        f"{_listed('Good', 'hm-yes', topic.get('good'))}"
        f"{_listed('Avoid', 'hm-no', topic.get('bad'))}"
        for topic in photo.get("topics") or ()
    )
    return (
        f'<section class="hm-panel hm-guide"><h3>{html.text(photo.get("title"))}</h3>'
        f"{topics}</section>"
    )


def _listed(label: str, kind: str, lines: Any) -> str:
    items = "".join(f"<li>{html.text(line)}</li>" for line in lines or ())
    return f'<ul class="{kind}" aria-label="{label}">{items}</ul>' if items else ""


@dataclass(frozen=True, slots=True)
class Photos:
    pair: Any
    back: Any
    next: Any


def photos() -> Photos:
    """Step 2: two photos, each with its checks beside it."""
    gr.HTML(
        "<h2>Two photos of the same person</h2><p class='hm-muted'>The photos stay on this page "
        "until you press 'Create your model'; leaving the page discards them.</p>",
        **PLAIN,
    )
    zones = "".join(_drop_zone(kind) for kind in ("full_body", "close_up"))
    pair = gr.HTML(
        f'<div class="hm-two">{zones}</div>',
        js_on_load="hm.photoPair(element, trigger); // raises 'change'",
        apply_default_css=False,
        elem_id="photo-pair",
    )
    with gr.Row(elem_classes=["hm-buttons"]):
        back = gr.Button(texts.BACK, elem_id="back-2")
        onward = gr.Button(texts.NEXT, variant="primary", interactive=False, elem_id="next-2")
    return Photos(pair, back, onward)


def _drop_zone(kind: str) -> str:
    name = texts.PHOTOS[kind]
    return (
        f'<section class="hm-photo"><h3>{name}</h3><div class="hm-drop" data-hm-drop="{kind}">'
        f'<img data-hm-photo="{kind}" alt="The {name.lower()} that you chose" hidden>'
        f'<p class="hm-muted" data-hm-without="{kind}">Drop the photo here, or choose a file. '
        "JPEG, PNG, WEBP or HEIC.</p>"
        f'<label class="hm-button"><input class="hm-file" type="file" name="{kind}" '
        f'accept="{_ACCEPT}"><span>Choose {name.lower()}</span></label></div>'
        f'<ul class="hm-checks" data-hm-checks="{kind}" role="status" aria-live="polite" '
        f'aria-label="Checks of the {name.lower()}"></ul></section>'
    )


@dataclass(frozen=True, slots=True)
class Person:
    name: Any
    gender: Any
    back: Any
    next: Any


def person() -> Person:
    """Step 3: name and gender."""
    gr.HTML("<h2>Who is it?</h2>", **PLAIN)
    with gr.Row():
        name = gr.Textbox(
            label="Name",
            info="Seen only inside this workspace.",
            max_length=80,
            elem_id="person-name",
        )
        gender = gr.Dropdown(
            [("Choose…", ""), *texts.GENDERS], value="", label="Gender", elem_id="person-gender"
        )
    with gr.Row(elem_classes=["hm-buttons"]):
        back = gr.Button(texts.BACK, elem_id="back-3")
        onward = gr.Button(texts.NEXT, variant="primary", interactive=False, elem_id="next-3")
    return Person(name, gender, back, onward)


def is_named(name: str, gender: str) -> Any:
    """'Next' opens when both are given."""
    return gr.update(interactive=bool((name or "").strip()) and bool(gender))


@dataclass(frozen=True, slots=True)
class Review:
    summary: Any
    intro: Any
    purposes: Any
    channels: Any
    territories: Any
    until: Any
    pay: Any
    amount: Any
    use: Any
    approval: Any
    ticks: Any
    back: Any
    create: Any


def review() -> Review:
    """Step 4: both photos, the consent's terms, the compliance boxes."""
    gr.HTML("<h2>Review</h2>", **PLAIN)
    pictures = "".join(
        f'<figure><img data-hm-photo="{kind}" alt="{texts.PHOTOS[kind]}" hidden>'
        f"<figcaption>{texts.PHOTOS[kind]}</figcaption></figure>"
        for kind in ("full_body", "close_up")
    )
    gr.HTML(
        f'<div class="hm-photos">{pictures}</div>',
        js_on_load="hm.paint();",
        apply_default_css=False,
        elem_id="review-photos",
    )
    summary_ = gr.HTML("", **PLAIN)
    gr.HTML("<h2>What the person agreed to</h2>", **PLAIN)
    with gr.Row():
        purposes = gr.Dropdown([], label="Purposes", multiselect=True, min_width=240)
        channels = gr.Dropdown([], label="Channels", multiselect=True, min_width=240)
    with gr.Row():
        territories = gr.Dropdown(
            [(words, code) for code, words in texts.TERRITORIES.items()],
            value=list(terms.TERRITORIES_AT_FIRST),
            label="Territories",
            multiselect=True,
            min_width=240,
        )
        until = gr.DateTime(
            terms.last_day(datetime.now(UTC).date()),
            include_time=False,
            type="string",
            label="Ends on",
            min_width=240,
            elem_id="consent-until",
        )
    with gr.Row():
        pay = gr.Dropdown(list(texts.PAY), value="per_image", label="Pay", min_width=240)
        amount = gr.Textbox(label="Amount", placeholder="For example 25 EUR", min_width=240)
    use = gr.Textbox(
        label="Intended use",
        info="In the words of the consent.",
        value="Product pages and lookbooks of this brand",
        lines=2,
    )
    approval = gr.Dropdown(
        list(terms.APPROVAL), value="none", label="What the person approves", elem_id="approval"
    )
    gr.HTML(
        '<div class="hm-field"><span class="hm-label">Signed consent (optional)</span>'
        '<label class="hm-button"><input class="hm-file" type="file" name="evidence" '
        'accept="application/pdf,image/*"><span>Choose file</span></label>'
        '<span class="hm-muted" data-hm-evidence role="status"></span></div>',
        js_on_load="hm.evidence(element);",
        apply_default_css=False,
    )
    intro = gr.HTML("<h2>Compliance</h2>", **PLAIN)
    ticks = gr.CheckboxGroup(
        [], label="Tick every box", elem_id="attestations", elem_classes=["hm-ticks"]
    )
    with gr.Row(elem_classes=["hm-buttons"]):
        back = gr.Button(texts.BACK, elem_id="back-4")
        create = gr.Button(
            texts.CREATE_MODEL, variant="primary", interactive=False, elem_id="create-model"
        )
    return Review(
        summary_,
        intro,
        purposes,
        channels,
        territories,
        until,
        pay,
        amount,
        use,
        approval,
        ticks,
        back,
        create,
    )


def summary(name: str, gender: str) -> str:
    """Name and gender as they will be kept."""
    words = {code: label for label, code in texts.GENDERS}.get(gender, "")
    return f'<p class="hm-lead"><strong>{html.text(name)}</strong> · {html.text(words)}</p>'


def compliance_intro(page: Json) -> str:
    """The heading over the boxes, with the version of the texts."""
    version = html.text(page.get("version"))
    told = f"Texts of version {version}. " if version else ""
    return (
        f"<h2>Compliance</h2><p class='hm-muted'>{told}Read each line; your ticks are recorded "
        "together with the consent, before anything about the face is computed.</p>"
    )


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
    line = "Sending the photos and the consent…" if model is None else "Reading the face…"
    return (
        f'<div class="hm-progress" role="status"><strong>{line}</strong>'
        '<progress aria-label="Making the model"></progress>'
        "<span class='hm-muted'>The consent is recorded first. The photos are sealed before they "
        "are stored.</span></div>"
    )


def making_state(frame: Frame, model: Json) -> list[Any]:
    """Values for `Making.outputs` and the finished model's id."""
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
    told = html.note("The model could not be made from these photos.", "bad", "alert")
    return stopped(told + html.check_list(model.get("checks") or ()), model)


def stopped(told: str, body: Json) -> list[Any]:
    """Values for the same, when it ended without a model."""
    codes = {check.get("code") for check in body.get("checks") or () if isinstance(check, dict)}
    return [
        told,
        gr.Timer(active=False),
        gr.update(visible=True),
        gr.update(visible=True),
        gr.update(visible=bool(codes & {"duplicate", "possible_duplicate"})),
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
