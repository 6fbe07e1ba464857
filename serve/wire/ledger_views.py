"""What callers get of the use ledger, of pay and of talent links. Nothing here reads a store.

Amounts are decimal text, so that no reader turns them into floats by accident.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from serve.wire.views import Time


class PublicationView(BaseModel):
    """One image that went out."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    image_id: str
    model_id: str | None = Field(description="Null where nobody is shown.")
    published_at: Time
    purpose: str
    channel: str
    territories: list[str]
    where: str = Field(description="As it was reported; destroyed with the person.")
    consent_id: str | None
    consent_version: int | None
    by: str


class LedgerEntryView(BaseModel):
    """An image that was made, or one that was published."""

    event: Literal["made", "published"]
    at: Time
    image_id: str
    generation_id: str | None
    publication_id: str | None
    tool: str | None
    purpose: str
    channel: str
    territories: list[str]
    where: str | None
    campaign_id: str | None
    consent_id: str | None
    consent_version: int | None


class ConsentUseView(BaseModel):
    """How much of one version of the consent was used."""

    consent_id: str | None
    consent_version: int | None
    made: int
    published: int


class LedgerView(BaseModel):
    """What was made of a person and published in a period, oldest first."""

    model_id: str
    since: Time | None = Field(serialization_alias="from")
    until: Time = Field(serialization_alias="to")
    made: int
    published: int = Field(description="Publications; one image may have several.")
    by_consent: list[ConsentUseView]
    entries: list[LedgerEntryView]
    damaged: list[str] = Field(description="Rows that belong here and no longer open.")


class StatementLineView(BaseModel):
    """What one version of the consent adds."""

    model_config = ConfigDict(from_attributes=True)

    consent_id: str
    consent_version: int | None
    basis: str
    per: str
    unit_amount: str
    currency: str
    quantity: int | None = Field(description="Images; null where pay is not by the image.")
    amount: str | None = Field(description="Null where it can't be computed; `says` tells why.")
    says: str


class StatementView(BaseModel):
    """What is owed for a period by the record. No invoice; taxes are not in it."""

    model_id: str
    since: Time | None = Field(serialization_alias="from")
    until: Time = Field(serialization_alias="to")
    lines: list[StatementLineView]
    totals: dict[str, str] = Field(description="Currency (ISO 4217) -> sum.")
    damaged: list[str] = Field(description="Rows that should count and no longer open.")


class TalentLinkView(BaseModel):
    """A link to a person's own page; the link itself is shown once, when it is made."""

    id: str
    model_id: str
    created_at: Time
    expires_at: Time
    revoked_at: Time | None
    made_by: str


class TalentLinkMade(TalentLinkView):
    url: str | None = Field(
        description="Give it to the person and to nobody else. Null in the answer to a replay."
    )
