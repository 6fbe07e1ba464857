"""An image goes out: what the workspace reports is held against the consent that is in force now.

Rules: what is left out of a report is what the image was made for. A person's image that waits for
their approval, or whose publication the consent does not cover, is refused with the clause; the
workspace's plan and quotas don't matter here. What is recorded is in `compliance/ledger.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from compliance import admission, campaigns, consent, ledger, territories
from compliance.consent import Consent
from compliance.terms import Vocabulary
from serve.line import gallery, rules
from serve.line.asked import Asked
from workspace.errors import NotFound
from workspace.store import WorkspaceStore
from workspace.types import Caller

_NOTHING_USED = admission.Usage(images_today=0, images_of_model=0, queued=0)


def publish(
    store: WorkspaceStore,
    image_id: str,
    purpose: str | None,
    channel: str | None,
    areas: Sequence[str] | None,
    where: str,
    vocabulary: Vocabulary,
    caller: Caller,
    now: datetime,
) -> ledger.Publication:
    """Record that an image was published; checked and audited in one transaction.

    Args:
        store: Whose image.
        image_id: Which image.
        purpose: What for; None for what the image was made for, like `channel` and `areas`.
        channel: Where it is shown.
        areas: Territories in which it is shown.
        where: An address, an issue, a shop: the workspace's own words, kept sealed.
        vocabulary: The purposes and channels that there are.
        caller: Who reports it.
        now: The present time in UTC.

    Raises:
        NotFound: this workspace has no such image.
        InvalidRequest: a word is not one of the vocabulary.
        ApprovalMissing: the person has not approved the image.
        Refused, ModelRevoked: the consent in force does not cover this publication.
    """
    with store.transaction():
        if not gallery.has(store, image_id):
            raise NotFound("There is no such image.")
        asked = _asked(store, image_id)
        asked = replace(
            asked,
            purpose=purpose or asked.purpose,
            channel=channel or asked.channel,
            territories=tuple(areas) if areas else asked.territories,
        )
        rules.words_known(asked, vocabulary)
        known = [territories.normalize(area) or area for area in asked.territories]
        asked = replace(asked, territories=tuple(dict.fromkeys(known)))
        # Nobody's scope lets an image out that waits: the report would be of a breach.
        gallery.check_release(store, image_id, ())
        return ledger.publish(
            store,
            image_id,
            asked.model_id,
            (asked.purpose, asked.channel, asked.territories),
            where,
            _covering(store, asked, now),
            caller,
            now,
        )


def _asked(store: WorkspaceStore, image_id: str) -> Asked:
    image = store.get("images", image_id)
    row = store.get("generations", image.columns["generation_id"])
    return Asked.from_json(row.private["asked"])


def _covering(store: WorkspaceStore, asked: Asked, now: datetime) -> Consent | None:
    """Find the version of the consent that covers it; None where nobody is shown."""
    model_id = asked.model_id
    if model_id is None:
        return None
    use = admission.Use(
        asked.tool,
        model_id,
        asked.purpose,
        asked.channel,
        asked.territories,
        0,
        asked.campaign,
    )
    return admission.check_consent(
        use,
        model_id,
        rules.model_status(store, model_id),
        consent.current(store, model_id),
        _NOTHING_USED,
        now,
        campaigns.named(store, model_id, asked.campaign),
    )
