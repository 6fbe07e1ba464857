"""An enrolment that somebody has begun: what was entered and the photos, sealed, for a while.

Rules: one draft for each principal of a workspace, and nobody else may open it, whatever their
scopes. Nothing biometric is computed from it: that comes with the consent, in `identity`. It is
destroyed `draft_hours` after its last change, at the latest `draft_most_days` after it was begun
(nothing was agreed to yet, so changes may not keep it for ever), when its owner discards it, and
when the enrolment is taken in. A person who was let in by a one-time code shares the draft of all
one-time codes, as everywhere where two people are counted (`Caller.principal`).

Each change names the draft (and its revision) that the writer has seen, so that an old page can
neither overwrite what another one wrote nor bring a discarded draft back. It does not decide
whether a photo is usable: the route does, and keeps no photo that is not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from compliance import audit
from compliance.retention import RetentionRules
from workspace.errors import Conflict, NotFound
from workspace.rows import Row
from workspace.store import WorkspaceStore
from workspace.types import AssetId, Caller, new_id

Kind = Literal["full_body", "close_up", "evidence"]
KINDS: tuple[Kind, ...] = ("full_body", "close_up", "evidence")
DISCARDED, ENROLLED, EXPIRED = "discarded", "enrolled", "expired"  # why it was destroyed
SWEEPER = "retention"  # the actor in the audit log
_TABLE = "drafts"


@dataclass(frozen=True, slots=True)
class Kept:
    """One file of a draft; `asset` changes with its content. `name` is as its owner named it."""

    kind: Kind
    asset: AssetId
    name: str
    media_type: str
    checks: tuple[dict[str, Any], ...] = ()  # what was said about a photo


@dataclass(frozen=True, slots=True)
class Draft:
    """Times in UTC. `revision` counts the changes of what was entered, not of the files."""

    id: str
    revision: int
    entered: dict[str, Any]
    files: tuple[Kept, ...]
    created_at: datetime
    expires_at: datetime


def find(store: WorkspaceStore, caller: Caller, now: datetime) -> Draft | None:
    """Open the caller's own draft; None when there is none, or its time is over."""
    rows = store.find(_TABLE, "owner = ?", (caller.principal,), "created_at DESC, id", 1)
    found = _draft(rows[0]) if rows else None
    return found if found is not None and now < found.expires_at else None


def save(
    store: WorkspaceStore,
    caller: Caller,
    seen: tuple[str, int],
    entered: dict[str, Any],
    rules: RetentionRules,
    now: datetime,
) -> Draft:
    """Keep what was entered; begin a draft where `seen` is `("", 0)` and there is none.

    Args:
        seen: Id and revision of the draft as the writer knows it.

    Raises:
        Conflict: there is another draft, a newer revision, or none any more.
        StorageFull, Unavailable: nothing was written.
    """
    with store.transaction():
        found = find(store, caller, now)
        if seen != ((found.id, found.revision) if found else ("", 0)):
            raise Conflict("The draft was changed or ended elsewhere, for example in another tab.")
        if found is None:
            return _begin(store, caller, entered, rules, now)
        private = {**_private(found), "entered": entered, "revision": found.revision + 1}
        return _put(store, found, private, rules, now)


def keep(
    store: WorkspaceStore,
    caller: Caller,
    draft_id: str,
    kind: Kind,
    file: tuple[bytes, str, str],
    rules: RetentionRules,
    now: datetime,
    checks: Sequence[Mapping[str, Any]] = (),
) -> Draft:
    """Seal a file into the caller's draft; the one that it replaces is destroyed.

    Args:
        draft_id: The draft as the writer knows it.
        file: Its bytes, its media type, and its name as the owner gave it.
        checks: What was said about a photo, as plain JSON, to be said again.

    Raises:
        Conflict: this is not the caller's draft (any more).
        StorageFull, Unavailable: nothing was written.
    """
    data, media_type, name = file
    with store.transaction():
        found = _current(store, caller, draft_id, now)
        _destroy_files(store, found, kind)
        asset = store.assets.put(data, kind, found.id, media_type)
        kept = Kept(kind, asset, name, media_type, tuple(dict(check) for check in checks))
        files = _without(found, kind) | {kind: _file_as_json(kept)}
        return _put(store, found, {**_private(found), "files": files}, rules, now)


def remove(
    store: WorkspaceStore,
    caller: Caller,
    draft_id: str,
    kind: Kind,
    rules: RetentionRules,
    now: datetime,
) -> Draft:
    """Destroy one file of the caller's draft; without one, nothing happens.

    Raises:
        Conflict: this is not the caller's draft (any more).
    """
    with store.transaction():
        found = _current(store, caller, draft_id, now)
        _destroy_files(store, found, kind)
        private = {**_private(found), "files": _without(found, kind)}
        return _put(store, found, private, rules, now)


