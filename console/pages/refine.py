"""Refine Image: 'View past generations', one of them to change, or two to compare.

What is open stands in the page's address: `?generation=` opens one past generation to change,
`?compare=` two pictures, and without either there is the list.
"""

from __future__ import annotations

import json
from typing import Any

import gradio as gr

from console import texts
from console.client import Api, ApiProblem, Json
from console.frame import PLAIN, QUIET, Frame
from console.pages import refine_one
from console.pages.editorial import tabs
from console.parts import capabilities as can
from console.parts import comparing, html, past
from console.parts.cards import model_card
from console.parts.pickers import ways_to_a_model

_INTRO = "Look at what was made, change it and make it again, or compare two pictures."
_PAGE = 24  # generations that come at once
_ASKED = "() => [hm.filteredFirst(), hm.asked('generation'), hm.asked('made'), hm.asked('compare')]"
_ON_LOAD = "hm.filters(element, trigger); // raises 'select'"


def build(frame: Frame, blocks: Any) -> None:
    """Draw the page and wire it."""
    frame.top("editorial")
    gr.HTML(html.heading(texts.REFINE, _INTRO), **PLAIN)
    gr.HTML(tabs(frame, "refine"), **PLAIN)
    notice = gr.HTML("", elem_id="refine-notice", **PLAIN)
    with gr.Column(visible=False) as list_view:
        with gr.Row(elem_classes=["hm-buttons"]):
            button = gr.Button(texts.SELECT_MODEL, elem_id="past-select-model")
        with gr.Column(visible=False, elem_classes=["hm-panel"]) as panel:
            cards = gr.HTML("", elem_id="past-model-cards", **PLAIN)
            gr.HTML(ways_to_a_model(frame), **PLAIN)
        filters = gr.HTML("", js_on_load=_ON_LOAD, apply_default_css=False, elem_id="past-filters")
        listed = gr.HTML("", elem_id="past", **PLAIN)
        with gr.Row(elem_classes=["hm-buttons"]):
            more = gr.Button("Show more", visible=False, elem_id="past-more")
    with gr.Column(visible=False) as one_view:
        one = refine_one.draw(frame)
    with gr.Column(visible=False) as two_view:
        gr.HTML(_back(frame), **PLAIN)
        compared = gr.HTML("", elem_id="compared", **PLAIN)
    wanted = gr.Textbox(visible=False)
    asked = [gr.Textbox(visible=False) for _ in range(3)]
    pages, opened = gr.State(1), gr.State(False)
    views, lists = [list_view, one_view, two_view], [filters, listed, more, pages]

    async def load(
        chosen: str, generation: str, made: str, compare: str, request: gr.Request
    ) -> list[Any]:
        api = frame.api(request)
        nothing = [gr.skip()] * (len(lists) + 1 + len(one.outputs))
        try:
            if comparing.asked(compare):
                shown = await _compared(api, comparing.asked(compare))
                answer = ["", *_view(2), *[gr.skip()] * len(lists), shown]
                return [*answer, *[gr.skip()] * len(one.outputs)]
            if generation:
                filled = await one.opened(api, generation, made, request)
                return ["", *_view(1), *[gr.skip()] * (len(lists) + 1), *filled]
            rows = await _list(frame, api, chosen, 1)
        except ApiProblem as problem:
            return [html.problem(problem), *_view(0), *nothing]
        return ["", *_view(0), *rows, gr.skip(), *[gr.skip()] * len(one.outputs)]

    async def again(chosen: str, shown: int, request: gr.Request) -> list[Any]:
        try:
            return ["", *(await _list(frame, frame.api(request), chosen, shown))[1:]]
        except ApiProblem as problem:
            return [html.problem(problem), *[gr.skip()] * 3]

    async def first(chosen: str, request: gr.Request) -> list[Any]:
        return await again(chosen, 1, request)

    async def further(chosen: str, shown: int, request: gr.Request) -> list[Any]:
        return await again(chosen, shown + 1, request)

    async def open_picker(is_open: bool, request: gr.Request) -> list[Any]:
        if is_open:
            return [gr.skip(), gr.update(visible=False), False]
        try:
            models = await frame.api(request).items("/v1/models", limit=100)
        except ApiProblem as problem:
            return [html.problem(problem), gr.update(visible=True), True]
        return [picker(frame, models), gr.update(visible=True), True]

    outputs = [notice, *views, *lists, compared, *one.outputs]
    blocks.load(load, [wanted, *asked], outputs, js=_ASKED, **QUIET)
    latest: dict[str, Any] = {
        "trigger_mode": "always_last",
        **QUIET,
    }  # a quick second choice counts
    filters.select(first, wanted, [notice, *lists[1:]], js="() => hm.filtered()", **latest)
    more.click(further, [wanted, pages], [notice, *lists[1:]], js=_AND_PAGES, **QUIET)
    button.click(open_picker, opened, [cards, panel, opened], **QUIET)


