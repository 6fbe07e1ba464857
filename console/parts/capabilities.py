"""Reads what the service can do out of `GET /v1/capabilities`, with something usable if silent."""

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


def options(capabilities: Json, name: str, known: dict[str, str]) -> list[tuple[str, str]]:
    """Words and codes of a vocabulary such as `purposes`, for a drop-down."""
    codes = capabilities.get(name) or list(known)
    return [(texts.words(known, code), str(code)) for code in codes]


def vocabulary_updates(capabilities: Json) -> list[Any]:
    """Updates for the drop-downs 'Purpose' and 'Channel': the first of each is chosen."""
    purposes = options(capabilities, "purposes", texts.PURPOSES)
    channels = options(capabilities, "channels", texts.CHANNELS)
    return [
        gr.update(choices=purposes, value=purposes[0][1]),
        gr.update(choices=channels, value=channels[0][1]),
    ]
