"""What callers send and get where a fictional person is made from scratch."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field, JsonValue

from serve.wire import schema
from serve.wire.views import CheckView, ErrorView, Time
from workspace.types import Gender

Word = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[a-z0-9_]+$")]
MOST = 4  # candidates of one request


class Wanted(schema.Body):
    """Whom to look for: choices of `GET /v1/models/synthetic`; what is left out is open."""

    gender: Gender
    age: Word | None = None
    skin: Word | None = None
    hair: Word | None = None
    hair_colour: Word | None = None
    eyes: Word | None = None
    build: Word | None = None
    features: list[Word] = Field(default_factory=list, max_length=8)
    n: int = Field(4, ge=1, le=MOST, description="How many candidates.")
    seed: int | None = Field(None, ge=0, le=schema.MAX_SEED, description="Any, if none.")

    def chosen(self) -> dict[str, tuple[str, ...]]:
        """The choices alone, by attribute."""
        found: dict[str, tuple[str, ...]] = {}
        for name in ("age", "skin", "hair", "hair_colour", "eyes", "build"):
            value = getattr(self, name)
            if value is not None:
                found[name] = (value,)
        if self.features:
            found["features"] = tuple(self.features)
        return found


class CloseUpWanted(schema.Body):
    seed: int | None = Field(None, ge=0, le=schema.MAX_SEED, description="Any, if none.")


class Promotion(schema.Body):
    """A name, and every box of `GET /v1/models/synthetic` with the hash of its words."""

    name: str = Field(min_length=1, max_length=200)
    attestations: list[dict[str, JsonValue]] = Field(default_factory=list, max_length=64)


class ValueView(BaseModel):
    id: str
    label: str


class AttributeView(BaseModel):
    id: str
    label: str
    several: bool = Field(description="Up to three may be chosen.")
    values: list[ValueView]


class BoxView(BaseModel):
    id: str
    text: str
    sha256: str


class OfferView(BaseModel):
    """What can be made from scratch with the pack that is loaded."""

    way: Literal["words", "cast", "none"] = Field(
        description="words: the pack draws people. cast: it picks from people who come with it. "
        "none: it can do neither."
    )
    cast_size: int | None = Field(description="People of the cast; null where there is none.")
    cast_left: int | None = Field(description="Those who are no model of this workspace now.")
    version: str
    title: str
    intro: str
    genders: list[Gender]
    attributes: list[AttributeView]
    attestations: list[BoxView]
    keep_hours: int = Field(description="Candidates are destroyed after so many hours.")
    most_open: int = Field(description="Of one caller at a time; of more, the oldest end.")


class CandidateView(BaseModel):
    """A fictional person whom nobody has made a custom model of yet."""

    id: str
    status: Literal["drawing", "full_body", "drawing_close_up", "complete", "failed"]
    gender: Gender
    attributes: dict[str, list[str]] = Field(description="What was asked for.")
    shows: dict[str, list[str]] | None = Field(
        description="What a person of the cast is like; null where the pack drew them."
    )
    differs: list[str] = Field(description="Attributes that are not as asked for (cast only).")
    seed: int
    photos: dict[str, str | None] = Field(description="full_body, close_up: address, once there.")
    generation_id: str | None = Field(description="That draws or drew the full body.")
    close_up_generation_id: str | None
    error: ErrorView | None
    created_at: Time
    expires_at: Time = Field(description="It is destroyed then.")


class CandidatesView(BaseModel):
    items: list[CandidateView]


class PromotedView(BaseModel):
    id: str = Field(description="Of the custom model.")
    status: str
    synthetic: Literal[True] = True
    checks: list[CheckView]
