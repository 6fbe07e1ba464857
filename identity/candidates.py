"""Candidates: fictional people whom a caller looks at before one becomes a custom model.

A candidate is a sealed row that its owner alone opens and that ends by itself. It says what was
asked for and where its pictures are: in the pack's cast, or among the images of the generations
that drew them. It holds no picture and no face vector. What makes a model of one is
`synthetic.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from compliance import audit
from identity import likeness
from workspace.errors import NotFound
from workspace.rows import Row
from workspace.store import WorkspaceStore
from workspace.types import Caller, Face, Gender, new_id

TABLE = "candidates"
PREFIX = "cnd"
_USED = "cast used"  # note of the workspace: whom of which cast became a model once


@dataclass(frozen=True, slots=True)
class Candidate:
    """One fictional person, as far as they are known. Times in UTC."""

    id: str
    owner: str
    created_at: datetime
    expires_at: datetime
    gender: Gender
    wanted: Mapping[str, tuple[str, ...]]
    seed: int
    person: str | None = None  # "pack/id" of the cast
    generation_id: str | None = None  # that drew the full body
    k: int = 0  # which of its images
    close_up_id: str | None = None  # the generation that draws the close-up
    face: Mapping[str, Any] | None = None  # where it is in a drawn full body


def put(
    store: WorkspaceStore,
    made: Sequence[Candidate],
    most: int,
    caller: Caller,
    now: datetime,
) -> None:
    """Keep new candidates of one caller; audited. Part of the caller's transaction.

    Of more than `most` open ones the caller's oldest are destroyed.
    """
    with store.transaction():
        for row in _rows(store, caller, now)[max(0, most - len(made)) :]:
            store.destroy(TABLE, row.id)
        for one in made:
            _write(store, one)
            audit.append(
                store, "candidate.made", one.id, caller.actor, now, cast=one.person is not None
            )


def note_face(store: WorkspaceStore, one: Candidate, face: Face) -> Candidate:
    """Note where the face is in the full body.

    Raises:
        NotFound: the candidate has ended meanwhile.
    """
    return _changed(store, one, face=likeness.face_as_json(face))


def note_close_up(store: WorkspaceStore, one: Candidate, generation_id: str) -> Candidate:
    """Note which generation draws the close-up.

    Raises:
        NotFound: the candidate has ended meanwhile.
    """
    return _changed(store, one, close_up_id=generation_id)


def new(
    caller: Caller,
    gender: Gender,
    wanted: Mapping[str, tuple[str, ...]],
    seed: int,
    now: datetime,
    keep: timedelta,
) -> Candidate:
    """Begin a candidate; `put` keeps it."""
    return Candidate(new_id(PREFIX), caller.principal, now, now + keep, gender, dict(wanted), seed)


def owned(store: WorkspaceStore, caller: Caller, now: datetime) -> list[Candidate]:
    """The open candidates of one caller, newest first."""
    return [_read(row) for row in _rows(store, caller, now)]


def get(store: WorkspaceStore, candidate_id: str, caller: Caller, now: datetime) -> Candidate:
    """Open one candidate of this caller.

    Raises:
        NotFound: there is none, it has ended, or it is somebody else's.
    """
    for row in store.find(TABLE, "id = ?", (candidate_id,)):
        one = _read(row)
        if one.owner == caller.principal and now < one.expires_at:
            return one
    raise NotFound("There is no such candidate; it may have ended.")


def of_id(store: WorkspaceStore, candidate_id: str) -> Candidate:
    """Open one candidate for the line, which was asked by its owner.

    Raises:
        NotFound: it has ended.
    """
    return _read(store.get(TABLE, candidate_id))


def destroy(store: WorkspaceStore, one: Candidate, caller: Caller, now: datetime) -> bool:
    """Destroy a candidate with its key; audited.

    Returns:
        Whether there was one (still).
    """
    with store.transaction():
        found = store.destroy(TABLE, one.id)
        if found:
            audit.append(store, "candidate.destroyed", one.id, caller.actor, now)
    return found


def sweep(store: WorkspaceStore, now: datetime, due: datetime | None = None) -> int:
    """Destroy the candidates whose time is over (by `due`, where given); return how many."""
    with store.transaction():
        sql = f"SELECT id FROM {TABLE} WHERE expires_at <= ?"
        old = [row["id"] for row in store.db.query(sql, [(due or now).isoformat()])]
        for candidate_id in old:
            store.destroy(TABLE, candidate_id)
        if old:
            audit.append(
                store, "candidates.expired", store.workspace.id, "clock", now, count=len(old)
            )
    return len(old)


def note_used(store: WorkspaceStore, person: str) -> None:
    """Remember that somebody of a cast became a model of this workspace."""
    store.put_note(_USED, {"people": sorted({*used(store), person})})


def used(store: WorkspaceStore) -> frozenset[str]:
    """Who of a cast ever became a model of this workspace, as "pack/id"; erased ones, too."""
    return frozenset((store.note(_USED) or {}).get("people", ()))


def in_pack(people: Iterable[str | None], pack: str) -> frozenset[str]:
    """The ids within one pack, of people named "pack/id"."""
    found = (one.partition("/") for one in people if one)
    return frozenset(person_id for name, _, person_id in found if name == pack)


def _changed(store: WorkspaceStore, one: Candidate, **changes: Any) -> Candidate:
    with store.transaction():
        # Read again: one that has ended since `one` was read must not be written anew.
        if not store.count(TABLE, "id = ?", (one.id,)):
            raise NotFound("There is no such candidate; it may have ended.")
        changed = replace(of_id(store, one.id), **changes)
        _write(store, changed)
    return changed


def _rows(store: WorkspaceStore, caller: Caller, now: datetime) -> list[Row]:
    where = "owner = ? AND expires_at > ?"
    return store.find(TABLE, where, (caller.principal, now.isoformat()), "created_at DESC, rowid")


def _write(store: WorkspaceStore, one: Candidate) -> None:
    private: dict[str, Any] = asdict(one)
    for name in ("id", "owner", "created_at", "expires_at"):
        del private[name]
    private["gender"] = one.gender.value
    private["wanted"] = {name: list(values) for name, values in one.wanted.items()}
    store.put(
        TABLE,
        one.id,
        private,
        owner=one.owner,
        created_at=one.created_at.isoformat(),
        expires_at=one.expires_at.isoformat(),
    )


def _read(row: Row) -> Candidate:
    private = dict(row.private)
    private["gender"] = Gender(private["gender"])
    private["wanted"] = {name: tuple(values) for name, values in private["wanted"].items()}
    return Candidate(
        id=row.id,
        owner=row.columns["owner"],
        created_at=datetime.fromisoformat(row.columns["created_at"]),
        expires_at=datetime.fromisoformat(row.columns["expires_at"]),
        **private,
    )
