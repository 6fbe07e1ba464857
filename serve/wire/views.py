"""What callers get: the JSON of every good answer. Nothing here reads a store.

Times are RFC 3339 in UTC. Image bytes never pass through pydantic. Names and shapes are stable
within /v1.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue

from workspace.types import (
    Check,
    ConsentStatus,
    Gender,
    GenerationStatus,
    ModelStatus,
    Tool,
)

Item = TypeVar("Item")


def _utc(value: Any) -> Any:
    """Accept a time as the store writes it (ISO 8601 text) or as a datetime; answer in UTC."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    return value.astimezone(UTC) if isinstance(value, datetime) else value


Time = Annotated[datetime, BeforeValidator(_utc)]


class DamagedView(BaseModel):
    """An item that was changed or damaged where it is kept, and can't be shown."""

    id: str
    code: str


class Page(BaseModel, Generic[Item]):
    """One page of a list, newest first."""

    items: list[Item]
    damaged: list[DamagedView] = Field(
        default_factory=list, description="What belongs here and no longer opens."
    )
    next_cursor: str | None = Field(None, description="Send as `cursor` for the next page.")


class Timings(BaseModel):
    """Seconds of wall time."""

    queued: float
    render: float = Field(description="Of the batch that this image was part of.")
    total: float


class MarksView(BaseModel):
    """The C2PA manifest of a result."""

    state: Literal["signed", "missing"] = Field(description="What is missing does not leave.")
    certificate: Literal["development", "customer"] | None = Field(
        description="A development certificate says so in its name; nobody else trusts it."
    )


class PackLicenceView(BaseModel):
    """What one part of the pack that drew a picture may be used for."""

    spdx: str
    covers: str
    commercial: str = Field(description="`yes`, `no` or `revenue_limit`.")


class ImageView(BaseModel):
    id: str
    url: str
    width: int
    height: int
    seed: int
    identity_score: float | None = Field(description="Cosine to the likeness; null without a face.")
    product_score: float | None = Field(description="0 to 1: agreement with the product's colours.")
    model_version: int | None
    consent_id: str | None
    approval: Literal["none", "pending", "approved", "declined"] = Field(
        description="What is pending leaves only to those who decide about it."
    )
    pack: str
    weights_digest: str
    engine: str
    pack_licences: list[PackLicenceView]
    licence_acknowledged: bool | None = Field(
        description="A contract is on record; null when no part of the pack needs one."
    )
    c2pa: MarksView
    watermark_id: str | None = Field(
        description="64 bits in the pixels, hexadecimal; null when the picture is too small."
    )
    label_applied: str = Field(
        description="Visible labels drawn, joined by `+`; or `none`, or `too_small`."
    )
    deepfake: bool = Field(description="It shows the replica of a real person.")
    edited: bool = Field(False, description="A photo of yours whose background was changed.")
    synthetic_performer: bool = Field(description="It shows a person who does not exist.")
    caption: dict[str, str] = Field(description="To publish beside it, by language.")
    alt_text: dict[str, str] = Field(description="For readers who do not see it, by language.")
    timings: Timings


class ProgressView(BaseModel):
    step: int
    steps: int
    eta_seconds: int | None = Field(
        None, description="Estimate from times measured here; null when ended or none is known."
    )


class ErrorView(BaseModel):
    """Why a generation ended without images."""

    code: str
    title: str
    detail: str
    remedy: str


class GenerationAccepted(BaseModel):
    id: str
    status: GenerationStatus
    position: int | None = Field(description="Generations before this one; null once it started.")
    status_url: str
    cancel_url: str
    events_url: str


class GenerationView(BaseModel):
    id: str
    status: GenerationStatus
    tool: Tool
    prompt: str
    model_id: str | None
    product_ids: list[str]
    n: int
    aspect_ratio: str
    seed: int
    purpose: str
    channel: str
    territories: list[str]
    campaign: str | None = Field(description="Id of the campaign that it was made for.")
    label: str = Field(description="Visible label that was asked for.")
    label_reason: str = Field(description="Why it is `none`; empty otherwise.")
    metadata: dict[str, str]
    picture_id: str | None = Field(None, description="The own photo that it was made of.")
    refined_from: str | None
    created_at: Time
    finished_at: Time | None
    position: int | None = Field(description="Generations before this one; null once it started.")
    progress: ProgressView
    images: list[ImageView]
    error: ErrorView | None
    status_url: str
    cancel_url: str
    events_url: str


class ModelAccepted(BaseModel):
    id: str
    status: ModelStatus


class CheckView(BaseModel):
    """One answer about one photo."""

    code: str
    photo: str
    status: Literal["pass", "warn", "fail"]
    measured: float | int | str | None
    threshold: float | int | str | None
    hint: str

    @classmethod
    def of(cls, check: Check) -> CheckView:
        return cls(
            code=check.code,
            photo=check.photo,
            status=check.status,
            measured=check.measured,
            threshold=check.threshold,
            hint=check.hint,
        )


