"""What callers send: JSON bodies and form fields. Nothing here reads a store.

Unknown fields are refused (422 with a JSON pointer). Photos never pass through pydantic; what
callers get is in `views.py`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    ValidationInfo,
    field_validator,
)

from workspace.types import Tool

MAX_IMAGES = 4  # of one generation
MAX_PRODUCTS = 8  # of one request; the loaded pack may take fewer
MAX_PROMPT = 2000  # characters
MAX_SEED = 2**32 - 1


def _plain(text: str) -> str:
    """Trim; refuse what can't be shown in one line."""
    text = text.strip()
    if not text or not text.isprintable():
        raise ValueError("must be printable text that is not empty")
    return text


def _written_out(value: Any) -> Any:
    """Refuse a count of seconds where a date is meant."""
    if isinstance(value, int | float) or (isinstance(value, str) and "-" not in value[1:]):
        raise ValueError("must be a date and time as RFC 3339 writes them")
    return value


Truth = Annotated[bool, Strict()]
Moment = Annotated[AwareDatetime, BeforeValidator(_written_out)]
AnyMoment = Annotated[datetime, BeforeValidator(_written_out)]  # without a zone, too
Name = Annotated[str, Field(min_length=1, max_length=120), AfterValidator(_plain)]
Id = Annotated[str, Field(min_length=4, max_length=64, pattern=r"^[a-z]+_[0-9a-z]+$")]
Word = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]
Territory = Annotated[str, Field(pattern=r"^(\*|[A-Za-z]{2}(-[A-Za-z0-9]{1,3})?)$")]
Territories = Annotated[list[Territory], Field(min_length=1, max_length=40)]
Label = Literal["auto", "eu", "us_ny", "cn", "none"]

Metadata = dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(max_length=256)]]


class Body(BaseModel):
    """Base of what callers send: unknown fields are refused, and so is `"1"` for a number."""

    model_config = ConfigDict(extra="forbid")

    @field_validator("*", mode="before")
    @classmethod
    def _no_guess(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse text and truth values where only a number is meant."""
        if isinstance(value, str | bool):
            field = cls.model_fields[str(info.field_name)]
            if field.annotation in (int, int | None):
                raise ValueError("must be a number")
        return value


class GenerationRequest(Body):
    """Ask for pictures. `$model` needs `model_id`; `$product` needs a product."""

    tool: Tool
    prompt: str = Field("", max_length=MAX_PROMPT, description="May be empty for flatlay.")
    model_id: Id | None = None
    product_ids: list[Id] = Field(default_factory=list, max_length=MAX_PRODUCTS)
    picture_id: Id | None = Field(None, description="The own photo of background_swap.")
    image: Id | None = Field(None, description="Another name of `picture_id`.")
    n: int = Field(1, ge=1, le=MAX_IMAGES, description="Number of images.")
    aspect_ratio: str | None = Field(None, max_length=16, description="The pack's default if none.")
    seed: int | None = Field(None, ge=0, le=MAX_SEED, description="Image k uses seed + k.")
    purpose: Word | None = Field(None, description="The workspace's own (/v1/policy) if none.")
    channel: Word | None = Field(None, description="The workspace's own if none.")
    territories: Territories | None = Field(None, description="The workspace's own if none.")
    campaign: Word | None = Field(None, description="Name or id; approved, where consent asks.")
    label: Label | None = Field(None, description="Visible label; the policy's if none.")
    label_reason: str = Field("", max_length=500, description="Why `label` is `none`; kept sealed.")
    metadata: Metadata = Field(
        default_factory=dict, max_length=16, description="Your own notes, kept sealed."
    )


class RefineRequest(Body):
    """Changes to an earlier generation; what is left out stays as it was.

    Without a `seed` the earlier one is kept, so that only the named changes show. `model_id` and
    `campaign` given as `null` are taken away.
    """

    prompt: str | None = Field(None, max_length=MAX_PROMPT)
    model_id: Id | None = None
    product_ids: list[Id] | None = Field(None, max_length=MAX_PRODUCTS)
    n: int | None = Field(None, ge=1, le=MAX_IMAGES)
    aspect_ratio: str | None = Field(None, max_length=16)
    seed: int | None = Field(None, ge=0, le=MAX_SEED)
    purpose: Word | None = None
    channel: Word | None = None
    territories: Territories | None = None
    campaign: Word | None = None
    label: Label | None = None
    label_reason: str | None = Field(None, max_length=500)
    metadata: Metadata | None = Field(None, max_length=16)


class ModelChange(Body):
    name: Name | None = None
    tools: list[Tool] | None = Field(None, max_length=8)


class Reason(Body):
    """Why; for whoever reads the request. It is not kept, because it may name the person."""

    reason: str = Field("", max_length=500)


class PolicyChange(Body):
    """What is to change of a workspace's policy; what is left out stays."""

    two_person: Truth = False
    retention_url: str | None = Field(None, max_length=500)
    results_days: int | None = Field(None, ge=0, le=3653)
    purpose: Word = "ecommerce_pdp"
    channel: Word = "web"
    territories: Territories = Field(default_factory=lambda: ["EU"])
    label: Label = "auto"
    label_reason: str = Field("", max_length=500)
