"""What a key or session may do. No scope implies another; `admin` opens no likeness. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from workspace.errors import InvalidRequest, ScopeMissing
from workspace.types import Caller

SCOPES = frozenset(
    {
        "models:read",  # models and products, with their photos
        "models:write",  # enrol, change, erase
        "consents:write",  # legal: record, approve, suspend, resume, revoke; policy; talent links
        "generate",
        "images:read",
        "review",  # approve and publish images
        "audit:read",
        "admin",  # people, keys, packs of the workspace; no likeness and no image
    }
)


def require(caller: Caller, *any_of: str) -> None:
    """Let the caller pass if it has one of the scopes.

    Raises:
        ScopeMissing: it has none of them.
    """
    if caller.scopes.isdisjoint(any_of):
        raise ScopeMissing(f"This needs the scope {' or '.join(f'`{s}`' for s in any_of)}.")


def check_scopes(scopes: Iterable[str]) -> frozenset[str]:
    """Return the scopes as a set.

    Raises:
        InvalidRequest: one is unknown, or there is none.
    """
    granted = frozenset(scopes)
    if not granted or not granted <= SCOPES:
        raise InvalidRequest(f"Scopes are: {', '.join(sorted(SCOPES))}.")
    return granted
