"""What each role may do, as scopes: the table that the role matrix test holds every route to. Pure.

Roles are for people; an API key is a `service` and names its scopes one by one. Nobody needs all of
them: `admin` runs the machine and sees no likeness, `legal` decides about consent and generates
nothing, and a person may have several roles.
"""

from __future__ import annotations

from collections.abc import Iterable

from workspace.errors import InvalidRequest

ROLE_SCOPES: dict[str, frozenset[str]] = {
    "creator": frozenset({"models:read", "models:write", "generate", "images:read"}),
    "legal": frozenset({"models:read", "consents:write", "images:read", "audit:read"}),
    "reviewer": frozenset({"models:read", "images:read", "review"}),
    "auditor": frozenset({"audit:read"}),
    "admin": frozenset({"admin"}),
}
# What opens no likeness and no image, directly or by what it makes; see `serve/callers/people.py`.
BLIND = frozenset({"admin", "audit:read"})


def check_roles(roles: Iterable[str]) -> frozenset[str]:
    """Return the roles as a set.

    Raises:
        InvalidRequest: one is unknown, or there is none.
    """
    given = frozenset(roles)
    if not given or not given <= ROLE_SCOPES.keys():
        names = ", ".join(ROLE_SCOPES)
        raise InvalidRequest(f"Roles are: {names}.", (), None, "/roles")
    return given


def scopes_of(roles: Iterable[str]) -> frozenset[str]:
    """Everything that somebody with these roles may do; a role that is unknown gives nothing."""
    return frozenset().union(*(ROLE_SCOPES.get(role, frozenset()) for role in roles))


def is_blind(scopes: Iterable[str]) -> bool:
    """Tell whether these scopes show no likeness and no image, and make none."""
    return frozenset(scopes) <= BLIND
