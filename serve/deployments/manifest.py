"""The shape of `pack.toml`: frozen, and unknown keys are refused.

Sizes are (width, height) in pixels. Pure: parses values, touches no file.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from workspace.types import Tool

Side = Annotated[int, Field(ge=16, le=4096)]
Size = tuple[Side, Side]
Share = Annotated[float, Field(gt=0, le=1)]
Cosine = Annotated[float, Field(ge=-1, le=1)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Word = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Render(_Part):
    """How a picture is drawn when the request says nothing else."""

    steps: Annotated[int, Field(ge=1, le=200)]
    guidance: Annotated[float, Field(ge=0, le=30)]  # 1.0 = none: one pass a step
    text_tokens: Annotated[int, Field(ge=1, le=4096)]  # prompts are padded or cut to this length
    text_layers: tuple[Annotated[int, Field(ge=0)], ...] = Field(min_length=1)
    default_aspect_ratio: str
    sizes: dict[str, Size] = Field(min_length=1)  # aspect ratio -> size

    @model_validator(mode="after")
    def _default_has_a_size(self) -> Self:
        if self.default_aspect_ratio not in self.sizes:
            raise ValueError("default_aspect_ratio is not among render.sizes")
        return self


class Slot(_Part):
    """One kind of reference picture: its size, and its place on the time axis of the ids."""

    size: Size
    t: Annotated[int, Field(ge=1)]


class Crop(_Part):
    """How the training pictures were framed; what is uploaded is cropped alike."""

    close_up_face_width: Share  # the face box's share of the crop's width
    close_up_face_center: tuple[Share, Share] = (0.5, 0.5)  # where the face's centre lies
    full_body_person_height: tuple[Share, Share] | None = None  # least and most, head to toe
    product_fill: tuple[Share, Share] | None = None  # the longer side's share of the frame


class ReferenceSlots(_Part):
    close_up: Slot
    full_body: Slot
    product: Slot
    crop: Crop


class Limits(_Part):
    max_products: Annotated[int, Field(ge=0, le=8)]
    max_batch: Annotated[int, Field(ge=1, le=64)]


class FaceGates(_Part):
    """Cosine similarities that count as the same person; only for this face encoder."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    encoder_id: str
    passed: Cosine = Field(alias="pass")
    warn: Cosine


class Licence(_Part):
    spdx: str  # an SPDX id, or LicenseRef-...
    covers: str
    commercial: Literal["yes", "no", "revenue_limit"]
    file: str | None = None


class People(_Part):
    """How fictional people are made from scratch with this pack."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    # words: the pack draws a person from words; cast: rendered people ship with it, in `table`
    source: Literal["words", "cast"] = Field(alias="from")
    table: str | None = None

    @model_validator(mode="after")
    def _cast_has_a_table(self) -> Self:
        if (self.source == "cast") is not (self.table is not None):
            raise ValueError("people.table belongs to a cast, and to nothing else")
        return self


class Scenes(_Part):
    """Words that make an empty scene of this pack, for Model Background Swap."""

    standing: str = Field(min_length=1, max_length=200)  # for a figure that is there to its feet
    cropped: str = Field(min_length=1, max_length=200)  # for one that goes on below the picture


class Manifest(_Part):
    """The whole of `pack.toml`."""

    name: Word
    version: Word
    family: Word
    summary: str
    tools: tuple[Tool, ...] = Field(min_length=1)
    render: Render
    references: ReferenceSlots
    limits: Limits
    faces: FaceGates
    licences: tuple[Licence, ...] = Field(min_length=1)
    training: dict[str, str | int | float | bool | list[str]] = Field(default_factory=dict)
    scenes: Scenes | None = None  # None: words of the service
    people: People | None = None  # None: nobody is made from scratch with this pack
    files: dict[str, Sha256] = Field(min_length=1)  # path in the pack -> sha256

    @model_validator(mode="after")
    def _table_is_listed(self) -> Self:
        if self.people and self.people.table and self.people.table not in self.files:
            raise ValueError("people.table is not among the files")
        return self
