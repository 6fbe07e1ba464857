"""Two pictures side by side: what is the same, what differs, and in which words of the prompt."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher

from console.client import Api, ApiProblem, Json
from console.parts import results
from console.parts.html import day, score, text
from console.parts.meaning import identity, label_words
from console.texts import NAMELESS, TOOLS, words

TWO = 2


def asked(value: str) -> list[tuple[str, str]]:
    """The pictures that an address names: `gen_x.img_x,gen_y.img_y` -> (generation, image)."""
    pairs = [each.partition(".")[::2] for each in (value or "").split(",")]
    return [(g, i) for g, i in pairs if g.startswith("gen_") and i.startswith("img_")][:TWO]


async def pictures(api: Api, pairs: Sequence[tuple[str, str]]) -> list[Json]:
    """Each picture with the generation that it belongs to, under `generation`.

    Raises:
        ApiProblem: the service refused, or one of them is gone.
    """
    found = []
    for generation_id, image_id in pairs:
        generation = await api.get(f"/v1/generations/{generation_id}")
        image = next((i for i in generation.get("images") or () if i.get("id") == image_id), None)
        if image is None:
            raise ApiProblem(
                *(404, "not_found", "One of these pictures is not kept any more", ""),
                *("Choose two others.", ""),
            )
        found.append({**image, "generation": generation})
    return found


def side_by_side(
    two: Sequence[Json], names: Mapping[str, str], labels: Mapping[str, str], pack: Json
) -> str:
    """Both pictures and a table of what differs.

    Args:
        two: Pictures as `pictures` answers them.
        names: Of models and products, by id.
        labels: Words for purposes and channels, by code.
        pack: The pack that is loaded; its gates put the identity score into words.
    """
    figures = "".join(_figure(image, letter) for image, letter in zip(two, "AB", strict=False))
    rows = _rows(two, names, labels, pack)
    differs = "".join(_line(*row) for row in rows if row[1] != row[2])
    same = "".join(f"<div><dt>{name}</dt><dd>{a}</dd></div>" for name, a, b in rows if a == b)
    return (
        f'<div class="hm-versus">{figures}</div><h2>What differs</h2>'
        '<div class="hm-scroll" tabindex="0" role="region" aria-label="What differs">'
        '<table class="hm-table hm-wrap"><thead><tr><th scope="col"></th><th scope="col">A</th>'
        f'<th scope="col">B</th></tr></thead><tbody>{differs}</tbody></table></div>'
        f'<h2>The same in both</h2><dl class="hm-facts hm-same">{same}</dl>'
        if differs
        else f'<div class="hm-versus">{figures}</div><h2>Nothing differs: it is one picture</h2>'
    )


def _figure(image: Json, letter: str) -> str:
    generation = image["generation"]
    return (
        f'<figure class="hm-figure"><img src="/v1/images/{text(image.get("id"))}?format=jpeg" '
        f'width="{text(image.get("width"))}" height="{text(image.get("height"))}" '
        f'alt="Picture {letter}" data-hm-optional><figcaption><b>{letter}</b>'
        f'<span class="hm-row">{results.downloads(image, 1 if letter == "A" else 2)}'
        f'<a class="hm-link" href="refine?generation={text(generation.get("id"))}" '
        f'aria-label="Refine picture {letter}">Refine</a></span></figcaption></figure>'
    )


def _rows(
    two: Sequence[Json], names: Mapping[str, str], labels: Mapping[str, str], pack: Json
) -> list[tuple[str, str, str]]:
    a, b = ([_facts(image, names, labels, pack) for image in two] * TWO)[:TWO]
    rows = [(name, a[name], b[name]) for name in a]
    prompts = _prompts(*(str(image["generation"].get("prompt") or "") for image in two[:TWO]))
    return [("Prompt", *prompts), *rows]


def _facts(
    image: Json, names: Mapping[str, str], labels: Mapping[str, str], pack: Json
) -> dict[str, str]:
    generation = image["generation"]
    model = generation.get("model_id")
    products = [names.get(str(each), "Product") for each in generation.get("product_ids") or ()]
    verdict = identity(image, pack) if model else ""
    found = {
        "Model": names.get(str(model), NAMELESS) if model else "None",
        "Product": ", ".join(products) or "None",
        "Seed": image.get("seed"),
        "Identity": f"{score(image.get('identity_score'))} {verdict}".strip(),
        "Product score": score(image.get("product_score")),
        "Size": f"{image.get('width')} × {image.get('height')} px",
        "Aspect ratio": generation.get("aspect_ratio"),
        "Purpose": labels.get(str(generation.get("purpose")), generation.get("purpose")),
        "Channel": labels.get(str(generation.get("channel")), generation.get("channel")),
        "Tool": words(TOOLS, generation.get("tool")),
        "Made": day(generation.get("created_at")),
        "Pack": f"{image.get('pack')} {str(image.get('weights_digest') or '')[:8]}",
        "Visible label": label_words(image),
    }
    return {name: text(value) for name, value in found.items()}


def _prompts(a: str, b: str = "") -> tuple[str, str]:
    """Both prompts, with the words marked that only one of them has."""
    left, right = re.findall(r"\s+|\$?\w+|[^\w\s]", a), re.findall(r"\s+|\$?\w+|[^\w\s]", b)
    told: tuple[list[str], list[str]] = ([], [])
    for kind, a0, a1, b0, b1 in SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        for side, part in zip(told, (left[a0:a1], right[b0:b1]), strict=True):
            shown = text("".join(part))
            side.append(shown if kind == "equal" or not shown.strip() else f"<mark>{shown}</mark>")
    return "".join(told[0]), "".join(told[1])


def _line(name: str, a: str, b: str) -> str:
    return f'<tr><th scope="row">{name}</th><td>{a}</td><td>{b}</td></tr>'
