"""'Create from scratch': what may be chosen, and the boxes that are ticked. Versioned and hashed.

Rules: the words are data in `configs/guidelines/synthetic/<version>.toml`; the newest version is in
force. A fictional person is described by choices only, never by free words, so that nobody can be
described by the name of somebody real. This module reads the file, checks a description against it
and decides nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from compliance.agreed import ALTERATIONS, ALWAYS_FORBIDDEN, ConsentTerms
from compliance.terms import parse_terms
from compliance.texts import Attestation, attestations, newest, sha256, text
from workspace.errors import InvalidRequest
from workspace.rows import canonical_json
from workspace.types import Gender, PhotoKind

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
    return newest(folder, _parse, "texts of Create from scratch")


def _parse(raw: Mapping[str, Any]) -> SyntheticTexts:
    attributes = tuple(_attribute(one) for one in raw["attributes"])
    if tuple(attribute.id for attribute in attributes) != _ATTRIBUTES:
        raise ValueError(f"attributes are {', '.join(_ATTRIBUTES)}, in this order")
    prompts = {kind: text(raw["prompts"][kind]) for kind in ("full_body", "close_up")}
    if any(_PERSON not in prompt or "$" in prompt for prompt in prompts.values()):
        raise ValueError("prompts say {person} and have no placeholder of their own")
    hours, most = raw["candidates"]["keep_hours"], raw["candidates"]["most_open"]
    if type(hours) is not int or type(most) is not int or not (0 < hours <= 720 and most > 0):
        raise ValueError("candidates.keep_hours and most_open are whole numbers from 1 up")
    return SyntheticTexts(
        version=text(raw["version"]),
        title=text(raw["title"]),
        intro=text(raw["intro"]),
        attestations=attestations(raw),
        attributes=attributes,
        genders={gender.value: text(raw["genders"][gender.value]) for gender in Gender},
        prompts=prompts,
        keep=timedelta(hours=hours),
        most_open=most,
        sha256=sha256(canonical_json(dict(raw))),
    )


def _attribute(raw: Mapping[str, Any]) -> Attribute:
    values = tuple(
        Value(text(name), text(value["label"]), text(value["words"]))
        for name, value in raw["values"].items()
    )
    if not values or type(raw["several"]) is not bool:
        raise ValueError("an attribute needs values, and says whether several are chosen")
    return Attribute(text(raw["id"]), text(raw["label"]), raw["several"], values)


def _wrong(detail: str, pointer: str) -> InvalidRequest:
    return InvalidRequest(detail, (), None, pointer)
