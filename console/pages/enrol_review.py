"""Step 4 of the wizard: both photos, what the person agreed to, the compliance boxes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import gradio as gr

from console import texts
from console.client import Json
from console.frame import PLAIN
from console.pages import enrol_terms as terms
from console.pages.enrol_steps import missing, title
from console.parts import html


@dataclass(frozen=True, slots=True)
class Review:
    summary: Any
    tools: Any
    purposes: Any
    channels: Any
    territories: Any
    until: Any
    pay: Any
    amount: Any
    use: Any
    approval: Any
    intro: Any
    ticks: Any
    back: Any
    create: Any

    @property
    def entered(self) -> list[Any]:
        """The fields of the consent, in the order of `enrol_terms.consent`."""
        return [
            self.purposes,
            self.channels,
            self.territories,
            self.until,
            self.pay,
            self.amount,
            self.use,
            self.approval,
            self.tools,
        ]


def review() -> Review:
    """Step 4: both photos, the consent's terms, the compliance boxes."""
    gr.HTML(title("Review"), **PLAIN)
    _pictures()
    summary_ = gr.HTML("", **PLAIN)
    gr.HTML("<h2>What the person agreed to</h2>", **PLAIN)
    with gr.Row():
        tools = _several("Tools", terms.TOOLS, list(terms.TOOLS_AT_FIRST), "consent-tools")
        purposes = _several("Purposes", (), [], "consent-purposes")
        channels = _several("Channels", (), [], "consent-channels")
    with gr.Row():
        places = [(words, code) for code, words in texts.TERRITORIES.items()]
        at_first = list(terms.TERRITORIES_AT_FIRST)
        territories = _several("Territories", places, at_first, "consent-territories")
        until = gr.DateTime(
            terms.last_day(datetime.now(UTC).date()),
            include_time=False,
            type="string",
            label="Ends on",
            min_width=240,
            elem_id="consent-until",
        )
    with gr.Row():
        pay = gr.Dropdown(list(texts.PAY), value=terms.PAY_AT_FIRST, label="Pay", min_width=240)
        amount = gr.Textbox(
            label="Amount",
            placeholder="For example 25 EUR",
            max_length=80,
            min_width=240,
            elem_id="consent-amount",
        )
    use = gr.Textbox(
        label="Intended use",
        info="In the words of the consent.",
        value=terms.USE_AT_FIRST,
        max_length=2000,
        lines=2,
        elem_id="consent-use",
    )
    approval = gr.Dropdown(
        list(terms.APPROVAL), value="none", label="What the person approves", elem_id="approval"
    )
    _evidence()
    intro = gr.HTML("<h2>Compliance</h2>", **PLAIN)
    ticks = gr.CheckboxGroup(
        [], label="Tick every box", elem_id="attestations", elem_classes=["hm-ticks"]
    )
    missing(4)
    with gr.Row(elem_classes=["hm-buttons"]):
        back = gr.Button(texts.BACK, elem_id="back-4")
        create = gr.Button(
            texts.CREATE_MODEL, variant="primary", interactive=False, elem_id="create-model"
        )
    return Review(
        summary_,
        tools,
        purposes,
        channels,
        territories,
        until,
        pay,
        amount,
        use,
        approval,
        intro,
        ticks,
        back,
        create,
    )


def _several(label: str, choices: Any, chosen: list[str], elem_id: str) -> Any:
    return gr.Dropdown(
        list(choices),
        value=chosen,
        label=label,
        multiselect=True,
        min_width=220,
        elem_id=elem_id,
    )


def _pictures() -> None:
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


def _evidence() -> None:
    gr.HTML(
        '<div class="hm-field"><span class="hm-label">Signed consent (optional)</span>'
        '<div class="hm-row"><label class="hm-button"><input class="hm-file" type="file" '
        'name="evidence" accept="application/pdf,image/*"><span>Choose signed consent</span>'
        '</label><span class="hm-muted" data-hm-evidence role="status"></span>'
        '<button type="button" class="hm-button" data-hm-without-evidence hidden>Remove it</button>'
        "</div></div>",
        js_on_load="hm.enrol.evidence(element);",
        apply_default_css=False,
        elem_id="evidence",
    )


def summary(name: str, gender: str) -> str:
    """Name and gender as they will be kept."""
    words = {code: label for label, code in texts.GENDERS}.get(gender, "")
    if not name:
        return ""
    return f'<p class="hm-lead"><strong>{html.text(name)}</strong> · {html.text(words)}</p>'


def compliance_intro(page: Json) -> str:
    """The heading over the boxes, with the version of the texts."""
    version = html.text(page.get("version"))
    told = f"Texts of version {version}. " if version else ""
    return (
        f"<h2>Compliance</h2><p class='hm-muted'>{told}Read each line; your ticks are recorded "
        "together with the consent, before anything about the face is computed. They are not kept "
        "in the draft: after a reload you read and tick again.</p>"
    )
