"""Review: pictures that wait for a reviewer's yes, and reporting where a picture was published.

Answers and reports go from the browser straight to the API (`parts/forms.py`). What the consent
does not cover is refused there, with the clause; nothing is decided here.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

from console import texts
from console.client import Api, ApiProblem, Json
from console.frame import PLAIN, QUIET, Frame
from console.parts import capabilities as can
from console.parts import forms, html
from console.parts.cards import card_list, choice, choices, chosen_in

_INTRO = "Say yes or no to pictures before they go out, and note where they were published."
_DECLINE = "The picture is destroyed for good, and nobody gets it back."
_WHERE = "An address, an issue, a shop: so that it can be found and taken down again."
_LEAVES = frozenset({"none", "approved"})  # pictures that may go out
_SHOWN = 24


def build(frame: Frame, blocks: Any) -> None:
    """Draw the page and wire it."""
    frame.top("review")
    gr.HTML(html.heading(texts.REVIEW, _INTRO), **PLAIN)
    notice = gr.HTML("", elem_id="review-notice", **PLAIN)
    forms.said()
    fresh = forms.refresher()
    waits = gr.HTML("", elem_id="review-waiting", **PLAIN)
    gr.HTML("<h2>Pictures</h2><p class='hm-muted'>Choose one to see where it was published, or to "
            "report that it was.</p>", **PLAIN)  # fmt: skip
    with gr.Row(equal_height=False, elem_classes=["hm-split"]):
        with gr.Column(scale=5, min_width=300):
            cards = card_list(elem_id="review-pictures")
        with gr.Column(scale=6, min_width=300):
            shown = gr.HTML("", elem_id="review-picture", **PLAIN)
    chosen = gr.Textbox(visible=False)
    outputs = [notice, waits, cards, shown, chosen]

    async def load(image_id: str, request: gr.Request) -> list[Any]:
        api = frame.api(request)
        try:
            asked = await api.items("/v1/approvals", limit=50)
            made = await api.items("/v1/generations", limit=50, status="completed")
            words = await api.get("/v1/guidelines")
            found = [(image, one) for one in made for image in one.get("images") or ()]
            leaves = [pair for pair in found if pair[0].get("approval") in _LEAVES][:_SHOWN]
            named = (pair for pair in found if pair[0].get("id") == image_id)
            wanted = next(named, leaves[0] if leaves else None)
            drawn = await _picture(api, *wanted, words) if wanted else ""
        except ApiProblem as problem:
            return [html.problem(problem), *[gr.skip()] * 4]
        image_id = str(wanted[0].get("id")) if wanted else ""
        listed = pictures(leaves, image_id)
        empty = html.empty("No pictures yet", "What creators make appears here.")
        return ["", waiting(asked, made), listed or empty, drawn, image_id]

    blocks.load(load, chosen, outputs, js="() => hm.asked('image')", **QUIET)
    cards.select(load, chosen, outputs, js=chosen_in("review-pictures"), **QUIET)
    fresh.click(load, chosen, outputs, **QUIET)


def waiting(asked: list[Json], made: list[Json]) -> str:
    """Pictures whose person's consent asks for a yes to each one."""
    seeds = {
        image.get("id"): one for one in made for image in one.get("images") or ()
    }  # image id -> its generation
    items = "".join(_waiting(one, seeds.get(one.get("image_id"), {})) for one in asked)
    nothing = html.empty("Nothing waits", "Pictures that need a yes before they go out.")
    body = f'<div class="hm-figures">{items}</div>' if items else nothing
    return f'<section class="hm-part"><h2>{texts.WAITING}</h2>{body}</section>'


def pictures(leaves: list[tuple[Json, Json]], chosen: str) -> str:
    """The newest pictures that may go out, to choose one from."""
    cards = [
        choice(
            "picture",
            str(image.get("id")),
            f'<span class="hm-portrait"><img src="/v1/images/{html.text(image.get("id"))}'
            '?format=jpeg" loading="lazy" alt="" data-hm-optional></span>',
            texts.words(texts.TOOLS, one.get("tool")),
            f"<small>{html.text(html.day(one.get('created_at')))}, seed "
            f"{html.text(image.get('seed'))}</small>",
            image.get("id") == chosen,
        )
        for image, one in leaves
    ]
    return choices("picture", "Pictures", cards, [chosen], several=False) if cards else ""


