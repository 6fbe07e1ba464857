"""People whom a sign-in provider (OpenID Connect) vouches for: their account and their roles.

Rules:
- An account belongs to the provider's issuer and subject, never to a name or an address: two people
  of one name are two accounts, and nobody comes into a local account this way, or the other way.
- Roles come from the table in the configuration, group by group, at every sign-in. Who is in no
  listed group stays outside, and their sessions end. A group has the roles of its line, no other.
- What docs/roles.md says of accounts holds here, too: an account that opens likenesses waits until
  somebody with `consents:write` confirms it, unless the configuration says that the provider's
  word is enough; fewer rights count at once, more rights wait again. Who was in no group at a
  sign-in waits, too, once they are in one.
- Whoever was removed here stays outside, whatever the provider says, until `user readmit`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from compliance import audit
from serve.callers import people, rights
from serve.callers.people import Person
from serve.callers.roles import scopes_of
from workspace.database import transaction
from workspace.errors import NotFound, Refused
from workspace.registry import Registry
from workspace.store import WorkspaceStore
from workspace.types import PersonId, WorkspaceId, new_id

PROVIDER = "provider"  # who makes and changes these accounts, for those who confirm and audit
_TABLE = "people"
_LABEL = "sign-in name v1"
_LONGEST_NAME = 80  # characters
_MARKED_NAME = 40  # of them, where the rest says whose name it is
_MOST_GROUPS = 1000  # of one token; what comes after is not looked at


@dataclass(frozen=True, slots=True)
class ProviderRules:
    """What one provider's word is worth here."""

    issuer: str
    workspace: str  # the name of the workspace that its people belong to
    roles: Mapping[str, tuple[str, ...]]  # group -> roles
    roles_claim: str = "groups"
    name_claim: str = "email"
    confirm: bool = True  # whether new accounts and more rights wait for somebody here


def enter(
    registry: Registry, rules: ProviderRules, claims: Mapping[str, Any], now: datetime
) -> Person:
    """Find or make the account of somebody who has just shown who they are, with today's roles.

    Args:
        claims: Of an ID token that was checked.

    Raises:
        Refused: no group of theirs has a role, the account waits, or it was removed.
        NotFound: the configured workspace does not exist.
        Locked, StorageFull: it can't be audited.
    """
    of = registry.by_name(rules.workspace).id
    subject = str(claims["sub"])
    known_as = registry.name_hash("provider", of, rules.issuer, subject)
    roles = roles_of(rules, claims)
    # NOTE: opened before and handed on: opening takes the registry's lock, which comes first.
    store = registry.store(of)
    with store.transaction(), transaction(registry.control):
        row = _by_hash(registry, known_as)
        if row is not None and row["disabled_at"]:
            refusal = "This account was removed; an admin can let you in again."
        elif not roles:
            refusal = "None of your groups has a role here; ask whoever runs your sign-in."
            if row is not None:
                _shut_out(registry, store, rules, row, now)
        else:
            refusal = ""
            person_id = (
                _made(registry, store, rules, known_as, roles, claims, now)
                if row is None
                else _brought_up(registry, store, rules, row, roles, now)
            )
        if refusal:
            who = store.keyed_hash(_LABEL, known_as)
            audit.append(store, "sign_in.refused", of, "nobody", now, who=who)
    if refusal:  # NOTE: raised outside, or the audit entry would be undone
        raise Refused(refusal)
    person = people.get(registry, of, person_id)
    if person.status != "active":
        raise Refused("Your account waits: somebody of legal has to confirm it first.")
    return person


def roles_of(rules: ProviderRules, claims: Mapping[str, Any]) -> tuple[str, ...]:
    """The roles that the table gives to the groups of these claims, sorted."""
    given = claims.get(rules.roles_claim)
    groups = [given] if isinstance(given, str) else given if isinstance(given, list) else []
    named = (group for group in groups[:_MOST_GROUPS] if isinstance(group, str))
    return tuple(sorted({role for group in named for role in rules.roles.get(group, ())}))


