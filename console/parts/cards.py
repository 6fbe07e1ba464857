"""Cards with pictures: to look at, and to choose one or several from by mouse or keyboard.

Choices are real radio buttons and check boxes inside labels. The server draws them; what is ticked
is read in the browser (`chosen_in`) whenever it matters, so a quick second choice is never lost.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import gradio as gr

from console.client import Json
from console.parts.html import badge, day, text
from console.texts import NAMELESS

GONE = ("revoked", "erased")
_ON_LOAD = """
const sync = () => element.querySelectorAll('input[name]').forEach(
  (box) => { box.checked = box.hasAttribute('checked'); });
watch('value', sync);
element.addEventListener('change', (event) => {
  if (event.target.matches('input[name]')) trigger('select');
});
"""


def card_list(elem_id: str) -> Any:
    """A Gradio component whose value is the HTML of `choices`; it raises `select`."""
    return gr.HTML("", js_on_load=_ON_LOAD, apply_default_css=False, elem_id=elem_id)


def chosen_in(elem_id: str) -> str:
    """The `js` of an event that brings the ids ticked in a card list, joined by commas."""
    return f"() => hm.chosen('{elem_id}')"


def ids_of(joined: str | None) -> list[str]:
    """The ids in what `chosen_in` brings."""
    return [each for each in (joined or "").split(",") if each]


def choices(
    group: str, label: str, cards: Iterable[str], chosen: Collection[str], several: bool
) -> str:
    """A labelled group of `choice` cards."""
    role = "group" if several else "radiogroup"
    return f'<div class="hm-cards" role="{role}" aria-label="{text(label)}">{"".join(cards)}</div>'


def choice(
    group: str, item_id: str, picture: str, title: str, line: str, on: bool, several: bool = False
) -> str:
    """One card that can be chosen."""
    kind = "checkbox" if several else "radio"
    return (
        f'<label class="hm-card hm-pick"><input type="{kind}" name="{text(group)}" '
        f'value="{text(item_id)}"{" checked" if on else ""}>{picture}'
        f'<span class="hm-card-text"><strong>{text(title)}</strong>{line}</span></label>'
    )


def model_choices(models: Iterable[Json], chosen: str) -> str:
    """The workspace's models as a picker; those that can't be used stand below and say why."""
    listed = [model for model in models if model.get("status") not in GONE]
    ready = [model for model in listed if model.get("status") == "ready"]
    cards = [
        choice("model", str(model["id"]), portrait(model), _name(model), model_line(model), on)
        for model in ready
        for on in [model.get("id") == chosen]
    ]
    resting = "".join(
        f'<div class="hm-card hm-resting">{portrait(model)}<span class="hm-card-text">'
        f"<strong>{text(_name(model))}</strong>{model_line(model)}</span></div>"
        for model in listed
        if model not in ready
    )
    picker = choices("model", "Custom models", cards, [chosen], several=False) if cards else ""
    if not resting:
        return picker
    return f'{picker}<h3>Not to be used now</h3><div class="hm-cards">{resting}</div>'


def product_choices(products: Iterable[Json], chosen: Collection[str], several: bool) -> str:
    """The products of the workspace, as a picker."""
    cards = [
        choice(
            "product",
            str(product["id"]),
            product_photo(product),
            str(product.get("name") or "Product"),
            f"<small>{text(product.get('category'))}</small>" if product.get("category") else "",
            product.get("id") in chosen,
            several,
        )
        for product in products
    ]
    return choices("product", "Products", cards, chosen, several) if cards else ""


def model_card(model: Json, href: str) -> str:
    """A model to look at; the card leads to where it can be used."""
    return (
        f'<a class="hm-card" href="{text(href)}">{portrait(model)}'
        f'<span class="hm-card-text"><strong>{text(_name(model))}</strong>'
        f"{model_line(model)}</span></a>"
    )


LOOKING = (
    '<div class="hm-card hm-chosen hm-none"><span class="hm-portrait" aria-hidden="true"></span>'
    '<span class="hm-card-text"><strong>One moment…</strong></span></div>'
)


def chosen_model(model: Json | None) -> str:
    """The model that the next picture will show."""
    if model is None:
        return (
            '<div class="hm-card hm-chosen hm-none"><span class="hm-portrait" aria-hidden="true">'
            '</span><span class="hm-card-text"><strong>No model chosen</strong>'
            "<small>Choose one to use $model in the prompt.</small></span></div>"
        )
    return (
        f'<div class="hm-card hm-chosen" data-model="{text(model.get("id"))}">{portrait(model)}'
        f'<span class="hm-card-text"><strong>{text(_name(model))}</strong>{model_line(model)}'
        "</span></div>"
    )


def model_line(model: Json) -> str:
    """State and consent of a model in one line."""
    until = consent_until(model)
    ends = f"<small>Consent until {text(day(until))}</small>" if until else ""
    return badge(model.get("status")) + ends


def consent_until(model: Json) -> str:
    """When the model's consent ends, wherever the service says it."""
    consent = model.get("consent")
    found = consent.get("expires_at") if isinstance(consent, dict) else None
    return str(found or model.get("consent_expires_at") or "")


def portrait(model: Json) -> str:
    """The close-up as a thumbnail; the first letter stands in where it may not be seen."""
    letter = (_name(model)[:1] or "?").upper()
    picture = ""
    if model.get("status") in {"ready", "suspended", "expired"}:
        picture = (
            f'<img src="/v1/models/{text(model.get("id"))}/photos/close_up" loading="lazy" '
            f'alt="" data-hm-optional>'
        )
    return (
        f'<span class="hm-portrait"><span aria-hidden="true">{text(letter)}</span>{picture}</span>'
    )


def product_photo(product: Json) -> str:
    """The product's photo as a thumbnail."""
    url = product.get("photo_url") or f"/v1/products/{product.get('id')}/photo"
    return (
        f'<span class="hm-portrait hm-product"><span aria-hidden="true">□</span>'
        f'<img src="{text(url)}" loading="lazy" alt="" data-hm-optional></span>'
    )


def _name(model: Json) -> str:
    return str(model.get("name") or NAMELESS)
