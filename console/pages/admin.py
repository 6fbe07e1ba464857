"""Admin: the workspace, its plan and how much of it is used; nothing of anybody who is shown."""

from __future__ import annotations

from typing import Any

import gradio as gr

from console import texts
from console.client import Api, Json
from console.frame import PLAIN, Frame
from console.parts import forms, html
from console.parts.admin_frame import part, tile, top, wire

_INTRO = "The workspace and the machine behind it. Nobody's face, name or pictures are shown here."
_PLAN = (
    "A plan (starter, pro or enterprise) is changed on the machine itself, with "
    "<code>housemodel workspace plan NAME PLAN</code>."
)
_KEPT = (
    "Pictures that nobody deleted are destroyed after so many days. 0 destroys a picture once it "
    "was fetched; an empty field keeps pictures until somebody deletes them."
)


def build(frame: Frame, blocks: Any) -> None:
    """Draw the page and wire it."""
    top(frame, "admin", texts.ADMIN, _INTRO)
    shown = gr.HTML("", elem_id="admin-workspace", **PLAIN)

    async def draw(api: Api) -> str:
        place = await api.get("/v1/admin/workspace")
        rules = await api.get("/v1/policy")
        return workspace(place) + kept(rules)

    wire(frame, blocks, shown, draw)


def workspace(place: Json) -> str:
    """Name, plan, and how much of the plan is used."""
    plan, usage, queue = (_part(place, name) for name in ("plan", "usage", "queue"))
    models, images = int(usage.get("models") or 0), int(usage.get("images_today") or 0)
    products, queued = int(usage.get("products") or 0), int(queue.get("queued") or 0)
    running = int(queue.get("running") or 0)
    most = {name: int(plan.get(f"max_{name}") or 0) for name in ("models", "products", "queued")}
    a_day = int(plan.get("max_images_per_day") or 0)
    tiles = [
        tile("Plan", str(plan.get("name") or "").capitalize(), _features(plan)),
        tile(
            "Custom models", f"{models:,} of {most['models']:,}", "", _share(models, most["models"])
        ),
        tile(
            "Images today", f"{images:,} of {a_day:,}", "Since midnight UTC", _share(images, a_day)
        ),
        tile(
            "Products",
            f"{products:,} of {most['products']:,}",
            "",
            _share(products, most["products"]),
        ),
        tile("Images kept", usage.get("images") or 0),
        tile(
            "Queue",
            f"{queued} + {running}",
            f"Waiting + in work; {most['queued']:,} may wait",
            _share(queued, most["queued"]),
        ),
        tile("People", place.get("people") or 0),
        tile("API keys", place.get("keys") or 0),
    ]
    since = f"Since {html.text(html.day(place.get('created_at')))}. {_PLAN}"
    body = f'<div class="hm-tiles">{"".join(tiles)}</div><p class="hm-muted">{since}</p>'
    return part(str(place.get("name") or "Workspace"), body)


def kept(rules: Json) -> str:
    """How long results are kept, and the form that changes it."""
    days = rules.get("results_days")
    now = "until somebody deletes them" if days is None else f"{days} days"
    now = "until they were fetched" if days == 0 else now
    field = forms.entry(
        "results_days",
        "Days",
        kind="number",
        value="" if days is None else days,
        needed=False,
        empty_is_null=True,
        min=0,
        max=3653,
        step=1,
    )
    done = "Saved. What is too old now is destroyed within the hour."
    change = forms.form("PATCH /v1/policy", [field], "Save", done, inline=True, name="results-days")
    told = f"<p>Pictures are kept <strong>{html.text(now)}</strong>.</p>"
    return part("How long pictures are kept", f'{told}<p class="hm-muted">{_KEPT}</p>{change}')


def _features(plan: Json) -> str:
    return "With custom models" if plan.get("custom_models") else "Without custom models"


def _share(used: int, most: int) -> float | None:
    return used / most if most else None


def _part(whole: Json, name: str) -> Json:
    found = whole.get(name)
    return found if isinstance(found, dict) else {}
