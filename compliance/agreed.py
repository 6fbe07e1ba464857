"""The terms of a consent as they are kept: one frozen record, to JSON and back. Pure.

How a caller's words become terms, with checks and defaults, is in `terms.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from compliance.compensation import Compensation, compensation_from_json
from workspace.types import Tool

CUSTOM_MODEL_TOOLS = (Tool.EDITORIAL, Tool.FLATLAY_TO_CATALOG)
ALWAYS_FORBIDDEN = ("intimate", "political", "medical", "defamatory")
FORBIDDEN = (
    *ALWAYS_FORBIDDEN,
    "body_reshape",
    "competitor_brands",
    "religious",
    "gambling",
    "alcohol_tobacco",
)
ALTERATIONS = ("pose", "garment", "background", "lighting", "hair", "makeup")
REPRESENTED_BY = ("none", "agency", "counsel", "union", "estate")
APPROVALS = ("none", "per_image", "per_campaign")


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
    compensation: Compensation
    intended_use: str
    evidence_sha256: tuple[str, ...]
    approval: str = "none"  # what the person looks at first: nothing, each image, each campaign
    represented_by: str = "none"  # when the person agreed: an agency, counsel, a union, or nobody
    adult: bool = True
    deceased: bool = False  # then the estate agreed
    separate_from_representation_contract: bool = True

    def as_json(self) -> dict[str, Any]:
        """Show the terms as plain JSON; `terms_from_json` reads it back."""
        shown: dict[str, Any] = {name.name: getattr(self, name.name) for name in fields(self)}
        for name, value in shown.items():
            if isinstance(value, tuple):
                shown[name] = list(value)
            elif isinstance(value, datetime):
                shown[name] = value.isoformat()
            elif isinstance(value, Compensation):
                shown[name] = value.as_json()
        return shown


def terms_from_json(stored: Mapping[str, Any]) -> ConsentTerms:
    """Read terms that `as_json` wrote, now or before a field was added."""
    values: dict[str, Any] = dict(stored)
    for name, value in values.items():
        if isinstance(value, list):
            values[name] = tuple(value)
        elif name in ("starts_at", "expires_at"):
            values[name] = datetime.fromisoformat(value)
        elif name == "compensation":
            values[name] = compensation_from_json(value)
    return ConsentTerms(**values)