def readmit(registry: Registry, workspace_id: WorkspaceId, person_id: str) -> None:
    """Let somebody who was removed come in again: their next sign-in makes a new account.

    Raises:
        NotFound: no such account was removed in this workspace.
    """
    with transaction(registry.control):
        row = rights.by_id(registry, _TABLE, person_id)
        private = rights.opened(registry, _TABLE, row) if row is not None else None
        if row is None or row["workspace_id"] != workspace_id or not private:
            raise NotFound("There is no such person.")
        if not private.get("provider") or not row["disabled_at"]:
            raise NotFound("Only who came through the provider and was removed is readmitted.")
        registry.control.execute(f"DELETE FROM {_TABLE} WHERE id = ?", [person_id])
        freed = {k: row[k] for k in row if k != "sealed"} | {"hash": rights.hash_of(person_id)}
        rights.insert(registry, _TABLE, freed, private)


def _made(
    registry: Registry,
    store: WorkspaceStore,
    rules: ProviderRules,
    known_as: str,
    roles: tuple[str, ...],
    claims: Mapping[str, Any],
    now: datetime,
) -> PersonId:
    person_id = PersonId(new_id("per"))
    words = " ".join(roles)
    audit.append(store, "person.added", person_id, PROVIDER, now, what=words)
    row = {
        "id": person_id,
        "workspace_id": store.workspace.id,
        "hash": known_as,
        "roles": words,
        "created_at": now.isoformat(),
        "disabled_at": None,
    }
    private = {
        "name": _name(registry, store.workspace.id, rules, claims),
        "password": "",
        "waits_for": [PROVIDER] if rules.confirm else [],
        "provider": rules.issuer,
        "subject": str(claims["sub"]),  # with it a new root key finds the account again
    }
    rights.insert(registry, _TABLE, row, private)
    return person_id


def _brought_up(
    registry: Registry,
    store: WorkspaceStore,
    rules: ProviderRules,
    row: Mapping[str, Any],
    roles: tuple[str, ...],
    now: datetime,
) -> PersonId:
    """Give an account the roles that its person has at the provider now."""
    person_id, before = PersonId(row["id"]), str(row["roles"])
    private = rights.opened(registry, _TABLE, row)
    if private is None:
        raise Refused("This account is damaged; an admin can look with `housemodel doctor`.")
    if before == " ".join(roles):
        return person_id
    audit.append(store, "person.changed", person_id, PROVIDER, now, what="roles")
    if rules.confirm and not scopes_of(roles) <= scopes_of(before.split()):
        private["waits_for"] = [PROVIDER]
    rights.replace(registry, _TABLE, row, {"roles": " ".join(roles)}, private)
    people.end_sessions(registry, person_id)
    return person_id


def _shut_out(
    registry: Registry,
    store: WorkspaceStore,
    rules: ProviderRules,
    row: Mapping[str, Any],
    now: datetime,
) -> None:
    """End the sessions of somebody without any role; to come back is to get more rights."""
    person_id = PersonId(row["id"])
    people.end_sessions(registry, person_id)
    private = rights.opened(registry, _TABLE, row)
    if private is not None and rules.confirm and not private["waits_for"]:
        audit.append(store, "person.changed", person_id, PROVIDER, now, what="no role")
        rights.replace(registry, _TABLE, row, {}, {**private, "waits_for": [PROVIDER]})


def _by_hash(registry: Registry, known_as: str) -> dict[str, Any] | None:
    sql = f"SELECT * FROM {_TABLE} WHERE hash = ?"
    return next(iter(registry.control.query(sql, [known_as])), None)


def _name(
    registry: Registry, of: WorkspaceId, rules: ProviderRules, claims: Mapping[str, Any]
) -> str:
    """What the person is shown as; it opens nothing.

    An address counts only where the provider says that it is theirs, and a name that another
    account has is marked: at most providers, people write their names themselves.
    """
    whose = f"{PROVIDER}: {claims['sub']}"
    given = claims.get(rules.name_claim)
    if rules.name_claim == "email" and claims.get("email_verified") is not True:
        given = None
    name = unicodedata.normalize("NFC", given).strip() if isinstance(given, str) else ""
    shown = _printable(name)
    taken = {_alike(each.name) for each in people.people(registry, of) if each.status != "removed"}
    if shown and _alike(shown) in taken:
        shown = f"{shown[:_MARKED_NAME]} ({whose})"
    return _printable(shown or whose)


def _printable(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable())[:_LONGEST_NAME]


def _alike(name: str) -> str:
    """A name as it is compared: without regard to case, to forms of letters and to spaces."""
    return "".join(people.plain(name).split())
