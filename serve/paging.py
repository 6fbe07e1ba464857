"""Lists: newest first, a page at a time, with an opaque cursor.

The cursor names the last row of the page before (creation time and id), so pages neither skip nor
repeat rows when new ones arrive.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any

from workspace.errors import InvalidRequest
from workspace.rows import Row
from workspace.store import WorkspaceStore

DEFAULT_LIMIT = 50
MAX_LIMIT = 100


def page(
    store: WorkspaceStore,
    table: str,
    limit: int,
    cursor: str | None,
    where: str = "1",
    params: Sequence[Any] = (),
) -> tuple[list[Row], str | None]:
    """Read one page and the cursor of the next; None when this is the last.

    Raises:
        InvalidRequest: the cursor is not one of ours.
    """
    if cursor is not None:
        where, params = f"({where}) AND (created_at, id) < (?, ?)", (*params, *_read(cursor))
    rows = store.find(table, where, params, "created_at DESC, id DESC", limit + 1)
    if len(rows) <= limit:
        return rows, None
    last = rows[limit - 1]
    return rows[:limit], _write(last.columns["created_at"], last.id)


def _write(created_at: str, row_id: str) -> str:
    return base64.urlsafe_b64encode(f"{created_at} {row_id}".encode()).decode().rstrip("=")


def _read(cursor: str) -> tuple[str, str]:
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except (ValueError, binascii.Error, UnicodeDecodeError) as error:
        raise _wrong() from error
    created_at, space, row_id = text.partition(" ")
    if not space or "\0" in text:
        raise _wrong()
    return created_at, row_id


def _wrong() -> InvalidRequest:
    return InvalidRequest("`cursor` is not one that a list gave out.")
