"""Campaigns that a person is asked about before anything is drawn for them.

Rules: where the consent asks for approval per campaign, `admission.py` refuses what names no
approved one; this module keeps campaigns and answers. A campaign may narrow purpose, channels and
territories; its approval covers no more. What was approved may be declined later, and that is
final. Names and notes are sealed; the audit log has the campaign's id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from compliance import approvals, audit, territories
from compliance.terms import STANDARD_VOCABULARY, Vocabulary
from workspace.errors import Conflict, InvalidRequest
from workspace.rows import Row
from workspace.store import WorkspaceStore
from workspace.types import Approval, ModelId, new_id

CAMPAIGNS = "campaigns"
_MAX_CAMPAIGNS = 500  # of one model


@dataclass(frozen=True, slots=True)
class Campaign:
    """One campaign that a person is asked about. Empty purpose, channels, territories: any."""

    id: str
    model_id: ModelId
    status: Approval
    name: str
    purpose: str
    channels: tuple[str, ...]
    territories: tuple[str, ...]
    note: str  # what the person reads: what is planned, in free words
    asked_by: str
    created_at: datetime
    decided_at: datetime | None
    decided_by: str | None


def propose(
    store: WorkspaceStore,
    model_id: ModelId,
    name: str,
    actor: str,
    now: datetime,
    purpose: str = "",
    channels: Sequence[str] = (),
    areas: Sequence[str] = (),
    note: str = "",
    vocabulary: Vocabulary = STANDARD_VOCABULARY,
) -> Campaign:
    """Ask the person about a campaign; it waits until somebody answers. Audited.

    Raises:
        InvalidRequest: a word is not one of the vocabulary.
        Conflict: the model has a campaign of this name, or too many.
    """
    _check_words(purpose, channels, areas, vocabulary)
    with store.transaction():
        known = of_model(store, model_id)
        if any(one.name == name for one in known):
            raise Conflict("This model has a campaign of this name.", (), None, "/name")
        if len(known) >= _MAX_CAMPAIGNS:
            raise Conflict(f"A model has {_MAX_CAMPAIGNS} campaigns at most.")
        campaign_id = new_id("cmp")
        places = [territories.normalize(area) for area in areas]
        store.put(
            CAMPAIGNS,
            campaign_id,
            {
                "name": name,
                "purpose": purpose,
                "channels": list(channels),
                "territories": places,
                "note": note,
                "asked_by": actor,
            },
            model_id=model_id,
            status=Approval.PENDING.value,
            created_at=now.isoformat(),
        )
        audit.append(store, "campaign.proposed", campaign_id, actor, now, model_id=model_id)
        return campaign(store, campaign_id)


def of_model(store: WorkspaceStore, model_id: str) -> list[Campaign]:
    """All campaigns of a model, newest first."""
    rows = store.find(CAMPAIGNS, "model_id = ?", (model_id,), "created_at DESC, id DESC")
    return [_campaign(row) for row in rows]


def campaign(store: WorkspaceStore, campaign_id: str) -> Campaign:
    """Read one campaign.

    Raises:
        NotFound: this workspace has none under this id.
    """
    return _campaign(store.get(CAMPAIGNS, campaign_id))


def named(store: WorkspaceStore, model_id: str | None, word: str | None) -> Campaign | None:
    """Find a model's campaign by its id or its name; None when there is none."""
    if word is None or model_id is None:
        return None
    rows = store.find(CAMPAIGNS, "id = ? AND model_id = ?", (word, model_id))
    if rows:
        return _campaign(rows[0])
    return next((one for one in of_model(store, model_id) if one.name == word), None)


def decide(
    store: WorkspaceStore, campaign_id: str, approved: bool, actor: str, now: datetime
) -> Campaign:
    """Note the person's answer and audit it; the same answer twice changes nothing.

    Raises:
        NotFound: this workspace has no such campaign.
        Conflict: it was declined already.
    """
    with store.transaction():
        row = store.get(CAMPAIGNS, campaign_id)
        if approvals.answer(store, CAMPAIGNS, row, approved, actor, now):
            verb = "approved" if approved else "declined"
            model_id = row.columns["model_id"]
            audit.append(store, f"campaign.{verb}", campaign_id, actor, now, model_id=model_id)
        return campaign(store, campaign_id)


def _check_words(
    purpose: str, channels: Sequence[str], areas: Sequence[str], vocabulary: Vocabulary
) -> None:
    if purpose and purpose not in vocabulary.purposes:
        raise _wrong(f"A purpose is one of {', '.join(vocabulary.purposes)}.", "/purpose")
    for index, channel in enumerate(channels):
        if channel not in vocabulary.channels:
            known = ", ".join(vocabulary.channels)
            raise _wrong(f"A channel is one of {known}.", f"/channels/{index}")
    for index, area in enumerate(areas):
        if territories.normalize(area) is None:
            detail = "A territory is * (worldwide), EU, a country such as US, or US-NY."
            raise _wrong(detail, f"/territories/{index}")


def _campaign(row: Row) -> Campaign:
    private: Mapping[str, Any] = row.private
    return Campaign(
        row.id,
        ModelId(row.columns["model_id"]),
        Approval(row.columns["status"]),
        private["name"],
        private["purpose"],
        tuple(private["channels"]),
        tuple(private["territories"]),
        private["note"],
        private["asked_by"],
        datetime.fromisoformat(row.columns["created_at"]),
        approvals.decided_at(row),
        private.get("decided_by"),
    )


def _wrong(detail: str, pointer: str) -> InvalidRequest:
    return InvalidRequest(detail, (), None, pointer)
