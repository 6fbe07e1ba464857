"""Texts that a person ticks: read from versioned files, each with the hash of its words.

Rules: the newest file of a folder is in force, its name is its version. This module knows how such
a file is read; what has to stand in one is the business of `guidelines.py` and `synthetic.py`.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from workspace.errors import Fault

_VERSION = re.compile(r"\d{4}-\d{2}(-\d{2})?")


@dataclass(frozen=True, slots=True)
class Attestation:
    """One compliance box: its words and their hash."""

    id: str
    text: str
    sha256: str


class Versioned(Protocol):
    """What a file of texts becomes."""

    @property
    def version(self) -> str: ...


_Texts = TypeVar("_Texts", bound=Versioned)


def newest(folder: Path, parse: Callable[[Mapping[str, Any]], _Texts], what: str) -> _Texts:
    """Read the newest of a folder's `YYYY-MM.toml` files.

    Args:
        what: The words for these texts in an error, for example "guidelines".

    Raises:
        Fault: there is none, it is not complete, or its name is not its version.
    """
    files = sorted(path for path in folder.glob("*.toml") if _VERSION.fullmatch(path.stem))
    if not files:
        raise Fault(f"There are no {what} in the configs folder.")
    try:
        texts = parse(tomllib.loads(files[-1].read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Fault(f"The {what} of {files[-1].stem} can't be read or lack a text.") from error
    if texts.version != files[-1].stem:
        raise Fault(f"The version of the {what} is not the name of their file.")
    return texts


def attestations(raw: Mapping[str, Any]) -> tuple[Attestation, ...]:
    """The boxes of a file, in order.

    Raises:
        ValueError: there are none, one has no text, or two have one id.
    """
    boxes = tuple(
        Attestation(text(box["id"]), text(box["text"]), sha256(box["text"]))
        for box in raw["attestations"]
    )
    if not boxes or len({box.id for box in boxes}) < len(boxes):
        raise ValueError("attestations need ids of their own")
    return boxes


def text(value: object) -> str:
    """A text that has words.

    Raises:
        ValueError: it has none.
    """
    if not isinstance(value, str) or not value.strip():
        raise ValueError("a text is missing")
    return value


def sha256(words: str) -> str:
    """The hash by which a text is ticked, in hexadecimal."""
    return hashlib.sha256(words.encode()).hexdigest()
