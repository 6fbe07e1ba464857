"""What a person agreed to: the terms of a consent, read from what a caller sent.

Pure: no I/O, no clock. Unknown fields and unknown words are refused with a pointer to the field.
What is left out gets the defaults below, which are then part of the record like any other term.
Four uses are forbidden in every consent, and training other models is never allowed. A person who
is no adult gives no consent; for one who died, the estate does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from typing import Any, NoReturn

from compliance import territories
from compliance.agreed import (
    ALTERATIONS,
    ALWAYS_FORBIDDEN,
    APPROVALS,
    CUSTOM_MODEL_TOOLS,
    FORBIDDEN,
    REPRESENTED_BY,
    STANDARD_VOCABULARY,
    ConsentTerms,
    Vocabulary,
    terms_from_json,
)
from compliance.compensation import is_text, parse_compensation, step
from workspace.errors import InvalidRequest

__all__ = [
    "ALWAYS_FORBIDDEN",
    "CUSTOM_MODEL_TOOLS",
    "STANDARD_VOCABULARY",
    "ConsentTerms",
    "Vocabulary",
    "parse_terms",
    "terms_from_json",
]

_DEFAULT_ALTERATIONS = ("pose", "garment", "background", "lighting")
_DEFAULT_DURATION = timedelta(days=365)
_LONGEST = timedelta(days=3653)  # ten years
_MAX_TEXT_CHARACTERS = 2000
_MAX_LIST = 300
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SCOPE_FIELDS = frozenset({"tools", "alterations", "forbidden", "training"})
_SUBJECT_FIELDS = frozenset({"represented_by", "adult", "deceased"})
_FIELDS = frozenset(field.name for field in fields(ConsentTerms)) | {
    "kind",
    "scope",
    "subject",
    "intended_use_text",
    "training",
}


def parse_terms(
    raw: Mapping[str, Any] | None,
    now: datetime,
    vocabulary: Vocabulary = STANDARD_VOCABULARY,
    pointer: str = "/consent",
) -> ConsentTerms:
    """Read the terms that a caller sent, and fill in the defaults.

    Defaults: both custom-model tools, every purpose and channel of the vocabulary, worldwide, from
    now for one year, no limit of images, no approval of each use. A date without a time means its
    first moment in UTC, so that a consent "until 22 November" ends when that day begins.

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
    """Lift the fields of `scope` and `subject` to the top; both forms are understood."""
    if raw is None:
        return {}
    if not isinstance(raw, Mapping):
        _refuse("The consent is a JSON object.", pointer)
    fields = dict(raw)
    lifted = {
        **_group(fields, "scope", _SCOPE_FIELDS, pointer),
        **_group(fields, "subject", _SUBJECT_FIELDS, pointer),
    }
    for name in fields:
        if name not in _FIELDS:
            _refuse("This field is not part of a consent.", f"{pointer}/{step(name)}")
    return {**fields, **lifted}


def _group(
    fields: dict[str, Any], group: str, known: frozenset[str], pointer: str
) -> dict[str, Any]:
    """Take a group of fields out of the whole."""
    found = fields.pop(group, {})
    if not isinstance(found, Mapping):
        _refuse(f"The {group} is a JSON object.", f"{pointer}/{group}")
    for name in found:
        if name not in known:
            _refuse(f"This is not part of a consent's {group}.", f"{pointer}/{group}/{step(name)}")
        if name in fields:
            _refuse("This field is given twice.", f"{pointer}/{group}/{step(name)}")
    return dict(found)


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
        self._check_kind()
        represented_by = self._word("represented_by", REPRESENTED_BY)
        forbidden = self._words("forbidden", FORBIDDEN, (*ALWAYS_FORBIDDEN, "body_reshape"), True)
        return ConsentTerms(
            tools=self._words("tools", CUSTOM_MODEL_TOOLS, CUSTOM_MODEL_TOOLS),
            purposes=self._words("purposes", vocabulary.purposes, vocabulary.purposes),
            channels=self._words("channels", vocabulary.channels, vocabulary.channels),
            territories=self._territories(),
            alterations=self._words("alterations", ALTERATIONS, _DEFAULT_ALTERATIONS, True),
            forbidden=tuple(dict.fromkeys((*ALWAYS_FORBIDDEN, *forbidden))),
            starts_at=starts_at,
            expires_at=expires_at,
            max_images=self._max_images(),
            compensation=parse_compensation(
                self.fields.get("compensation"), f"{self.pointer}/compensation"
            ),
            intended_use=self._text(
                "intended_use_text" if "intended_use_text" in self.fields else "intended_use"
            ),
            evidence_sha256=self._hashes(),
            approval=self._word("approval", APPROVALS),
            represented_by=represented_by,
            adult=self._adult(),
            deceased=self._deceased(represented_by),
            separate_from_representation_contract=self._separate(),
        )

    def _check_kind(self) -> None:
        if self.fields.get("kind") not in (None, "real_person"):
            self._refuse("kind", "Photos enrol a `real_person`.")

    def _adult(self) -> bool:
        value = self.fields.get("adult")
        if value is not None and value is not True:
            self._refuse("adult", "Only an adult can be enrolled.")
        return True

    def _deceased(self, represented_by: str) -> bool:
        value = self.fields.get("deceased")
        if value is not None and type(value) is not bool:
            self._refuse("deceased", "This is true or false.")
        if bool(value) is not (represented_by == "estate"):
            detail = "For a person who died, and only then, the estate agrees: `represented_by`."
            self._refuse("deceased", detail)
        return bool(value)

    def _separate(self) -> bool:
        name = "separate_from_representation_contract"
        value = self.fields.get(name)
        if value is not None and value is not True:
            detail = "The consent stands apart from any contract of representation."
            self._refuse(name, detail)
        return True

    def _word(self, name: str, allowed: Sequence[str]) -> str:
        """One word of a list, whose first is the default."""
        value = self.fields.get(name)
        if value is None:
            return allowed[0]
        if not isinstance(value, str) or value not in allowed:
            self._refuse(name, f"This is one of {', '.join(allowed)}.")
        return value

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

    def _text(self, name: str) -> str:
        value = self.fields.get(name)
        if value is None:
            return ""
        if not isinstance(value, str) or len(value) > _MAX_TEXT_CHARACTERS or not is_text(value):
            self._refuse(name, f"This is a text of at most {_MAX_TEXT_CHARACTERS} characters.")
        return value.strip()

    def _refuse(self, name: str, detail: str) -> NoReturn:
        _refuse(detail, f"{self.pointer}/{name}")


def _refuse(detail: str, pointer: str) -> NoReturn:
    raise InvalidRequest(detail, (), None, pointer)
