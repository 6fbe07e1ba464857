"""What somebody who brings a photo of their own declares, and how long the photo is kept.

Rules: the words are data (`configs/own_photos.toml`), every text has a SHA-256, and a photo is
taken only with all of them ticked, each by its hash. The record is kept with the photo. Nobody is
recognised here: a photo that this appliance made with a custom model is refused by its marks
(`serve/api/pictures.py`), any other person only by what is declared.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from compliance.texts import Attestation, sha256
from workspace.errors import AttestationMissing, Fault

_SHIPPED = Path(__file__).resolve().parents[1] / "configs" / "own_photos.toml"
_MOST_HOURS = 24 * 7


@dataclass(frozen=True, slots=True)
class OwnPhotoRules:
    """One version of the boxes, and the hours that a photo is kept."""

    version: str
    kept_hours: int
    attestations: tuple[Attestation, ...]


def load_own_photos(path: Path) -> OwnPhotoRules:
    """Read `configs/own_photos.toml`.

    Raises:
        Fault: it is missing or not complete.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        boxes = tuple(_box(box) for box in raw.pop("attestations"))
        version, hours = str(raw.pop("version")), raw.pop("kept_hours")
        if raw or not boxes or not version or type(hours) is not int:
            raise ValueError("a key too many, or too few")
        if not 0 < hours <= _MOST_HOURS:
            raise ValueError("too long")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Fault(f"{path.name} is missing or not complete.") from error
    return OwnPhotoRules(version, hours, boxes)


@cache
def shipped_own_photos() -> OwnPhotoRules:
    """The rules that ship."""
    return load_own_photos(_SHIPPED)


def declared(rules: OwnPhotoRules, ticked: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Check that every box was ticked, and write the record of it.

    Args:
        ticked: Id and sha256 of each text that was ticked.

    Raises:
        AttestationMissing: one is missing, or its text is not the one in force.
    """
    given = dict(ticked)
    missing = [box.id for box in rules.attestations if given.get(box.id) != box.sha256]
    if missing:
        detail = f"Not ticked, or not with the words in force: {', '.join(missing)}."
        raise AttestationMissing(detail, (), None, "/attestations")
    return {
        "version": rules.version,
        "ticked": [[box.id, box.sha256] for box in rules.attestations],
    }


def _box(raw: dict[str, Any]) -> Attestation:
    name, text = raw.pop("id"), raw.pop("text")
    if raw or not (isinstance(name, str) and isinstance(text, str) and name and text.strip()):
        raise ValueError("a box needs an id and a text")
    return Attestation(name, text, sha256(text))
