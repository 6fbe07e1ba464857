"""Admin: break-glass, for the one case in which an admin has to see a person's photos.

It is the exception, so it asks for a reason, ends by itself within the hour, and legal and the
auditor read who looked, when and why. Photos are opened one by one, in a tab of their own.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

from console import texts
from console.client import Api, Json
from console.frame import PLAIN, Frame
from console.parts import forms, html
from console.parts.admin_frame import part, top, wire
from console.parts.times import moment

_INTRO = "An admin sees nobody's photos. When it can't be helped, this opens those of one model."
_RULES = (
    "Legal and the auditor see every use of this, with your reason. It opens the two reference "
    "photos of one model, for you alone, and closes by itself. Each look is in the audit log."
)


def build(frame: Frame, blocks: Any) -> None:
    """Draw the page and wire it."""
    top(frame, "admin-glass", texts.ADMIN_GLASS, _INTRO)
    gr.HTML(html.note(_RULES, "warn") + part("Open", opening()), **PLAIN)
    shown = gr.HTML("", elem_id="admin-glass", **PLAIN)

    async def draw(api: Api) -> str:
        return grants(await api.items("/v1/admin/break-glass"))

    wire(frame, blocks, shown, draw)


def opening() -> str:
    """The form that opens the photos of one model."""
    fields = [
        forms.entry(
            "model_id",
            "Id of the model",
            "It begins with mdl_; legal tells you which one.",
            pattern="mdl_[0-9a-z]+",
            maxlength=40,
            autocomplete="off",
        ),
        forms.entry("reason", "Reason", "Legal and the auditor read it.", maxlength=80),
        forms.entry("minutes", "Minutes", kind="number", value=15, min=1, max=60, step=1),
    ]
    send, done = "POST /v1/admin/break-glass", "Open. It closes by itself."
    return forms.form(send, fields, "Break the glass", done, kind="danger", name="break-glass")


def grants(listed: list[Json]) -> str:
    """What the caller opened, the newest first."""
    if not listed:
        return part("What you opened", html.empty("Nothing", "You never had to look."))
    return part(
        "What you opened", f'<div class="hm-list">{"".join(grant(one) for one in listed)}</div>'
    )


def grant(one: Json) -> str:
    """One grant: while it is open with links to the two photos, else only that it was."""
    model_id, is_open = html.text(one.get("model_id")), bool(one.get("open"))
    look = "running" if is_open else "ended"
    head = (
        f'<p class="hm-row"><strong>{model_id}</strong><span class="hm-badge hm-is-{look}">'
        f"{'Open' if is_open else 'Closed'}</span><span class='hm-muted'>"
        f"{html.text(moment(one.get('created_at')))} to "
        f"{html.text(moment(one.get('expires_at')))}</span></p>"
        f"<p>{html.text(one.get('reason') or 'The reason was destroyed with the person.')}</p>"
    )
    if not is_open:
        return f'<div class="hm-panel">{head}</div>'
    links = " ".join(
        f'<a class="hm-button" target="_blank" rel="noopener" '
        f'href="/v1/models/{model_id}/photos/{kind}">{html.text(texts.PHOTOS[kind])}</a>'
        for kind in ("full_body", "close_up")
    )
    close = forms.form(f"DELETE /v1/break-glass/{one.get('id')}", [], "Close it now", "Closed.")
    return f'<div class="hm-panel">{head}<p class="hm-row">{links}</p>{close}</div>'
