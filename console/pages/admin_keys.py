"""Admin: API keys. A new one is shown once, in the browser; neither Gradio nor a list has it."""

from __future__ import annotations

from typing import Any

import gradio as gr

from console import texts
from console.client import Api, Json
from console.frame import PLAIN, Frame
from console.pages.admin_people import state
from console.parts import forms, html
from console.parts.admin_frame import part, top, wire
from console.parts.roles import SCOPES, scopes

_INTRO = "For your own tools and scripts. Each key says what it may do, and can be ended at once."
_LABEL = "For yourself: which tool or script uses it."
_DAYS = "It stops working after so many days. Empty: it works until you revoke it."


def build(frame: Frame, blocks: Any) -> None:
    """Draw the page and wire it."""
    top(frame, "admin-keys", texts.ADMIN_KEYS, _INTRO)
    gr.HTML(part("Make a key", making()), **PLAIN)
    shown = gr.HTML("", elem_id="admin-keys", **PLAIN)

    async def draw(api: Api) -> str:
        return keys(await api.items("/v1/admin/keys"))

    wire(frame, blocks, shown, draw)


def making() -> str:
    """The form for a new key."""
    fields = [
        forms.entry("label", "Name of the key", _LABEL, maxlength=120, autocomplete="off"),
        forms.ticks("scopes", "What it may do", SCOPES),
        forms.entry(
            "days", "Days", _DAYS, kind="number", value=90, needed=False, min=1, max=3653, step=1
        ),
    ]
    return forms.form(
        "POST /v1/admin/keys", fields, "Make key", "", kind="primary", once="key", name="make-key"
    )


def keys(listed: list[Json]) -> str:
    """Keys that work first, those that ended folded below."""
    works = [one for one in listed if one.get("status") in {"active", "awaiting_confirmation"}]
    ended = [one for one in listed if one not in works]
    if not listed:
        return part("Keys", html.empty("No keys yet", "Make the first one above."))
    shown = "".join(key(one) for one in works) or html.empty("No key works now", "Make one above.")
    past = ""
    if ended:
        lines = "".join(
            f"<li>{html.text(one.get('label') or one.get('id'))} {state(str(one.get('status')))}"
            "</li>"
            for one in ended
        )
        past = forms.fold(
            f"<span>{len(ended)} that ended</span>", f"<ul class='hm-lines'>{lines}</ul>"
        )
    return part("Keys", f'<div class="hm-list">{shown}{past}</div>')


def key(one: Json) -> str:
    """One key, folded."""
    used = html.day(one["last_used_at"]) if one.get("last_used_at") else "never"
    ends = html.day(one["expires_at"]) if one.get("expires_at") else "no end"
    summary = (
        f"<strong>{html.text(one.get('label') or 'Without a name')}</strong>"
        f"{state(str(one.get('status')))}<small class='hm-muted'>last used {html.text(used)}, "
        f"{html.text('until ' + ends if one.get('expires_at') else ends)}</small>"
    )
    waits = ""
    if one.get("status") == "awaiting_confirmation":
        waits = html.note("Waits: legal confirms it on the Compliance page.", "warn")
    facts = (
        f"<p>May: {html.text(scopes(one.get('scopes')))}</p>"
        f"<p class='hm-muted'>{html.text(one.get('id'))}, made "
        f"{html.text(html.day(one.get('created_at')))}</p>"
    )
    revoke = forms.form(
        f"DELETE /v1/admin/keys/{one.get('id')}",
        [],
        "Revoke this key",
        "The key is revoked; what used it is turned away from now on.",
        kind="danger",
    )
    told = "Whatever uses it is turned away at once. This can't be taken back."
    return forms.fold(summary, waits + facts + forms.sure("Revoke", told, revoke))
