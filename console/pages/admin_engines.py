"""Admin: what runs where, how long the queue is, and which packs there are."""

from __future__ import annotations

from typing import Any

import gradio as gr

from console import texts
from console.client import Api, Json
from console.frame import PLAIN, Frame
from console.parts import html
from console.parts.admin_frame import part, table, tile, top, wire

_INTRO = (
    "What runs, on which machine, with how much room; and what the loaded packs may be used for."
)
_EVERY = 5.0  # seconds between two looks
_PARTS = {
    "gateway": "Web service and stores",
    "diffusion": "Draws pictures",
    "identity": "Reads faces",
    "whole": "Everything in one process",
}
_STATES = {"ready": "Ready", "drawing": "Drawing", "starting": "Starting"}
_LOOKS = {"ready": "ready", "drawing": "running", "starting": "queued"}
_ALLOWS = {
    "yes": "free for commercial use",
    "no": "not for commercial use without a contract",
    "revenue_limit": "commercial use up to a limit of revenue",
}


def build(frame: Frame, blocks: Any) -> None:
    """Draw the page and wire it."""
    top(frame, "admin-engines", texts.ADMIN_ENGINES, _INTRO)
    shown = gr.HTML("", elem_id="admin-engines", **PLAIN)

    async def draw(api: Api) -> str:
        running = await api.get("/v1/admin/engines")
        machines = await api.items("/v1/admin/nodes")
        packs = await api.items("/v1/admin/packs")
        return queue(running) + engines(running) + nodes(machines) + shelf(packs)

    wire(frame, blocks, shown, draw, _EVERY)


def queue(running: Json) -> str:
    """How much waits on the whole appliance."""
    found = running.get("queue")
    counts: Json = found if isinstance(found, dict) else {}
    drawing = sum(int(one.get("drawing") or 0) for one in _items(running))
    tiles = (
        tile("Waiting", counts.get("queued") or 0, "Requests of all workspaces"),
        tile("In work", counts.get("running") or 0, f"{drawing} pictures being drawn"),
        tile("Pack", running.get("pack") or "Starting", "What draws"),
    )
    return f'<div class="hm-tiles">{"".join(tiles)}</div>'


def engines(running: Json) -> str:
    """Every process of the appliance."""
    rows = [
        [
            f"<strong>{html.text(one.get('name'))}</strong><br><small class='hm-muted'>"
            f"{html.text(_PARTS.get(str(one.get('part')), ''))}</small>",
            _state(one),
            html.text(one.get("engine") or "–"),
            html.text(one.get("device") or "–") + _device_memory(one),
            html.text(size(one.get("memory_bytes"))),
            html.text("–" if one.get("drawn") is None else one["drawn"]),
            html.text(duration(one.get("up_seconds"))),
        ]
        for one in _items(running)
    ]
    heads = ("Part", "State", "Engine", "Device", "Memory", "Pictures", "Running for")
    return part("Engines and replicas", table(heads, rows, "Engines and replicas"))


def nodes(machines: list[Json]) -> str:
    """Every machine, with its load."""
    tiles = []
    for one in machines:
        cpus, load = int(one.get("cpus") or 1), float(one.get("load") or 0)
        whole, free = int(one.get("memory_bytes") or 0), int(one.get("memory_free_bytes") or 0)
        name = str(one.get("name"))
        used = f"{size(whole - free)} of {size(whole)} memory"
        share = (whole - free) / whole if whole else None
        tiles.append(tile(name, f"Load {load:.1f}", f"{cpus} CPUs; mean of a minute", load / cpus))
        tiles.append(tile(f"{name}, memory", size(free), f"free; {used} used", share))
    return part("Machines", f'<div class="hm-tiles">{"".join(tiles)}</div>') if tiles else ""


def shelf(packs: list[Json]) -> str:
    """Every pack, its licences, and whether somebody answered for those that need a contract."""
    return part("Packs and licences", "".join(pack(one) for one in packs) or html.empty(
        "No packs", "Put one into the folder `packs` of the home."
    ))  # fmt: skip


def pack(one: Json) -> str:
    """One pack."""
    name = html.text(f"{one.get('name') or one.get('folder')} {one.get('version') or ''}".strip())
    loaded = '<span class="hm-badge hm-is-ready">Loaded</span>' if one.get("loaded") else ""
    if one.get("problem"):
        body = html.note(str(one["problem"]), "bad")
    else:
        lines = "".join(
            f"<li>{html.text(each.get('spdx'))}, {html.text(each.get('covers'))}: "
            f"{html.text(_ALLOWS.get(str(each.get('commercial')), each.get('commercial')))}</li>"
            for each in one.get("licences") or ()
            if isinstance(each, dict)
        )
        body = f"<ul class='hm-lines'>{lines}</ul>{_answered(one)}"
    return (
        f'<div class="hm-panel" data-pack="{html.text(one.get("folder"))}"><p class="hm-row">'
        f"<strong>{name}</strong>{loaded}{_licence_badge(one)}</p>{body}</div>"
    )


def _licence_badge(one: Json) -> str:
    if one.get("problem"):
        return ""
    if not one.get("contract_needed"):
        return '<span class="hm-badge hm-is-ready">Free to use</span>'
    if one.get("acknowledged"):
        return '<span class="hm-badge hm-is-ready">Licence acknowledged</span>'
    return '<span class="hm-badge hm-is-failed">Licence not acknowledged</span>'


def _answered(one: Json) -> str:
    found = one.get("acknowledged")
    if isinstance(found, dict):
        told = f"Contract {found.get('contract')}, answered for by {found.get('by')}"
        return f'<p class="hm-muted">{html.text(told)}, {html.text(html.day(found.get("at")))}.</p>'
    if not one.get("contract_needed"):
        return ""
    told = (
        "Nothing is drawn with this pack until somebody states the contract, on the machine: "
        f'housemodel pack acknowledge {one.get("folder")} --contract "…" --by "…"'
    )
    return html.note(told, "warn")


def _state(one: Json) -> str:
    state = str(one.get("state"))
    words, look = _STATES.get(state, state), _LOOKS.get(state, "queued")
    failed = int(one.get("failures") or 0)
    more = f" <small>{failed} failed in a row</small>" if failed else ""
    return f'<span class="hm-badge hm-is-{look}">{html.text(words)}</span>{more}'


def _device_memory(one: Json) -> str:
    whole, free = one.get("device_memory_bytes"), one.get("device_memory_free_bytes")
    if not whole:
        return ""
    return f"<br><small class='hm-muted'>{size(free)} of {size(whole)} free</small>"


def _items(running: Json) -> list[Json]:
    return [one for one in running.get("items") or () if isinstance(one, dict)]


def size(count: object) -> str:
    """Bytes as MiB or GiB."""
    if not isinstance(count, int | float):
        return "–"
    mib = count / (1 << 20)
    return f"{mib / 1024:.1f} GiB" if mib >= 1024 else f"{mib:.0f} MiB"


def duration(seconds: object) -> str:
    """Seconds in the two largest units."""
    if not isinstance(seconds, int | float):
        return "–"
    minutes, hours, days = int(seconds // 60), int(seconds // 3600), int(seconds // 86400)
    if days:
        return f"{days} d {hours % 24} h"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"
