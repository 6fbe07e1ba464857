"""What every page stands in: the top bar, the page's own address, and the way to the service.

Gradio's pages are the same for everybody, so the bar is only a mark in them; the door (`guard.py`)
puts in what whoever is looking may open.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import gradio as gr

from console import texts
from console.client import Api, ClientFactory
from console.parts.html import text
from console.places import Account, bar_of

PLAIN: dict[str, Any] = {"js_on_load": None, "apply_default_css": False}  # HTML to look at
QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}  # every event

BAR_MARK = re.compile(r"<!--hm-bar:([a-z-]*)-->")


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
        gr.HTML(f"<!--hm-bar:{current}-->", **PLAIN, elem_classes=["hm-frame"])


def top_bar(path: str, current: str, account: Account) -> str:
    """The top bar as this caller sees it: their pages, their name, the way out."""
    links = "".join(
        f'<a href="{path}/{place.address}"{_current(place.address, current)}>{text(place.name)}</a>'
        for place in bar_of(account)
    )
    who = ""
    if account.name:
        roles = text(", ".join(account.roles))
        who = f'<span class="hm-who">{text(account.name)} <small>{roles}</small></span>'
    return (
        '<a class="hm-skip" href="#main">Skip to content</a><header class="hm-top">'
        f'<a class="hm-brand" href="{path}/">{texts.BRAND}</a>'
        '<button type="button" class="hm-button hm-menu" aria-expanded="false" '
        'aria-controls="hm-pages">Menu</button>'
        f'<nav id="hm-pages" aria-label="Pages">{links}</nav>'
        f'<div class="hm-account">{who}'
        '<form method="post" action="/sign-out"><button type="submit" class="hm-button">'
        "Sign out</button></form></div></header>"
    )


def _current(page: str, current: str) -> str:
    return ' aria-current="page"' if page == current else ""
