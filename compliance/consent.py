"""Consents on record: check the boxes, record, read, change their status.

Rules: a consent is recorded, sealed and audited in one transaction, before anything biometric is
computed. Versions are never rewritten: a new agreement is a new version, and the newest holds.
Only the status of a version changes, and a revoked version stays revoked; when the person is
erased, `close` takes out the words that may name them. Whether a use is covered
is decided in `admission.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from compliance import audit, policy
from compliance.terms import ConsentTerms, parse_terms, terms_from_json
from compliance.texts import Attestation
from workspace.errors import AttestationMissing, ModelRevoked, SealBroken
from workspace.rows import Row, canonical_json
from workspace.store import WorkspaceStore
from workspace.types import Caller, ConsentId, ConsentStatus, ModelId, new_id

__all__ = [
    "Consent",
    "ConsentTerms",
    "check_attestations",
    "close",
    "current",
    "in_force",
    "parse_terms",
    "readable",
    "record",
    "set_status",
    "version",
    "versions",
]


class Boxes(Protocol):
    """Texts that are ticked: the guidelines of an enrolment, or those of a fictional person."""

    @property
    def attestations(self) -> tuple[Attestation, ...]: ...

    @property
    def version(self) -> str: ...


OWN_POLICY_PAGE = "/policy"  # the appliance's, where the workspace published none of its own


@dataclass(frozen=True, slots=True)
class TickedBox:
    """One attestation as it was given: which text, by whom, when."""

    id: str
    sha256: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Consent:
    """One version of a person's consent for one custom model."""

    id: ConsentId
    model_id: ModelId
    version: int
    kind: str  # "real_person"; "synthetic" for the declaration that nobody real is shown
    status: ConsentStatus
    terms: ConsentTerms
    attestations: tuple[TickedBox, ...]
    guidelines_version: str
    recorded_by: str
    recorded_at: datetime
    policy_url: str = ""  # of the retention policy that the person was shown; "" before it was kept
    policy_version: str = ""  # of the appliance's own page; "" for a page of the workspace


def check_attestations(given: Sequence[Mapping[str, Any]], guidelines: Boxes) -> None:
    """Make sure that every box was ticked, with the words that are in force.

    Args:
        given: `{"id": ..., "sha256": ...}` for each ticked box.
        guidelines: The version in force.

    Raises:
        AttestationMissing: names the boxes that are missing or of an old text.
    """
    ticked = {}
    for box in given if isinstance(given, Sequence) and not isinstance(given, str) else ():
        if isinstance(box, Mapping):
            ticked[str(box.get("id"))] = str(box.get("sha256"))
    missing = [box.id for box in guidelines.attestations if box.id not in ticked]
    old = [
        box.id
        for box in guidelines.attestations
        if box.id in ticked and ticked[box.id].lower() != box.sha256
    ]
    if missing or old:
        said = f"Not ticked: {', '.join(missing)}. " if missing else ""
        said += f"Of an old text: {', '.join(old)}. " if old else ""
        raise AttestationMissing(said.strip(), (), None, "/attestations")


def record(
    store: WorkspaceStore,
    model_id: ModelId,
    terms: ConsentTerms,
    attestations: Sequence[Mapping[str, Any]],
    guidelines: Boxes,
    caller: Caller,
    now: datetime,
    kind: str = "real_person",
    policy_version: str = "",
) -> Consent:
    """Record a new version and audit it (`consent.recorded`), in one transaction.

    Raises:
        AttestationMissing: a box is missing or of an old text; nothing is recorded.
        ModelRevoked: the person withdrew; a withdrawn model takes no new consent.
    """
    check_attestations(attestations, guidelines)
    with store.transaction():
        latest = current(store, model_id)
        if latest is not None and latest.status is ConsentStatus.REVOKED:
            raise ModelRevoked("The person withdrew the consent for this model.")
        consent = Consent(
            id=ConsentId(new_id("cns")),
            model_id=model_id,
            version=latest.version + 1 if latest else 1,
            kind=kind,
            status=ConsentStatus.ACTIVE,
            terms=terms,
            attestations=tuple(
                TickedBox(box.id, box.sha256, caller.actor, now) for box in guidelines.attestations
            ),
            guidelines_version=guidelines.version,
            recorded_by=caller.actor,
            recorded_at=now,
            policy_url=policy.read(store).retention_url or OWN_POLICY_PAGE,
            policy_version=policy_version,
        )
        _write(store, consent)
        audit.append(
            store,
            "consent.recorded",
            consent.id,
            caller.actor,
            now,
            model_id=model_id,
            version=consent.version,
            guidelines=guidelines.version,
            starts_at=terms.starts_at.isoformat(),
            expires_at=terms.expires_at.isoformat(),
            terms_mac=store.keyed_hash("consent terms v1", canonical_json(terms.as_json())),
        )
    return consent


