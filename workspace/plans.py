"""Plans: what a workspace may do and how much. Data in `configs/plans.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from pathlib import Path

from workspace.errors import Fault


@dataclass(frozen=True, slots=True)
class Plan:
    """The limits of one plan."""

    name: str
    custom_models: bool  # may the workspace enrol and use custom models
    max_models: int  # custom models at a time
    max_products: int  # products at a time
    max_images_per_day: int  # images rendered per UTC day
    max_queued: int  # generations waiting or running at a time
    max_requests_per_minute: int  # of the whole workspace
    max_caller_requests_per_minute: int  # of one key or person


def load_plans(path: Path) -> dict[str, Plan]:
    """Read the plans by name.

    Raises:
        Fault: the file is missing or does not say exactly what a plan needs.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Fault("plans.toml is missing or is not valid TOML.") from error
    return {name: _plan(name, table) for name, table in tables.items()}


def _plan(name: str, table: object) -> Plan:
    expected = {field.name for field in fields(Plan)} - {"name"}
    if not isinstance(table, dict) or set(table) != expected:
        raise Fault(f"plans.toml: [{name}] needs exactly {', '.join(sorted(expected))}.")
    for key, value in table.items():
        fits = isinstance(value, bool) if key == "custom_models" else type(value) is int
        least = 1 if key.endswith("_per_minute") else 0
        if not fits or (value is not True and value < least):
            raise Fault(f"plans.toml: [{name}] {key} has a value that makes no sense.")
    return Plan(name=name, **table)
