"""The audit log of a workspace: append-only, chained, and closed to forgers.

Rules: every entry holds the SHA-256 of the one before and of its own words, so anyone can check
an export; a MAC with a key of the workspace, so nobody without that key can write one; and the
sealed head keeps how many entries there are, so that a cut tail is seen. The table refuses
changes by triggers. Entries name ids and counts, never a name, a prompt, a photo or a path.
Every 1,000 entries and once a day the log is signed (`checkpoints.py`).
What can't be seen: the whole database put back to an older state (compare kept checkpoints).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from compliance import checkpoints
from compliance.checkpoints import Checkpoint
from workspace import sealing
from workspace.errors import SealBroken
from workspace.rows import canonical_json
from workspace.store import WorkspaceStore

Fact = str | int | float | bool | None

_HEAD = "audit_head"
_START = "0" * 64
_MAC_LABEL = "audit mac v1"
_MAX_FACT_CHARACTERS = 300
_PAGE = 500
# A guard against mistakes: what carries these names does not belong into the log.
_SENSITIVE = frozenset({"name", "prompt", "photo", "embedding", "path", "key", "secret", "text"})


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One entry; `at` is RFC 3339 text in UTC."""

    seq: int
    at: str
    action: str
    actor: str
    object_id: str
    facts: dict[str, Fact]
    previous: str
    hash: str
    mac: str


@dataclass(frozen=True, slots=True)
class AuditReport:
    """Whether the log is whole; `first_broken` is the first entry that is wrong or missing."""

    intact: bool
    entries: int
    head: str  # hash of the last entry
    first_broken: int | None
    checkpoints: int = 0  # signed ones, all of which fit


def append(
    store: WorkspaceStore,
    action: str,
    object_id: str,
    actor: str,
    now: datetime,
    **facts: Fact,
) -> int:
    """Write an entry; part of the caller's transaction, if one is open.

    Args:
        store: Whose log.
        action: What happened, for example `generation.admitted`.
        object_id: Id of what it happened to.
        actor: Id of the key, session or process that did it.
        now: The present time in UTC.
        facts: Ids, counts, codes and hashes that describe it; never anything private.

    Returns:
        The entry's number, from 1.

    Raises:
        ValueError: a fact can't be one.
        StorageFull, Unavailable, SealBroken: nothing was written; what is audited must not happen.
    """
    _check_facts(facts)
    with store.transaction():
        count, previous = _head(store)
        words = {
            "seq": count + 1,
            "at": now.isoformat(),
            "action": action,
            "actor": actor,
            "object_id": object_id,
            "facts": facts,
        }
        digest = _hash(previous, words)
        row = words | {
            "facts": canonical_json(facts),
            "previous": previous,
            "hash": digest,
            "mac": sealing.keyed_hash(store.derive(_MAC_LABEL), digest),
        }
        marks = ", ".join(f":{column}" for column in row)
        store.db.execute(f"INSERT INTO audit ({', '.join(row)}) VALUES ({marks})", row)
        store.put_note(_HEAD, {"entries": count + 1, "hash": digest})
        if (count + 1) % checkpoints.EVERY == 0:
            checkpoints.write(store, count + 1, digest, now)
    return count + 1


def head(store: WorkspaceStore) -> tuple[int, str]:
    """How many entries there are, and the hash of the last.

    Raises:
        SealBroken: the log's end is not where its sealed head says.
    """
    return _head(store)


def checkpoint(store: WorkspaceStore, now: datetime) -> None:
    """Sign the log as it stands; does nothing if nothing was added since the last checkpoint.

    Raises:
        SealBroken: the log's end is not where its sealed head says.
    """
    with store.transaction():
        count, digest = _head(store)
        if count > checkpoints.last_seq(store):
            checkpoints.write(store, count, digest, now)


def entries(store: WorkspaceStore, after: int = 0, limit: int = 100) -> list[AuditEntry]:
    """Read entries in order, those after number `after`."""
    return [
        AuditEntry(**{**row, "facts": json.loads(row["facts"])})
        for row in _rows(store, after, limit)
    ]


def search(
    store: WorkspaceStore, words: str = "", before: int | None = None, limit: int = 100
) -> list[AuditEntry]:
    """Read entries, newest first, in which every word occurs; capitals make no difference.

    Args:
        store: Whose log.
        words: Looked for in action, object, actor and facts; none: every entry.
        before: Only entries with a smaller number.
        limit: How many at most.
    """
    where: list[str] = ["seq < ?"]
    params: list[str | int] = [before if before is not None else 2**62]
    for word in words.split():
        where.append("instr(lower(action || ' ' || object_id || ' ' || actor || ' ' || facts), ?)")
        params.append(word.lower())
    sql = f"SELECT * FROM audit WHERE {' AND '.join(where)} ORDER BY seq DESC LIMIT ?"
    return [
        AuditEntry(**{**row, "facts": _facts(row)}) for row in store.db.query(sql, [*params, limit])
    ]


