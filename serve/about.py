"""What the appliance says of itself: capabilities, guidelines, readiness. Wire types only."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from compliance.texts import Attestation
from workspace.types import Gender, PackSummary, Tool

# NOTE a list and not a pair: not every reader of OpenAPI knows `prefixItems`.
Size = Annotated[list[int], Field(min_length=2, max_length=2)]


class AttestationView(BaseModel):
    id: str
    text: str
    sha256: str

    @classmethod
    def of(cls, box: Attestation) -> AttestationView:
        return cls(id=box.id, text=box.text, sha256=box.sha256)


class PackView(BaseModel):
    name: str
    version: str
    family: str
    weights_digest: str
    engine: str
    tools: list[str]
    sizes: dict[str, Size] = Field(description="Aspect ratio -> width, height in pixels")
    default_aspect_ratio: str
    steps: int
    max_products: int
    encoder_id: str
    identity_pass: float
    identity_warn: float
    summary: str

    @classmethod
    def of(cls, pack: PackSummary, tools: tuple[str, ...]) -> PackView:
        own = {"weights_digest": pack.digest, "tools": list(tools)}
        plain = {name: getattr(pack, name) for name in cls.model_fields if name not in own}
        return cls(**plain, **own)


class LimitsView(BaseModel):
    max_upload_bytes: int
    max_photo_bytes: int
    max_photo_pixels: int
    max_images: int
    max_products: int
    max_prompt_characters: int


class OwnPhotosView(BaseModel):
    """What Model Background Swap asks for with a photo of your own, and how long it is kept."""

    version: str
    kept_hours: int
    attestations: list[AttestationView]


class CapabilitiesView(BaseModel):
    tools: list[str] = Field(description="What the loaded packs offer.")
    custom_model_tools: list[Tool]
    packs: list[PackView]
    aspect_ratios: list[str]
    genders: list[Gender]
    purposes: list[str]
    channels: list[str]
    limits: LimitsView
    plan: str
    custom_models: bool = Field(description="Whether the workspace's plan has custom models.")
    guidelines_version: str
    retention_policy_url: str | None = Field(
        description="The published policy; nobody can be enrolled while there is none."
    )
    attestations: list[AttestationView]
    own_photos: OwnPhotosView


class TopicView(BaseModel):
    topic: str
    text: str
    good: list[str]
    bad: list[str]


class PhotoGuideView(BaseModel):
    kind: str
    title: str
    topics: list[TopicView]


class ExampleView(BaseModel):
    photo: str
    topic: str
    good: bool
    text: str
    alt: str = Field(description="What is seen, for whoever can't see it.")
    url: str


class LabelView(BaseModel):
    id: str
    label: str


class GuidelinesView(BaseModel):
    version: str
    title: str
    intro: str
    photos: list[PhotoGuideView]
    attestations: list[AttestationView]
    sha256: str
    retention_policy_url: str | None
    purposes: list[LabelView]
    channels: list[LabelView]
    draft_hours: int = Field(
        description="How long an unfinished enrolment is kept after its last change."
    )
    draft_most_days: int = Field(description="How long it is kept at most after it was begun.")
    examples: list[ExampleView] = Field(description="Good and bad photos as pictures (WebP).")


class ReadyView(BaseModel):
    pack: str
    engine: str
    detail: str = Field(description="Engine notes, for example a fallback and why.")
    face_encoder: str