_AND_PAGES = "(_, pages) => [hm.filtered(), pages]"


def picker(frame: Frame, models: list[Json]) -> str:
    """Every model; each that can be used leads to 'Create New image' with that model chosen."""
    usable = [each for each in models if each.get("status") == "ready"]
    off = ("ready", "revoked", "erased")
    resting = [each for each in models if each.get("status") not in off]
    if not usable and not resting:
        return html.empty(*texts.NOBODY_READY)
    cards = "".join(
        model_card(each, frame.link("editorial", model=str(each["id"]))) for each in usable
    ) + "".join(model_card(each, frame.link("models", model=str(each["id"]))) for each in resting)
    return f'<div class="hm-cards">{cards}</div>'


def _view(shown: int) -> list[Any]:
    return [gr.update(visible=k == shown) for k in range(3)]


def _back(frame: Frame) -> str:
    return f'<a class="hm-link" href="{frame.link("refine")}">← {texts.PAST}</a>'


async def _list(frame: Frame, api: Api, chosen: str, count: int) -> list[Any]:
    """Filters, rows, 'Show more' and the number of pages that are shown."""
    given = _given(chosen)
    models = await api.items("/v1/models", limit=100)
    products = await api.items("/v1/products", limit=100)
    query = {name: value for name, value in given["asked"].items() if value}
    found: list[Json] = []
    cursor = ""
    for _ in range(count):
        page = await api.get("/v1/generations", limit=_PAGE, **query, **_at(cursor))
        found += page.get("items") or []
        cursor = str(page.get("next_cursor") or "")
        if not cursor:
            break
    rows = past.listed(found, past.named(models, products), frame.link("refine"))
    return [
        past.filters(models, products, given["chosen"]),
        rows or _nothing(frame, bool(query), bool(cursor)),
        gr.update(visible=bool(cursor)),
        count,
    ]


def _given(chosen: str) -> dict[str, Json]:
    try:
        found = json.loads(chosen or "{}")
    except ValueError:
        found = {}
    return {name: found.get(name) or {} for name in ("chosen", "asked")}


def _at(cursor: str) -> dict[str, str]:
    return {"cursor": cursor} if cursor else {}


def _nothing(frame: Frame, filtered: bool, further: bool) -> str:
    if further:
        return html.empty("Nothing among the newest pictures", "Press Show more to look further.")
    if filtered:
        return html.empty("Nothing fits these filters", "Clear one of them to see more.")
    return html.empty(
        "No pictures yet", "Make the first one.", frame.link("editorial"), texts.CREATE_NEW
    )


async def _compared(api: Api, pairs: list[tuple[str, str]]) -> str:
    two = await comparing.pictures(api, pairs)
    if len(two) < comparing.TWO:
        return html.empty("Choose two pictures", "Tick Compare under two pictures of the list.")
    able = await api.get("/v1/capabilities")
    terms = await api.get("/v1/guidelines")
    names = past.named(
        await api.items("/v1/models", limit=100), await api.items("/v1/products", limit=100)
    )
    labels = can.labels(terms, "purposes") | can.labels(terms, "channels")
    return comparing.side_by_side(two, names, labels, can.pack(able))
