"""Starts generations, follows them until they end, shows what came out.

A timer asks the service for the state of each generation; it runs only while one can still change.
The ids also stand in the page's address, so that a reload finds them again.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from console import texts
from console.client import Api, ApiProblem, Json, origin_of
from console.frame import PLAIN, QUIET, Frame
from console.parts import capabilities as can
from console.parts import html, results

_TICK_SECONDS = 0.6
REVEAL = "() => hm.reveal()"  # after a start, on a screen where the results are further down
_NOTHING_YET = html.empty("Your pictures appear here", "Choose on the left, then press Generate.")


@dataclass(frozen=True, slots=True)
class Runner:
    """The right side of a tool: notice, progress, pictures, Cancel."""

    address: Any  # the ids as the page's address has them; the browser has to see it
    jobs: Any  # gr.State: list of {id, title}; without an id, why it was refused
    notice: Any
    progress: Any
    pictures: Any
    cancel: Any
    timer: Any
    nothing_yet: str = _NOTHING_YET

    @property
    def outputs(self) -> list[Any]:
        """What `start` and `follow` fill, in order."""
        return [
            self.address,
            self.jobs,
            self.notice,
            self.progress,
            self.pictures,
            self.cancel,
            self.timer,
        ]

    def with_notice(self, values: list[Any], words: str) -> list[Any]:
        """The same values for `outputs`, with a notice of our own."""
        values[self.outputs.index(self.notice)] = html.note(words, "warn", "alert")
        return values

    async def start(
        self,
        wanted: Sequence[tuple[str, Json]],
        request: gr.Request,
        api: Api,
        path: str = "/v1/generations",
    ) -> Any:
        """Submit each (title, body); what is refused is said, the rest goes on."""
        jobs: list[Json] = []
        for title, body in wanted:
            try:
                made = await api.post(path, body, key=uuid.uuid4().hex)
            except ApiProblem as found:
                jobs.append({"id": "", "title": title, "problem": html.problem(found, title)})
                continue
            jobs.append({"id": str(made.get("id")), "title": title})
        return await self.follow(jobs, request, api)

    async def follow(
        self, jobs: list[Json], request: gr.Request, api: Api, notice: str = ""
    ) -> list[Any]:
        """Ask for every generation once and draw it; what was refused at its start stays said."""
        waiting, done, live, pack = "", "", False, None
        for job in jobs:
            if not job["id"]:
                notice += job["problem"]
                continue
            try:
                generation = await api.get(f"/v1/generations/{job['id']}")
                if generation.get("status") == "completed" and pack is None:
                    pack = can.pack(await api.get("/v1/capabilities"))
            except ApiProblem as found:
                live = live or found.status >= 500  # it may be back in a moment: ask again
                notice += html.problem(found)
                continue
            if results.is_live(generation):
                live = True
            if generation.get("status") == "completed":
                curl = results.as_curl(origin_of(request), results.body_of(generation))
                done += results.gallery(generation, curl, job["title"], pack)
            else:
                waiting += results.progress(generation, job["title"])
        if not jobs and not notice:
            done = self.nothing_yet
        return [
            ",".join(job["id"] for job in jobs if job["id"]),
            jobs,
            notice,
            waiting,
            done,
            gr.update(visible=live),
            gr.Timer(_TICK_SECONDS, active=live),
        ]


def runner(frame: Frame, remembered: str = "generation", nothing_yet: str = _NOTHING_YET) -> Runner:
    """Draw the right side of a tool and wire it.

    Args:
        frame: Where the page stands.
        remembered: The name under which the page's address has the ids.
        nothing_yet: What stands there before the first picture.
    """
    address = gr.Textbox(visible=False)
    jobs = gr.State([])
    notice = gr.HTML("", elem_id="notice", **PLAIN)
    progress = gr.HTML("", elem_id="progress", **PLAIN)
    with gr.Row(elem_classes=["hm-buttons"]):
        cancel = gr.Button(texts.CANCEL, visible=False, elem_id="cancel")
    pictures = gr.HTML(nothing_yet, elem_id="pictures", **PLAIN)
    timer = gr.Timer(_TICK_SECONDS, active=False)
    made = Runner(address, jobs, notice, progress, pictures, cancel, timer, nothing_yet)

    async def tick(listed: list[Json], request: gr.Request) -> Any:
        return await made.follow(listed, request, frame.api(request))

    async def stop(listed: list[Json], request: gr.Request) -> Any:
        api, notice_ = frame.api(request), ""
        for job in listed:
            if not job["id"]:
                continue
            try:
                await api.post(f"/v1/generations/{job['id']}/cancel", {})
            except ApiProblem as found:
                if found.status != 409:  # it had ended by itself
                    notice_ += html.problem(found)
        return await made.follow(listed, request, api, notice_)

    timer.tick(tick, jobs, made.outputs, **QUIET)
    cancel.click(stop, jobs, made.outputs, **QUIET)
    keep = f"(ids) => {{ if (ids) hm.remember('{remembered}', ids); }}"
    address.change(None, address, None, js=keep, **QUIET)
    return made


def jobs_of(asked: str) -> list[Json]:
    """The generations that the page's address names."""
    ids = [each for each in asked.split(",") if each.startswith("gen_")]
    return [{"id": each, "title": ""} for each in ids[:8]]
