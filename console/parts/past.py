"""Past generations as a list, and the filters above it.

The filters are plain form fields that the browser reads (`assets/refine.js`): what is chosen goes
into the page's address, so that a reload and the way back find the same list.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from console.client import Json
from console.parts import results
from console.parts.html import badge, day, text
from console.texts import NAMELESS, STATUS, TOOLS, words

Choices: TypeAlias = Iterable[tuple[str, str]]  # value, words

STATES = ("completed", "queued", "running", "refused", "failed", "cancelled")
DAYS = (
    ("today", "Today"),
    ("yesterday", "Yesterday"),
    ("week", "Last 7 days"),
    ("month", "Last 30 days"),
    ("day", "On a day …"),
)
FILTERS = ("tool", "model", "product", "status", "day")


def filters(models: Iterable[Json], products: Iterable[Json], chosen: Mapping[str, str]) -> str:
    """The filter bar; `chosen` is what the page's address has."""
    picked = chosen.get("day", "")
    exact = picked if picked[:1].isdigit() else ""
    fields = (
        _select("tool", "Tool", "All tools", TOOLS.items(), chosen),
        _select("model", "Model", "All models", _named(models, NAMELESS), chosen),
        _select("product", "Product", "All products", _named(products, "Product"), chosen),
        _select("status", "State", "All states", ((s, STATUS[s]) for s in STATES), chosen),
        _select("day", "Day", "Any day", DAYS, {"day": "day" if exact else picked}),
    )
    hidden = "" if exact else " hidden"
    return (
        f'<form class="hm-filters" role="search" aria-label="Past generations">{"".join(fields)}'
        f'<label class="hm-filter" data-hm-exact{hidden}><span>Which day</span>'
        f'<input type="date" name="date" value="{text(exact)}"></label>'
        '<button type="button" class="hm-button" data-hm-clear>Clear filters</button></form>'
    )


def listed(generations: Iterable[Json], names: Mapping[str, str], href: str) -> str:
    """One row for each generation; empty when there is none.

    Args:
        generations: As the service shows them.
        names: Of models and products, by id.
        href: The page that opens one of them.
    """
    rows = "".join(_row(generation, names, href) for generation in generations)
    return f'<div class="hm-list">{rows}</div>' if rows else ""


def named(models: Iterable[Json], products: Iterable[Json]) -> dict[str, str]:
    """Names of models and products by their ids."""
    return dict([*_named(models, NAMELESS), *_named(products, "Product")])


def _row(generation: Json, names: Mapping[str, str], href: str) -> str:
    address = f"{href}?generation={text(generation.get('id'))}"
    tool = words(TOOLS, generation.get("tool"))
    images = [each for each in generation.get("images") or () if isinstance(each, dict)]
    pictures = "".join(
        f'<figure><a href="{address}"><img src="/v1/images/{text(image.get("id"))}?format=jpeg" '
        f'loading="lazy" width="96" height="128" alt="{text(tool)}, image {k}" data-hm-optional>'
        f"</a>{results.compare_tick(str(generation.get('id')), str(image.get('id')), _which(k))}"
        "</figure>"
        for k, image in enumerate(images[:4], 1)
    )
    about = [generation.get("model_id"), *(generation.get("product_ids") or ())]
    known = [names.get(str(each), "") for each in about if each]
    facts = [*known, f"Seed {generation.get('seed')}", day(generation.get("created_at"))]
    why = (generation.get("error") or {}).get("title")
    return (
        f'<article class="hm-past"><div class="hm-strip">{pictures}</div>'
        f'<div class="hm-card-text"><strong>{text(tool)}</strong>'
        f"<span>{text(generation.get('prompt'))}</span>"
        f"<small>{badge(generation.get('status'))} {text(' · '.join(f for f in facts if f))}"
        f"{f'<br>{text(why)}' if why else ''}</small>"
        f'<a class="hm-link" href="{address}" aria-label="Refine: {text(generation.get("prompt"))}"'
        ">Refine</a></div></article>"
    )


def _which(k: int) -> str:
    return f"image {k}"


def _named(items: Iterable[Json], nameless: str) -> Choices:
    return [(str(each.get("id")), str(each.get("name") or nameless)) for each in items]


def _select(name: str, label: str, every: str, choices: Choices, chosen: Mapping[str, str]) -> str:
    options = "".join(
        f'<option value="{text(value)}"{" selected" if chosen.get(name) == value else ""}>'
        f"{text(shown)}</option>"
        for value, shown in (("", every), *choices)
    )
    return (
        f'<label class="hm-filter"><span>{label}</span><select name="{name}">{options}</select>'
        "</label>"
    )
