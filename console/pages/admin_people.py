"""Admin: people with a name and a password, and what each of them may do."""

from __future__ import annotations

from typing import Any

import gradio as gr

from console import texts
from console.frame import PLAIN, Frame
from console.parts import html


def build(frame: Frame, blocks: Any) -> None:
    """Draw the page and wire it."""
    frame.top("admin")
    gr.HTML(html.heading(texts.ADMIN_PEOPLE), **PLAIN)
