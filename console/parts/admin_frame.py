"""What the admin's pages share: their tabs, the sentence about what an admin never sees."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from console import texts
from console.client import Api, ApiProblem
from console.frame import PLAIN, QUIET, Frame
from console.parts import forms, html

TABS = (
    ("admin", "Workspace"),
    ("admin-people", texts.ADMIN_PEOPLE),
    ("admin-keys", texts.ADMIN_KEYS),
    ("admin-engines", texts.ADMIN_ENGINES),
    ("admin-glass", texts.ADMIN_GLASS),
)


def top(frame: Frame, current: str, title: str, intro: str) -> None:
    """Draw bar, tabs and heading; `current` is the page that is marked."""
    frame.top("admin")
    gr.HTML(f"{html.heading(title, intro)}{tabs(frame, current)}", **PLAIN)
    forms.said()


def tabs(frame: Frame, current: str) -> str:
    """The admin's pages, as links."""
    links = "".join(
        f'<a href="{frame.link(page)}"{_current(page == current)}>{html.text(name)}</a>'
        for page, name in TABS
    )
    return f'<nav class="hm-tabs" aria-label="Admin pages">{links}</nav>'


def part(title: str, body: str, name: str = "") -> str:
    """A section with its heading; `body` is HTML."""
    named = f' id="{name}"' if name else ""
    return f'<section class="hm-part"{named}><h2>{html.text(title)}</h2>{body}</section>'


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], label: str) -> str:
    """A table that scrolls inside its own box; cells are HTML."""
    head = "".join(f'<th scope="col">{html.text(one)}</th>' for one in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return (
        f'<div class="hm-scroll" tabindex="0" role="region" aria-label="{html.text(label)}">'
        f'<table class="hm-table"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def tile(name: str, value: object, line: str = "", share: float | None = None) -> str:
    """One figure; `share` (0 to 1) draws a bar under it."""
    bar = ""
    if share is not None:
        full = max(0.0, min(1.0, share))
        bar = f'<progress max="1" value="{full:.3f}" aria-label="{html.text(name)}"></progress>'
    told = f"<small>{html.text(line)}</small>" if line else ""
    return (
        f'<div class="hm-tile"><span>{html.text(name)}</span><b>{html.text(value)}</b>{bar}{told}'
        "</div>"
    )


def wire(
    frame: Frame, blocks: Any, shown: Any, draw: Callable[[Api], Any], every: float = 0.0
) -> None:
    """Fill `shown` when the page opens, after each form, and `every` so many seconds.

    Args:
        draw: Asks the service and answers HTML; a refusal is shown instead.
    """
    fresh = forms.refresher()

    async def load(request: gr.Request) -> str:
        try:
            return str(await draw(frame.api(request)))
        except ApiProblem as found:
            return html.problem(found)

    blocks.load(load, None, shown, **QUIET)
    fresh.click(load, None, shown, **QUIET)
    if every:
        gr.Timer(every).tick(load, None, shown, **QUIET)


def _current(is_it: bool) -> str:
    return ' aria-current="page"' if is_it else ""
