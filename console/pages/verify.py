"""Verify a picture: which marks it carries, and whether this appliance made it.

The browser sends the picture straight to the API (`hm.verify` in `assets/console.js`); it never
passes through Gradio, and nothing of it is kept.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

from console import texts
from console.client import ApiProblem
from console.frame import PLAIN, Frame
from console.parts import html

_ACCEPT = "image/jpeg,image/png,image/webp,image/heic,.heic"
ZONE = (
    '<div class="hm-two hm-verify"><section class="hm-photo"><div class="hm-drop" '
    'data-hm-drop="verify"><img data-hm-photo="verify" alt="The picture that you chose" hidden>'
    '<p class="hm-muted" data-hm-without="verify">Drop any picture here, or choose a file. '
    "JPEG, PNG, WEBP or HEIC.</p>"
    '<label class="hm-button"><input class="hm-file" type="file" name="verify" '
    f'accept="{_ACCEPT}"><span>Choose picture</span></label></div></section>'
    '<section class="hm-verdict" data-hm-verdict role="status" aria-live="polite">'
    '<p class="hm-muted">The answer appears here.</p></section></div>'
)


def build(frame: Frame, blocks: Any) -> None:
    """Draw the page; the answer is drawn by the browser."""
    frame.top("verify")
    gr.HTML(html.heading(texts.VERIFY, texts.VERIFY_INTRO), **PLAIN)
    notice = gr.HTML("", **PLAIN)
    gr.HTML(
        ZONE, js_on_load="hm.verify(element);", apply_default_css=False, elem_id="verify-picture"
    )
    gr.HTML(f'<p class="hm-muted">{html.text(texts.VERIFY_LIMITS)}</p>', **PLAIN)

    async def load(request: gr.Request) -> str:
        try:
            await frame.api(request).get("/v1/capabilities")
        except ApiProblem as found:
            return html.problem(found)
        return ""

    blocks.load(load, None, notice, show_progress="hidden", api_visibility="private")
