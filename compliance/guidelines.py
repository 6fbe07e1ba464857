"""The texts that a person reads and ticks before enrolling someone: versioned and hashed.

Rules: the words are data in `configs/guidelines/<version>.toml`; the newest version is in force.
Every attestation text has a SHA-256, and consent keeps the hashes that were ticked, so that a
changed word is a changed hash. This module reads the files and decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from compliance.guideline_pictures import Example, load_examples
from compliance.terms import STANDARD_VOCABULARY, Vocabulary
from compliance.texts import Attestation, attestations, newest, sha256, text
from workspace.rows import canonical_json

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
    guidelines = newest(folder, _parse, "guidelines")
    return replace(guidelines, examples=load_examples(folder / "pictures"))


def _parse(raw: Mapping[str, Any]) -> Guidelines:
    photos = tuple(_photo(photo) for photo in raw["photos"])
    if tuple(photo.kind for photo in photos) != _PHOTOS:
        raise ValueError("guidelines need the full-body shot and the close-up shot, in order")
    return Guidelines(
        version=text(raw["version"]),
        title=text(raw["title"]),
        intro=text(raw["intro"]),
        photos=photos,
        attestations=attestations(raw),
        sha256=sha256(canonical_json(dict(raw))),
        purposes=_words(raw, "purposes", STANDARD_VOCABULARY.purposes),
        channels=_words(raw, "channels", STANDARD_VOCABULARY.channels),
    )


def _photo(raw: Mapping[str, Any]) -> PhotoGuide:
    topics = tuple(
        Topic(
            text(topic["topic"]),
            text(topic["text"]),
            tuple(text(line) for line in topic["good"]),
            tuple(text(line) for line in topic["bad"]),
        )
        for topic in raw["topics"]
    )
    if not set(_TOPICS) <= {topic.topic for topic in topics}:
        raise ValueError("each photo needs framing, lighting and angles")
    return PhotoGuide(text(raw["kind"]), text(raw["title"]), topics)


def _words(
    raw: Mapping[str, Any], name: str, standard: tuple[str, ...]
) -> tuple[tuple[str, str], ...]:
    words = raw["vocabulary"][name]
    if not words or not set(words) <= set(standard):
        raise ValueError(f"vocabulary.{name} may only name {', '.join(standard)}")
    return tuple((word, text(label)) for word, label in words.items())
