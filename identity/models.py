"""Custom models as they are shown and changed: look, rename, allow tools, erase.

A model's name, gender, checks and tools are sealed in its row; its status is a plain column. What
makes a model is in `enrolment.py`, what it looks like in `likeness.py`. A row whose person is gone
(refused, revoked, erased) is sealed under a new key and names nobody.
"""

from __future__ import annotations

import contextlib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from compliance import audit, consent
from compliance.terms import CUSTOM_MODEL_TOOLS
from identity import likeness
from workspace.errors import (
    Conflict,
    InvalidRequest,
    ModelRevoked,
    NotFound,
    SealBroken,
    ToolNotAllowed,
)
from workspace.rows import Row
from workspace.store import WorkspaceStore
from workspace.types import Caller, Check, Gender, ModelId, ModelStatus, Tool

TABLE = "models"
REAL_PERSON = "real_person"
MAX_NAME_CHARACTERS = 80
GONE = (ModelStatus.NEEDS_ATTENTION, ModelStatus.REVOKED, ModelStatus.ERASED)
ALIVE = "status NOT IN ('needs_attention', 'revoked', 'erased')"  # SQL: somebody is there


@dataclass(frozen=True, slots=True)
class CustomModel:
    """What a caller may see of a model. `name` and `gender` are None once they were destroyed."""

    id: ModelId
    name: str | None
    gender: Gender | None
    status: ModelStatus
    checks: tuple[Check, ...]
    version: int
    tools: tuple[Tool, ...]
    synthetic: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ErasureRecord:
    """What was destroyed: ids and counts, nothing of the person."""

    model_id: ModelId
    status: ModelStatus
    erased_at: datetime
    destroyed: dict[str, int]  # kind of asset -> how many
    audit_entry: int


def describe(store: WorkspaceStore, model_id: ModelId) -> CustomModel:
    """Show one model.

    Raises:
        NotFound: this workspace has no such model.
        SealBroken: its row was changed or damaged.
    """
    return _read(store.get(TABLE, model_id))


def count_held(store: WorkspaceStore) -> int:
    """Count the models that take a place in the plan."""
    marks = ", ".join("?" for _ in GONE)
    return store.count(TABLE, f"status NOT IN ({marks})", [status.value for status in GONE])


def change(
    store: WorkspaceStore,
    model_id: ModelId,
    caller: Caller,
    now: datetime,
    name: str | None = None,
    tools: Sequence[Tool] | None = None,
) -> CustomModel:
    """Rename a model, or say on which tools it may be used.

    Raises:
        NotFound: this workspace has no such model.
        InvalidRequest: the name can't be one.
        ToolNotAllowed: custom models can't be used on one of the tools.
        ModelRevoked, Conflict: there is nobody left to rename.
    """
    with store.transaction():
        row = store.get(TABLE, model_id)
        status = ModelStatus(row.columns["status"])
        if status in (ModelStatus.REVOKED, ModelStatus.ERASED):
            raise ModelRevoked("The model was erased.")
        if status is ModelStatus.NEEDS_ATTENTION:
            raise Conflict("The enrolment was refused, and what it held was destroyed.")
        private = dict(row.private)
        if name is not None:
            private["name"] = checked_name(name)
        if tools is not None:
            private["tools"] = list(_checked_tools(tools))
        store.put(TABLE, model_id, private, updated_at=now.isoformat())
        audit.append(
            store,
            "model.changed",
            model_id,
            caller.actor,
            now,
            renamed=name is not None,
            tools=None if tools is None else " ".join(private["tools"]),
        )
        return describe(store, model_id)


def erase(
    store: WorkspaceStore,
    model_id: ModelId,
    caller: Caller,
    now: datetime,
    status: ModelStatus = ModelStatus.ERASED,
) -> ErasureRecord:
    """Destroy the likeness, the evidence and the name, with their keys; end the consent.

    Final; may be repeated.

    Args:
        store: Whose model.
        model_id: Which model.
        caller: Who asks.
        now: The present time in UTC.
        status: ERASED, or REVOKED when the person withdrew.

    Raises:
        NotFound: this workspace has no such model.
    """
    with store.transaction():
        row = _even_if_damaged(store, model_id)
        if row.columns["status"] == ModelStatus.REVOKED:
            status = ModelStatus.REVOKED
        destroyed = likeness.destroy(store, model_id)
        consent.close(store, model_id, now, caller.actor)
        forget(store, row, status, (), now)
        entry = audit.append(
            store,
            f"model.{status.value}",
            model_id,
            caller.actor,
            now,
            assets=sum(destroyed.values()),
        )
    return ErasureRecord(model_id, status, now, destroyed, entry)


def forget(
    store: WorkspaceStore, row: Row, status: ModelStatus, checks: Sequence[Check], now: datetime
) -> None:
    """Replace a model's row by one under a new key that names nobody; the old key is destroyed.

    The register of the erased takes the model first, so that no copy of the home undoes it.
    """
    store.bury(row.id, now, status.value)
    kept = {name: row.columns[name] for name in ("kind", "version", "created_at")}
    with store.transaction():
        store.destroy(TABLE, row.id)
        store.put(
            TABLE,
            row.id,
            {"checks": checks_as_json(checks)},
            status=status.value,
            updated_at=now.isoformat(),
            **kept,
        )


def checked_name(name: str) -> str:
    """Tidy a model's name.

    Raises:
        InvalidRequest: it is empty, too long or has control characters.
    """
    tidy = unicodedata.normalize("NFC", name).strip()
    if not tidy or len(tidy) > MAX_NAME_CHARACTERS:
        detail = f"A name has 1 to {MAX_NAME_CHARACTERS} characters."
        raise InvalidRequest(detail, (), None, "/name")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in tidy):
        raise InvalidRequest("A name has no control characters.", (), None, "/name")
    return tidy


def checks_as_json(checks: Sequence[Check]) -> list[dict[str, Any]]:
    """Write checks as plain JSON, as they are kept in a model's row."""
    return [asdict(check) for check in checks]


def _even_if_damaged(store: WorkspaceStore, model_id: ModelId) -> Row:
    for raw in list(store.raw(TABLE, "id = ?", (model_id,))):
        with contextlib.suppress(SealBroken):
            return store.open(TABLE, raw)
        return Row(model_id, raw, {})
    raise NotFound("There is nothing under this id.")


def _read(row: Row) -> CustomModel:
    private: Mapping[str, Any] = row.private
    gender = private.get("gender")
    return CustomModel(
        id=ModelId(row.id),
        name=private.get("name"),
        gender=Gender(gender) if gender else None,
        status=ModelStatus(row.columns["status"]),
        checks=tuple(Check(**check) for check in private.get("checks", ())),
        version=row.columns["version"],
        tools=tuple(Tool(tool) for tool in private.get("tools", ())),
        synthetic=row.columns["kind"] != REAL_PERSON,
        created_at=datetime.fromisoformat(row.columns["created_at"]),
    )


def _checked_tools(tools: Sequence[Tool]) -> tuple[str, ...]:
    for tool in tools:
        if tool not in CUSTOM_MODEL_TOOLS:
            raise ToolNotAllowed(
                "A custom model can't be allowed on this tool.", (), None, "/tools"
            )
    return tuple(dict.fromkeys(tool.value for tool in tools))
