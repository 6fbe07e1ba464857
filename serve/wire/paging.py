"""Lists: newest first, a page at a time, with an opaque cursor.

The cursor names the last row of the page before (creation time and id), so pages neither skip nor
repeat rows when new ones arrive. One damaged row does not take the whole list away.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from serve.wire import views
from workspace.errors import InvalidRequest, SealBroken
from workspace.rows import Row
from workspace.store import WorkspaceStore

DEFAULT_LIMIT = 50
MAX_LIMIT = 100
MOST_OPENED = 400  # rows that one page opens to find wanted ones
Item = TypeVar("Item")


def page(
    store: WorkspaceStore,
    table: str,
    limit: int,
    cursor: str | None,
    show: Callable[[Row], Item],
    where: str = "1",
    params: Sequence[Any] = (),
    wanted: Callable[[Row], bool] | None = None,
) -> views.Page[Item]:
    """Read one page; a row that no longer opens is named in it and hides no other.

    Args:
        show: Makes the item of a row.
        wanted: Asks what no plain column can say; rows that are not wanted are passed over. Then
            a page ends after `MOST_OPENED` rows, too: it may be short, and have a next one.

    Raises:
        InvalidRequest: the cursor is not one of ours.
    """
    if cursor is not None:
        where, params = f"({where}) AND (created_at, id) < (?, ?)", (*params, *_read(cursor))
    most = MOST_OPENED if wanted else limit
    found = list(store.raw(table, where, params, "created_at DESC, id DESC", most + 1))
    items: list[Item] = []
    damaged: list[views.DamagedView] = []
    opened = 0
    for raw in found[:most]:
        if len(items) + len(damaged) == limit:
            break
        opened += 1
        try:
            row = store.open(table, raw)
            if wanted is None or wanted(row):
                items.append(show(row))
        except SealBroken as error:
            damaged.append(views.DamagedView(id=str(raw["id"]), code=error.code))
    last = found[opened - 1] if len(found) > opened else None
    following = _write(last["created_at"], last["id"]) if last else None
    return views.Page(items=items, damaged=damaged, next_cursor=following)


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