def open_file(
    store: WorkspaceStore, caller: Caller, kind: Kind, now: datetime
) -> tuple[bytes, str]:
    """Open a file of the caller's own draft: its bytes and media type.

    Raises:
        NotFound: the caller has no such draft or file.
        SealBroken: it was changed or damaged.
    """
    draft = find(store, caller, now)
    for file in draft.files if draft else ():
        if file.kind == kind:
            return store.assets.get(file.asset), file.media_type
    raise NotFound("There is no such file in your draft.")


def discard(store: WorkspaceStore, caller: Caller, now: datetime, cause: str = DISCARDED) -> bool:
    """Destroy the caller's draft with its files, keys first; part of an open transaction.

    Returns:
        Whether there was one.
    """
    return _destroy(store, "owner = ?", caller.principal, caller.actor, cause, now) > 0


def sweep(store: WorkspaceStore, now: datetime, due: datetime | None = None) -> int:
    """Destroy the drafts whose time is over, by `due` where it is another than now.

    Returns:
        How many there were.
    """
    return _destroy(store, "expires_at <= ?", (due or now).isoformat(), SWEEPER, EXPIRED, now)


def _destroy(
    store: WorkspaceStore, where: str, value: str, actor: str, cause: str, now: datetime
) -> int:
    with store.transaction():
        # NOTE: rows as they lie: one that no longer opens is destroyed like any other.
        ids = [str(raw["id"]) for raw in store.raw(_TABLE, where, (value,))]
        for draft_id in ids:
            for asset in store.assets.owned_by(draft_id):
                store.assets.destroy(asset)
            store.destroy(_TABLE, draft_id)
            audit.append(store, "draft.destroyed", draft_id, actor, now, cause=cause)
    return len(ids)


def _begin(
    store: WorkspaceStore,
    caller: Caller,
    entered: dict[str, Any],
    rules: RetentionRules,
    now: datetime,
) -> Draft:
    discard(store, caller, now, EXPIRED)  # one that only waits for the sweep
    until = _until(now, rules, now)
    draft = Draft(new_id("dft"), 1, entered, (), now, until)
    store.put(
        _TABLE,
        draft.id,
        _private(draft),
        owner=caller.principal,
        created_at=now.isoformat(),
        expires_at=until.isoformat(),
    )
    audit.append(store, "draft.begun", draft.id, caller.actor, now)
    return draft


def _put(
    store: WorkspaceStore,
    draft: Draft,
    private: dict[str, Any],
    rules: RetentionRules,
    now: datetime,
) -> Draft:
    until = _until(draft.created_at, rules, now)
    store.put(_TABLE, draft.id, private, expires_at=until.isoformat())
    return _draft(store.get(_TABLE, draft.id))


def _until(begun: datetime, rules: RetentionRules, now: datetime) -> datetime:
    longest = begun + timedelta(days=rules.draft_most_days)
    return min(now + timedelta(hours=rules.draft_hours), longest)


def _current(store: WorkspaceStore, caller: Caller, draft_id: str, now: datetime) -> Draft:
    found = find(store, caller, now)
    if found is None or found.id != draft_id:
        raise Conflict("The draft was changed or ended elsewhere, for example in another tab.")
    return found


def _destroy_files(store: WorkspaceStore, draft: Draft, kind: Kind) -> None:
    for asset in store.assets.owned_by(draft.id, kind):
        store.assets.destroy(asset)


def _without(draft: Draft, kind: Kind) -> dict[str, dict[str, Any]]:
    return {name: file for name, file in _files_of(draft).items() if name != kind}


def _files_of(draft: Draft) -> dict[str, dict[str, Any]]:
    return {file.kind: _file_as_json(file) for file in draft.files}


def _file_as_json(file: Kept) -> dict[str, Any]:
    return {
        "asset": file.asset,
        "name": file.name,
        "media_type": file.media_type,
        "checks": list(file.checks),
    }


def _private(draft: Draft) -> dict[str, Any]:
    return {"revision": draft.revision, "entered": draft.entered, "files": _files_of(draft)}


def _draft(row: Row) -> Draft:
    known = row.private["files"]
    files = [
        Kept(
            kind,
            AssetId(known[kind]["asset"]),
            known[kind]["name"],
            known[kind]["media_type"],
            tuple(known[kind]["checks"]),
        )
        for kind in KINDS
        if kind in known
    ]
    return Draft(
        row.id,
        row.private["revision"],
        row.private["entered"],
        tuple(files),
        datetime.fromisoformat(row.columns["created_at"]),
        datetime.fromisoformat(row.columns["expires_at"]),
    )
