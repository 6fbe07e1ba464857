"""Admin: people with a name and a password, and what each of them may do.

Names and passwords go from the browser straight to the API. An account that opens faces or pictures
counts only when legal has confirmed it, on the Compliance page.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

from console import texts
from console.client import Api, Json
from console.frame import PLAIN, Frame
from console.parts import forms, html
from console.parts.admin_frame import part, top, wire
from console.parts.roles import ROLES, roles

_INTRO = "Who may come in, and what each of them may do."
_WAITS = "Waits: legal confirms it on the Compliance page, because these roles see people."
_PASSWORD = "At least 12 characters. Tell it to the person; they change it after signing in."
_FRESH = "new-password"  # else a browser fills in the admin's own
MIN_PASSWORD = 12


def build(frame: Frame, blocks: Any) -> None:
    """Draw the page and wire it."""
    top(frame, "admin-people", texts.ADMIN_PEOPLE, _INTRO)
    shown = gr.HTML("", elem_id="admin-people", **PLAIN)
    gr.HTML(part("Add a person", adding()), **PLAIN)

    async def draw(api: Api) -> str:
        listed = await api.items("/v1/admin/people")
        me = str((await api.get("/v1/account")).get("actor") or "").partition(".")[0]
        return people(listed, me)

    wire(frame, blocks, shown, draw)


def adding() -> str:
    """The form for a new account."""
    fields = [
        forms.entry("name", "Name", "They sign in with it.", maxlength=80, autocomplete="off"),
        forms.ticks("roles", "Roles", ROLES),
        forms.entry(
            "password", "First password", _PASSWORD, kind="password", minlength=MIN_PASSWORD,
            maxlength=200, autocomplete=_FRESH,
        ),
    ]  # fmt: skip
    done = "Added. If it waits for legal, it says so in the list."
    send = "POST /v1/admin/people"
    return forms.form(send, fields, "Add person", done, kind="primary", name="add-person")


def people(listed: list[Json], me: str) -> str:
    """Everybody who may come in, each with what can be changed; those who ended last."""
    ended = [one for one in listed if one.get("status") == "removed"]
    rows = "".join(person(one, me) for one in listed if one not in ended)
    if not listed:
        return html.empty("Nobody yet", "Add the first person below.")
    gone = ", ".join(html.text(one.get("name")) for one in ended)
    past = f'<p class="hm-muted">Ended: {gone}</p>' if gone else ""
    return f'<div class="hm-list">{rows}</div>{past}'


def person(one: Json, me: str) -> str:
    """One account, folded."""
    name, status = str(one.get("name") or ""), str(one.get("status") or "")
    summary = (
        f"<strong>{html.text(name)}</strong><span>{html.text(roles(one.get('roles')))}</span>"
        f"{state(status)}<small class='hm-muted'>since {html.text(html.day(one.get('created_at')))}"
        "</small>"
    )
    if one.get("id") == me:
        told = "This is you. Somebody else has to change your account; your password is yours."
        return forms.fold(summary, html.note(told))
    waits = html.note(_WAITS, "warn") if status == "awaiting_confirmation" else ""
    return forms.fold(summary, waits + changing(one, name))


def changing(one: Json, name: str) -> str:
    """The three things that can be done to an account."""
    path = f"/v1/admin/people/{one.get('id')}"
    ends = "They are signed out."
    other = forms.form(
        f"PATCH {path}",
        [forms.ticks("roles", f"Roles of {name}", ROLES, one.get("roles") or ())],
        "Save roles",
        f"The roles of {name} are changed. {ends}",
    )
    word = forms.entry(
        "password", f"New password for {name}", _PASSWORD, kind="password", minlength=MIN_PASSWORD,
        maxlength=200, autocomplete=_FRESH,
    )  # fmt: skip
    password = forms.form(
        f"PATCH {path}", [word], "Set password", f"{name} has a new password. {ends}"
    )
    end = forms.form(
        f"DELETE {path}", [], f"End the account of {name}", f"{name} is out.", kind="danger"
    )
    last = forms.sure(
        "End this account", "They are signed out at once and can't come back with it.", end
    )
    return other + password + last


def state(status: str) -> str:
    """The state of an account or a key in words."""
    words = {
        "active": "Active",
        "awaiting_confirmation": "Waits for legal",
        "removed": "Ended",
        "revoked": "Revoked",
        "expired": "Expired",
        "damaged": "Damaged",
    }
    look = {"awaiting_confirmation": "queued", "damaged": "failed"}.get(status, status)
    return (
        f'<span class="hm-badge hm-is-{html.text(look)}">'
        f"{html.text(words.get(status, status))}</span>"
    )
