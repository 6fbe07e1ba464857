"""Puts the console together and mounts it in the gateway.

    mount_console(app, in_process(app), path="/console")

Gradio is held to this machine: no analytics, no sharing, no run history in the browser, no API
pages, no server-side rendering, fonts of the system only. `guard.Guard` closes the rest.
"""

from __future__ import annotations

import asyncio
import sys
import warnings
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import gradio as gr
from gradio.blocks import BlockContext

from console import texts
from console.client import ClientFactory, in_process, over_network
from console.door import Door
from console.frame import Frame
from console.guard import Guard, Served
from console.pages import (
    admin,
    admin_engines,
    admin_glass,
    admin_keys,
    admin_people,
    compliance,
    editorial,
    enrol,
    flatlay,
    home,
    models,
    refine,
    review,
    scratch,
    swap,
    verify,
)
from console.theme import head, script, style_sheet, theme

__all__ = ["build_console", "in_process", "mount_console", "over_network"]

PAGES: tuple[tuple[str, str, Callable[[Frame, Any], None]], ...] = (
    ("editorial", texts.EDITORIAL, editorial.build),
    ("refine", texts.REFINE, refine.build),
    ("enrol", texts.ENROL, enrol.build),
    ("scratch", texts.SCRATCH, scratch.build),
    ("flatlay", texts.FLATLAY, flatlay.build),
    ("background-swap", texts.SWAP, swap.build),
    ("models", texts.MODELS, models.build),
    ("review", texts.REVIEW, review.build),
    ("compliance", texts.COMPLIANCE, compliance.build),
    ("verify", texts.VERIFY, verify.build),
    ("admin", texts.ADMIN, admin.build),
    ("admin-people", texts.ADMIN_PEOPLE, admin_people.build),
    ("admin-keys", texts.ADMIN_KEYS, admin_keys.build),
    ("admin-engines", texts.ADMIN_ENGINES, admin_engines.build),
    ("admin-glass", texts.ADMIN_GLASS, admin_glass.build),
)


def build_console(make_client: ClientFactory, path: str = "/console") -> Any:
    """Build every page; `path` is where the console will be mounted."""
    return _in_a_loop(lambda: _build(make_client, path))


def _build(make_client: ClientFactory, path: str) -> Any:
    frame = Frame(make_client, path.rstrip("/"))
    with gr.Blocks(title=texts.BRAND, analytics_enabled=False, fill_width=True) as blocks:
        home.build(frame, blocks)
        BlockContext.fill_expected_parents(blocks)
        for address, name, build in PAGES:
            # NOTE: what `blocks.route` does, which would make a whole FastAPI application per page.
            blocks.pages.append((address, name, False))  # the frame has its own bar
            blocks.current_page = address
            build(frame, blocks)
            BlockContext.fill_expected_parents(blocks)
    blocks.queue(default_concurrency_limit=16, max_size=256)
    # NOTE: Gradio keeps statistics of past events and goes through all of them after each one.
    blocks._queue.ANALYTICS_MAX_EVENTS = 1
    blocks._queue.ANAYLTICS_CACHE_FREQUENCY = sys.maxsize
    return blocks


def mount_console(
    app: Any, make_client: ClientFactory, path: str = "/console", sign_in: str = "/sign-in"
) -> Any:
    """Mount the console in the FastAPI application `app` and answer `app`."""
    with warnings.catch_warnings():
        # Gradio warns that several pages exclude server-side rendering, which is off anyway.
        warnings.filterwarnings("ignore", message="SSR mode is not supported")
        _in_a_loop(lambda: _mount(app, _build(make_client, path), path))
    mounted = next(route for route in app.routes if getattr(route, "path", None) == path)
    pages = frozenset({"", *(address for address, _, _ in PAGES)})
    ours = script()
    served = Served(f"/hm-{sha256(ours).hexdigest()[:16]}.js", "text/javascript", ours)
    mounted.app = Guard(
        mounted.app, pages, Door(make_client), sign_in, served, head(path + served.path)
    )
    return app


def _in_a_loop(make: Callable[[], Any]) -> Any:
    """Run `make` inside an event loop: where none runs, Gradio makes several and closes none."""

    async def inside() -> Any:
        return make()

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(inside())
    return make()


def _mount(app: Any, blocks: Any, path: str) -> None:
    gr.mount_gradio_app(
        app,
        blocks,
        path=path,
        footer_links=[],
        run_history=False,
        show_error=False,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        max_file_size=1,  # bytes: the guard closes uploads; this is the second lock
        allowed_paths=[],
        theme=theme(),
        css=style_sheet(),
    )
