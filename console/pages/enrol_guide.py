"""Step 1 of the wizard: what a good pair of photos looks like, in words and pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from console import texts
from console.client import Json
from console.frame import PLAIN, Frame
from console.parts import html


@dataclass(frozen=True, slots=True)
class Guidelines:
    shown: Any
    next: Any


def guidelines(frame: Frame) -> Guidelines:
    """Step 1: what a good pair of photos looks like."""
    shown = gr.HTML(f"<h2>{texts.GUIDELINES}</h2>", elem_id="guidelines", **PLAIN)
    with gr.Row(elem_classes=["hm-buttons"]):
        onward = gr.Button(texts.NEXT, variant="primary", elem_id="next-1")
    gr.HTML(
        '<p class="hm-muted">No photos, because it should be nobody real? '
        f'<a class="hm-link" href="{frame.link("scratch")}">{texts.SCRATCH}</a></p>',
        **PLAIN,
    )
    return Guidelines(shown, onward)


def guidelines_html(page: Json) -> str:
    """The guidelines as the service has them: one card for each photo."""
    examples = [each for each in page.get("examples") or () if isinstance(each, dict)]
    cards = "".join(_guideline(photo, examples) for photo in page.get("photos") or ())
    return (
        f"<h2 data-hm-step-title tabindex='-1'>"
        f"{html.text(page.get('title') or texts.GUIDELINES)}</h2>"
        f'<p class="hm-lead">{html.text(page.get("intro"))}</p>'
        f'{_policy(page.get("retention_policy_url"))}<div class="hm-two">{cards}</div>'
    )


def _policy(url: Any) -> str:
    """Where the person reads how long everything is kept; without it nobody is enrolled."""
    if not url:
        return html.note(texts.NO_POLICY, "bad", "alert")
    return (
        f'<p><a class="hm-link" href="{html.text(url)}" target="_blank" rel="noopener noreferrer">'
        f"{texts.POLICY}</a></p>"
    )


def _guideline(photo: Json, examples: list[Json]) -> str:
    """One photo: what to look for, what is good, what is bad."""
    topics = "".join(
        f"<h4>{html.text(texts.words({}, topic.get('topic')))}</h4>"
        f"<p>{html.text(topic.get('text'))}</p>"
        f"{_pictures(photo.get('kind'), topic.get('topic'), examples)}"
        f"{_listed('Good', 'hm-yes', topic.get('good'))}"
        f"{_listed('Avoid', 'hm-no', topic.get('bad'))}"
        for topic in photo.get("topics") or ()
    )
    return (
        f'<section class="hm-panel hm-guide"><h3>{html.text(photo.get("title"))}</h3>'
        f"{topics}</section>"
    )


def _pictures(kind: Any, topic: Any, examples: list[Json]) -> str:
    """The examples of one topic, good ones first."""
    of_topic = [
        each for each in examples if (each.get("photo"), each.get("topic")) == (kind, topic)
    ]
    if not of_topic:
        return ""
    figures = "".join(
        f'<figure class="{"hm-yes" if each.get("good") else "hm-no"}">'
        f'<img src="{html.text(each.get("url"))}" alt="{html.text(each.get("alt"))}" '
        'width="270" height="360" loading="lazy">'
        f"<figcaption><b>{'Good' if each.get('good') else 'Avoid'}</b> "
        f"{html.text(each.get('text'))}</figcaption></figure>"
        for each in sorted(of_topic, key=lambda each: not each.get("good"))
    )
    return f'<div class="hm-examples">{figures}</div>'


def _listed(label: str, kind: str, lines: Any) -> str:
    items = "".join(f"<li>{html.text(line)}</li>" for line in lines or ())
    return f'<ul class="{kind}" aria-label="{label}">{items}</ul>' if items else ""
