"""What 'Create from scratch' looks like: the words about the pack, candidates, what is missing."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from console import texts
from console.client import Json
from console.frame import Frame
from console.parts import html
from console.parts.cards import choice, choices

INTRO = (
    "A fictional person for your pictures: describe who you need, choose a full-body shot, look at "
    "the close-up of the same face, and make a custom model of it. Nobody's photo is needed."
)
ANY = "Any"
SHOW = "Show candidates"
MOST_SHOWN = 12  # the newest; older ones are still there until their time is over
DRAW_CLOSE_UP, DRAW_AGAIN = "Draw the close-up", "Draw the close-up again"
DISCARD = "Discard this candidate"
NOT_OFFERED = (
    "The pack that is loaded now makes nobody from scratch: it can't draw a person from words, and "
    "no people come with it. Create a custom model from two photos instead."
)
_DRAWN = (
    "The pack draws each candidate for you: the full body first, then the close-up of the same "
    "face. Each picture counts as an image of your plan and stays in 'View past generations'."
)
_STATES = {
    "drawing": "The full body is being drawn…",
    "drawing_close_up": "The close-up is being drawn…",
    "failed": "This one could not be drawn.",
}
LIVE = frozenset({"drawing", "drawing_close_up"})


def about(offer: Json) -> str:
    """How candidates come about with this pack, plainly."""
    kept = (
        f" Candidates are yours alone and are destroyed after {offer.get('keep_hours')} hours; a "
        "model that you make of one stays."
    )
    if offer.get("way") == "cast":
        size, left = offer.get("cast_size"), offer.get("cast_left")
        words = (
            f"This pack can't draw a person from words. It picks from a cast of {size} rendered "
            f"people who come with it and do not exist; {left} of them are no model of yours yet. "
            "You see those who come closest, and where they differ."
        )
        return html.note(words + kept)
    if offer.get("way") == "words":
        return html.note(_DRAWN + kept)
    return html.note(NOT_OFFERED, "warn", "alert")


def labels_of(offer: Json) -> dict[str, dict[str, str]]:
    """Attribute -> value -> words, and under "" the words of the attributes themselves."""
    found: dict[str, dict[str, str]] = {"": {}}
    for one in offer.get("attributes") or ():
        found[""][str(one["id"])] = str(one["label"])
        found[str(one["id"])] = {str(v["id"]): str(v["label"]) for v in one["values"]}
    return found


def cards(listed: list[Json], chosen: str, labels: Mapping[str, Mapping[str, str]]) -> str:
    """The candidates to choose from, newest first."""
    drawn = [
        choice(
            "candidate",
            str(one["id"]),
            picture(one, "full_body", f"Candidate {place}, full-body shot"),
            f"Candidate {place}",
            _line(one, labels),
            one.get("id") == chosen,
        )
        for place, one in enumerate(listed, 1)
    ]
    if not drawn:
        return html.empty("Nobody here yet", "Describe the person and press 'Show candidates'.")
    return choices("candidate", "Candidates", drawn, [chosen], several=False)


def detail(one: Json | None, labels: Mapping[str, Mapping[str, str]]) -> str:
    """The chosen candidate: both pictures side by side, and what they show."""
    if one is None:
        return ""
    figures = "".join(
        f"<figure>{picture(one, kind, f'{texts.PHOTOS[kind]} of the chosen candidate')}"
        f"<figcaption>{texts.PHOTOS[kind]}</figcaption></figure>"
        for kind in ("full_body", "close_up")
    )
    problem = one.get("error")
    told = ""
    if isinstance(problem, dict):
        parts = (problem.get("title"), problem.get("detail"), problem.get("remedy"))
        told = html.note(
            " ".join(f"{str(part).rstrip('. ')}." for part in parts if part), "bad", "alert"
        )
    state = _STATES.get(str(one.get("status")), "")
    busy = f'<p class="hm-muted" role="status">{state}</p>' if state else ""
    shown = _described(one.get("shows") or one.get("attributes") or {}, labels)
    return (
        f"<h2>The same face, twice</h2>{told}{busy}"
        f'<div class="hm-photos hm-fiction">{figures}</div>'
        f'<p class="hm-muted">{html.text(shown)}</p>'
    )


def picture(one: Json, kind: str, alt: str) -> str:
    """One of the two pictures, or what stands where it will be."""
    photos = one.get("photos") or {}
    url = photos.get(kind)
    if not url:
        waits = one.get("status") in LIVE
        words = "Being drawn…" if waits else "Not drawn yet"
        return f'<span class="hm-figure-empty">{words}</span>'
    return f'<img class="hm-fictional" src="{html.text(url)}" alt="{html.text(alt)}">'


def missing(name: str, ticked: Collection[str], boxes: Collection[Json], one: Json | None) -> str:
    """What still stands between here and the model; empty when nothing does."""
    wanted = []
    if one is None or one.get("status") != "complete":
        wanted.append("the close-up")
    if not (name or "").strip():
        wanted.append("a name")
    left = len({str(box.get("id")) for box in boxes} - set(ticked or ()))
    if left:
        wanted.append("one box" if left == 1 else f"{left} boxes")
    if not wanted:
        return ""
    listed = " and ".join(filter(None, (", ".join(wanted[:-1]), wanted[-1])))
    return f'<p class="hm-muted" role="status">Still missing: {html.text(listed)}.</p>'


def made(frame: Frame, model_id: str, name: str) -> str:
    """What stands there once the model is made: the one next step."""
    href = html.text(frame.link("editorial", model=model_id))
    return (
        f'<div class="hm-note hm-good" role="status"><strong>{html.text(name)} is ready.</strong> '
        "Pictures of this model are labelled as showing a synthetic performer where you label "
        f'them. <a class="hm-button hm-primary" id="use-fiction" href="{href}">Use this model in '
        f"{texts.EDITORIAL}</a></div>"
    )


def asked(values: Mapping[str, Any], features: Any, seed: str) -> Json:
    """The body that asks for candidates; what is open is left out.

    Raises:
        ValueError: the seed is no number.
    """
    body: Json = {name: value for name, value in values.items() if value}
    if features:
        body["features"] = list(features)
    if (seed or "").strip():
        number = int(seed.strip())
        if not 0 <= number < 2**32:
            raise ValueError("out of range")
        body["seed"] = number
    return body


def _line(one: Json, labels: Mapping[str, Mapping[str, str]]) -> str:
    state = _STATES.get(str(one.get("status")))
    if state:
        return f"<small>{state}</small>"
    differs = [str(name) for name in one.get("differs") or ()]
    if not differs:
        words = "As described" if one.get("shows") else f"Seed {one.get('seed')}"
        return f"<small>{words}</small>"
    shows = one.get("shows") or {}
    told = ", ".join(_difference(name, shows.get(name) or (), labels) for name in differs)
    return f"<small>Differs: {html.text(told)}</small>"


def _difference(name: str, values: Any, labels: Mapping[str, Mapping[str, str]]) -> str:
    known = labels.get(name, {})
    words = " and ".join(known.get(str(v), str(v)).lower() for v in values) or "none"
    return f"{labels.get('', {}).get(name, name).lower()} is {words}"


def _described(values: Mapping[str, Any], labels: Mapping[str, Mapping[str, str]]) -> str:
    parts = [
        f"{labels.get('', {}).get(name, name)}: "
        + ", ".join(labels.get(name, {}).get(str(v), str(v)).lower() for v in found)
        for name, found in values.items()
        if found
    ]
    return " · ".join(parts)
