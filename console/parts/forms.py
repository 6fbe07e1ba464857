"""Plain HTML forms that the browser sends straight to the API (`assets/forms.js`).

What is typed into them never passes through Gradio, so a password or a new key is seen by nobody
but the browser and the API. After a success the page reads itself anew through `refresher`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import gradio as gr

from console.frame import PLAIN
from console.parts.html import text

SAID = '<div id="page-said" aria-live="polite"></div>'  # where a success is told


def said() -> None:
    """Draw the place where the page tells what was done."""
    gr.HTML(SAID, **PLAIN)


def refresher() -> Any:
    """The button that a form presses after a success; nobody sees it."""
    return gr.Button("Read again", elem_id="fresh", elem_classes=["hm-unseen"])


def form(
    send: str,
    fields: Iterable[str],
    button: str,
    done: str,
    *,
    kind: str = "",
    once: str = "",
    stay: bool = False,
    inline: bool = False,
    name: str = "",
) -> str:
    """One form.

    Args:
        send: Method and path, for example "POST /v1/admin/keys".
        fields: What `entry`, `ticks` and `choice` made.
        button: Words of the button.
        done: What is said after a success.
        kind: "primary" or "danger".
        once: Field of the answer that is shown this once, with a button to copy it.
        stay: The page is not read anew, for example because that would draw over the answer.
        inline: Fields beside each other.
        name: An id for the form.
    """
    shape = "hm-form-plain hm-inline" if inline else "hm-form-plain"
    look = f"hm-button hm-{kind}" if kind else "hm-button"
    extra = f' data-hm-once="{text(once)}"' if once else ""
    extra += " data-hm-stay" if stay else ""
    extra += f' id="{text(name)}"' if name else ""
    return (
        f'<form class="{shape}" method="post" data-hm-send="{text(send)}" '
        f'data-hm-done="{text(done)}"{extra}>{"".join(fields)}'
        f'<button type="submit" class="{look}">{text(button)}</button>'
        '<div data-hm-said aria-live="polite"></div></form>'
    )


def entry(
    name: str,
    label: str,
    help_: str = "",
    *,
    kind: str = "text",
    value: object = "",
    needed: bool = True,
    empty_is_null: bool = False,
    **attributes: object,
) -> str:
    """One field to type into; `attributes` are those of an `input`, for example maxlength."""
    more = "".join(f' {key.rstrip("_")}="{text(given)}"' for key, given in attributes.items())
    more += ' data-hm-as="number"' if kind == "number" else ""
    more += ' data-hm-empty="null"' if empty_is_null else ""
    more += " required" if needed else ""
    told = f"<small>{text(help_)}</small>" if help_ else ""
    return (
        f'<label class="hm-entry">{text(label)}{told}<input type="{text(kind)}" '
        f'name="{text(name)}" value="{text(value)}"{more}></label>'
    )


def choice(name: str, label: str, options: Iterable[tuple[str, str]], chosen: str = "") -> str:
    """A drop-down of (words, code)."""
    listed = "".join(
        f'<option value="{text(code)}"{" selected" if code == chosen else ""}>'
        f"{text(words)}</option>"
        for words, code in options
    )
    return (
        f'<label class="hm-entry">{text(label)}'
        f'<select name="{text(name)}">{listed}</select></label>'
    )


def ticks(
    name: str, legend: str, options: Iterable[tuple[str, str, str]], chosen: Collection[str] = ()
) -> str:
    """Boxes of which at least one has to be ticked: (code, words, explanation)."""
    boxes = "".join(
        f'<label class="hm-box"><input type="checkbox" name="{text(name)}" data-hm-as="list" '
        f'value="{text(code)}"{" checked" if code in chosen else ""}><span>{text(words)}'
        f"<small>{text(help_)}</small></span></label>"
        for code, words, help_ in options
    )
    return (
        f'<fieldset class="hm-ticked" data-hm-some><legend>{text(legend)}</legend>'
        f"{boxes}</fieldset>"
    )


def fold(summary: str, body: str) -> str:
    """A row that opens; `summary` and `body` are HTML."""
    return f'<details class="hm-fold"><summary>{summary}</summary><div>{body}</div></details>'


def sure(question: str, explanation: str, inside: str) -> str:
    """A second step before something that can't be undone."""
    told = f'<p class="hm-muted">{text(explanation)}</p>'
    return fold(f"<span>{text(question)}</span>", told + inside)
