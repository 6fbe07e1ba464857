"""Which page is for whom: the console's addresses, their names and the scopes that open them. Pure.

The bar shows only what a caller may open, and the door (`guard.py`) answers for the rest. Neither
is what protects anything: the service checks every call by itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from console import texts

_MAKES, _ENROLS = frozenset({"generate"}), frozenset({"models:write"})
_ADMIN = frozenset({"admin"})


@dataclass(frozen=True, slots=True)
class Place:
    """One page: any of `needs` opens it, and nothing needed means anybody who is signed in."""

    address: str
    name: str
    needs: frozenset[str]
    in_bar: bool = True


PLACES = (
    Place("", texts.HOME, _MAKES),
    Place("editorial", texts.EDITORIAL, _MAKES),
    Place("refine", texts.REFINE, _MAKES, in_bar=False),
    Place("flatlay", texts.FLATLAY, _MAKES),
    Place("background-swap", texts.SWAP, _MAKES),
    Place("enrol", texts.ENROL, _ENROLS, in_bar=False),
    Place("scratch", texts.SCRATCH, _ENROLS, in_bar=False),
    Place("models", texts.MODELS, frozenset({"models:read"})),
    Place("review", texts.REVIEW, frozenset({"review"})),
    Place("compliance", texts.COMPLIANCE, frozenset({"audit:read", "consents:write"})),
    Place("verify", texts.VERIFY, frozenset()),
    Place("admin", texts.ADMIN, _ADMIN),
)
_BY_ADDRESS = {place.address: place for place in PLACES}
_WHO = {
    "generate": "creators",
    "models:write": "creators",
    "models:read": "creators, reviewers and legal",
    "review": "reviewers",
    "audit:read": "legal and auditors",
    "admin": "admins",
}


@dataclass(frozen=True, slots=True)
class Account:
    """Who is looking, as `GET /v1/account` says."""

    scopes: frozenset[str]
    name: str = ""
    roles: tuple[str, ...] = ()

    @classmethod
    def of(cls, body: dict[str, Any]) -> Account:
        """Read the service's answer."""
        scopes, roles = body.get("scopes") or (), body.get("roles") or ()
        return cls(frozenset(map(str, scopes)), str(body.get("name") or ""), tuple(roles))


def place_of(address: str) -> Place | None:
    """The place of a page; `admin-keys` and the like belong to the page before the dash."""
    family = address.partition("-")[0]
    return _BY_ADDRESS.get(address) or _BY_ADDRESS.get(family if family == "admin" else "-")


def may_open(address: str, account: Account) -> bool:
    """Whether a page is for this caller; a page that nobody listed is for everybody signed in."""
    place = place_of(address)
    return place is None or not place.needs or bool(place.needs & account.scopes)


def bar_of(account: Account) -> Iterable[Place]:
    """What the bar shows to this caller, in order."""
    return [place for place in PLACES if place.in_bar and may_open(place.address, account)]


def landing_of(account: Account) -> str:
    """The page where this caller starts."""
    for place in PLACES:
        if place.needs & account.scopes:
            return place.address
    return "verify"


def for_whom(address: str) -> str:
    """Who a page is for, in words."""
    place = place_of(address)
    for scope in sorted(place.needs) if place else ():
        if scope in _WHO:
            return _WHO[scope]
    return "others"
