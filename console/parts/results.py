"""A generation on its way and when it is done: place in the queue, steps, pictures, scores.

Pictures are ordinary `<img>` elements on the service's own image route, so the browser fetches
them with the session cookie and neither Gradio nor the console ever holds their bytes.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable

from console.client import Json
from console.parts.html import badge, day, score, text
from console.texts import TOOLS, words

LIVE = frozenset({"queued", "running"})
SHOWN_WIDTH = 288  # CSS pixels: small pictures are enlarged to this, and say so
WAITS = "Waits for the person's yes"
FORMATS = ("png", "jpeg", "webp")
MOST_PIXELS = 16_000_000  # of an enlarged copy; the service refuses more


def is_live(generation: Json) -> bool:
    """Whether the generation can still change."""
    return str(generation.get("status")) in LIVE


def progress(generation: Json, title: str = "") -> str:
    """What happens right now, in words and as a bar that assistive technology can read."""
    status = str(generation.get("status"))
    done, total = _steps(generation)
    if status == "queued":
        before = generation.get("position")
        line = f"{before} before yours in the queue" if before else "Next in the queue"
    elif status == "running":
        line = f"Step {done} of {total}" if total else "Getting ready"
    else:
        line = ""
    bar = (
        f'<progress max="{total or 1}" value="{done}" aria-label="Steps done"></progress>'
        if status in LIVE
        else ""
    )
    name = f"<strong>{text(title)}</strong>" if title else ""
    return (
        f'<div class="hm-progress" role="status">{name}<span>{badge(status)} {text(line)}</span>'
        f"{bar}{failure(generation)}</div>"
    )


def failure(generation: Json) -> str:
    """Why a generation ended without pictures, if it did."""
    error = generation.get("error")
    if not isinstance(error, dict):
        return ""
    told = " ".join(
        str(error[part]).rstrip(". ") + "."
        for part in ("title", "detail", "remedy")
        if error.get(part)
    )
    return f'<div class="hm-note hm-bad" role="alert">{text(told)}</div>'


def gallery(generation: Json, curl: str = "", title: str = "") -> str:
    """The finished pictures with scores, seeds and downloads."""
    images = [each for each in generation.get("images") or () if isinstance(each, dict)]
    figures = "".join(figure(image, k, len(images)) for k, image in enumerate(images, 1))
    copy = (
        f'<button type="button" class="hm-button" data-hm-copy="{text(curl)}">Copy as curl</button>'
        if curl
        else ""
    )
    name = f"<h3>{text(title)}</h3>" if title else ""
    bar = f'<div class="hm-row">{copy}</div>' if copy else ""
    return (
        f'<section class="hm-gallery">{name}<div class="hm-figures">{figures}</div>{bar}</section>'
    )


def figure(image: Json, k: int, n: int) -> str:
    """One picture: shown at a fair size with its true size stated, scores, seed, downloads."""
    width, height = int(image.get("width") or 96), int(image.get("height") or 128)
    shown = max(width, SHOWN_WIDTH)
    enlarged = ", shown enlarged" if shown > width else ""
    image_id = text(image.get("id"))
    links = " ".join(
        f'<a class="hm-link" href="/v1/images/{image_id}?format={each}" '
        f'download="{image_id}.{each}" aria-label="Download image {k} as {each.upper()}">'
        f"{each.upper()}</a>"
        for each in FORMATS
    ) + (
        f' <a class="hm-link" href="/v1/images/{image_id}?format=png&amp;scale=4" '
        f'download="{image_id}-4x.png" aria-label="Download image {k} four times as large">'
        "PNG 4×</a>"
        if width * height * 16 <= MOST_PIXELS
        else ""
    )
    facts = (
        ("Identity", score(image.get("identity_score"))),
        ("Product", score(image.get("product_score"))),
        ("Seed", text(image.get("seed"))),
    )
    waits = image.get("approval") == "pending"
    if waits:  # most callers get no bytes yet; the browser hides what did not load
        links = f'<span class="hm-badge">{WAITS}</span>'
    hidden = " data-hm-optional" if waits else ""
    listed = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts)
    return (
        f'<figure class="hm-figure"><img src="/v1/images/{image_id}?format=jpeg" '
        f'width="{shown}" height="{round(shown * height / width)}" alt="Image {k} of {n}"{hidden}>'
        f'<figcaption><dl class="hm-facts">{listed}</dl><span class="hm-row">{links}</span>'
        f"<small>{width} × {height} px{enlarged}</small></figcaption></figure>"
    )


def thumbnails(generations: Iterable[Json], limit: int, href: str) -> str:
    """The newest pictures, small, each leading to its generation."""
    cells = [
        f'<a href="{text(href)}?generation={text(generation.get("id"))}">'
        f'<img src="/v1/images/{text(image.get("id"))}?format=jpeg" loading="lazy" '
        f'data-hm-optional alt="{text(words(TOOLS, generation.get("tool")))}, image {k}"></a>'
        for generation in generations
        for k, image in enumerate(generation.get("images") or (), 1)
    ]
    return f'<div class="hm-thumbs">{"".join(cells[:limit])}</div>' if cells else ""


def summary(generation: Json, href: str) -> str:
    """One line of the list of past generations."""
    pictures = "".join(
        f'<img src="/v1/images/{text(image.get("id"))}?format=jpeg" loading="lazy" '
        'alt="" data-hm-optional>'
        for image in (generation.get("images") or ())[:4]
    )
    return (
        f'<a class="hm-past" href="{text(href)}"><span class="hm-strip">{pictures}</span>'
        f'<span class="hm-card-text"><strong>{text(words(TOOLS, generation.get("tool")))}</strong>'
        f"<span>{text(generation.get('prompt'))}</span>"
        f"<small>{badge(generation.get('status'))} {text(day(generation.get('created_at')))}"
        "</small></span></a>"
    )


def body_of(generation: Json) -> Json:
    """The request that made a generation, as the service remembers it."""
    asked = (
        *("tool", "prompt", "model_id", "product_ids", "n", "aspect_ratio", "seed"),
        *("purpose", "channel", "territories", "campaign", "metadata"),
    )
    return {name: generation[name] for name in asked if generation.get(name)}


def as_curl(origin: str, body: Json) -> str:
    """The exact API call that would make this; the key is the reader's own."""
    sent = shlex.quote(json.dumps(body, ensure_ascii=False))
    return (
        f"curl -X POST {shlex.quote(origin + '/v1/generations')} "
        '-H "Authorization: Bearer $HOUSEMODEL_KEY" '
        f"-H 'Content-Type: application/json' -d {sent}"
    )


def _steps(generation: Json) -> tuple[int, int]:
    found = generation.get("progress")
    if not isinstance(found, dict):
        return 0, 0
    return int(found.get("step") or 0), int(found.get("steps") or 0)
