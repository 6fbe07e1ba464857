"""What the two drawing tools ask the service for when their page opens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr

from console.client import Api, ApiProblem
from console.parts import capabilities as can
from console.parts import html
from console.parts.pickers import ModelPicker, ProductPicker
from console.parts.runner import Runner, jobs_of


async def opening(
    api: Api,
    models: ModelPicker,
    products: ProductPicker,
    run: Runner,
    request: gr.Request,
    model_id: str,
    generation: str,
) -> list[Any]:
    """Fill notice, ratio, purpose, channel, both pickers and the results, in that order.

    Where the service refuses, its problem is shown and everything else stays as it is.
    """
    try:
        able = await api.get("/v1/capabilities")
        terms = await api.get("/v1/guidelines")
        listed = await api.items("/v1/models", limit=100)
        goods = await api.items("/v1/products", limit=100)
    except ApiProblem as found:
        rest: Sequence[Any] = [*models.outputs, *products.outputs, *run.outputs]
        return [html.problem(found), *[gr.skip()] * (3 + len(rest))]
    note = can.pack_note(able)
    return [
        html.note(note) if note else "",
        gr.update(choices=can.ratios(able), value=can.default_ratio(able)),
        *can.vocabulary_updates(terms),
        *models.drawn(listed, model_id),
        *products.drawn(goods, []),
        *await run.follow(jobs_of(generation), request, api),
    ]
