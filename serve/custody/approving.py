"""The person's answers, carried out: a declined image is destroyed, a declined campaign stops work.

Who may answer is for the routes: legal and reviewers on the person's behalf, the person through
their own page. What the answers are is in `compliance/approvals.py` and `campaigns.py`.
"""

from __future__ import annotations

from datetime import datetime

from compliance import approvals, campaigns
from compliance.approvals import ImageApproval
from compliance.campaigns import Campaign
from serve.custody import standing
from serve.line import gallery
from workspace.errors import NotFound
from workspace.store import WorkspaceStore
from workspace.types import Approval, GenerationId


def decide_image(
    store: WorkspaceStore, image_id: str, approved: bool, actor: str, now: datetime
) -> ImageApproval:
    """Let an image go out, or destroy it. The same answer twice changes nothing.

    Raises:
        NotFound: there is no such image, or nobody was asked about it.
        Conflict: it was declined already.
    """
    with store.transaction():
        if not approved and approvals.state_of(store, image_id) is Approval.DECLINED:
            return approvals.of_image(store, image_id)
        if not gallery.has(store, image_id):
            raise NotFound("There is no such image.")
        answer = approvals.decide_image(store, image_id, approved, actor, now)
        if not approved:
            gallery.destroy(store, image_id)
    return answer


def decide_campaign(
    store: WorkspaceStore, campaign_id: str, approved: bool, actor: str, now: datetime
) -> tuple[Campaign, tuple[GenerationId, ...]]:
    """Note the answer; a campaign that is declined is refused at once where it waits or runs.

    Returns:
        The campaign, and the generations that were refused, for `dispatcher.cancelled`.

    Raises:
        NotFound: there is no such campaign.
        Conflict: it was declined already.
    """
    with store.transaction():
        campaign = campaigns.decide(store, campaign_id, approved, actor, now)
        stopped = () if approved else standing.recheck(store, campaign.model_id, actor, now)
    return campaign, stopped
