"""When a person is destroyed, and what the published policy says about it.

A custom model is destroyed at the earliest of: the end of its consent and a grace to renew it, the
day on which its purpose is met (legal says so), and the person's last interaction plus three years.
The person's interactions are the agreements that were recorded and what the person does on the
talent page; what the brand makes with the model counts for nothing, so a model that nobody renews
ends, however much it is used.

This module knows dates and reasons. What destroys is `serve/custody/withdrawal.py`; when it is
asked is `serve/custody/retaining.py`. The numbers are in `configs/retention.toml`, the page is
`retention_page.py`.
"""

from __future__ import annotations

import tomllib
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from compliance import audit, consent, policy
from workspace.errors import (
    Fault,
    ModelRevoked,
    NotFound,
    RetentionPolicyMissing,
    SealBroken,
)
from workspace.store import WorkspaceStore
from workspace.types import Caller, ModelId, ModelStatus

# Why a person is destroyed without anybody asking; codes of the audit log and the certificate.
CONSENT_ENDED, PURPOSE_MET, LAST_INTERACTION = "consent_ended", "purpose_met", "last_interaction"
SYNTHETIC = "synthetic"  # kind of a model that shows nobody real: nothing ends by its dates
_GONE = (ModelStatus.NEEDS_ATTENTION, ModelStatus.REVOKED, ModelStatus.ERASED)
_MOST_DAYS = 3653
_MOST_DRAFT_DAYS = 7


@dataclass(frozen=True, slots=True)
class RetentionRules:
    """The numbers in force; these defaults are those that ship."""

    version: str = "2026-11-22.2"
    own_page: bool = True
    grace_days: int = 30
    last_interaction_days: int = 1095
    unfetched_hours: int = 24
    undecided_days: int = 30
    draft_hours: int = 24  # after the last change
    draft_most_days: int = 7  # after it was begun


@dataclass(frozen=True, slots=True)
class Standing:
    """What retention knows of one model. Times in UTC."""

    model_id: ModelId
    consent_ends_at: datetime
    last_interaction_at: datetime
    purpose_met_at: datetime | None
    destroy_by: datetime
    cause: str  # why then


