"""Renewing a consent on the Models page: the same terms until another day, every box ticked anew.

A new version of the consent is recorded; the one before stays on record as it was. Wider or
narrower terms are a matter of the API (`POST /v1/models/{id}/consents`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import gradio as gr

from console import texts
from console.client import Json
from console.frame import PLAIN
from console.pages import enrol_terms as terms
from console.parts import capabilities as can
from console.parts import html

_INTRO = (
    "The person agreed to the same terms for longer. Tick each line again: it is recorded with "
    "today's date as a new version, and the version before stays on record."
)
_OPEN = """(ticked, all) => ({ __type__: 'update',
  interactive: Boolean(all) && (ticked || []).length === all.split(',').length })"""


@dataclass(frozen=True, slots=True)
class Renewal:
    """The parts of the form; `outputs` are what `drawn` fills."""

    panel: Any
    until: Any
    ticks: Any
    ids: Any
    button: Any

    @property
    def outputs(self) -> list[Any]:
        """What `drawn` fills, in order."""
        return [self.panel, self.until, self.ticks, self.ids, self.button]

    def drawn(self, shown: bool, boxes: Sequence[Json]) -> list[Any]:
        """Values for `outputs`: the boxes with their texts, none ticked."""
        listed = [(str(box.get("text")), str(box.get("id"))) for box in boxes]
        return [
            gr.update(visible=shown),
            terms.last_day(datetime.now(UTC).date()),
            gr.update(choices=listed, value=[]),
            ",".join(code for _, code in listed),
            gr.update(interactive=False),
        ]


def renewal() -> Renewal:
    """Draw the form, folded; it is shown by `drawn`."""
    with (
        gr.Column(visible=False) as panel,
        gr.Accordion("Renew the consent", open=False, elem_id="renewing"),
    ):
        gr.HTML(f"<p class='hm-muted'>{html.text(_INTRO)}</p>", **PLAIN)
        until = gr.Textbox(
            label="Until", info="Year-month-day, for example 2027-11-22.", elem_id="renew-until"
        )
        ticks = gr.CheckboxGroup(
            [], label="Tick every line", elem_id="renew-ticks", elem_classes=["hm-ticks"]
        )
        button = gr.Button(
            "Record the new version", variant="primary", interactive=False, elem_id="renew"
        )
    ids = gr.Textbox(visible=False)
    ticks.input(None, [ticks, ids], button, js=_OPEN, show_progress="hidden")
    return Renewal(panel, until, ticks, ids, button)


def may_renew(model: Json, consents: Sequence[Json]) -> bool:
    """Whether there is a person's consent that can go on."""
    status = model.get("status")
    return (
        bool(consents)
        and not model.get("synthetic")
        and status in {"ready", "suspended", "expired"}
    )


def request(latest: Json, until: str, capabilities: Json, ticked: Sequence[str]) -> Json:
    """The body of the new version: the same terms from today, until the end of another day.

    Raises:
        ValueError: `until` is no date.
    """
    ends = terms.end_of((until or "").strip())
    if not ends:
        raise ValueError(texts.DATE_WRONG)
    known = latest.get("terms") or {}
    kept: Json = {
        name: value for name, value in known.items() if name != "starts_at" and value is not None
    }
    if isinstance(kept.get("compensation"), dict):
        kept["compensation"] = _pay(kept["compensation"])
    boxes = terms.attestations(can.attestations(capabilities), ticked)
    return {"consent": {**kept, "expires_at": ends}, "attestations": boxes}


def _pay(shown: Json) -> Json | str:
    """Pay as the service takes it: in its fields, or as the words in which it was agreed."""
    if shown.get("words"):
        return str(shown["words"])
    return {name: value for name, value in shown.items() if name != "words" and value}
