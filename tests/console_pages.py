"""What tests need to look into the console: a request of the browser's, a page's own events."""

from __future__ import annotations

import asyncio
import inspect
from types import SimpleNamespace
from typing import Any

import gradio as gr


def asked_by(session: str = "", host: str = "studio.test:8000") -> Any:
    """A request as Gradio hands it to a page: headers and cookies are what the console reads."""
    cookies = {"hm_session": session, "other": "1"} if session else {}
    return SimpleNamespace(headers={"host": host}, cookies=cookies)


def loads_of(blocks: gr.Blocks) -> dict[str, Any]:
    """Every page's load event, by the page's address."""
    return {
        page: blocks.fns[number]
        for page, parts in blocks.get_config_file()["page"].items()
        for number in parts["dependencies"]
        if any(event == "load" for _, event in blocks.fns[number].targets)
        and blocks.fns[number].fn is not None
    }


def run(event: Any, request: Any, *values: Any) -> list[Any]:
    """Run an event's function and answer one value for each of its outputs."""
    given = list(values) + [""] * (len(event.inputs) - len(values))
    found = event.fn(*given, request)
    answer = asyncio.run(found) if inspect.isawaitable(found) else found
    return list(answer) if len(event.outputs) != 1 else [answer]