class ChecksView(BaseModel):
    usable: bool = Field(description="No check failed.")
    checks: list[CheckView]


class ModelView(BaseModel):
    id: str
    name: str | None = Field(description="Null when it was destroyed with a refused enrolment.")
    gender: Gender | None
    status: ModelStatus
    checks: list[CheckView]
    version: int
    synthetic: bool
    tools: list[Tool] = Field(description="Where this model may be used.")
    consent_id: str | None
    consent_status: ConsentStatus | None
    consent_expires_at: Time | None
    created_at: Time


class ConsentView(BaseModel):
    id: str
    model_id: str
    version: int
    kind: str
    status: ConsentStatus
    terms: dict[str, JsonValue]
    attestations: list[dict[str, JsonValue]]
    guidelines_version: str = Field(description="Of the notice that was read and ticked.")
    policy_url: str = Field(description="Of the retention policy that was in force; may be empty.")
    policy_version: str = Field(description="Of the appliance's own policy page, else empty.")
    recorded_by: str
    recorded_at: Time


class CertificateView(BaseModel):
    """A statement of what was destroyed, signed over its canonical JSON with Ed25519."""

    statement: dict[str, JsonValue]
    algorithm: Literal["Ed25519"]
    public_key: str = Field(description="PEM; compare it with GET /v1/erasure-key.")
    signature: str = Field(description="base64")


class ErasureKeyView(BaseModel):
    algorithm: Literal["Ed25519"] = "Ed25519"
    public_key: str = Field(description="PEM; what the appliance signs is checked with it.")


class PublishedView(BaseModel):
    """A picture that went out before its person was erased, to be taken down."""

    id: str
    image_id: str
    published_at: Time
    channel: str
    territories: list[str]
    where: str


class ErasureView(BaseModel):
    """What was destroyed, by id and count; nothing of the person."""

    model_id: str
    status: ModelStatus
    erased_at: Time
    destroyed: dict[str, int] = Field(description="Kind of what was destroyed -> how many.")
    audit_entry: int
    cancelled_generations: list[str]
    certificate: CertificateView = Field(description="Signed; keep it.")
    published: list[PublishedView] = Field(
        description="Take these down. `where` is told this once; it is destroyed with the person."
    )


class ProductView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: str
    name: str
    category: str = Field(description="As you said it; may be empty.")
    suggested_category: str | None = Field(description="Guessed by the shape; may be wrong.")
    background_removed: bool = Field(description="False: packs see the whole photo.")
    width: int
    height: int
    created_at: Time


class AuditEntryView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    seq: int
    at: Time
    action: str
    actor: str
    object_id: str
    facts: dict[str, JsonValue]
    previous: str
    hash: str
    mac: str


class AuditReportView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    intact: bool
    entries: int
    head: str
    first_broken: int | None
    checkpoints: int = Field(description="Signed ones; all fit if the log is intact.")


class CheckpointView(BaseModel):
    """So many entries stood in the log with this hash at the end, signed by the appliance."""

    model_config = ConfigDict(from_attributes=True)

    seq: int
    at: Time
    head: str
    signature: str = Field(description="Ed25519, base64; the key is at GET /v1/erasure-key.")


class ManifestView(BaseModel):
    """What a picture's C2PA manifest says of itself; null where it says nothing readable."""

    state: Literal["valid", "invalid", "remote"] = Field(
        description="invalid: changed after signing, or damaged. remote: it is elsewhere on the "
        "network, where this appliance does not look."
    )
    claim_generator: str | None
    digital_source_type: str | None
    signed_by: str | None = Field(description="As the certificate calls itself.")


class NearView(BaseModel):
    """An image of your workspace that looks the same."""

    image_id: str
    difference: float = Field(description="Share of the perceptual hash that differs, 0 to 1.")


class VerifyView(BaseModel):
    """The marks of a picture. Ids and times are of your own workspace's images only."""

    manifest: ManifestView | None = Field(description="Null when the picture carries none.")
    watermark_id: str | None = Field(description="Of this appliance; null when none was found.")
    made_by_this_appliance: bool = Field(description="By its signature or its watermark.")
    made_here: bool = Field(description="Whole, signed here, and kept by your workspace.")
    image_id: str | None = Field(description="By manifest or watermark, if you still keep it.")
    made_at: Time | None
    near_duplicate: NearView | None


class PolicyView(BaseModel):
    """The rules of a workspace."""

    two_person: bool = Field(description="A second actor must activate a real person's model.")
    retention_url: str | None = Field(description="The published policy; null: `/policy` here.")
    results_days: int | None = Field(description="Images are destroyed then; 0: once fetched.")
    purpose: str
    channel: str
    territories: list[str]
    label: str
    label_reason: str
