"""`/v1/admin/keys`: the workspace's API keys; for `admin`.

A secret is shown once, in the answer that made the key. A key that an admin makes and that opens
likenesses or images waits until somebody with `consents:write` confirms it, or `admin` would see
them by a detour (`serve/callers/people.py`).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Request

from compliance import audit
from serve import idempotency
from serve.api import once
from serve.api.access import Key, Visit, allowed, check_may_confirm
from serve.callers import auth
from serve.problems import documented
from serve.wire.admin_views import KeyConfirmation, KeysView, KeyView, NewKey, NewKeyView
from workspace.errors import Conflict, NotFound
from workspace.types import KeyId, new_id

router = APIRouter(prefix="/v1/admin/keys", tags=["admin-keys"])
Admin = Annotated[Visit, allowed("admin")]
Confirmer = Annotated[Visit, allowed("consents:write")]
_CHANGE = documented(401, 403, 404, 409, 422, 500, 503, 507)


@router.get("", summary="Keys, newest first", responses=documented(401, 403, 500, 503))
def listing(
    visit: Annotated[Visit, allowed("admin", "consents:write", "audit:read")],
) -> KeysView:
    """List the keys of this workspace; never a secret."""
    return KeysView(items=[KeyView(**_shown(row, visit)) for row in _rows(visit)])


@router.post("", status_code=201, summary="Make a key", responses=_CHANGE)
def create(body: NewKey, visit: Admin, request: Request, key: Key = None) -> NewKeyView:
    """Make a key; its secret is in this answer only, a replay has null."""
    registry, of, now = visit.services.registry, visit.store.workspace.id, visit.now()
    secrets: list[str] = []

    def make() -> str:
        key_id = KeyId(new_id("key"))
        _note(visit, "key.created", key_id, " ".join(sorted(set(body.scopes))))
        ends_at = now + timedelta(days=body.days) if body.days else None
        _, secret = auth.create_key(
            registry,
            of,
            body.scopes,
            now,
            ends_at,
            body.label,
            visit.caller.principal,
            key_id,
            body.networks,
            body.requests_per_minute,
        )
        secrets.append(secret)
        return key_id

    made = idempotency.once(visit.store, once.of_json(key, request, body), now, make)
    return NewKeyView(**_shown(_row(visit, made), visit), key=secrets[0] if secrets else None)


@router.delete("/{key_id}", summary="Revoke a key", responses=_CHANGE)
def revoke(key_id: str, visit: Admin) -> KeyView:
    """End a key and its sessions at once."""
    _row(visit, key_id)
    with visit.store.transaction():
        _note(visit, "key.revoked", key_id, "")
        auth.revoke_key(visit.services.registry, key_id, visit.now())
    return KeyView(**_shown(_row(visit, key_id), visit))


@router.post("/{key_id}/confirm", summary="Let a key count", responses=_CHANGE)
def confirm(
    key_id: str, body: KeyConfirmation, visit: Confirmer, request: Request, key: Key = None
) -> KeyView:
    """Confirm a key that an admin made; no admin may."""
    registry, of = visit.services.registry, visit.store.workspace.id

    def act() -> str:
        known = _row(visit, key_id)
        check_may_confirm(visit)
        if set(body.scopes) != set(known["scopes"].split()):
            raise Conflict("This key has other scopes than these.", (), None, "/scopes")
        if known["waits"]:
            _note(visit, "key.confirmed", key_id, known["scopes"])
        auth.confirm_key(registry, of, key_id, visit.caller.principal)
        return key_id

    idempotency.once(visit.store, once.of_json(key, request, body), visit.now(), act)
    return KeyView(**_shown(_row(visit, key_id), visit))


def _rows(visit: Visit) -> list[dict[str, Any]]:
    return auth.list_keys(visit.services.registry, visit.store.workspace.id)


def _row(visit: Visit, key_id: str) -> dict[str, Any]:
    for row in _rows(visit):
        if row["id"] == key_id:
            return row
    raise NotFound("There is no such key.")


def _shown(row: dict[str, Any], visit: Visit) -> dict[str, Any]:
    status = "active"
    if row["revoked_at"]:
        status = "revoked"
    elif row["expires_at"] and row["expires_at"] <= visit.now().isoformat():
        status = "expired"
    elif row["waits"]:
        status = "awaiting_confirmation"
    names = KeyView.model_fields.keys() - {"scopes", "status", "requests_per_minute"}
    return {
        **{name: row[name] for name in names},
        "requests_per_minute": row["per_minute"],
        "scopes": str(row["scopes"]).split(),
        "status": status,
    }


def _note(visit: Visit, action: str, key_id: str, scopes: str) -> None:
    audit.append(visit.store, action, key_id, visit.caller.actor, visit.now(), scopes=scopes)
