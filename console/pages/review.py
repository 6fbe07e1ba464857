"""Review: what waits for a reviewer's yes, and reporting where a picture was published."""

from __future__ import annotations

from typing import Any

import gradio as gr

from console import texts
from console.frame import PLAIN, Frame
from console.parts import html


def build(frame: Frame, blocks: Any) -> None:
    """Draw the page and wire it."""
    frame.top("review")
    gr.HTML(html.heading(texts.REVIEW), **PLAIN)
