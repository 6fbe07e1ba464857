"""Is every row of `control.db` as it was written? Opens each one; changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workspace.control import RIGHTS
from workspace.errors import SealBroken
from workspace.store import StoreReport

if TYPE_CHECKING:
    from workspace.registry import Registry


def control(registry: Registry) -> StoreReport:
    """Open every sealed row, and let SQLite check its file."""
    damaged: list[str] = []
    rows: list[tuple[str, dict[str, Any]]] = []
    db = registry.control
    try:
        if registry.closing.was_changed or not db.is_whole():
            damaged.append("control.db")
        sql = "SELECT * FROM workspaces WHERE wrapped_key IS NOT NULL"
        rows += (("workspaces", row) for row in db.query(sql))
        rows += (("meta", row) for row in db.query("SELECT * FROM meta"))
        for table in RIGHTS:
            rows += ((table, row) for row in db.query(f"SELECT * FROM {table}"))
    except SealBroken:
        damaged.append("control.db")
    for table, row in rows:
        try:
            _open(registry, table, row)
        except SealBroken:
            damaged.append(_called(table, row))
    return StoreReport(len(rows), 0, tuple(dict.fromkeys(damaged)))


def _open(registry: Registry, table: str, row: dict[str, Any]) -> None:
    if table == "workspaces":
        registry.get(row["id"])
        registry.keys_of(row["id"])
    elif table == "meta":
        registry.open("meta", row["key"], row["value"])
    else:
        registry.open_right(table, row)


def _called(table: str, row: dict[str, Any]) -> str:
    name = row.get("id", row.get("key"))
    return f"{table}/{name if name is not None else str(row.get('hash'))[:8]}"
