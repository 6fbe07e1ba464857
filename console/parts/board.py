"""Many pictures at once, by product: what was asked for, what is done, what needs another try.

Every shot of every product is one generation. They carry the batch's name and the shot in their
`metadata`, so that a reload finds them by the batch alone (it stands in the page's address). A
timer asks only for what can still change, a few at a time.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from console import texts
from console.client import Api, ApiProblem, Json
from console.frame import PLAIN, QUIET, Frame
from console.parts import html, results
from console.parts.html import text

MOST = 60  # pictures of one press
_ASKED_AT_ONCE = 12  # generations of one tick
_TICK_SECONDS = 1.0
_REMEMBER = "(batch) => { if (batch) hm.remember('batch', batch); }"
_NOTHING_YET = html.empty(
    "Your catalogue appears here", "Add products, tick the shots you need, then press Generate."
)
TRY_AGAIN = "Try what failed again"


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture to make: of which product, which shot, and the request for it."""

    product: str
    name: str  # of the product
    shot: str
    body: Json


@dataclass(frozen=True, slots=True)
class Board:
    """The right side of Flatlay to Catalog."""

    address: Any  # the batch's name; the browser has to see it
    lines: Any  # gr.State: what each shot stands at
    notice: Any
    progress: Any
    pictures: Any
    cancel: Any
    again: Any
    timer: Any

    @property
    def outputs(self) -> list[Any]:
        """What `start`, `follow` and `found` fill, in order."""
        return [
            self.address,
            self.lines,
            self.notice,
            self.progress,
            self.pictures,
            self.cancel,
            self.again,
            self.timer,
        ]

    def with_notice(self, words: str) -> list[Any]:
        """Only a notice; what is there stays."""
        values = [gr.skip() for _ in self.outputs]
        values[self.outputs.index(self.notice)] = html.note(words, "warn", "alert")
        return values

    async def start(self, wanted: Sequence[Shot], api: Api) -> list[Any]:
        """Ask for every shot; one that is refused keeps its reason and its request."""
        batch = f"b{uuid.uuid4().hex[:12]}"
        lines = [
            {"product": one.product, "name": one.name, "shot": one.shot, "body": one.body}
            for one in wanted
        ]
        for line in lines:
            await _ask(line, batch, api)
        return await self.follow(batch, lines, api)

    async def repeat(self, batch: str, lines: list[Json], api: Api) -> list[Any]:
        """Ask anew for what was refused or failed; the rest stays."""
        for line in lines:
            if _has_failed(line) and line.get("body"):
                await _ask(line, batch, api)
        return await self.follow(batch, lines, api)

    async def found(self, batch: str, names: dict[str, str], api: Api) -> list[Any]:
        """The board of a batch that the page's address names; an empty one without."""
        lines: list[Json] = []
        if batch:
            try:
                past = await api.items("/v1/generations", tool="flatlay_to_catalog", limit=100)
            except ApiProblem as found:
                return self.drawn(batch, [], html.problem(found))
            for made in reversed(past):
                told = made.get("metadata") or {}
                if told.get("batch") == batch:
                    lines.append(_line_of(made, told, names))
        return self.drawn(batch if lines else "", lines)

    async def follow(self, batch: str, lines: list[Json], api: Api) -> list[Any]:
        """Ask for what can still change, and draw everything."""
        notice = ""
        live = [line for line in lines if _is_live(line)]
        for line in live[:_ASKED_AT_ONCE]:
            try:
                line["generation"] = await api.get(f"/v1/generations/{line['id']}")
            except ApiProblem as found:
                notice = html.problem(found)
                break
        return self.drawn(batch, lines, notice)

    def drawn(self, batch: str, lines: list[Json], notice: str = "") -> list[Any]:
        """Values for `outputs`."""
        live = any(_is_live(line) for line in lines)
        failed = any(_has_failed(line) and line.get("body") for line in lines)
        return [
            batch,
            lines,
            notice,
            _progress(lines),
            _by_product(lines) or _NOTHING_YET,
            gr.update(visible=live),
            gr.update(visible=failed and not live),
            gr.Timer(_TICK_SECONDS, active=live),
        ]


