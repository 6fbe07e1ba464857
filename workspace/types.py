"""Ids and frozen domain objects that every layer shares. Pure: no I/O, no clock.

Images inside the product are `RGB`: numpy uint8 arrays of shape (height, width, 3), sRGB.
Times are `datetime` in UTC. Ids are opaque and prefixed: `ws_ mdl_ prd_ gen_ img_ cns_ key_
ast_ per_ pub_ cmp_ tal_`.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal, NewType

import numpy as np
from numpy.typing import NDArray

WorkspaceId = NewType("WorkspaceId", str)
ModelId = NewType("ModelId", str)
ProductId = NewType("ProductId", str)
GenerationId = NewType("GenerationId", str)
ImageId = NewType("ImageId", str)
ConsentId = NewType("ConsentId", str)
KeyId = NewType("KeyId", str)
PersonId = NewType("PersonId", str)
AssetId = NewType("AssetId", str)

RGB = NDArray[np.uint8]
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base32: no i, l, o, u


def new_id(prefix: str) -> str:
    """Make an id such as `mdl_7h2k...`: 20 random characters of 5 bits, 100 bits in all."""
    return f"{prefix}_{''.join(secrets.choice(_ALPHABET) for _ in range(20))}"


class Tool(StrEnum):
    EDITORIAL = "editorial"
    FLATLAY_TO_CATALOG = "flatlay_to_catalog"
    BACKGROUND_SWAP = "background_swap"


class Gender(StrEnum):
    FEMALE = "female"
    MALE = "male"
    NON_BINARY = "non_binary"


class ModelStatus(StrEnum):
    DRAFT = "draft"
    BUILDING = "building"
    NEEDS_ATTENTION = "needs_attention"
    AWAITING_APPROVAL = "awaiting_approval"  # built; a second person must activate it
    READY = "ready"
    SUSPENDED = "suspended"
    EXPIRED = "expired"
    REVOKED = "revoked"
    ERASED = "erased"


class ConsentStatus(StrEnum):
    ACTIVE = "active"
    EXPIRED = "expired"
    SUSPENDED = "suspended"
    REVOKED = "revoked"


class Approval(StrEnum):
    """Whether the person let an image or a campaign go out; NONE where the consent asks not."""

    NONE = "none"
    PENDING = "pending"
    APPROVED = "approved"
    DECLINED = "declined"


class GenerationStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    REFUSED = "refused"
    FAILED = "failed"
    CANCELLED = "cancelled"


TERMINAL = frozenset(
    {
        GenerationStatus.COMPLETED,
        GenerationStatus.REFUSED,
        GenerationStatus.FAILED,
        GenerationStatus.CANCELLED,
    }
)

PhotoKind = Literal["full_body", "close_up"]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: an API key, a person or a session, always of exactly one workspace."""

    workspace_id: WorkspaceId
    actor: str  # key id, session id or person id; what the audit log names
    scopes: frozenset[str]
    person: PersonId | None = None  # who signed in with a name; None for keys and one-time codes
    networks: tuple[str, ...] = ()  # of the key: only from these; none: from anywhere
    per_minute: int | None = None  # of the key: so many requests; None: as the plan says

    @property
    def principal(self) -> str:
        """Who is behind the actor, for rules that need two.

        A session that a key opened is the key's; all that one-time codes opened are one, because
        whoever may print a code may print two.
        """
        opener = self.actor.partition(".")[0]
        return "one-time code" if opener.startswith("ses_") else opener


@dataclass(frozen=True, slots=True)
class Check:
    """One answer about one photo, in the words that a creative reads."""

    code: str
    photo: str  # "full_body", "close_up" or "both"
    status: Literal["pass", "warn", "fail"]
    measured: float | int | str | None
    threshold: float | int | str | None
    hint: str


@dataclass(frozen=True, slots=True)
class Face:
    """A detected face. Boxes and points are pixels of the image that was searched."""

    box: tuple[float, float, float, float]  # left, top, right, bottom
    landmarks: tuple[tuple[float, float], ...]  # left eye, right eye, nose, mouth left, right
    score: float  # 0 to 1

    @property
    def width(self) -> float:
        return self.box[2] - self.box[0]

    @property
    def height(self) -> float:
        return self.box[3] - self.box[1]


@dataclass(frozen=True, slots=True)
class Embedding:
    """A face vector of unit length. Vectors of different encoders are never compared."""

    vector: NDArray[np.float32]
    encoder_id: str


@dataclass(frozen=True, slots=True)
class References:
    """The pictures that condition one render, already cropped for the pack (RGB arrays)."""

    close_up: RGB | None = None
    full_body: RGB | None = None
    products: tuple[RGB, ...] = ()


@dataclass(frozen=True, slots=True)
class RenderJob:
    """One image to draw: all that a diffusion replica may know. No names, no workspace."""

    job_id: str
    prompt: str
    seed: int
    width: int
    height: int
    steps: int
    references: References = field(default_factory=References)


@dataclass(frozen=True, slots=True)
class StepDone:
    """Progress of one render call: `step` of `steps` is finished for every job in it."""

    step: int
    steps: int


@dataclass(frozen=True, slots=True)
class Rendered:
    """One finished picture, or `image` None when its job was cancelled."""

    job_id: str
    image: RGB | None
    seconds: float  # wall time of the batch it was part of


RenderEvent = StepDone | Rendered


@dataclass(frozen=True, slots=True)
class PackLicence:
    """What one part of a pack may be used for, as its manifest says."""

    spdx: str  # an SPDX id, or LicenseRef-...
    covers: str
    commercial: Literal["yes", "no", "revenue_limit"]
    text_sha256: str  # of the licence file, or of these words where there is none


@dataclass(frozen=True, slots=True)
class PackSummary:
    """What a loaded pack says of itself; safe to show to any caller."""

    name: str
    version: str
    family: str
    digest: str  # sha256 over the pack's manifest of files
    engine: str  # backend that runs the transformer, for example "torch"
    tools: tuple[str, ...]
    sizes: dict[str, tuple[int, int]]  # aspect ratio -> (width, height) in pixels
    default_aspect_ratio: str
    steps: int
    max_products: int
    max_batch: int
    encoder_id: str
    identity_pass: float  # cosine similarity; the pack's own gates
    identity_warn: float
    close_up_face_width: float  # the face box's share of the close-up reference's width
    reference_sizes: dict[str, tuple[int, int]]  # slot -> (width, height) in pixels
    summary: str
    detail: str = ""  # engine notes for /readyz, for example a fallback and why
    close_up_face_center: tuple[float, float] = (0.5, 0.5)  # where the face lies, share of the crop
    full_body_person_height: tuple[float, float] | None = None  # of the reference; least, most
    product_fill: tuple[float, float] | None = None  # the garment's longer side; least, most
    licences: tuple[PackLicence, ...] = ()
    # For Model Background Swap: words that make an empty scene, for a whole and for a cut figure.
    scene_words: tuple[str, str] | None = None
    people: str = ""  # how people are made from scratch: "words", "cast" or not at all


@dataclass(frozen=True, slots=True)
class Workspace:
    id: WorkspaceId
    name: str
    plan: str
    locked: bool
    created_at: datetime
    networks: tuple[str, ...] = ()  # calls only from these; none: from anywhere
