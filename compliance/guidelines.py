"""The texts that a person reads and ticks before enrolling someone: versioned and hashed.

Rules: the words are data in `configs/guidelines/<version>.toml`; the newest version is in force.
Every attestation text has a SHA-256, and consent keeps the hashes that were ticked, so that a
changed word is a changed hash. This module reads the files and decides nothing.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from compliance.guideline_pictures import Example, load_examples
from compliance.terms import STANDARD_VOCABULARY, Vocabulary
from workspace.errors import Fault
from workspace.rows import canonical_json

_VERSION = re.compile(r"\d{4}-\d{2}(-\d{2})?")
_PHOTOS = ("full_body", "close_up")
_TOPICS = ("framing", "lighting", "angles")


@dataclass(frozen=True, slots=True)
class Topic:
    """Advice on one topic (framing, lighting, angles, file) of one photo."""

    topic: str
    text: str
    good: tuple[str, ...]
    bad: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PhotoGuide:
    """All advice on one of the two photos."""

    kind: str  # "full_body" or "close_up"
    title: str
    topics: tuple[Topic, ...]


@dataclass(frozen=True, slots=True)
class Attestation:
    """One compliance box: its words and their hash."""

    id: str
    text: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Guidelines:
    """One version of the page, the boxes and the words that a consent may name."""

    version: str
    title: str
    intro: str
    photos: tuple[PhotoGuide, ...]
    attestations: tuple[Attestation, ...]
    sha256: str  # over everything that people read
    purposes: tuple[tuple[str, str], ...]  # (protocol word, words to read)
    channels: tuple[tuple[str, str], ...]
    examples: tuple[Example, ...] = ()  # good and bad pictures; no part of `sha256`

    @property
    def vocabulary(self) -> Vocabulary:
        """What a consent may name in this installation."""
        return Vocabulary(
            purposes=tuple(word for word, _ in self.purposes),
            channels=tuple(word for word, _ in self.channels),
        )

    def as_json(self) -> dict[str, Any]:
        """Show everything as plain JSON, for `GET /v1/guidelines`; pictures without their bytes."""
        shown = asdict(self)
        for example in shown["examples"]:
            del example["content"]
        for name in ("purposes", "channels"):
            shown[name] = [{"id": word, "label": label} for word, label in getattr(self, name)]
        return shown


def load_guidelines(folder: Path) -> Guidelines:
    """Read the newest version in a folder of `YYYY-MM.toml` files.

    Raises:
        Fault: there is none, or it is not complete.
    """
    files = sorted(path for path in folder.glob("*.toml") if _VERSION.fullmatch(path.stem))
    if not files:
        raise Fault("There are no guidelines in configs/guidelines.")
    try:
        raw = tomllib.loads(files[-1].read_text(encoding="utf-8"))
        guidelines = _parse(raw)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Fault(f"The guidelines of {files[-1].stem} can't be read or lack a text.") from error
    if guidelines.version != files[-1].stem:
        raise Fault("The guidelines' version is not the name of their file.")
    return replace(guidelines, examples=load_examples(folder / "pictures"))


def _parse(raw: Mapping[str, Any]) -> Guidelines:
    photos = tuple(_photo(photo) for photo in raw["photos"])
    if tuple(photo.kind for photo in photos) != _PHOTOS:
        raise ValueError("guidelines need the full-body shot and the close-up shot, in order")
    attestations = tuple(
        Attestation(_text(box["id"]), _text(box["text"]), _sha256(box["text"]))
        for box in raw["attestations"]
    )
    if not attestations or len({box.id for box in attestations}) < len(attestations):
        raise ValueError("attestations need ids of their own")
    return Guidelines(
        version=_text(raw["version"]),
        title=_text(raw["title"]),
        intro=_text(raw["intro"]),
        photos=photos,
        attestations=attestations,
        sha256=_sha256(canonical_json(dict(raw))),
        purposes=_words(raw, "purposes", STANDARD_VOCABULARY.purposes),
        channels=_words(raw, "channels", STANDARD_VOCABULARY.channels),
    )


def _photo(raw: Mapping[str, Any]) -> PhotoGuide:
    topics = tuple(
        Topic(
            _text(topic["topic"]),
            _text(topic["text"]),
            tuple(_text(line) for line in topic["good"]),
            tuple(_text(line) for line in topic["bad"]),
        )
        for topic in raw["topics"]
    )
    if not set(_TOPICS) <= {topic.topic for topic in topics}:
        raise ValueError("each photo needs framing, lighting and angles")
    return PhotoGuide(_text(raw["kind"]), _text(raw["title"]), topics)


def _words(
    raw: Mapping[str, Any], name: str, standard: tuple[str, ...]
) -> tuple[tuple[str, str], ...]:
    words = raw["vocabulary"][name]
    if not words or not set(words) <= set(standard):
        raise ValueError(f"vocabulary.{name} may only name {', '.join(standard)}")
    return tuple((word, _text(label)) for word, label in words.items())


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("a text is missing")
    return value


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
