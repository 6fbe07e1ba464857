"""What one workspace decided for itself: who must agree, how long things are kept, how it labels.

Kept as one sealed note of the workspace, audited at every change. What is left out has a default
that is part of this file, so that a workspace without a policy of its own still has one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from compliance import audit, territories
from compliance.terms import STANDARD_VOCABULARY, Vocabulary
from workspace.errors import InvalidRequest
from workspace.store import WorkspaceStore
from workspace.types import Caller

_NOTE = "policy"
LABELS = ("auto", "eu", "us_ny", "cn", "none")
_MAX_RESULTS_DAYS = 3653
_MAX_TEXT = 500


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of one workspace; these defaults hold until it says otherwise."""

    two_person: bool = False  # a real person's model needs a second actor before it is used
    retention_url: str | None = None  # the published policy; None: the appliance's own page
    results_days: int | None = None  # images are destroyed after so many days; 0: once fetched
    purpose: str = "ecommerce_pdp"  # of a request that names none
    channel: str = "web"
    territories: tuple[str, ...] = ("EU",)
    label: str = "auto"  # visible label of a request that names none
    label_reason: str = ""  # why `label` is "none"

    def as_json(self) -> dict[str, Any]:
        """Show the policy as plain JSON."""
        return {**asdict(self), "territories": list(self.territories)}


def read(store: WorkspaceStore) -> Policy:
    """Read the policy in force.

    Raises:
        SealBroken: it was changed or damaged.
    """
    kept = store.note(_NOTE)
    return Policy(**{**kept, "territories": tuple(kept["territories"])}) if kept else Policy()


def change(
    store: WorkspaceStore,
    changes: Mapping[str, Any],
    caller: Caller,
    now: datetime,
    vocabulary: Vocabulary = STANDARD_VOCABULARY,
) -> Policy:
    """Change what is named, keep the rest, and audit which fields changed.

    Raises:
        InvalidRequest: a field is unknown or makes no sense; its pointer says which.
    """
    known = {field.name for field in fields(Policy)}
    for name in changes:
        if name not in known:
            raise _wrong("This is not part of a workspace's policy.", str(name)[:64])
    with store.transaction():
        before = read(store)
        given = dict(changes)
        if "territories" in given:
            given["territories"] = tuple(given["territories"] or ())
        after = replace(before, **given)
        _check(after, vocabulary)
        store.put_note(_NOTE, after.as_json())
        changed = sorted(name for name in known if getattr(before, name) != getattr(after, name))
        audit.append(
            store,
            "policy.changed",
            store.workspace.id,
            caller.actor,
            now,
            changed=" ".join(changed),
            two_person=after.two_person,
            results_days=after.results_days,
        )
    return after


def _check(policy: Policy, vocabulary: Vocabulary) -> None:
    if type(policy.two_person) is not bool:
        raise _wrong("This is true or false.", "two_person")
    days = policy.results_days
    if days is not None and (type(days) is not int or not 0 <= days <= _MAX_RESULTS_DAYS):
        raise _wrong(f"Days from 0 to {_MAX_RESULTS_DAYS}, or null.", "results_days")
    if policy.purpose not in vocabulary.purposes:
        raise _wrong(f"A purpose is one of {', '.join(vocabulary.purposes)}.", "purpose")
    if policy.channel not in vocabulary.channels:
        raise _wrong(f"A channel is one of {', '.join(vocabulary.channels)}.", "channel")
    words = policy.territories
    if not words or any(
        not isinstance(word, str) or territories.normalize(word) != word for word in words
    ):
        raise _wrong("Territories are *, EU, a country such as US, or US-NY.", "territories")
    if policy.label not in LABELS:
        raise _wrong(f"A label is one of {', '.join(LABELS)}.", "label")
    reason = policy.label_reason
    if not isinstance(reason, str) or len(reason) > _MAX_TEXT:
        raise _wrong(f"A reason has at most {_MAX_TEXT} characters.", "label_reason")
    if policy.label == "none" and not reason.strip():
        raise _wrong("Say why pictures carry no visible label.", "label_reason")
    if policy.retention_url is not None:
        _check_url(policy.retention_url)


def _check_url(url: object) -> None:
    try:
        parts = urlsplit(url) if isinstance(url, str) and len(url) <= _MAX_TEXT else None
        if parts and parts.scheme == "https" and parts.hostname and url.isprintable():  # type: ignore[attr-defined]
            return
    except ValueError:
        pass
    raise _wrong("The published policy is an https address, or null.", "retention_url")


def _wrong(detail: str, name: str) -> InvalidRequest:
    return InvalidRequest(detail, (), None, f"/{name}")
