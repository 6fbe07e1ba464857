"""What every page stands in: the top bar, the page's own address, and the way to the service."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from console import texts
from console.client import Api, ClientFactory
from console.parts.html import text

NAVIGATION = (
    ("", texts.HOME),
    ("editorial", texts.EDITORIAL),
    ("flatlay", texts.FLATLAY),
    ("background-swap", texts.SWAP),
    ("models", texts.MODELS),
    ("review", texts.REVIEW),
    ("compliance", texts.COMPLIANCE),
    ("verify", texts.VERIFY),
    ("admin", texts.ADMIN),
)


PLAIN: dict[str, Any] = {"js_on_load": None, "apply_default_css": False}  # HTML to look at
QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}  # every event


@dataclass(frozen=True, slots=True)
class Frame:
    """Where the console is mounted and how a page reaches the service."""

    make_client: ClientFactory
    path: str  # for example "/console"

    def api(self, request: gr.Request) -> Api:
        """The service, as the person who sent `request` sees it."""
        return Api(self.make_client, request)

    def link(self, page: str = "", **query: str) -> str:
        """The address of a page."""
        asked = "&".join(f"{name}={value}" for name, value in query.items())
        return f"{self.path}/{page}" + (f"?{asked}" if asked else "")

    def top(self, current: str) -> None:
        """Draw the top bar; `current` is the page that is marked in it."""
        links = "".join(
            f'<a href="{self.link(page)}"{_current(page, current)}>{text(name)}</a>'
            for page, name in NAVIGATION
        )
        gr.HTML(
            '<a class="hm-skip" href="#main">Skip to content</a><header class="hm-top">'
            f'<a class="hm-brand" href="{self.link()}">{texts.BRAND}</a>'
            f'<nav aria-label="Pages">{links}</nav>'
            '<form method="post" action="/sign-out"><button type="submit" class="hm-button">'
            "Sign out</button></form></header>",
            **PLAIN,
            elem_classes=["hm-frame"],
        )


def _current(page: str, current: str) -> str:
    return ' aria-current="page"' if page == current else ""
