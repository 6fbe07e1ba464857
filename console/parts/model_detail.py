"""One custom model as HTML: who it is, what was agreed, what was made, how well it was met.

Pure. What a role may not see is not in what it is given: the service refused it before.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from console import texts
from console.client import Json
from console.parts import forms, html
from console.parts.score_chart import chart

ALIVE = frozenset({"ready", "suspended", "expired"})
GONE = frozenset({"revoked", "erased"})
_THUMBS = 12
_APPROVALS = {
    "per_image": "The person says yes to each image",
    "per_campaign": "The person says yes to each campaign",
}


@dataclass(frozen=True, slots=True)
class Known:
    """What the service told this caller about one model."""

    model: Json = field(default_factory=dict)
    consents: Sequence[Json] = ()
    images: Sequence[Json] = ()
    more_images: bool = False
    retention: Json = field(default_factory=dict)
    effects: Json | None = None  # of revoking; None for who may not
    scopes: frozenset[str] = frozenset()
    purposes: dict[str, str] = field(default_factory=dict)  # code -> words
    channels: dict[str, str] = field(default_factory=dict)
    passed: float | None = None  # the pack's gates of the identity score
    warn: float | None = None


def detail(known: Known) -> str:
    """Everything about one model, top to bottom."""
    model = known.model
    if not model:
        return ""
    return (
        f"<h2>{html.text(model.get('name') or texts.NAMELESS)}</h2>{_line(known)}"
        f"{html.check_list(model.get('checks') or ())}{_gone(model)}{_photos(model)}"
        f"{_made(known)}{_consents(known)}"
    )


def pausing(model: Json, scopes: Collection[str]) -> str:
    """The form that pauses a model or lets it be used again; empty where that makes no sense."""
    if not {"models:write", "consents:write"} & set(scopes):
        return ""
    path, status = f"POST /v1/models/{model.get('id')}", model.get("status")
    if status == "suspended":
        told = "Nothing can be made with this model until it is resumed."
        form = forms.form(f"{path}/resume", [], "Resume", "The model can be used again.")
    elif status in {"ready", "expired"}:
        told = "Stops all use at once, and what waits. Nothing is destroyed; resume it any time."
        form = forms.form(f"{path}/suspend", [], "Suspend", "The model is suspended.")
    else:
        return ""
    return f"<h2>Pause</h2><p class='hm-muted'>{told}</p>{form}"


def effects(found: Json | None, synthetic: bool = False) -> str:
    """What revoking would do right now, with counts."""
    if found is None:
        return ""

    def count(name: str, one: str, many: str) -> str:
        number = int(found.get(name) or 0)
        return f"<strong>{number}</strong> {one if number == 1 else many}"

    lines = [
        f"{count('images', 'image', 'images')} that show this model, destroyed",
        f"{count('photos', 'reference photo', 'reference photos')} with the face data and the "
        "name, destroyed",
    ]
    if found.get("evidence"):
        lines.append(f"{count('evidence', 'signed consent', 'signed consents')}, destroyed")
    stopped = int(found.get("queued") or 0) + int(found.get("running") or 0)
    lines.append(f"<strong>{stopped}</strong> waiting or running, cancelled")
    if found.get("published"):
        lines.append(
            f"{count('published', 'publication', 'publications')}: these stay where they are, "
            "until you take them down. You get the list."
        )
    if found.get("links"):
        lines.append(
            f"{count('links', 'link', 'links')} of the person: stays open, so that they can read "
            "what was done"
        )
    listed = "".join(f"<li>{line}</li>" for line in lines)
    word = "Deleting" if synthetic else "Revoking"
    return (
        f"<p>{word} can't be undone. What happens:</p><ul class='hm-lines'>{listed}</ul>"
        "<p class='hm-muted'>You get a signed certificate. To go on, type the model's name.</p>"
    )


def proof(model_id: str, done: Json) -> str:
    """What was done, where the signed certificate is, and what to take down."""
    href = f"/v1/models/{html.text(model_id)}/erasure-certificate"
    told = (
        '<div class="hm-note hm-good" role="status">Revoked. The photos, the face data, the name '
        f'and every image are destroyed. <a class="hm-link" href="{href}" '
        'download="erasure-certificate.json">Download the erasure certificate</a></div>'
    )
    published = [one for one in done.get("published") or () if isinstance(one, dict)]
    if not published:
        return told
    rows = "".join(
        f"<li>{html.text(html.day(one.get('published_at')))}, {html.text(one.get('channel'))}: "
        f"{html.text(one.get('where') or 'nobody noted where')}</li>"
        for one in published
    )
    return (
        f'{told}<div class="hm-note hm-warn" role="note"><strong>Take these down; the list is '
        f"shown this once:</strong><ul class='hm-lines'>{rows}</ul></div>"
    )


def _line(known: Known) -> str:
    model = known.model
    gender = {code: words for words, code in texts.GENDERS}.get(str(model.get("gender")), "")
    made = f"made {html.day(model.get('created_at'))}"
    kind = '<span class="hm-badge">Fictional person</span>' if model.get("synthetic") else ""
    until = known.retention.get("destroy_by")
    kept = f", kept until {html.day(until)} at the latest" if until else ""
    words = ", ".join(part for part in (gender, made) if part) + kept
    return (
        f'<p class="hm-row">{html.badge(model.get("status"))}{kind}'
        f'<span class="hm-muted">{html.text(words)}</span></p>'
    )


def _gone(model: Json) -> str:
    if model.get("status") not in GONE:
        return ""
    href = f"/v1/models/{html.text(model.get('id'))}/erasure-certificate"
    return (
        '<p class="hm-muted">Nothing of this person is left. '
        f'<a class="hm-link" href="{href}" download="erasure-certificate.json">'
        "Download the erasure certificate</a></p>"
    )


def _photos(model: Json) -> str:
    if model.get("status") not in ALIVE:
        return ""
    model_id = html.text(model.get("id"))
    figures = "".join(
        f'<figure><img src="/v1/models/{model_id}/photos/{kind}" alt="{words}" data-hm-optional>'
        f"<figcaption>{words}</figcaption></figure>"
        for kind, words in texts.PHOTOS.items()
        if kind != "both"
    )
    return f'<div class="hm-photos">{figures}</div>'


def _made(known: Known) -> str:
    if known.model.get("status") not in ALIVE:
        return ""
    count = f"{len(known.images)}{' and more' if known.more_images else ''}"
    if not known.images:
        return "<h3>Images made</h3><p class='hm-muted'>None yet.</p>"
    cells = "".join(_thumb(one, k, known.scopes) for k, one in enumerate(known.images[:_THUMBS], 1))
    drawn = chart(known.images, known.passed, known.warn)
    scores = f"<h3>Identity score over time</h3>{drawn}" if drawn else ""
    return f"<h3>Images made: {count}</h3><div class='hm-thumbs hm-small'>{cells}</div>{scores}"


def _thumb(image: Json, k: int, scopes: Collection[str]) -> str:
    picture = (
        f'<img src="/v1/images/{html.text(image.get("id"))}?format=jpeg" loading="lazy" '
        f'data-hm-optional alt="Image {k}, score {html.score(image.get("identity_score"))}">'
    )
    href = ""
    if "generate" in scopes:
        href = f"editorial?generation={html.text(image.get('generation_id'))}"
    elif "review" in scopes:
        href = f"review?image={html.text(image.get('id'))}"
    return f'<a href="{href}">{picture}</a>' if href else f"<span>{picture}</span>"


def _consents(known: Known) -> str:
    if known.model.get("synthetic"):
        return _declared(known.consents)
    listed = "".join(_consent(one, known) for one in known.consents)
    return f"<h3>Consents</h3><div class='hm-list'>{listed}</div>" if listed else ""


def _declared(declared: Sequence[Json]) -> str:
    """What stands in the place of a consent where nobody real is shown."""
    when = html.day(declared[-1].get("recorded_at")) if declared else ""
    boxes = len(declared[-1].get("attestations") or ()) if declared else 0
    words = (
        "This person does not exist, so nobody consented and nothing ends by itself. "
        f"{boxes} statements about that were ticked on {when}."
    )
    return f'<h3>Declaration</h3><p class="hm-muted">{html.text(words)}</p>'


def _consent(consent: Json, known: Known) -> str:
    """One version: when it holds, and for what."""
    given = consent.get("terms")
    terms: Json = given if isinstance(given, dict) else {}
    term = f"{html.day(terms.get('starts_at'))} – {html.day(terms.get('expires_at'))}"
    lines = [
        _words(known.purposes, terms.get("purposes")),
        _words(known.channels, terms.get("channels")),
        _words(texts.TERRITORIES, terms.get("territories")),
        _words(texts.TOOLS, terms.get("tools")),
        _APPROVALS.get(str(terms.get("approval")), ""),
        f"Recorded {html.day(consent.get('recorded_at'))}" if consent.get("recorded_at") else "",
    ]
    told = "".join(f'<p class="hm-muted">{html.text(line)}</p>' for line in lines if line)
    return (
        f'<div class="hm-panel"><p class="hm-row"><strong>Version '
        f"{html.text(consent.get('version'))}</strong>{html.badge(consent.get('status'))}"
        f"<span>{html.text(term)}</span></p>{told}</div>"
    )


def _words(table: dict[str, str], codes: Any) -> str:
    return ", ".join(texts.words(table, each) for each in codes or ())
