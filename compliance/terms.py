"""What a person agreed to: the terms of a consent, read from what a caller sent.

Pure: no I/O, no clock. Unknown fields and unknown words are refused with a pointer to the field.
What is left out gets the defaults below, which are then part of the record like any other term.
Four uses are forbidden in every consent, and training other models is never allowed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, NoReturn

from compliance import territories
from workspace.errors import InvalidRequest
from workspace.types import Tool

CUSTOM_MODEL_TOOLS = (Tool.EDITORIAL, Tool.FLATLAY_TO_CATALOG)
ALWAYS_FORBIDDEN = ("intimate", "political", "medical", "defamatory")
_FORBIDDEN = (
    *ALWAYS_FORBIDDEN,
    "body_reshape",
    "competitor_brands",
    "religious",
    "gambling",
    "alcohol_tobacco",
)
_ALTERATIONS = ("pose", "garment", "background", "lighting", "hair", "makeup")
_DEFAULT_ALTERATIONS = ("pose", "garment", "background")
_DEFAULT_DURATION = timedelta(days=365)
_LONGEST = timedelta(days=3653)  # ten years
_MAX_TEXT_CHARACTERS = 2000
_MAX_LIST = 300
_LONGEST_NAME = 64  # characters of a caller's field name that an answer repeats
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SCOPE_FIELDS = frozenset({"tools", "alterations", "forbidden", "training"})


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The purposes and channels that a consent may name."""

    purposes: tuple[str, ...]
    channels: tuple[str, ...]


STANDARD_VOCABULARY = Vocabulary(
    purposes=(
        "ecommerce_pdp",
        "lookbook",
        "marketplace",
        "email",
        "social_organic",
        "paid_ads",
        "press",
        "internal",
    ),
    channels=(
        "web",
        "app",
        "email",
        "social",
        "marketplace",
        "print",
        "out_of_home",
        "in_store",
        "internal",
    ),
)