def current(store: WorkspaceStore, model_id: str) -> Consent | None:
    """Read the newest version; None when no consent was ever recorded.

    Raises:
        SealBroken: the record was changed or damaged.
    """
    rows = store.find("consents", "model_id = ?", (model_id,), "version DESC", 1)
    return _read(rows[0]) if rows else None


def versions(store: WorkspaceStore, model_id: str) -> list[Consent]:
    """Read all versions, newest first."""
    rows = store.find("consents", "model_id = ?", (model_id,), "version DESC")
    return [_read(row) for row in rows]


def readable(store: WorkspaceStore, model_id: str) -> tuple[list[Consent], list[str]]:
    """Read the versions that open, newest first, and the ids of those that were damaged."""
    found, damaged = [], []
    for raw in list(store.raw("consents", "model_id = ?", (model_id,), "version DESC")):
        try:
            found.append(_read(store.open("consents", raw)))
        except SealBroken:
            damaged.append(str(raw["id"]))
    return found, damaged


def version(store: WorkspaceStore, consent_id: str) -> Consent:
    """Read one version by its id.

    Raises:
        NotFound: there is no such consent.
        SealBroken: the record was changed or damaged.
    """
    return _read(store.get("consents", consent_id))


def in_force(given: Consent | None, now: datetime) -> bool:
    """Tell whether a consent stands at this moment: active, begun, not ended."""
    if given is None or given.status is not ConsentStatus.ACTIVE:
        return False
    return given.terms.starts_at <= now < given.terms.expires_at


def close(store: WorkspaceStore, model_id: str, now: datetime, actor: str) -> int:
    """End every version and destroy its free words: what was agreed stays, in fixed words only.

    A revoked version stays revoked. May be repeated.

    Returns:
        How many versions there are.
    """
    found = 0
    with store.transaction():
        for raw in list(store.raw("consents", "model_id = ?", (model_id,))):
            found += 1
            try:
                version = _read(store.open("consents", raw))
                if version.status in (ConsentStatus.ACTIVE, ConsentStatus.SUSPENDED):
                    version = set_status(store, version.id, ConsentStatus.EXPIRED, now, actor)
            except SealBroken:
                store.destroy("consents", raw["id"])  # unreadable; the audit log still has it
                continue
            pay = version.terms.compensation.without_words()
            terms = replace(version.terms, intended_use="", compensation=pay)
            store.destroy("consents", version.id)  # with its key: the words are gone for good
            _write(store, replace(version, terms=terms))
    return found


def set_status(
    store: WorkspaceStore, consent_id: str, status: ConsentStatus, now: datetime, actor: str
) -> Consent:
    """Suspend, resume, expire or revoke a version, and audit it (`consent.<status>`).

    Raises:
        NotFound: there is no such consent.
        ModelRevoked: it was revoked, which is final.
    """
    with store.transaction():
        row = store.get("consents", consent_id)
        before = _read(row).status
        if before is ConsentStatus.REVOKED and status is not ConsentStatus.REVOKED:
            raise ModelRevoked("The person withdrew; this can't be undone.")
        store.update("consents", consent_id, status=status.value)
        audit.append(
            store,
            f"consent.{status.value}",
            consent_id,
            actor,
            now,
            model_id=row.columns["model_id"],
            version=row.columns["version"],
            before=before.value,
        )
        return _read(store.get("consents", consent_id))


def _write(store: WorkspaceStore, consent: Consent) -> None:
    private = {
        "kind": consent.kind,
        "terms": consent.terms.as_json(),
        "attestations": [
            {"id": box.id, "sha256": box.sha256, "by": box.by, "at": box.at.isoformat()}
            for box in consent.attestations
        ],
        "guidelines_version": consent.guidelines_version,
        "recorded_by": consent.recorded_by,
        "policy_url": consent.policy_url,
        "policy_version": consent.policy_version,
    }
    store.put(
        "consents",
        consent.id,
        private,
        model_id=consent.model_id,
        version=consent.version,
        status=consent.status.value,
        starts_at=consent.terms.starts_at.isoformat(),
        expires_at=consent.terms.expires_at.isoformat(),
        created_at=consent.recorded_at.isoformat(),
    )


def _read(row: Row) -> Consent:
    private = row.private
    return Consent(
        id=ConsentId(row.id),
        model_id=ModelId(row.columns["model_id"]),
        version=row.columns["version"],
        kind=private["kind"],
        status=ConsentStatus(row.columns["status"]),
        terms=terms_from_json(private["terms"]),
        attestations=tuple(
            TickedBox(box["id"], box["sha256"], box["by"], datetime.fromisoformat(box["at"]))
            for box in private["attestations"]
        ),
        guidelines_version=private["guidelines_version"],
        recorded_by=private["recorded_by"],
        recorded_at=datetime.fromisoformat(row.columns["created_at"]),
        policy_url=private.get("policy_url", ""),
        policy_version=private.get("policy_version", ""),
    )