def load_retention(path: Path) -> RetentionRules:
    """Read `configs/retention.toml`.

    Raises:
        Fault: it is missing, or does not say exactly what is needed.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        people, results = dict(raw["people"]), dict(raw["results"])
        exact = (
            set(raw) == {"version", "own_page", "people", "results"}
            and set(people)
            == {"grace_days", "last_interaction_days", "draft_hours", "draft_most_days"}
            and set(results) == {"unfetched_hours", "undecided_days"}
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Fault(f"{path.name} can't be read or lacks a table.") from error
    if not exact:
        raise Fault(f"{path.name} lacks a key or has an unknown one.")
    numbers = [*people.values(), *results.values()]
    sound = all(type(number) is int and 0 <= number <= _MOST_DAYS for number in numbers)
    sound = sound and 0 < people["draft_most_days"] <= _MOST_DRAFT_DAYS
    sound = sound and 0 < people["draft_hours"] <= 24 * people["draft_most_days"]
    words = isinstance(raw["version"], str) and raw["version"] and type(raw["own_page"]) is bool
    if not sound or not words:
        raise Fault(f"{path.name} has a value that makes no sense.")
    return RetentionRules(raw["version"], raw["own_page"], **people, **results)


def destroy_by(
    consent_ends_at: datetime,
    last_interaction_at: datetime,
    purpose_met_at: datetime | None,
    rules: RetentionRules,
) -> tuple[datetime, str]:
    """Reckon when a person is destroyed, and why then. Pure; times in UTC."""
    dates = [
        (consent_ends_at + timedelta(days=rules.grace_days), CONSENT_ENDED),
        (last_interaction_at + timedelta(days=rules.last_interaction_days), LAST_INTERACTION),
    ]
    if purpose_met_at is not None:
        dates.append((purpose_met_at, PURPOSE_MET))
    return min(dates)


def standing(store: WorkspaceStore, model_id: ModelId, rules: RetentionRules) -> Standing | None:
    """Say when a model is destroyed; None without a consent, and for who does not exist.

    Raises:
        SealBroken: its consent was changed or damaged.
    """
    given = consent.current(store, model_id)
    if given is None or given.kind == SYNTHETIC:
        return None
    note = store.note(_note(model_id)) or {}
    met = note.get("purpose_met_at")
    purpose_met_at = datetime.fromisoformat(met) if met else None
    acted = note.get("last_interaction_at")
    last = max(given.recorded_at, datetime.fromisoformat(acted)) if acted else given.recorded_at
    at, cause = destroy_by(given.terms.expires_at, last, purpose_met_at, rules)
    return Standing(model_id, given.terms.expires_at, last, purpose_met_at, at, cause)


def touch(store: WorkspaceStore, model_id: ModelId, now: datetime) -> None:
    """Note that the person did something (the talent page); nothing if they were erased."""
    if not is_gone(store, model_id):
        _change(store, model_id, {"last_interaction_at": now.isoformat()})


def set_purpose_met(
    store: WorkspaceStore, model_id: ModelId, at: datetime | None, caller: Caller, now: datetime
) -> None:
    """Say when the purpose of a model is met, or that it is not; audited.

    Raises:
        NotFound: this workspace has no such model.
        ModelRevoked: there is nobody left.
    """
    with store.transaction():
        if is_gone(store, model_id):
            raise ModelRevoked("There is nobody left to keep or destroy.")
        text = at.isoformat() if at else None
        _change(store, model_id, {"purpose_met_at": text})
        audit.append(store, "retention.changed", model_id, caller.actor, now, purpose_met_at=text)


def is_gone(store: WorkspaceStore, model_id: ModelId) -> bool:
    """Tell whether everything of a model was destroyed.

    Raises:
        NotFound: this workspace has no such model.
    """
    # NOTE: by the plain column, so that a damaged row does not keep a person from their own page.
    for row in store.db.query("SELECT status FROM models WHERE id = ?", [model_id]):
        return row["status"] in _GONE
    raise NotFound("There is nothing under this id.")


def due(store: WorkspaceStore, rules: RetentionRules, now: datetime) -> list[Standing]:
    """Find the models that must be destroyed by now; damaged ones are left to `doctor`."""
    # NOTE: the plain columns only spare the opening of those whose time is far: an agreement that
    # ends or grew old, or something that was noted of them. What is due is reckoned from the seals.
    marks = ", ".join("?" for _ in _GONE)
    sql = (
        f"SELECT id FROM models WHERE status NOT IN ({marks}) AND (EXISTS (SELECT 1 FROM consents"
        " WHERE model_id = models.id AND (expires_at <= ? OR created_at <= ?))"
        " OR EXISTS (SELECT 1 FROM meta WHERE id = 'retention ' || models.id)) ORDER BY created_at"
    )
    ended = (now - timedelta(days=rules.grace_days)).isoformat()
    old = (now - timedelta(days=rules.last_interaction_days)).isoformat()
    found = []
    for row in store.db.query(sql, [*(status.value for status in _GONE), ended, old]):
        with suppress(SealBroken):
            known = standing(store, ModelId(row["id"]), rules)
            if known is not None and known.destroy_by <= now:
                found.append(known)
    return found


def forget(store: WorkspaceStore, model_id: ModelId) -> None:
    """Destroy what was noted of a model."""
    store.destroy("meta", _note(model_id))


def page_url(store: WorkspaceStore, rules: RetentionRules) -> str | None:
    """Where the published policy of a workspace is; None when there is none.

    Raises:
        SealBroken: the workspace's policy was changed or damaged.
    """
    return policy.read(store).retention_url or (consent.OWN_POLICY_PAGE if rules.own_page else None)


def version_shown(store: WorkspaceStore, rules: RetentionRules) -> str:
    """The version of the policy that a person is shown now, for the consent record.

    Raises:
        RetentionPolicyMissing: no policy is published, so nobody may be enrolled.
    """
    url = page_url(store, rules)
    if url is None:
        raise RetentionPolicyMissing("This workspace has published no retention policy.")
    return rules.version if url == consent.OWN_POLICY_PAGE else ""


def _change(store: WorkspaceStore, model_id: str, changes: dict[str, Any]) -> None:
    with store.transaction():
        store.put_note(_note(model_id), {**(store.note(_note(model_id)) or {}), **changes})


def _note(model_id: str) -> str:
    return f"retention {model_id}"