@dataclass(frozen=True, slots=True)
class ConsentTerms:
    """What may be done with a custom model, where, for how long and for what pay."""

    tools: tuple[str, ...]
    purposes: tuple[str, ...]
    channels: tuple[str, ...]
    territories: tuple[str, ...]
    alterations: tuple[str, ...]
    forbidden: tuple[str, ...]
    starts_at: datetime
    expires_at: datetime
    max_images: int | None  # over the life of the custom model; None is no limit
    compensation: str
    intended_use: str
    evidence_sha256: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Show the terms as plain JSON; `terms_from_json` reads it back."""
        shown: dict[str, Any] = {name: getattr(self, name) for name in self.__slots__}
        for name, value in shown.items():
            if isinstance(value, tuple):
                shown[name] = list(value)
            elif isinstance(value, datetime):
                shown[name] = value.isoformat()
        return shown


_FIELDS = frozenset(ConsentTerms.__slots__) | {"scope", "intended_use_text", "training"}


def terms_from_json(stored: Mapping[str, Any]) -> ConsentTerms:
    """Read terms that `as_json` wrote."""
    values: dict[str, Any] = dict(stored)
    for name, value in values.items():
        if isinstance(value, list):
            values[name] = tuple(value)
        elif name in ("starts_at", "expires_at"):
            values[name] = datetime.fromisoformat(value)
    return ConsentTerms(**values)


def parse_terms(
    raw: Mapping[str, Any] | None,
    now: datetime,
    vocabulary: Vocabulary = STANDARD_VOCABULARY,
    pointer: str = "/consent",
) -> ConsentTerms:
    """Read the terms that a caller sent, and fill in the defaults.

    Defaults: both custom-model tools, every purpose and channel of the vocabulary, worldwide, from
    now for one year, no limit of images. A date without a time means its first moment in UTC, so
    that a consent "until 22 November" ends when that day begins.

    Args:
        raw: The caller's JSON object; None for all defaults.
        now: The present time in UTC.
        vocabulary: The purposes and channels of this installation.
        pointer: Where `raw` is in the request (JSON pointer).

    Raises:
        InvalidRequest: a field is unknown or makes no sense; its pointer says which.
    """
    return _Reader(_flat(raw, pointer), pointer).terms(now, vocabulary)


def _flat(raw: Mapping[str, Any] | None, pointer: str) -> dict[str, Any]:
    """Lift the fields of `scope` to the top; both forms are understood."""
    if raw is None:
        return {}
    if not isinstance(raw, Mapping):
        _refuse("The consent is a JSON object.", pointer)
    fields = dict(raw)
    scope = fields.pop("scope", {})
    if not isinstance(scope, Mapping):
        _refuse("The scope is a JSON object.", f"{pointer}/scope")
    for name in scope:
        if name not in _SCOPE_FIELDS:
            _refuse("This is not part of a consent's scope.", f"{pointer}/scope/{_step(name)}")
        if name in fields:
            _refuse("This field is given twice.", f"{pointer}/scope/{_step(name)}")
    for name in fields:
        if name not in _FIELDS:
            _refuse("This field is not part of a consent.", f"{pointer}/{_step(name)}")
    return {**fields, **scope}


@dataclass(frozen=True, slots=True)
class _Reader:
    fields: dict[str, Any]
    pointer: str

    def terms(self, now: datetime, vocabulary: Vocabulary) -> ConsentTerms:
        if self.fields.get("training", False) is not False:
            self._refuse("training", "A custom model is never used to train other models.")
        starts_at = self._time("starts_at", now)
        expires_at = self._time("expires_at", self._a_year_after(starts_at))
        if expires_at <= max(starts_at, now):
            self._refuse("expires_at", "The consent ends before it can be used.")
        if expires_at - starts_at > _LONGEST:
            self._refuse("expires_at", "A consent lasts ten years at most.")
        forbidden = self._words("forbidden", _FORBIDDEN, (*ALWAYS_FORBIDDEN, "body_reshape"), True)
        return ConsentTerms(
            tools=self._words("tools", CUSTOM_MODEL_TOOLS, CUSTOM_MODEL_TOOLS),
            purposes=self._words("purposes", vocabulary.purposes, vocabulary.purposes),
            channels=self._words("channels", vocabulary.channels, vocabulary.channels),
            territories=self._territories(),
            alterations=self._words("alterations", _ALTERATIONS, _DEFAULT_ALTERATIONS, True),
            forbidden=tuple(dict.fromkeys((*ALWAYS_FORBIDDEN, *forbidden))),
            starts_at=starts_at,
            expires_at=expires_at,
            max_images=self._max_images(),
            compensation=self._compensation(),
            intended_use=self._text(
                "intended_use_text" if "intended_use_text" in self.fields else "intended_use"
            ),
            evidence_sha256=self._hashes(),
        )

    def _words(
        self,
        name: str,
        allowed: Sequence[str],
        default: Sequence[str],
        may_be_empty: bool = False,
    ) -> tuple[str, ...]:
        if self.fields.get(name) is None:
            return tuple(str(word) for word in default)
        words = self._list(name, may_be_empty)
        for index, word in enumerate(words):
            if word not in allowed:
                known = ", ".join(allowed)
                self._refuse(f"{name}/{index}", f"This is not one of the {name}: {known}.")
        return tuple(dict.fromkeys(words))

    def _territories(self) -> tuple[str, ...]:
        if self.fields.get("territories") is None:
            return (territories.WORLDWIDE,)
        found = []
        for index, word in enumerate(self._list("territories", False)):
            territory = territories.normalize(word)
            if territory is None:
                self._refuse(
                    f"territories/{index}",
                    "A territory is * (worldwide), EU, a country such as US, or US-NY.",
                )
            found.append(territory)
        return tuple(dict.fromkeys(found))

    def _hashes(self) -> tuple[str, ...]:
        if self.fields.get("evidence_sha256") is None:
            return ()
        hashes = self._list("evidence_sha256", True)
        for index, value in enumerate(hashes):
            if not _SHA256.fullmatch(value):
                self._refuse(f"evidence_sha256/{index}", "A SHA-256 has 64 hexadecimal digits.")
        return tuple(hashes)

    def _list(self, name: str, may_be_empty: bool) -> list[str]:
        value = self.fields[name]
        if (
            not isinstance(value, list | tuple)
            or len(value) > _MAX_LIST
            or not all(isinstance(word, str) for word in value)
        ):
            self._refuse(name, "This is a list of words.")
        if not value and not may_be_empty:
            self._refuse(name, "An empty list would allow nothing; leave the field out or fill it.")
        return list(value)

    def _time(self, name: str, default: datetime) -> datetime:
        value = self.fields.get(name)
        if value is None:
            return default
        try:
            if isinstance(value, str) and len(value) == len("2026-11-22"):
                day = date.fromisoformat(value)
                return datetime(day.year, day.month, day.day, tzinfo=UTC)
            moment = datetime.fromisoformat(value)
            if moment.tzinfo is not None:
                return moment.astimezone(UTC)
        except (TypeError, ValueError, OverflowError):
            pass
        self._refuse(name, "This is a date (2026-11-22) or a time with its zone (RFC 3339).")

    def _a_year_after(self, starts_at: datetime) -> datetime:
        try:
            return starts_at + _DEFAULT_DURATION
        except OverflowError:
            self._refuse("starts_at", "This is after the end of all calendars.")

    def _max_images(self) -> int | None:
        value = self.fields.get("max_images")
        if value is not None and (type(value) is not int or not 0 < value <= 10**9):
            self._refuse("max_images", "This is a number of images from 1 up, or null.")
        return value

    def _compensation(self) -> str:
        value = self.fields.get("compensation")
        if not isinstance(value, Mapping):
            return self._text("compensation")
        for name, part in value.items():
            known = name in ("basis", "amount", "currency", "per")
            if not known or not isinstance(part, str | int | float) or isinstance(part, bool):
                self._refuse(
                    f"compensation/{_step(name)}", "Compensation has basis, amount, currency, per."
                )
            if not _is_text(str(part)):
                self._refuse(f"compensation/{name}", "This is not a text.")
        words = [str(value[name]) for name in ("basis", "amount", "currency") if name in value]
        words += [f"per {value['per']}"] if "per" in value else []
        return " ".join(words)[:_MAX_TEXT_CHARACTERS]

    def _text(self, name: str) -> str:
        value = self.fields.get(name)
        if value is None:
            return ""
        if not isinstance(value, str) or len(value) > _MAX_TEXT_CHARACTERS or not _is_text(value):
            self._refuse(name, f"This is a text of at most {_MAX_TEXT_CHARACTERS} characters.")
        return value.strip()

    def _refuse(self, name: str, detail: str) -> NoReturn:
        _refuse(detail, f"{self.pointer}/{name}")


def _is_text(value: str) -> bool:
    """Half a surrogate pair is a Python string, but no text: it can't be written as UTF-8."""
    return not any("\ud800" <= character <= "\udfff" for character in value)


def _step(name: object) -> str:
    """Write a field's name as one step of a JSON pointer (RFC 6901), cut to what helps."""
    shown = str(name)[:_LONGEST_NAME].encode(errors="replace").decode()
    return shown.replace("~", "~0").replace("/", "~1")


def _refuse(detail: str, pointer: str) -> NoReturn:
    raise InvalidRequest(detail, (), None, pointer)
