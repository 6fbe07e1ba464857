"""'Create from scratch': what may be chosen, and the boxes that are ticked. Versioned and hashed.

Rules: the words are data in `configs/guidelines/synthetic/<version>.toml`; the newest version is in
force. A fictional person is described by choices only, never by free words, so that nobody can be
described by the name of somebody real. This module reads the file, checks a description against it
and decides nothing else.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from compliance.agreed import ALTERATIONS, ALWAYS_FORBIDDEN, ConsentTerms
from compliance.guidelines import Attestation
from compliance.terms import parse_terms
from workspace.errors import Fault, InvalidRequest
from workspace.rows import canonical_json
from workspace.types import Gender, PhotoKind

_VERSION = re.compile(r"\d{4}-\d{2}(-\d{2})?")
_ATTRIBUTES = ("age", "skin", "hair", "hair_colour", "eyes", "build", "features")
_MOST_FEATURES = 3
_PERSON = "{person}"

KIND = "synthetic"  # of a custom model that shows nobody real, and of what was declared about it
NEVER = datetime(2999, 12, 31, tzinfo=UTC)  # nobody gave a consent that could end

Attributes = Mapping[str, tuple[str, ...]]  # attribute -> chosen values; what is left out is open


@dataclass(frozen=True, slots=True)
class Value:
    """One thing that can be chosen."""

    id: str
    label: str
    words: str  # for packs that draw people from words


@dataclass(frozen=True, slots=True)
class Attribute:
    """One question, with its answers."""

    id: str
    label: str
    several: bool
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class SyntheticTexts:
    """One version of the page, the boxes, the choices and the prompts."""

    version: str
    title: str
    intro: str
    attestations: tuple[Attestation, ...]
    attributes: tuple[Attribute, ...]
    genders: Mapping[str, str]  # as a prompt says them
    prompts: Mapping[str, str]  # kind of picture -> prompt with {person}
    keep: timedelta  # a candidate lives so long
    most_open: int  # candidates of one caller at a time
    sha256: str  # over the whole file's content

    def checked(self, chosen: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
        """Hold a description to what can be chosen; what is empty is left out.

        Raises:
            InvalidRequest: an attribute or a value is unknown, or there are too many.
        """
        known = {attribute.id: attribute for attribute in self.attributes}
        found: dict[str, tuple[str, ...]] = {}
        for name, values in chosen.items():
            if name not in known:
                raise _wrong("This can't be chosen.", f"/{name if name.isidentifier() else ''}")
            answers = [value.id for value in known[name].values]
            if any(value not in answers for value in values):
                raise _wrong(f"Choose from: {', '.join(answers)}.", f"/{name}")
            if len(values) > (_MOST_FEATURES if known[name].several else 1):
                most = _MOST_FEATURES if known[name].several else "one"
                raise _wrong(f"Choose {most} at most.", f"/{name}")
            if values:
                found[name] = tuple(dict.fromkeys(values))
        return found

    def prompt(self, kind: PhotoKind, gender: Gender, chosen: Attributes) -> str:
        """What a pack that draws people from words is told for one of the two pictures."""
        said = [self.genders[gender.value]]
        for attribute in self.attributes:
            said += [v.words for v in attribute.values if v.id in chosen.get(attribute.id, ())]
        return self.prompts[kind].replace(_PERSON, ", ".join(said))


def declared_terms(now: datetime) -> ConsentTerms:
    """What may be done with a fictional person: everything but what nobody may be shown in.

    It takes the place of a consent in the record, so that the whole line asks one question.
    """
    terms = parse_terms(None, now)
    return replace(terms, forbidden=ALWAYS_FORBIDDEN, alterations=ALTERATIONS, expires_at=NEVER)


def load_synthetic(folder: Path) -> SyntheticTexts:
    """Read the newest version in a folder of `YYYY-MM.toml` files.

    Raises:
        Fault: there is none, or it is not complete.
    """
    files = sorted(path for path in folder.glob("*.toml") if _VERSION.fullmatch(path.stem))
    if not files:
        raise Fault("There are no texts in configs/guidelines/synthetic.")
    try:
        texts = _parse(tomllib.loads(files[-1].read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Fault(f"The texts of {files[-1].stem} can't be read or lack one.") from error
    if texts.version != files[-1].stem:
        raise Fault("The texts' version is not the name of their file.")
    return texts


def _parse(raw: Mapping[str, Any]) -> SyntheticTexts:
    boxes = tuple(
        Attestation(_text(box["id"]), _text(box["text"]), _sha256(box["text"]))
        for box in raw["attestations"]
    )
    _check_apart("attestations", (box.id for box in boxes))
    attributes = tuple(_attribute(one) for one in raw["attributes"])
    if tuple(attribute.id for attribute in attributes) != _ATTRIBUTES:
        raise ValueError(f"attributes are {', '.join(_ATTRIBUTES)}, in this order")
    prompts = {kind: _text(raw["prompts"][kind]) for kind in ("full_body", "close_up")}
    if any(_PERSON not in prompt or "$" in prompt for prompt in prompts.values()):
        raise ValueError("prompts say {person} and have no placeholder of their own")
    hours, most = raw["candidates"]["keep_hours"], raw["candidates"]["most_open"]
    if type(hours) is not int or type(most) is not int or not (0 < hours <= 720 and most > 0):
        raise ValueError("candidates.keep_hours and most_open are whole numbers from 1 up")
    return SyntheticTexts(
        version=_text(raw["version"]),
        title=_text(raw["title"]),
        intro=_text(raw["intro"]),
        attestations=boxes,
        attributes=attributes,
        genders={gender.value: _text(raw["genders"][gender.value]) for gender in Gender},
        prompts=prompts,
        keep=timedelta(hours=hours),
        most_open=most,
        sha256=_sha256(canonical_json(dict(raw))),
    )


def _attribute(raw: Mapping[str, Any]) -> Attribute:
    values = tuple(
        Value(_text(name), _text(value["label"]), _text(value["words"]))
        for name, value in raw["values"].items()
    )
    if not values or type(raw["several"]) is not bool:
        raise ValueError("an attribute needs values, and says whether several are chosen")
    return Attribute(_text(raw["id"]), _text(raw["label"]), raw["several"], values)


def _check_apart(what: str, ids: Iterable[str]) -> None:
    found = list(ids)
    if not found or len(set(found)) < len(found):
        raise ValueError(f"{what} need ids of their own")


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("a text is missing")
    return value


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _wrong(detail: str, pointer: str) -> InvalidRequest:
    return InvalidRequest(detail, (), None, pointer)
