"""Looks at pictures for nudity: reference photos, product photos and every finished picture.

Rules: nobody can switch it off; the thresholds of `configs/safety.toml` keep to a range. What can't
be looked at (the classifier broke, or is not there) is not stored and not published. A score is
kept nowhere; a refusal names score and threshold of the caller's own photo, and nothing of a
result.

What it does not do: tell a child from an adult. That is attested at enrolment, and prompts may not
ask for one (`content.py`). A pack that estimates ages would add a check beside `check_photo`: a
possible minor is a failed check, which ends the enrolment before anything is stored.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from workspace.errors import ContentRefused, Fault
from workspace.ports import Safety
from workspace.types import RGB, Check, PhotoKind

CODE = "nudity"
_UPLOAD, _RESULT = (0.5, 0.9), (0.6, 0.95)  # least and most of each threshold
_PHOTO_HINT = "The photo seems to show nudity: wear simple, fitted clothes, a T-shirt and shorts."


@dataclass(frozen=True, slots=True)
class SafetyLimits:
    """From which score on a picture is refused; 0 to 1."""

    upload: float = 0.80
    result: float = 0.90

    def __post_init__(self) -> None:
        for value, (least, most) in ((self.upload, _UPLOAD), (self.result, _RESULT)):
            if type(value) not in (int, float) or not least <= value <= most:
                raise Fault(f"safety.toml: a threshold is a number from {least} to {most}.")


@dataclass(frozen=True, slots=True)
class SafetyGate:
    """The classifier with its thresholds."""

    classifier: Safety
    limits: SafetyLimits = SafetyLimits()

    def check_photo(self, kind: PhotoKind, image: RGB) -> Check:
        """Judge a reference photo; builds no biometric template.

        Raises:
            EngineFailed, Unavailable: the classifier can't be asked.
        """
        score, limit = self._score(image), self.limits.upload
        if score >= limit:
            return Check(CODE, kind, "fail", score, limit, _PHOTO_HINT)
        return Check(CODE, kind, "pass", score, limit, "The person is dressed.")

    def check_product(self, image: RGB) -> None:
        """Refuse a product photo that shows nudity.

        Raises:
            ContentRefused: it does.
            EngineFailed, Unavailable: the classifier can't be asked.
        """
        if self._score(image) >= self.limits.result:
            raise ContentRefused("The photo seems to show nudity.", (), None, "/photo")

    def check_results(self, pictures: Iterable[RGB]) -> None:
        """Refuse finished pictures, all of them, when one shows nudity.

        Raises:
            ContentRefused: one does.
            EngineFailed, Unavailable: the classifier can't be asked, so nothing may be published.
        """
        if any(self._score(picture) >= self.limits.result for picture in pictures):
            raise ContentRefused("A finished picture seems to show nudity; none was published.")

    def _score(self, image: RGB) -> float:
        return round(self.classifier.nudity(image), 3)


def load_safety(path: Path) -> SafetyLimits:
    """Read `configs/safety.toml`.

    Raises:
        Fault: the file is missing, or has a missing, unknown or forbidden value.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        numbers = table.pop("nudity")
        if table:
            raise ValueError("unknown tables")
        return SafetyLimits(**{name: numbers.pop(name) for name in ("upload", "result")}, **numbers)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Fault(f"{path.name} is missing or not complete.") from error
