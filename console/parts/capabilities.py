"""Reads what can be done here out of `GET /v1/capabilities` and `GET /v1/guidelines`."""

from __future__ import annotations

from typing import Any

import gradio as gr

from console import texts
from console.client import Json


def tools(capabilities: Json) -> list[str]:
    """The tools that the loaded pack offers."""
    return [
        str(tool.get("name") or tool.get("tool")) if isinstance(tool, dict) else str(tool)
        for tool in capabilities.get("tools") or ()
    ]


def pack(capabilities: Json) -> Json:
    """The loaded pack, or an empty one."""
    packs = capabilities.get("packs") or ()
    first = packs[0] if packs else {}
    return first if isinstance(first, dict) else {"name": str(first)}


def pack_note(capabilities: Json) -> str:
    """What a creative should know about the pictures that this pack draws."""
    name = str(pack(capabilities).get("name", ""))
    return texts.SYNTHETIC_PACK_NOTE if name.startswith("mannequin") else ""


def ratios(capabilities: Json) -> list[str]:
    """The aspect ratios on offer."""
    return [str(ratio) for ratio in capabilities.get("aspect_ratios") or ()] or ["3:4"]


def default_ratio(capabilities: Json) -> str:
    """The aspect ratio that the pack likes best."""
    wanted = pack(capabilities).get("default_aspect_ratio")
    offered = ratios(capabilities)
    return str(wanted) if wanted in offered else offered[0]


def max_products(capabilities: Json) -> int:
    """How many products one picture can show."""
    limits = capabilities.get("limits") or {}
    found = limits.get("max_products") or pack(capabilities).get("max_products") or 1
    return max(1, int(found))


def attestations(capabilities: Json) -> list[Json]:
    """The compliance boxes: id, text and the hash of the text."""
    return [box for box in capabilities.get("attestations") or () if isinstance(box, dict)]


def labels(guidelines: Json, name: str) -> dict[str, str]:
    """Code -> words of a vocabulary (`purposes`, `channels`), in the service's own words."""
    listed = guidelines.get(name) or ()
    return {str(each["id"]): str(each["label"]) for each in listed if isinstance(each, dict)}


def options(guidelines: Json, name: str) -> list[tuple[str, str]]:
    """The same for a drop-down: words first."""
    return [(words, code) for code, words in labels(guidelines, name).items()]


def vocabulary_updates(guidelines: Json) -> list[Any]:
    """Updates for the drop-downs 'Purpose' and 'Channel': the first of each is chosen."""
    return [
        gr.update(choices=listed, value=listed[0][1] if listed else None)
        for listed in (options(guidelines, "purposes"), options(guidelines, "channels"))
    ]
