"""Talent links: one address for one person, to look at what is done with their likeness.

Rules: the address holds 256 random bits and is shown once, when it is made; `control.db` keeps its
SHA-256 under a seal that nobody makes without the root key. A link belongs to one model of one
workspace, ends after `MOST_DAYS` at the latest, and gives the rights of that person and no scope.
Unknown, expired, revoked and forged links are all the same: `find` gives None. What the person may
see and do is in `person.py`.

Opening the address shows a button and nothing of the person, so that a preview of the link in a
mail or a chat carries nothing away; the button sets a cookie (`seat`), and the page's own buttons
carry a token that other sites can't know (`form_token`). Both are times under a key of the
workspace, so nothing of them is stored.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from compliance import audit
from serve.callers import rights
from workspace import sealing
from workspace.database import transaction
from workspace.errors import Conflict, NotFound
from workspace.registry import Registry
from workspace.store import WorkspaceStore
from workspace.types import Caller, ModelId, WorkspaceId, new_id

TABLE = "talent_links"
MOST_DAYS = 90
MOST_OPEN = 20  # links of one model at a time
PREFIX = "tal"
SEAT_HOURS = 12
_FORM_HOURS = 2
_KEPT_DAYS = 90  # of a link that has ended, for whoever asks who could look
_DAMAGED = "(damaged: it opens nothing)"


@dataclass(frozen=True, slots=True)
class Link:
    """One link; the address itself is not kept."""

    id: str
    workspace_id: WorkspaceId
    model_id: ModelId
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    made_by: str

    @property
    def caller(self) -> Caller:
        """The person, as the audit log names them: by the link, without any scope."""
        return Caller(self.workspace_id, self.id, frozenset())

    def is_open(self, now: datetime) -> bool:
        """Tell whether it opens the page."""
        return self.revoked_at is None and now < self.expires_at


def create(
    registry: Registry,
    store: WorkspaceStore,
    model_id: ModelId,
    days: int,
    caller: Caller,
    now: datetime,
) -> tuple[Link, str]:
    """Make a link, audit it, and return it with the secret part of its address, this once.

    Args:
        days: How long it opens, from 1 to `MOST_DAYS`.

    Raises:
        Conflict: the model has too many open links.
    """
    known = links(registry, store.workspace.id, model_id)
    if sum(link.is_open(now) for link in known) >= MOST_OPEN:
        raise Conflict(f"This model has {MOST_OPEN} open links; end one of them first.")
    link_id, token = new_id(PREFIX), secrets.token_urlsafe(32)
    row = {
        "id": link_id,
        "workspace_id": store.workspace.id,
        "hash": rights.hash_of(token),
        "model_id": model_id,
        "created_at": now.isoformat(),
        "expires_at": (now + timedelta(days=min(days, MOST_DAYS))).isoformat(),
    }
    with store.transaction():
        _note(store, "talent_link.created", model_id, link_id, caller, now, days=days)
        rights.insert(registry, TABLE, row, {"made_by": caller.actor})
    return show(registry, store.workspace.id, model_id, link_id), token


def links(registry: Registry, workspace_id: str, model_id: str) -> list[Link]:
    """The links of a model, newest first; also those that have ended."""
    rows = registry.control.query(
        f"SELECT * FROM {TABLE} WHERE workspace_id = ? AND model_id = ?"
        " ORDER BY created_at DESC, id",
        [workspace_id, model_id],
    )
    return [_link(registry, row) for row in rows]


def show(registry: Registry, workspace_id: str, model_id: str, link_id: str) -> Link:
    """Read one link.

    Raises:
        NotFound: this model has none under this id.
    """
    for link in links(registry, workspace_id, model_id):
        if link.id == link_id:
            return link
    raise NotFound("There is no such link.")


def revoke(
    registry: Registry,
    store: WorkspaceStore,
    model_id: ModelId,
    link_id: str,
    caller: Caller,
    now: datetime,
) -> Link:
    """End a link at once and audit it; ending it again changes nothing.

    Raises:
        NotFound: this model has no such link.
    """
    if show(registry, store.workspace.id, model_id, link_id).revoked_at is None:
        with store.transaction(), transaction(registry.control):
            row = rights.by_id(registry, TABLE, link_id)
            if row is not None:
                _note(store, "talent_link.revoked", model_id, link_id, caller, now)
                rights.change(registry, TABLE, row, {"revoked_at": now.isoformat()})
    return show(registry, store.workspace.id, model_id, link_id)


def find(registry: Registry, token: str, now: datetime) -> Link | None:
    """Find the open link of an address; None for any that does not open."""
    row = rights.find(registry, TABLE, token)
    link = _link(registry, row) if row is not None else None
    return link if link is not None and link.is_open(now) else None


def sweep(registry: Registry, now: datetime) -> None:
    """Remove links that ended long ago."""
    old = (now - timedelta(days=_KEPT_DAYS)).isoformat()
    registry.control.execute(f"DELETE FROM {TABLE} WHERE expires_at <= ?", [old])


def seat(store: WorkspaceStore, link: Link, now: datetime) -> str:
    """Make the cookie of somebody who pressed the button."""
    return _stamp(store, "talent seat v1", link, now)


def is_seated(store: WorkspaceStore, link: Link, cookie: str | None, now: datetime) -> bool:
    """Tell whether a cookie is one of `seat` and still good."""
    return _is_stamp(store, "talent seat v1", link, cookie, now, timedelta(hours=SEAT_HOURS))


def form_token(store: WorkspaceStore, link: Link, now: datetime) -> str:
    """Make what the page's own buttons carry."""
    return _stamp(store, "talent form v1", link, now)


def is_ours(store: WorkspaceStore, link: Link, token: str | None, now: datetime) -> bool:
    """Tell whether a button was one of our page, shown not long ago."""
    return _is_stamp(store, "talent form v1", link, token, now, timedelta(hours=_FORM_HOURS))


def _stamp(store: WorkspaceStore, label: str, link: Link, now: datetime) -> str:
    at = str(int(now.timestamp()))
    return f"{at}.{store.keyed_hash(label, f'{link.id} {at}')}"


def _is_stamp(
    store: WorkspaceStore,
    label: str,
    link: Link,
    given: str | None,
    now: datetime,
    good_for: timedelta,
) -> bool:
    at, dot, mac = (given or "").partition(".")
    if not dot or not at.isascii() or not at.isdigit() or len(at) > 12:
        return False
    if not sealing.same(mac, store.keyed_hash(label, f"{link.id} {at}")):
        return False
    return 0 <= now.timestamp() - int(at) + 1 <= good_for.total_seconds()


def _note(
    store: WorkspaceStore,
    action: str,
    model_id: str,
    link_id: str,
    caller: Caller,
    now: datetime,
    **facts: int,
) -> None:
    audit.append(store, action, model_id, caller.actor, now, link=link_id, **facts)


def _link(registry: Registry, row: dict[str, Any]) -> Link:
    private = rights.opened(registry, TABLE, row)
    revoked_at = row["revoked_at"]
    return Link(
        id=row["id"],
        workspace_id=WorkspaceId(row["workspace_id"]),
        model_id=ModelId(row["model_id"]),
        created_at=datetime.fromisoformat(row["created_at"]),
        expires_at=datetime.fromisoformat(row["expires_at"]),
        revoked_at=datetime.fromisoformat(revoked_at) if revoked_at else None,
        made_by=str(private["made_by"]) if private is not None else _DAMAGED,
    )
