"""What callers send and get about approvals: campaigns, and images that wait."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field

from compliance.approvals import ImageApproval
from compliance.campaigns import Campaign
from serve.wire.schema import Body, Territory, Word
from serve.wire.views import Time

_MAX_NOTE = 2000  # characters
Decision = Literal["pending", "approved", "declined"]


def _readable(text: str) -> str:
    """Trim; refuse what can't be shown. Line breaks are fine."""
    text = text.strip()
    if not all(line.isprintable() for line in text.splitlines()):
        raise ValueError("must be printable text")
    return text


class CampaignRequest(Body):
    """A campaign that the person is asked about; what is left out is not narrowed."""

    name: Word
    purpose: Word | None = None
    channels: list[Word] = Field(default_factory=list, max_length=20)
    territories: list[Territory] = Field(default_factory=list, max_length=40)
    note: Annotated[str, AfterValidator(_readable)] = Field(
        "", max_length=_MAX_NOTE, description="What is planned, for the person to read."
    )


class CampaignView(BaseModel):
    id: str
    model_id: str
    name: str
    status: Decision
    purpose: str | None = Field(description="Null, and empty lists: whatever the consent covers.")
    channels: list[str]
    territories: list[str]
    note: str
    asked_by: str
    created_at: Time
    decided_at: Time | None
    decided_by: str | None

    @classmethod
    def of(cls, campaign: Campaign) -> CampaignView:
        return cls(
            id=campaign.id,
            model_id=campaign.model_id,
            name=campaign.name,
            status=campaign.status.value,
            purpose=campaign.purpose or None,
            channels=list(campaign.channels),
            territories=list(campaign.territories),
            note=campaign.note,
            asked_by=campaign.asked_by,
            created_at=campaign.created_at,
            decided_at=campaign.decided_at,
            decided_by=campaign.decided_by,
        )


class ImageApprovalView(BaseModel):
    image_id: str
    model_id: str
    status: Decision
    url: str | None = Field(description="Where the picture is; null once it was destroyed.")
    created_at: Time
    decided_at: Time | None
    decided_by: str | None

    @classmethod
    def of(cls, answer: ImageApproval) -> ImageApprovalView:
        return cls(
            image_id=answer.image_id,
            model_id=answer.model_id,
            status=answer.status.value,
            url=None if answer.status == "declined" else f"/v1/images/{answer.image_id}",
            created_at=answer.created_at,
            decided_at=answer.decided_at,
            decided_by=answer.decided_by,
        )