def board(frame: Frame) -> Board:
    """Draw the board and wire its timer, Cancel and 'Try what failed again'."""
    address = gr.Textbox(visible=False)
    lines = gr.State([])
    notice = gr.HTML("", elem_id="notice", **PLAIN)
    progress = gr.HTML("", elem_id="progress", **PLAIN)
    with gr.Row(elem_classes=["hm-buttons"]):
        cancel = gr.Button(texts.CANCEL, visible=False, elem_id="cancel")
        again = gr.Button(TRY_AGAIN, visible=False, elem_id="again")
    pictures = gr.HTML(_NOTHING_YET, elem_id="pictures", **PLAIN)
    timer = gr.Timer(_TICK_SECONDS, active=False)
    made = Board(address, lines, notice, progress, pictures, cancel, again, timer)

    async def tick(batch: str, listed: list[Json], request: gr.Request) -> Any:
        return await made.follow(batch, listed, frame.api(request))

    async def stop(batch: str, listed: list[Json], request: gr.Request) -> Any:
        api = frame.api(request)
        for line in listed:
            if _is_live(line):
                try:
                    path = f"/v1/generations/{line['id']}/cancel"
                    line["generation"] = await api.post(path, {})
                except ApiProblem as found:
                    if found.status != 409:  # it had ended by itself
                        return made.drawn(batch, listed, html.problem(found))
        return await made.follow(batch, listed, api)

    async def repeat(batch: str, listed: list[Json], request: gr.Request) -> Any:
        return await made.repeat(batch, listed, frame.api(request))

    timer.tick(tick, [address, lines], made.outputs, **QUIET)
    cancel.click(stop, [address, lines], made.outputs, **QUIET)
    again.click(repeat, [address, lines], made.outputs, **QUIET)
    address.change(None, address, None, js=_REMEMBER, **QUIET)
    return made


async def _ask(line: Json, batch: str, api: Api) -> None:
    """Submit one shot; `line` then holds its generation or why there is none."""
    body = {**line["body"], "metadata": {"batch": batch, "shot": line["shot"]}}
    line.pop("problem", None)
    try:
        made = await api.post("/v1/generations", body, key=uuid.uuid4().hex)
    except ApiProblem as found:
        line |= {"id": "", "generation": {}, "problem": " ".join(found.parts)}
        return
    line |= {"id": str(made.get("id")), "generation": dict(made)}


def _line_of(made: Json, told: Json, names: dict[str, str]) -> Json:
    product = str((made.get("product_ids") or [""])[0])
    body = {name: value for name, value in results.body_of(made).items() if name != "metadata"}
    return {
        "id": str(made.get("id")),
        "product": product,
        "name": names.get(product, "Product"),
        "shot": str(told.get("shot") or ""),
        "generation": made,
        "body": body,
    }


def _is_live(line: Json) -> bool:
    return bool(line.get("id")) and results.is_live(line.get("generation") or {})


def _has_failed(line: Json) -> bool:
    status = (line.get("generation") or {}).get("status")
    return not line.get("id") or status in {"failed", "refused", "cancelled"}


def _progress(lines: list[Json]) -> str:
    live = sum(1 for line in lines if _is_live(line))
    if not live:
        return ""
    done = len(lines) - live
    return (
        f'<div class="hm-progress" role="status"><span>{done} of {len(lines)} done</span>'
        f'<progress max="{len(lines)}" value="{done}" aria-label="Pictures done"></progress></div>'
    )


def _by_product(lines: list[Json]) -> str:
    groups: dict[str, list[Json]] = {}
    for line in lines:
        groups.setdefault(line["product"], []).append(line)
    return "".join(_section(group) for group in groups.values())


def _section(lines: list[Json]) -> str:
    name = str(lines[0]["name"])
    done = [
        (line, image)
        for line in lines
        for image in (line.get("generation") or {}).get("images") or ()
        if isinstance(image, dict)
    ]
    figures = "".join(
        f'<div><span class="hm-shot">{text(line["shot"])}</span>'
        f"{results.figure({**image, 'generation': line['id']}, k, len(done))}</div>"
        for k, (line, image) in enumerate(done, 1)
    )
    files = [
        {"id": image.get("id"), "name": _file_name(f"{k:02} {name} {line['shot']}")}
        for k, (line, image) in enumerate(done, 1)
        if image.get("approval") != "pending"
    ]
    button = (
        f'<button type="button" class="hm-button" data-hm-zip="{text(json.dumps(files))}" '
        f'data-hm-name="{text(_file_name(name))}" aria-label="Download all of {text(name)}">'
        f"Download all ({len(files)})</button>"
        if files
        else ""
    )
    rest = "".join(
        _waits(line) for line in lines if not (line.get("generation") or {}).get("images")
    )
    return (
        '<section class="hm-gallery"><div class="hm-board-head">'
        f"<h3>{text(name)}</h3>{button}</div>"
        f'{rest}<div class="hm-figures">{figures}</div></section>'
    )


def _waits(line: Json) -> str:
    """A shot without a picture: where it stands, or why there is none."""
    if line.get("problem"):
        return html.note(f"{line['shot']}: {line['problem']}", "bad", "alert")
    generation = line.get("generation") or {}
    return (
        f'<span class="hm-board-line">{text(line["shot"])} {html.badge(generation.get("status"))}'
        f"{results.failure(generation)}</span>"
    )


def _file_name(words: str) -> str:
    return re.sub(r"[^\w-]+", "_", words).strip("_").lower()[:80] or "product"
