"""The certificate of an erasure: what was destroyed, when, why and for whom, signed.

    certificate = issue(store, model_id, "withdrawn", actor, now, destroyed, kinds, cancelled)
    statement   = check(certificate, public_key_pem)     # anywhere, offline, later

It is plain JSON: a statement, and an Ed25519 signature over the statement's canonical form (ASCII,
sorted keys, no spaces). The statement names ids, kinds, counts, times and hashes of the ids of
every object whose key was destroyed, and the head of the audit log after the erasure; nothing of
the person. What it proves: that this appliance destroyed those keys and recorded it. What it can't
prove: that nobody had copied pictures out of it before.

Certificates are kept in the store. An erasure that found nothing more gives the last one again.
"""

from __future__ import annotations

import base64
import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from compliance import audit
from workspace import sealing
from workspace.errors import InvalidRequest, NotFound
from workspace.rows import canonical_json
from workspace.store import WorkspaceStore
from workspace.types import new_id

FORMAT = "housemodel erasure certificate v1"
# Why a person was erased.
WITHDRAWN, ERASED, COPY_PUT_BACK = "withdrawn", "erased", "copy_put_back"
# What was sealed under a destroyed key, by the table of its row; files say their own kind.
_KINDS = {
    "models": "name",
    "consents": "consent_words",
    "generations": "request_words",
    "images": "image_facts",
    "image_approvals": "image_approval",
    "campaigns": "campaign",
    "publications": "publication_words",
    "fingerprints": "fingerprint",
}
# Rows that stay, without their words; a repeated erasure seals them anew and destroys nothing more.
_RESEALED = frozenset({"name", "consent_words", "request_words"})
_NOT_COUNTED = frozenset({"meta"})


def issue(
    store: WorkspaceStore,
    model_id: str,
    cause: str,
    actor: str,
    now: datetime,
    destroyed: Sequence[str],
    kinds: Mapping[str, str],
    cancelled: int,
) -> dict[str, Any]:
    """Sign and keep a certificate; part of the transaction that erased.

    Args:
        store: Whose model.
        cause: Code of why: `withdrawn`, `erased`, or what retention found.
        destroyed: Ids of the objects whose keys were destroyed (`WorkspaceStore.destroying`).
        kinds: Id of an asset -> what it was.
        cancelled: Generations that were cancelled for it.

    Returns:
        The certificate; the last one if nothing was destroyed this time.
    """
    kept = listed(store, model_id)
    found = _by_kind(destroyed, kinds)
    if kept and cause != COPY_PUT_BACK and _RESEALED.issuperset(found):
        return kept[-1]
    entries, head = audit.head(store)
    sql = "SELECT id FROM consents WHERE model_id = ? ORDER BY version"
    statement = {
        "format": FORMAT,
        "id": new_id("ers"),
        "workspace_id": store.workspace.id,
        "model_id": model_id,
        "consent_ids": [row["id"] for row in store.db.query(sql, [model_id])],
        "cause": cause,
        "actor": actor,
        "erased_at": now.isoformat(),
        "destroyed": found,
        "cancelled_generations": cancelled,
        "audit": {"entries": entries, "head": head},
    }
    signature = store.signer.sign(canonical_json(statement).encode())
    certificate = {
        "statement": statement,
        "algorithm": "Ed25519",
        "public_key": store.signer.public_pem,
        "signature": base64.b64encode(signature).decode(),
    }
    store.put_note(_note(model_id), {"certificates": [*kept, certificate]})
    digest = hashlib.sha256(canonical_json(certificate).encode()).hexdigest()
    audit.append(
        store,
        "erasure.certified",
        model_id,
        actor,
        now,
        certificate=str(statement["id"]),
        cause=cause,
        objects=sum(kind["count"] for kind in found.values()),
        sha256=digest,
    )
    return certificate


def listed(store: WorkspaceStore, model_id: str) -> list[dict[str, Any]]:
    """The certificates of a model, oldest first; more than one if a copy was put back."""
    return list((store.note(_note(model_id)) or {"certificates": []})["certificates"])


def latest(store: WorkspaceStore, model_id: str) -> dict[str, Any]:
    """The certificate of a model that was erased.

    Raises:
        NotFound: it was not.
    """
    kept = listed(store, model_id)
    if not kept:
        raise NotFound("There is no certificate of erasure for this model.")
    return kept[-1]


def check(certificate: object, public_pem: str) -> dict[str, Any]:
    """Check a certificate with the appliance's public key alone, and give its statement.

    Raises:
        InvalidRequest: it was not signed with that key, or changed since.
    """
    try:
        statement = certificate["statement"]  # type: ignore[index]
        signature = base64.b64decode(certificate["signature"], validate=True)  # type: ignore[index]
        words = canonical_json(statement).encode()
        known = statement["format"] == FORMAT
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidRequest("This is not a certificate of erasure.") from error
    if not known or not sealing.is_signed(public_pem, signature, words):
        raise InvalidRequest("It was changed, or another appliance signed it.")
    return dict(statement)


def _by_kind(destroyed: Sequence[str], kinds: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    found: dict[str, list[str]] = defaultdict(list)
    for object_id in destroyed:
        table, _, row_id = object_id.partition(":")
        if table not in _NOT_COUNTED:
            kind = kinds.get(row_id, "file") if table == "assets" else _KINDS.get(table, table)
            found[kind].append(hashlib.sha256(object_id.encode()).hexdigest())
    return {
        kind: {"count": len(hashes), "object_id_sha256": sorted(hashes)}
        for kind, hashes in sorted(found.items())
    }


def _note(model_id: str) -> str:
    return f"erasure {model_id}"
