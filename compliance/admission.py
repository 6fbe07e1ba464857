"""May this generation happen? Pure: request + plan + model + consent + usage + time -> an answer.

Rules: refuse unless everything allows it; the first reason is said in plain words, with the clause
of the consent or plan that decides. Asked when a generation is submitted and again just before it
is rendered, because a consent may end in between. A campaign that is named must be the model's own,
and approved where the consent asks for that. Only `admit` can build an `Admitted`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import InitVar, dataclass
from datetime import UTC, datetime, time, timedelta
from typing import NoReturn

from compliance import territories
from compliance.campaigns import Campaign
from compliance.consent import Consent
from compliance.terms import CUSTOM_MODEL_TOOLS, ConsentTerms
from workspace.errors import (
    ApprovalMissing,
    ConsentExpired,
    ConsentMissing,
    ConsentOutOfScope,
    ConsentSuspended,
    ModelRevoked,
    NotFound,
    NotReady,
    PlanExcludesCustomModels,
    QueueFull,
    QuotaExceeded,
    ToolNotAllowed,
)
from workspace.plans import Plan
from workspace.types import Approval, ConsentId, ConsentStatus, ModelId, ModelStatus, Tool

_QUEUE_RETRY_SECONDS = 30
_ONLY_ADMIT = object()


@dataclass(frozen=True, slots=True)
class Use:
    """What a generation wants to do."""

    tool: Tool
    model_id: ModelId | None
    purpose: str
    channel: str
    territories: tuple[str, ...]
    n: int  # images
    campaign: str | None = None  # as the caller names it: an id or a name


@dataclass(frozen=True, slots=True)
class Usage:
    """What was used so far, without the generation that is asked about."""

    images_today: int  # of the workspace in this UTC day, rendered or accepted
    images_of_model: int  # of this custom model ever, rendered or accepted
    queued: int  # generations of the workspace, waiting or running


@dataclass(frozen=True)
class Admitted:
    """Proof that `admit` said yes, with the consent that it rests on."""

    use: Use
    consent_id: ConsentId | None
    consent_version: int | None
    decided_at: datetime
    approval: str = "none"  # `per_image`: what is made waits for the person's answer
    by: InitVar[object] = None

    def __post_init__(self, by: object) -> None:
        if by is not _ONLY_ADMIT:
            raise TypeError("only admit() can admit")


def admit(
    use: Use,
    plan: Plan,
    model_status: ModelStatus | None,
    consent: Consent | None,
    usage: Usage,
    now: datetime,
    campaign: Campaign | None = None,
) -> Admitted:
    """Decide whether a generation may happen.

    Args:
        use: What is asked for.
        plan: The workspace's plan.
        model_status: Status of the custom model; None when there is no such model.
        consent: The newest consent of that model; None when there is none.
        usage: What was used so far.
        now: The present time in UTC.
        campaign: The campaign of that model that `use` names; None when there is none.

    Raises:
        ToolNotAllowed, PlanExcludesCustomModels, NotFound, ModelRevoked, NotReady: the model
            can't be used here.
        ConsentMissing, ConsentSuspended, ConsentExpired, ConsentOutOfScope: the consent says no.
        ApprovalMissing: the person, or a second person here, has to approve it first.
        QuotaExceeded, QueueFull: the plan's limits are reached.
    """
    if use.model_id is not None:
        _check_tool(use.tool)
        if not plan.custom_models:
            raise PlanExcludesCustomModels(f"The {plan.name} plan has no custom models.")
        consent = check_consent(use, use.model_id, model_status, consent, usage, now, campaign)
    else:
        consent = None
    _check_plan(plan, use, usage, now)
    return Admitted(
        use=use,
        consent_id=consent.id if consent else None,
        consent_version=consent.version if consent else None,
        decided_at=now,
        approval=consent.terms.approval if consent else "none",
        by=_ONLY_ADMIT,
    )


def check_consent(
    use: Use,
    model_id: ModelId,
    model_status: ModelStatus | None,
    consent: Consent | None,
    usage: Usage,
    now: datetime,
    campaign: Campaign | None = None,
) -> Consent:
    """Ask the person's consent alone, without the plan: for what waits when a consent changes.

    Returns:
        The consent that covers the use.

    Raises:
        NotFound, ModelRevoked, NotReady, ConsentMissing, ConsentSuspended, ConsentExpired,
        ConsentOutOfScope, ApprovalMissing: see `admit`.
    """
    _check_model(model_status)
    given = _check_standing(consent, model_id, now)
    _check_terms(given.terms, use, usage)
    _check_campaign(given.terms, use, campaign)
    return given


def _check_tool(tool: Tool) -> None:
    if tool not in CUSTOM_MODEL_TOOLS:
        raise ToolNotAllowed(
            f"Custom models can be used on {_listed(CUSTOM_MODEL_TOOLS)}; {tool} is not among them."
        )


def _check_model(status: ModelStatus | None) -> None:
    match status:
        case ModelStatus.READY:
            return
        case None:
            raise NotFound("There is no such model.")
        case ModelStatus.REVOKED | ModelStatus.ERASED:
            raise ModelRevoked("The person withdrew the consent, and the model was erased.")
        case ModelStatus.SUSPENDED:
            raise ConsentSuspended("The consent for this model is suspended.")
        case ModelStatus.EXPIRED:
            raise ConsentExpired("The consent for this model has ended.")
        case ModelStatus.AWAITING_APPROVAL:
            raise ApprovalMissing("Somebody else has to approve this model before it is used.")
        case ModelStatus.NEEDS_ATTENTION:
            raise NotReady("The model's photos need attention before it can be used.")
        case _:
            raise NotReady("The model is still being built.", (), 2)


def _check_standing(consent: Consent | None, model_id: str, now: datetime) -> Consent:
    if consent is None or consent.model_id != model_id:
        raise ConsentMissing("No consent is on record for this model.")
    if consent.status is ConsentStatus.REVOKED:
        raise ModelRevoked("The person withdrew the consent for this model.")
    if consent.status is ConsentStatus.SUSPENDED:
        raise ConsentSuspended("The consent for this model is suspended.")
    if consent.status is not ConsentStatus.ACTIVE:
        raise ConsentExpired("The consent for this model has ended.")
    if now >= consent.terms.expires_at:
        raise ConsentExpired(f"The consent ended on {_day(consent.terms.expires_at)}.")
    if now < consent.terms.starts_at:
        raise ConsentOutOfScope(f"The consent starts on {_day(consent.terms.starts_at)}.")
    return consent


def _check_terms(terms: ConsentTerms, use: Use, usage: Usage) -> None:
    for granted, asked, pointer in (
        (terms.tools, str(use.tool), "/tool"),
        (terms.purposes, use.purpose, "/purpose"),
        (terms.channels, use.channel, "/channel"),
    ):
        if asked not in granted:
            _out_of_scope(granted, asked, pointer)
    if not use.territories:
        raise ConsentOutOfScope("The request names no territory.", (), None, "/territories")
    for index, territory in enumerate(use.territories):
        if not territories.covers(terms.territories, territory):
            _out_of_scope(terms.territories, territory, f"/territories/{index}")
    if terms.max_images is not None and usage.images_of_model + use.n > terms.max_images:
        left = max(0, terms.max_images - usage.images_of_model)
        raise ConsentOutOfScope(
            f"The consent covers {terms.max_images} images in all; {left} are left, and {use.n} "
            f"{'is' if use.n == 1 else 'are'} asked for.",
            (),
            None,
            "/n",
        )


def _check_campaign(terms: ConsentTerms, use: Use, campaign: Campaign | None) -> None:
    """Hold a use to the campaign that it names; one must be named where the consent asks."""
    asks = terms.approval == "per_campaign"
    if use.campaign is None:
        if asks:
            _not_approved("The person approves each campaign; name one that is approved.")
        return
    if campaign is None or campaign.model_id != use.model_id:
        _not_approved("This model has no such campaign.")
    if campaign.status is Approval.DECLINED:
        _not_approved("The person declined this campaign.")
    if campaign.status is not Approval.APPROVED and asks:
        _not_approved("The person has not approved this campaign yet.")
    if campaign.purpose and use.purpose != campaign.purpose:
        _outside((campaign.purpose,), use.purpose, "/purpose")
    if campaign.channels and use.channel not in campaign.channels:
        _outside(campaign.channels, use.channel, "/channel")
    for index, territory in enumerate(use.territories):
        if campaign.territories and not territories.covers(campaign.territories, territory):
            _outside(campaign.territories, territory, f"/territories/{index}")


def _not_approved(detail: str) -> NoReturn:
    raise ApprovalMissing(detail, (), None, "/campaign")


def _outside(granted: Sequence[str], asked: str, pointer: str) -> NoReturn:
    detail = f"The campaign covers {_listed(granted)}; {_shown(asked)} is not among them."
    raise ConsentOutOfScope(detail, (), None, pointer)


def _check_plan(plan: Plan, use: Use, usage: Usage, now: datetime) -> None:
    if usage.queued >= plan.max_queued:
        raise QueueFull(
            f"The {plan.name} plan holds {plan.max_queued} generations in the queue at a time.",
            (),
            _QUEUE_RETRY_SECONDS,
        )
    if usage.images_today + use.n > plan.max_images_per_day:
        left = max(0, plan.max_images_per_day - usage.images_today)
        raise QuotaExceeded(
            f"The {plan.name} plan has {plan.max_images_per_day} images a day; {left} are left "
            "until midnight UTC.",
            (),
            _seconds_to_midnight(now),
        )


def _out_of_scope(granted: Sequence[str], asked: str, pointer: str) -> NoReturn:
    raise ConsentOutOfScope(
        f"The consent covers {_listed(granted)}; {_shown(asked)} is not among them.",
        (),
        None,
        pointer,
    )


def _shown(word: str) -> str:
    """Repeat a caller's word only when it is one: free text does not belong into messages."""
    if word == territories.WORLDWIDE:
        return "worldwide use"
    plain = word.replace("_", "").replace("-", "")
    return word if plain.isascii() and plain.isalnum() and len(word) <= 40 else "what was asked"


def _listed(words: Sequence[str]) -> str:
    shown = ["worldwide" if word == territories.WORLDWIDE else str(word) for word in words]
    return " and ".join(filter(None, (", ".join(shown[:-1]), shown[-1]))) if shown else "nothing"


def _day(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d")


def _seconds_to_midnight(now: datetime) -> int:
    today = now.astimezone(UTC)
    midnight = datetime.combine(today.date() + timedelta(days=1), time(), UTC)
    return max(1, int((midnight - today).total_seconds()))
