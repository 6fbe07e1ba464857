"""A generation on its way and when it is done: place in the queue, steps, pictures, scores.

Pictures are ordinary `<img>` elements on the service's own image route, so the browser fetches
them with the session cookie and neither Gradio nor the console ever holds their bytes.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable

from console.client import Json
from console.parts.html import badge, text
from console.parts.meaning import explained, marks, scores
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
    bar = _bar(generation) if status in LIVE else ""
    name = f"<strong>{text(title)}</strong>" if title else ""
    return (
        f'<div class="hm-progress"><span role="status">{name} {badge(status)} '
        f"{text(_phase(generation))}</span>{bar}{failure(generation)}</div>"
    )


def _phase(generation: Json) -> str:
    """Place in the queue or steps done, and the time left as far as the service knows it."""
    status = str(generation.get("status"))
    done, total = _steps(generation)
    if status == "queued":
        before = generation.get("position")
        said = f"{before} before yours in the queue" if before else "Next in the queue"
    elif status == "running":
        said = f"Step {done} of {total}" if total > 1 else "Drawing"
        if total and done >= total:
            said = "Drawn; scores and marks follow"
    else:
        return ""
    left = time_left((generation.get("progress") or {}).get("eta_seconds"))
    return f"{said} · {left}" if left else said


def time_left(seconds: object) -> str:
    """An estimate in words, rounded so that it doesn't flicker; empty where there is none."""
    if not isinstance(seconds, int | float):
        return ""
    if seconds >= 90:
        return f"about {round(seconds / 60)} min left"
    return f"about {max(5, 5 * round(seconds / 5))} s left" if seconds > 3 else "a few seconds left"


def _bar(generation: Json) -> str:
    done, total = _steps(generation)
    # A pack that draws in one step has nothing to measure: the bar moves without saying how far.
    amount = f' max="{total}" value="{done}"' if total > 1 else ""
    return f'<progress{amount} aria-label="Steps done"></progress>'


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


def gallery(generation: Json, curl: str = "", title: str = "", pack: Json | None = None) -> str:
    """The finished pictures with scores, marks, seeds and downloads.

    Args:
        generation: As the service shows it.
        curl: The call that makes it; then it can be copied.
        title: A heading over the pictures.
        pack: The pack that is loaded; then the scores are put into words.
    """
    images = [each for each in generation.get("images") or () if isinstance(each, dict)]
    made = {"generation": generation.get("id")}
    figures = "".join(
        figure({**made, **image}, k, len(images), pack or {}) for k, image in enumerate(images, 1)
    )
    name = f"<h3>{text(title)}</h3>" if title else ""
    bar = f'<div class="hm-row">{copy_button(curl)}</div>' if curl else ""
    more = explained(pack) if pack else ""
    return (
        f'<section class="hm-gallery">{name}<div class="hm-figures">{figures}</div>{bar}{more}'
        "</section>"
    )


def figure(image: Json, k: int, n: int, pack: Json | None = None) -> str:
    """One picture: shown at a fair size with its true size stated, scores, marks, downloads."""
    width, height = int(image.get("width") or 96), int(image.get("height") or 128)
    shown = max(width, SHOWN_WIDTH)
    enlarged = ", shown enlarged" if shown > width else ""
    image_id = text(image.get("id"))
    waits = image.get("approval") == "pending"
    # Most callers get no bytes of what waits; the browser hides what did not load.
    links = f'<span class="hm-badge">{WAITS}</span>' if waits else downloads(image, k)
    hidden = " data-hm-optional" if waits else ""
    facts = [*scores(image, pack or {}), ("Seed", text(image.get("seed")), "")]
    listed = "".join(
        f"<div><dt>{name}</dt><dd>{value}{f' <small>{said}</small>' if said else ''}</dd></div>"
        for name, value, said in facts
    )
    return (
        f'<figure class="hm-figure"><img src="/v1/images/{image_id}?format=jpeg" '
        f'width="{shown}" height="{round(shown * height / width)}" alt="Image {k} of {n}"{hidden}>'
        f'<figcaption><dl class="hm-facts">{listed}</dl><span class="hm-row">{links}</span>'
        f"<small>{width} × {height} px{enlarged}</small>{marks(image) if image.get('c2pa') else ''}"
        f"{next_steps(image, k)}</figcaption></figure>"
    )


def downloads(image: Json, k: int) -> str:
    """Links to the picture in every format, and to an enlarged copy where that is offered."""
    image_id = text(image.get("id"))
    size = int(image.get("width") or 96) * int(image.get("height") or 128)
    links = [
        f'<a class="hm-link" href="/v1/images/{image_id}?format={each}" '
        f'download="{image_id}.{each}" aria-label="Download image {k} as {each.upper()}">'
        f"{each.upper()}</a>"
        for each in FORMATS
    ]
    if size * 16 <= MOST_PIXELS:
        links.append(
            f'<a class="hm-link" href="/v1/images/{image_id}?format=png&amp;scale=4" '
            f'download="{image_id}-4x.png" aria-label="Download image {k} four times as large">'
            "PNG 4×</a>"
        )
    return " ".join(links)


def next_steps(image: Json, k: int) -> str:
    """From a finished picture to Refine Image, and to a comparison with another one."""
    generation = text(image.get("generation"))
    if not generation:
        return ""
    return (
        f'<span class="hm-row"><a class="hm-link" href="refine?generation={generation}" '
        f'aria-label="Refine image {k}">Refine</a>'
        f"{compare_tick(generation, str(image.get('id')), f'image {k}')}</span>"
    )


def compare_tick(generation: str, image_id: str, name: str) -> str:
    """A box that takes a picture into the comparison; the browser keeps what is ticked."""
    return (
        f'<label class="hm-tick"><input type="checkbox" aria-label="Compare {text(name)}" '
        f'data-hm-compare="{text(generation)}.{text(image_id)}"> Compare</label>'
    )


def copy_button(curl: str) -> str:
    """'Copy as curl', and what the reader has to bring."""
    return (
        f'<button type="button" class="hm-button" data-hm-copy="{text(curl)}">Copy as curl</button>'
        '<small class="hm-muted">Put an API key into HOUSEMODEL_KEY first.</small>'
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


def body_of(generation: Json) -> Json:
    """The request that made a generation, as the service remembers it; what is empty is left out.

    The seed is always named, zero as well: without it another picture would come.
    """
    asked = (
        *("tool", "prompt", "model_id", "product_ids", "picture_id", "n", "aspect_ratio", "seed"),
        *("purpose", "channel", "territories", "campaign", "label", "label_reason", "metadata"),
    )
    return {
        name: generation[name] for name in asked if generation.get(name) not in (None, "", [], {})
    }


def as_curl(origin: str, body: Json) -> str:
    """The exact API call that would make this; the key is the reader's own."""
    sent = shlex.quote(json.dumps(body, ensure_ascii=False))
    return (
        f"curl -sS -X POST {shlex.quote(origin + '/v1/generations')} "
        '-H "Authorization: Bearer $HOUSEMODEL_KEY" '
        f"-H 'Content-Type: application/json' -d {sent}"
    )


def _steps(generation: Json) -> tuple[int, int]:
    found = generation.get("progress")
    if not isinstance(found, dict):
        return 0, 0
    return int(found.get("step") or 0), int(found.get("steps") or 0)