def _facts(row: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of a row; of one that was changed they may be anything, and `verify` says so."""
    try:
        found = json.loads(row["facts"])
    except (TypeError, ValueError):
        found = None
    return found if isinstance(found, dict) else {"unreadable": True}


def verify(store: WorkspaceStore, kept: Sequence[Checkpoint] = ()) -> AuditReport:
    """Check every entry, their order, that none is missing at the end, and every signature.

    Args:
        kept: Checkpoints that were kept elsewhere; a log that was put back to an older state, or
            written anew since, does not fit them.
    """
    # NOTE: the head is read first: what is added meanwhile is past it, and carries its own MAC.
    key = store.derive(_MAC_LABEL)
    previous, count, at_head = _START, 0, _START
    heads: dict[int, str] = {}
    try:
        head = _sealed_head(store)
        points = [*checkpoints.listed(store), *kept]
        wanted = {point.seq for point in points}
        for row in _all_rows(store):
            if row["seq"] != count + 1 or not _fits(row, previous, key):
                return AuditReport(False, count, previous, count + 1)
            previous, count = row["hash"], count + 1
            if count == head[0]:
                at_head = previous
            if count in wanted:
                heads[count] = previous
        # Only an empty log has no head: the first entry makes it.
        whole = sealing.same(at_head, head[1]) and (count == 0 or store.note(_HEAD) is not None)
        for point in points:
            if not checkpoints.holds(point, store.workspace.id, store.signer.public_pem, heads):
                return AuditReport(False, count, previous, point.seq)
    except SealBroken:
        return AuditReport(False, count, previous, count + 1)
    return AuditReport(whole, count, previous, None if whole else count + 1, len(points))


def export(store: WorkspaceStore) -> Iterator[str]:
    """Write the log as JSON lines, one entry each, in order."""
    after = 0
    while page := entries(store, after, _PAGE):
        for entry in page:
            yield canonical_json(asdict(entry))
        after = page[-1].seq


def _head(store: WorkspaceStore) -> tuple[int, str]:
    """Where the next entry goes.

    Raises:
        SealBroken: the log's end is not where its sealed head says; it takes no more entries.
    """
    head = _sealed_head(store)
    last = store.db.execute("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
    if tuple(last or (0, _START)) != head:
        raise SealBroken("The audit log was changed at its end.")
    return head


def _sealed_head(store: WorkspaceStore) -> tuple[int, str]:
    head = store.note(_HEAD) or {"entries": 0, "hash": _START}
    return int(head["entries"]), str(head["hash"])


def _rows(store: WorkspaceStore, after: int, limit: int) -> list[dict[str, Any]]:
    sql = "SELECT * FROM audit WHERE seq > ? ORDER BY seq LIMIT ?"
    return [*store.db.query(sql, [after, limit])]


def _all_rows(store: WorkspaceStore) -> Iterator[dict[str, Any]]:
    after = -(2**62)  # NOTE: forged numbers below 1 must be seen, too.
    while page := _rows(store, after, _PAGE):
        yield from page
        after = page[-1]["seq"]


def _fits(row: Mapping[str, Any], previous: str, key: bytes) -> bool:
    """Tell whether an entry follows `previous` and its words, hash and MAC agree."""
    try:
        facts = json.loads(row["facts"])
        words = {name: row[name] for name in ("seq", "at", "action", "actor", "object_id")}
        digest = _hash(previous, words | {"facts": facts})
        return bool(
            row["previous"] == previous
            and row["hash"] == digest
            and row["mac"] == sealing.keyed_hash(key, digest)
            # NOTE: facts are compared as written, so that not even a space can change.
            and row["facts"] == canonical_json(facts)
        )
    except (TypeError, ValueError):
        return False


def _hash(previous: str, words: Mapping[str, Any]) -> str:
    return hashlib.sha256((previous + canonical_json(dict(words))).encode()).hexdigest()


def _check_facts(facts: Mapping[str, Fact]) -> None:
    for name, value in facts.items():
        if name in _SENSITIVE:
            raise ValueError(f"{name!r} does not belong into the audit log")
        if not isinstance(value, str | int | float | bool | None):
            raise ValueError(f"the fact {name!r} is not a plain value")
        if isinstance(value, str) and len(value) > _MAX_FACT_CHARACTERS:
            raise ValueError(f"the fact {name!r} is too long")
