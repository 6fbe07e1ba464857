"""How long until a generation is done: an estimate from what this workspace measured lately.

Rules: it counts only times of generations that ended well, of the same kind (size and references)
where there are any; without a measured time there is no estimate. It assumes one replica and no
other workspace, so several replicas are faster and a crowd is slower than it says. It decides
nothing: it is for people who wait.
"""

from __future__ import annotations

from datetime import datetime
from statistics import median
from weakref import WeakKeyDictionary

from serve.line import gallery
from workspace.errors import HousemodelError
from workspace.rows import Row
from workspace.store import WorkspaceStore
from workspace.types import GenerationStatus

_LOOKED_AT = 40  # newest generations among which times are looked for
_COUNTED = 5  # newest times that count
_KEPT = 1000  # measured times of one store that stay in memory
_measured: WeakKeyDictionary[WorkspaceStore, dict[str, float]] = WeakKeyDictionary()
_BEFORE = (
    "status = 'running' OR (status = 'queued' AND (priority > ? OR (priority = ? AND"
    " (created_at, id) < (?, ?))))"
)


def seconds_left(store: WorkspaceStore, row: Row, now: datetime) -> int | None:
    """Estimate the seconds until a live generation ends; None if it ended or nothing was measured.

    Args:
        store: Whose generation.
        row: The generation.
        now: The present time in UTC.
    """
    columns = row.columns
    status = columns["status"]
    if status not in (GenerationStatus.QUEUED, GenerationStatus.RUNNING):
        return None
    each = seconds_per_image(store, columns["compat_key"])
    if each is None:
        return None
    if status == GenerationStatus.QUEUED:
        place = (columns["priority"], columns["priority"], columns["created_at"], row.id)
        sql = f"SELECT COALESCE(SUM(n), 0) FROM generations WHERE {_BEFORE}"
        before = int(store.db.execute(sql, place).fetchone()[0])
        return _whole(each * (before + columns["n"]))
    done = columns["step"] / columns["steps"] if columns["steps"] else 0.0
    since = (now - datetime.fromisoformat(columns["updated_at"])).total_seconds()
    return _whole(each * columns["n"] * (1 - done) - max(0.0, since))


def seconds_per_image(store: WorkspaceStore, compat_key: str) -> float | None:
    """The median working time per image, in seconds: of the same kind if known, else of any."""
    rows = list(
        store.db.query(
            "SELECT id, n, compat_key FROM generations WHERE status = 'completed'"
            " ORDER BY created_at DESC LIMIT ?",
            [_LOOKED_AT],
        )
    )
    alike = [row for row in rows if row["compat_key"] == compat_key] or rows
    times = [_worked(store, row["id"]) for row in alike[:_COUNTED]]
    counts = [row["n"] for row in alike[:_COUNTED]]
    known = [time / n for time, n in zip(times, counts, strict=True) if time is not None]
    return median(known) if known else None


def _worked(store: WorkspaceStore, generation_id: str) -> float | None:
    """Seconds from its claim to its pictures; None where they are gone or damaged.

    What was measured once stays as it was, so it is kept in memory: everybody who waits asks.
    """
    measured = _measured.setdefault(store, {})
    seconds = measured.get(generation_id)
    if seconds is None and (seconds := _measure(store, generation_id)) is not None:
        if len(measured) >= _KEPT:
            measured.clear()
        measured[generation_id] = seconds
    return seconds


def _measure(store: WorkspaceStore, generation_id: str) -> float | None:
    try:
        images = gallery.of_generation(store, generation_id)
    except HousemodelError:
        return None
    if not images:
        return None
    facts = images[0].facts
    return max(0.0, facts.total_seconds - facts.queued_seconds)


def _whole(seconds: float) -> int:
    """At least one second: "no time left" is never true of what still runs."""
    return max(1, round(seconds))
