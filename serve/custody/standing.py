"""Does the person's consent still cover what waits? Asked by the pipeline, and when it changes.

A consent that is suspended, narrowed or expired acts at once: what is queued and no longer covered
is refused with the reason, what is drawn is stopped at its next step and ends refused, too. The
newest generations give way first where a maximum became smaller. What slips through in between is
caught by admission, which is asked before a generation is drawn and before it is published.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime

from compliance import admission, audit, campaigns, consent, content
from compliance.consent import Consent
from serve import queue
from serve.line import rules, templates
from serve.line.asked import Asked
from workspace.errors import ContentRefused, HousemodelError, ModelRevoked, Refused, SealBroken
from workspace.plans import Plan
from workspace.store import WorkspaceStore
from workspace.types import ConsentStatus, GenerationId, ModelId, ModelStatus

CLOCK = "clock"  # actor in the audit log for a consent that ended by its own date
_ENDED = (
    "SELECT c.id, c.model_id FROM consents c JOIN models m ON m.id = c.model_id"
    " WHERE m.status = 'ready' AND c.status = 'active' AND c.expires_at <= ?"
    " AND c.version = (SELECT MAX(version) FROM consents WHERE model_id = c.model_id)"
)


def use_of(asked: Asked) -> admission.Use:
    """What a request wants to do, as admission reads it."""
    return admission.Use(
        asked.tool,
        asked.model_id,
        asked.purpose,
        asked.channel,
        asked.territories,
        asked.n,
        asked.campaign,
    )


def verdict(
    store: WorkspaceStore,
    plan: Plan,
    asked: Asked,
    prompt: str,
    generation_id: str,
    now: datetime,
    at_submit: bool = False,
    words: content.PromptRules | None = None,
) -> admission.Admitted:
    """Ask admission about a request at this moment, and its prompt about the consent's words.

    Raises:
        HousemodelError: see `admission.admit`; ToolNotAllowed by the model's own list.
        ContentRefused: see `check_words`.
    """
    rules.model_allows(store, asked)
    model_id = asked.model_id
    given = consent.current(store, model_id) if model_id else None
    admitted = admission.admit(
        use_of(asked),
        plan,
        rules.model_status(store, model_id),
        given,
        rules.usage(store, generation_id, model_id, now, at_submit),
        now,
        campaigns.named(store, model_id, asked.campaign),
    )
    check_words(prompt, asked, given, words)
    return admitted


def check_words(
    prompt: str, asked: Asked, given: Consent | None, words: content.PromptRules | None = None
) -> None:
    """Ask whether a resolved prompt keeps to the forbidden uses and alterations of the consent.

    Args:
        prompt: As the engine will read it.
        asked: The request that it belongs to.
        given: The consent in force; None without a custom model.
        words: The word lists; those that ship when they are left out.

    Raises:
        ContentRefused: names the clause, never the prompt.
    """
    if asked.model_id is None or given is None:
        content.check_prompt(prompt, rules=words)
    else:
        content.check_prompt(prompt, given.terms.forbidden, given.terms.alterations, words)


def recheck(
    store: WorkspaceStore, model_id: ModelId, actor: str, now: datetime
) -> tuple[GenerationId, ...]:
    """Refuse what waits or runs of a model and is not covered any more; in one transaction.

    Args:
        store: Whose model.
        model_id: Which model.
        actor: Who changed the consent.
        now: The present time in UTC.

    Returns:
        What was refused or is being stopped, for `dispatcher.cancelled`.
    """
    stopped = []
    with store.transaction():
        given, status = consent.current(store, model_id), rules.model_status(store, model_id)
        where = "model_id = ? AND status IN ('queued', 'running') AND cancel_requested = 0"
        newest_first = "created_at DESC, id DESC"
        for raw in list(store.raw("generations", where, (model_id,), newest_first)):
            generation_id = GenerationId(raw["id"])
            try:
                asked = Asked.from_json(store.open("generations", raw).private["asked"])
            except SealBroken:
                continue  # it can't be drawn either; the dispatcher fails it
            try:
                rules.model_allows(store, asked)
                usage = rules.usage(store, generation_id, model_id, now, False)
                campaign = campaigns.named(store, model_id, asked.campaign)
                admission.check_consent(
                    use_of(asked), model_id, status, given, usage, now, campaign
                )
                prompt = templates.resolve(asked.prompt, True, len(asked.product_ids))
                check_words(prompt.text, asked, given)
            except (Refused, ModelRevoked, ContentRefused) as error:
                _refuse(store, generation_id, error, actor, now)
                stopped.append(generation_id)
    return tuple(stopped)


def sweep(store: WorkspaceStore, now: datetime) -> tuple[GenerationId, ...]:
    """Expire the consents whose end has come, and refuse what waits for them.

    Returns:
        What was refused or is being stopped, for `dispatcher.cancelled`.
    """
    stopped: list[GenerationId] = []
    for row in list(store.db.query(_ENDED, [now.isoformat()])):
        model_id = ModelId(row["model_id"])
        with suppress(SealBroken), store.transaction():  # a damaged one is refused in its turn
            consent.set_status(store, row["id"], ConsentStatus.EXPIRED, now, CLOCK)
            expired = ModelStatus.EXPIRED.value
            store.update("models", model_id, status=expired, updated_at=now.isoformat())
            stopped += recheck(store, model_id, CLOCK, now)
    return tuple(stopped)


def _refuse(
    store: WorkspaceStore,
    generation_id: GenerationId,
    error: HousemodelError,
    actor: str,
    now: datetime,
) -> None:
    before = queue.refuse(store, generation_id, error, now)
    action = f"generation.{'refused' if before == 'queued' else 'stopped'}"
    audit.append(store, action, generation_id, actor, now, code=error.code)
