"""Signed checkpoints of the audit log: that so many entries stood there with this last hash.

Signed with the appliance's own key, so that whoever kept one can hold it against any later export
with the public key alone; a log that was rewritten since, even by somebody with the root key of an
older copy, no longer fits. `audit.py` writes one at every 1,000th entry and once a day, and checks
them all in `verify`. A checkpoint holds a number, a hash and a time, nothing else.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from workspace import sealing
from workspace.errors import InvalidRequest
from workspace.rows import canonical_json
from workspace.store import WorkspaceStore

EVERY = 1000  # entries
_FORMAT = "housemodel audit checkpoint v1"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Entry number, when it was signed (RFC 3339), hash of that entry, signature in base64."""

    seq: int
    at: str
    head: str
    signature: str


def write(store: WorkspaceStore, seq: int, head: str, now: datetime) -> None:
    """Sign the log as it stands; part of the caller's transaction, if one is open."""
    words = _words(store.workspace.id, seq, now.isoformat(), head)
    signature = base64.b64encode(store.signer.sign(words)).decode()
    store.db.execute(
        "INSERT OR REPLACE INTO audit_checkpoints (seq, at, head, signature) VALUES (?, ?, ?, ?)",
        [seq, now.isoformat(), head, signature],
    )


def listed(store: WorkspaceStore) -> list[Checkpoint]:
    """All checkpoints, oldest first."""
    rows = store.db.query("SELECT seq, at, head, signature FROM audit_checkpoints ORDER BY seq")
    return [Checkpoint(**row) for row in rows]


def parse(line: str) -> Checkpoint:
    """Read one line that `housemodel audit checkpoint` or the API wrote.

    Raises:
        InvalidRequest: it is none.
    """
    try:
        found = Checkpoint(**json.loads(line))
        if type(found.seq) is int:
            return found
    except (TypeError, ValueError):
        pass
    raise InvalidRequest("A line of the file is no checkpoint of an audit log.")


def last_seq(store: WorkspaceStore) -> int:
    """The entry of the newest checkpoint; 0 when there is none."""
    found = store.db.execute("SELECT COALESCE(MAX(seq), 0) FROM audit_checkpoints").fetchone()
    return int(found[0])


def holds(point: Checkpoint, workspace_id: str, public_pem: str, heads: Mapping[int, str]) -> bool:
    """Tell whether a checkpoint is signed and the entry it names still has the hash it names.

    Args:
        public_pem: The appliance's public key.
        heads: Entry number -> hash, of the log as it is now.
    """
    try:
        signature = base64.b64decode(point.signature, validate=True)
        words = _words(workspace_id, point.seq, point.at, point.head)
    except (TypeError, ValueError):
        return False
    return heads.get(point.seq) == point.head and sealing.is_signed(public_pem, signature, words)


def _words(workspace_id: str, seq: int, at: str, head: str) -> bytes:
    words: dict[str, Any] = {"format": _FORMAT, "workspace_id": workspace_id}
    return canonical_json({**words, "seq": seq, "at": at, "head": head}).encode()
