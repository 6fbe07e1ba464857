"""Every refusal has its class and says the clause in plain words; the rest is admitted."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from compliance.admission import Admitted, Usage, Use, admit
from compliance.campaigns import Campaign
from compliance.consent import Consent
from compliance.terms import parse_terms
from tests.homes import NOW, plans
from workspace import errors
from workspace.types import Approval, ConsentId, ConsentStatus, ModelId, ModelStatus, Tool

PLANS = plans()
TERMS = parse_terms(
    {
        "tools": ["editorial"],
        "purposes": ["ecommerce_pdp", "lookbook"],
        "channels": ["web", "print", "social"],
        "territories": ["EU", "US"],
        "expires_at": "2027-11-22",
        "max_images": 100,
    },
    NOW,
)
CONSENT = Consent(
    id=ConsentId("cns_1"),
    model_id=ModelId("mdl_1"),
    version=2,
    kind="real_person",
    status=ConsentStatus.ACTIVE,
    terms=TERMS,
    attestations=(),
    guidelines_version="2026-11",
    recorded_by="key_1",
    recorded_at=NOW,
)
USE = Use(Tool.EDITORIAL, ModelId("mdl_1"), "lookbook", "web", ("EU",), 4)
NO_MODEL = replace(USE, model_id=None)
USAGE = Usage(images_today=0, images_of_model=0, queued=0)


def ask(
    use: Use = USE,
    plan: str = "pro",
    status: ModelStatus | None = ModelStatus.READY,
    consent: Consent | None = CONSENT,
    usage: Usage = USAGE,
    later: timedelta = timedelta(),
    campaign: Campaign | None = None,
) -> Admitted:
    return admit(use, PLANS[plan], status, consent, usage, NOW + later, campaign)


def with_status(status: ConsentStatus) -> Consent:
    return replace(CONSENT, status=status)


def with_terms(**changes: Any) -> Consent:
    return replace(CONSENT, terms=replace(TERMS, **changes))


def test_a_covered_use_is_admitted_with_its_consent() -> None:
    admitted = ask()
    assert (admitted.use, admitted.consent_id, admitted.consent_version, admitted.decided_at) == (
        USE,
        "cns_1",
        2,
        NOW,
    )


@pytest.mark.parametrize(
    "use",
    [
        replace(USE, territories=("DE", "FR", "US-NY")),
        replace(USE, purpose="ecommerce_pdp", channel="social"),
        replace(USE, n=1),
    ],
)
def test_what_the_terms_name_is_admitted(use: Use) -> None:
    assert ask(use).use == use


@pytest.mark.parametrize("tool", list(Tool))
@pytest.mark.parametrize("plan", ["starter", "pro", "enterprise"])
def test_without_a_custom_model_every_plan_and_tool_is_admitted(tool: Tool, plan: str) -> None:
    admitted = ask(replace(NO_MODEL, tool=tool), plan, None, None)
    assert admitted.consent_id is None and admitted.consent_version is None


REFUSALS: list[tuple[dict[str, Any], type[errors.HousemodelError], str, str]] = [
    (
        {"use": replace(USE, tool=Tool.BACKGROUND_SWAP)},
        errors.ToolNotAllowed,
        "Custom models can be used on editorial and flatlay_to_catalog; background_swap is not"
        " among them.",
        "",
    ),
    (
        {"plan": "starter"},
        errors.PlanExcludesCustomModels,
        "The starter plan has no custom models.",
        "",
    ),
    ({"status": None}, errors.NotFound, "There is no such model.", ""),
    ({"status": ModelStatus.DRAFT}, errors.NotReady, "The model is still being built.", ""),
    (
        {"status": ModelStatus.AWAITING_APPROVAL},
        errors.ApprovalMissing,
        "Somebody else has to approve this model before it is used.",
        "",
    ),
    ({"status": ModelStatus.BUILDING}, errors.NotReady, "The model is still being built.", ""),
    (
        {"status": ModelStatus.NEEDS_ATTENTION},
        errors.NotReady,
        "The model's photos need attention before it can be used.",
        "",
    ),
    (
        {"status": ModelStatus.SUSPENDED},
        errors.ConsentSuspended,
        "The consent for this model is suspended.",
        "",
    ),
    (
        {"status": ModelStatus.EXPIRED},
        errors.ConsentExpired,
        "The consent for this model has ended.",
        "",
    ),
    (
        {"status": ModelStatus.REVOKED},
        errors.ModelRevoked,
        "The person withdrew the consent, and the model was erased.",
        "",
    ),
    (
        {"status": ModelStatus.ERASED},
        errors.ModelRevoked,
        "The person withdrew the consent, and the model was erased.",
        "",
    ),
    (
        {"consent": None},
        errors.ConsentMissing,
        "No consent is on record for this model.",
        "",
    ),
    (
        {"consent": replace(CONSENT, model_id=ModelId("mdl_2"))},
        errors.ConsentMissing,
        "No consent is on record for this model.",
        "",
    ),
    (
        {"consent": with_status(ConsentStatus.REVOKED)},
        errors.ModelRevoked,
        "The person withdrew the consent for this model.",
        "",
    ),
    (
        {"consent": with_status(ConsentStatus.SUSPENDED)},
        errors.ConsentSuspended,
        "The consent for this model is suspended.",
        "",
    ),
    (
        {"consent": with_status(ConsentStatus.EXPIRED)},
        errors.ConsentExpired,
        "The consent for this model has ended.",
        "",
    ),
    (
        {"later": timedelta(days=400)},
        errors.ConsentExpired,
        "The consent ended on 2027-11-22.",
        "",
    ),
    (
        {"consent": with_terms(expires_at=NOW)},
        errors.ConsentExpired,
        "The consent ended on 2026-11-22.",
        "",
    ),
    (
        {"consent": with_terms(starts_at=NOW + timedelta(days=9))},
        errors.ConsentOutOfScope,
        "The consent starts on 2026-12-01.",
        "",
    ),
    (
        {"use": replace(USE, tool=Tool.FLATLAY_TO_CATALOG)},
        errors.ConsentOutOfScope,
        "The consent covers editorial; flatlay_to_catalog is not among them.",
        "/tool",
    ),
    (
        {"use": replace(USE, purpose="paid_ads")},
        errors.ConsentOutOfScope,
        "The consent covers ecommerce_pdp and lookbook; paid_ads is not among them.",
        "/purpose",
    ),
    (
        {"use": replace(USE, channel="out_of_home")},
        errors.ConsentOutOfScope,
        "The consent covers web, print and social; out_of_home is not among them.",
        "/channel",
    ),
    (
        {"use": replace(USE, territories=("EU", "GB"))},
        errors.ConsentOutOfScope,
        "The consent covers EU and US; GB is not among them.",
        "/territories/1",
    ),
    (
        {"use": replace(USE, territories=("*",))},
        errors.ConsentOutOfScope,
        "The consent covers EU and US; worldwide use is not among them.",
        "/territories/0",
    ),
    (
        {"use": replace(USE, territories=())},
        errors.ConsentOutOfScope,
        "The request names no territory.",
        "/territories",
    ),
    (
        {"use": replace(USE, purpose="a private sentence about somebody")},
        errors.ConsentOutOfScope,
        "The consent covers ecommerce_pdp and lookbook; what was asked is not among them.",
        "/purpose",
    ),
    (
        {"usage": replace(USAGE, images_of_model=98)},
        errors.ConsentOutOfScope,
        "The consent covers 100 images in all; 2 are left, and 4 are asked for.",
        "/n",
    ),
    (
        {"usage": replace(USAGE, images_of_model=120), "use": replace(USE, n=1)},
        errors.ConsentOutOfScope,
        "The consent covers 100 images in all; 0 are left, and 1 is asked for.",
        "/n",
    ),
    (
        {"usage": replace(USAGE, images_today=998)},
        errors.QuotaExceeded,
        "The pro plan has 1000 images a day; 2 are left until midnight UTC.",
        "",
    ),
    (
        {"usage": replace(USAGE, queued=100)},
        errors.QueueFull,
        "The pro plan holds 100 generations in the queue at a time.",
        "",
    ),
    (
        {"use": NO_MODEL, "plan": "starter", "usage": replace(USAGE, images_today=50)},
        errors.QuotaExceeded,
        "The starter plan has 50 images a day; 0 are left until midnight UTC.",
        "",
    ),
]


@pytest.mark.parametrize(("asked", "error", "clause", "pointer"), REFUSALS)
def test_a_use_is_refused_with_its_clause(
    asked: dict[str, Any], error: type[errors.HousemodelError], clause: str, pointer: str
) -> None:
    with pytest.raises(errors.HousemodelError) as refused:
        ask(**asked)
    assert type(refused.value) is error
    assert (refused.value.detail, refused.value.pointer) == (clause, pointer)


def test_the_last_allowed_image_and_moment_are_admitted() -> None:
    assert ask(usage=replace(USAGE, images_of_model=96))
    assert ask(usage=replace(USAGE, images_today=996))
    assert ask(usage=replace(USAGE, queued=99))
    assert ask(consent=with_terms(starts_at=NOW))
    assert ask(consent=with_terms(expires_at=NOW + timedelta(microseconds=1)))
    assert ask(consent=with_terms(max_images=None), usage=replace(USAGE, images_of_model=10**6))


@pytest.mark.parametrize(
    ("usage", "seconds"),
    [(replace(USAGE, images_today=1000), 12 * 3600), (replace(USAGE, queued=100), 30)],
)
def test_what_passes_by_waiting_says_how_long(usage: Usage, seconds: int) -> None:
    with pytest.raises(errors.TooMany) as refused:
        ask(usage=usage)
    assert refused.value.retry_after_seconds == seconds


def test_the_tool_is_refused_before_anything_is_said_about_the_model() -> None:
    with pytest.raises(errors.ToolNotAllowed):
        ask(replace(USE, tool=Tool.BACKGROUND_SWAP), "starter", None, None)


def test_a_consent_of_a_model_is_not_lent_to_a_use_without_one() -> None:
    assert ask(NO_MODEL).consent_id is None


def test_only_admit_can_admit() -> None:
    with pytest.raises(TypeError):
        Admitted(USE, None, None, NOW)
    with pytest.raises((TypeError, ValueError)):
        replace(ask(), use=NO_MODEL)


SPRING = Campaign(
    "cmp_1", ModelId("mdl_1"), Approval.APPROVED, "spring", "", (), (), "", "key_1", NOW, NOW, None
)
NARROW = replace(SPRING, purpose="lookbook", channels=("web",), territories=("EU",))


@pytest.mark.parametrize(
    ("approval", "named", "campaign", "refused"),
    [
        ("none", None, None, None),
        ("none", "spring", SPRING, None),
        ("none", "spring", replace(SPRING, status=Approval.PENDING), None),
        ("none", "spring", replace(SPRING, status=Approval.DECLINED), "/campaign"),
        ("none", "spring", None, "/campaign"),
        ("per_image", None, None, None),
        ("per_campaign", None, None, "/campaign"),
        ("per_campaign", "spring", None, "/campaign"),
        ("per_campaign", "spring", replace(SPRING, status=Approval.PENDING), "/campaign"),
        ("per_campaign", "spring", replace(SPRING, model_id=ModelId("mdl_2")), "/campaign"),
        ("per_campaign", "spring", SPRING, None),
        ("per_campaign", "spring", NARROW, None),
        ("per_campaign", "spring", replace(NARROW, purpose="paid_ads"), "/purpose"),
        ("per_campaign", "spring", replace(NARROW, channels=("print",)), "/channel"),
        ("per_campaign", "spring", replace(NARROW, territories=("US",)), "/territories/0"),
    ],
)
def test_a_campaign_is_held_to_the_answer_that_was_given(
    approval: str, named: str | None, campaign: Campaign | None, refused: str | None
) -> None:
    use, given = replace(USE, campaign=named), with_terms(approval=approval)
    if refused is None:
        assert ask(use, consent=given, campaign=campaign).use == use
        return
    kind = errors.ApprovalMissing if refused == "/campaign" else errors.ConsentOutOfScope
    with pytest.raises(kind) as caught:
        ask(use, consent=given, campaign=campaign)
    assert caught.value.pointer == refused and "spring" not in caught.value.detail