async def _picture(api: Api, image: Json, made: Json, words: Json) -> str:
    """One picture, where it went, and the form that reports another publication.

    Raises:
        ApiProblem: the service refused or failed.
    """
    image_id = html.text(image.get("id"))
    went = await api.items(f"/v1/images/{image.get('id')}/publications")
    purposes, channels = can.labels(words, "purposes"), can.labels(words, "channels")
    facts = (
        ("Made for", texts.words(purposes, made.get("purpose"))),
        ("Channel", texts.words(channels, made.get("channel"))),
        ("Where", _places(made.get("territories"))),
        ("Identity", html.score(image.get("identity_score"))),
    )
    listed = "".join(f"<div><dt>{name}</dt><dd>{html.text(v)}</dd></div>" for name, v in facts)
    return (
        f'<figure class="hm-figure"><img src="/v1/images/{image_id}?format=jpeg" width="288" '
        f'alt="The chosen picture"></figure><dl class="hm-facts hm-facts-wide">{listed}</dl>'
        f"{_publications(went, purposes, channels)}{reporting(image, made, words)}"
    )


def reporting(image: Json, made: Json, words: Json) -> str:
    """The form that reports a publication; what the picture was made for is filled in."""
    codes = list(dict.fromkeys([*texts.TERRITORIES, *(made.get("territories") or ())]))
    places = [(code, texts.words(texts.TERRITORIES, code), "") for code in codes]
    fields = [
        forms.choice(
            "purpose", "Purpose", can.options(words, "purposes"), str(made.get("purpose") or "")
        ),
        forms.choice(
            "channel", "Channel", can.options(words, "channels"), str(made.get("channel") or "")
        ),
        forms.ticks("territories", "Where it can be seen", places, made.get("territories") or ()),
        forms.entry("where", "Found at", _WHERE, needed=False, maxlength=300),
    ]
    send = f"POST /v1/images/{image.get('id')}/publications"
    done = "The publication is noted; it counts for what the person is paid."
    form = forms.form(send, fields, "Report publication", done, kind="primary", name="publish")
    return f'<section class="hm-part"><h2>It was published</h2>{form}</section>'


def _publications(went: list[Json], purposes: dict[str, str], channels: dict[str, str]) -> str:
    if not went:
        return "<h3>Published</h3><p class='hm-muted'>Nowhere yet, as far as anybody noted.</p>"
    lines = "".join(
        f"<li>{html.text(html.day(one.get('published_at')))}: "
        f"{html.text(texts.words(purposes, one.get('purpose')))}, "
        f"{html.text(texts.words(channels, one.get('channel')))}, "
        f"{html.text(_places(one.get('territories')))}"
        f"{': ' + html.text(one['where']) if one.get('where') else ''}</li>"
        for one in went
    )
    return f"<h3>Published</h3><ul class='hm-lines'>{lines}</ul>"


def _waiting(one: Json, made: Json) -> str:
    """One picture with its two answers; saying no takes a second step, because it destroys."""
    image_id = html.text(one.get("image_id"))
    since = html.text(html.day(one.get("created_at")))
    tool = html.text(texts.words(texts.TOOLS, made.get("tool"))) if made else "Picture"
    path = f"POST /v1/images/{one.get('image_id')}"
    yes = forms.form(f"{path}/approve", [], "Approve", "Approved: it may go out.", kind="primary")
    no = forms.form(f"{path}/decline", [], "Decline and destroy", "Declined.", kind="danger")
    return (
        f'<figure class="hm-figure"><img src="/v1/images/{image_id}?format=jpeg" width="288" '
        f'alt="A picture that waits for an answer"><figcaption><span>{tool}, since {since}</span>'
        f"{yes}{forms.sure('Decline', _DECLINE, no)}</figcaption></figure>"
    )


def _places(codes: Any) -> str:
    return ", ".join(texts.words(texts.TERRITORIES, code) for code in codes or ())
