"""The good and bad examples beside the guidelines: small WebP pictures, with words for each.

Data in `configs/guidelines/pictures/`: `pictures.toml` and one file for each entry. They illustrate
the guidelines and are no part of what is ticked, so that their change changes no hash on record.
Read once and held in memory, because they are few and small; this module decides nothing.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workspace.errors import Fault

INDEX = "pictures.toml"
MAX_BYTES = 65_536  # of one picture
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_PHOTOS = ("full_body", "close_up")
_TOPICS = ("framing", "lighting", "angles", "file")


@dataclass(frozen=True, slots=True)
class Example:
    """One picture: what it belongs to, whether it is a good one, its caption and alternative."""

    name: str
    photo: str  # "full_body" or "close_up"
    topic: str
    good: bool
    text: str
    alt: str
    content: bytes = field(repr=False)  # WebP


def load_examples(folder: Path) -> tuple[Example, ...]:
    """Read all examples in their order; none when the folder is not there.

    Raises:
        Fault: an entry is not complete, or its file is missing, too large or no WebP.
    """
    if not folder.is_dir():
        return ()
    try:
        raw = tomllib.loads((folder / INDEX).read_text(encoding="utf-8"))
        found = tuple(_example(folder, entry) for entry in raw["pictures"])
        if len({example.name for example in found}) < len(found):
            raise ValueError("a picture is named twice")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Fault(f"The examples of the guidelines can't be read ({INDEX}).") from error
    return found


def _example(folder: Path, raw: Mapping[str, Any]) -> Example:
    name = raw["file"]
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError("a file is named by a plain word")
    if raw["photo"] not in _PHOTOS or raw["topic"] not in _TOPICS:
        raise ValueError("an example belongs to a photo and a topic")
    if type(raw["good"]) is not bool or not raw["text"].strip() or not raw["alt"].strip():
        raise ValueError("an example is good or bad, and has words")
    content = (folder / f"{name}.webp").read_bytes()
    if len(content) > MAX_BYTES or content[:4] != b"RIFF" or content[8:12] != b"WEBP":
        raise ValueError("a picture is a small WebP file")
    return Example(name, raw["photo"], raw["topic"], raw["good"], raw["text"], raw["alt"], content)
