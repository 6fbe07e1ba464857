"""People with a name and a password: made, changed, ended, and signed in.

Rules:
- A name belongs to one workspace; two workspaces may have the same. It is found by a keyed hash and
  kept sealed, beside the password's Argon2id hash.
- What a person may do is their roles at this moment; a session never remembers more.
- A change that ends or narrows counts at once and ends the person's sessions.
- An `admin` sees no likeness, and can't make itself an account that does: what an admin makes or
  gives a new password waits until another person (`consents:write`) confirms it, unless it opens
  nothing. None of those whose change waits may confirm. The command line makes accounts that count
  at once: it has the root key anyway.

Throttling and the sign-in page are elsewhere (`throttle.py`, `api/sign_in.py`).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from serve.callers import rights
from serve.callers.roles import check_roles, is_blind, scopes_of
from workspace import sealing
from workspace.control import plain_name
from workspace.database import transaction
from workspace.errors import (
    Conflict,
    HousemodelError,
    InvalidRequest,
    NotFound,
    Refused,
    Unauthenticated,
)
from workspace.registry import Registry
from workspace.types import PersonId, WorkspaceId, new_id

_TABLE = "people"
_MAX_NAME = 80  # characters
# NIST SP 800-63B asks for 8 at least and 64 at most or more; longer is what helps.
MIN_PASSWORD = 12
MAX_PASSWORD = 200
Status = Literal["active", "awaiting_confirmation", "removed", "damaged"]


@dataclass(frozen=True, slots=True)
class Person:
    """One account."""

    id: PersonId
    workspace_id: WorkspaceId
    name: str
    roles: tuple[str, ...]
    status: Status
    created_at: str  # RFC 3339 in UTC
    by: Literal["password", "provider"] = "password"  # how the person signs in

    @property
    def scopes(self) -> frozenset[str]:
        """What the roles allow."""
        return scopes_of(self.roles)


def add(
    registry: Registry,
    workspace_id: WorkspaceId,
    name: str,
    roles: Iterable[str],
    password: str,
    now: datetime,
    made_by: str | None = None,
    person_id: PersonId | None = None,
) -> Person:
    """Make an account.

    Args:
        made_by: The principal of the admin who makes it over HTTP; None for the command line.
        person_id: A new id that is in the audit log already; None to make one.

    Raises:
        InvalidRequest: the name, a role or the password can't be used.
        Conflict: this workspace has a person of that name.
        NotFound: there is no such workspace.
    """
    granted, name = check_roles(roles), _clean_name(name)
    kept = sealing.hash_password(_clean_password(password, name))
    registry.get(workspace_id)
    row = {
        "id": person_id or new_id("per"),
        "workspace_id": workspace_id,
        "hash": hash_of_name(registry, workspace_id, name),
        "roles": " ".join(sorted(granted)),
        "created_at": now.isoformat(),
        "disabled_at": None,
    }
    private = {"name": name, "password": kept, "waits_for": [made_by] if made_by else []}
    with transaction(registry.control):
        if _by_hash(registry, row["hash"] or "") is not None:
            raise Conflict("There is a person of this name.", (), None, "/name")
        rights.insert(registry, _TABLE, row, private)
    return _person(registry, {**row, "sealed": registry.seal_right(_TABLE, row, private)})


def people(registry: Registry, workspace_id: WorkspaceId) -> list[Person]:
    """List the accounts of one workspace, oldest first; a damaged one says so and opens nothing."""
    sql = f"SELECT * FROM {_TABLE} WHERE workspace_id = ? ORDER BY created_at, id"
    return [_person(registry, row) for row in registry.control.query(sql, [workspace_id])]


def get(registry: Registry, workspace_id: WorkspaceId, person_id: str) -> Person:
    """Show one account of a workspace.

    Raises:
        NotFound: there is none under this id in this workspace.
    """
    return _person(registry, _row(registry, workspace_id, person_id))


def find(registry: Registry, person_id: str) -> Person | None:
    """Find the account behind a session; None for one that is gone or damaged."""
    row = rights.by_id(registry, _TABLE, person_id)
    found = _person(registry, row) if row is not None else None
    return found if found is not None and found.status == "active" else None


def change(
    registry: Registry,
    workspace_id: WorkspaceId,
    person_id: str,
    roles: Iterable[str] | None = None,
    password: str | None = None,
    made_by: str | None = None,
) -> Person:
    """Give other roles or a new password, and end the person's sessions.

    Args:
        made_by: See `add`. With a new password or more rights the account waits again; None
            lets it count.

    Raises:
        InvalidRequest: a role or the password can't be used.
        Conflict: the sign-in provider decides about this account.
        NotFound: there is none under this id, or its row is damaged.
    """
    if _whole(registry, workspace_id, person_id)[1].get("provider"):
        raise Conflict("The sign-in provider decides about this account; change it there.")
    granted = check_roles(roles) if roles is not None else None
    slow = None
    if password is not None:  # hashed before the transaction, which others wait for
        name = _whole(registry, workspace_id, person_id)[1]["name"]
        slow = sealing.hash_password(_clean_password(password, name))
    with transaction(registry.control):
        row, private = _whole(registry, workspace_id, person_id)
        before = scopes_of(row["roles"].split())
        after = scopes_of(granted) if granted is not None else before
        columns = {"roles": " ".join(sorted(granted))} if granted is not None else {}
        if slow is not None:
            private["password"] = slow
        if made_by is not None and (slow is not None or not after <= before):
            private["waits_for"] = sorted({*_makers(private), made_by})
        if made_by is None:
            private["waits_for"] = []
        rights.replace(registry, _TABLE, row, columns, private)
        end_sessions(registry, person_id)
    return get(registry, workspace_id, person_id)


def change_own_password(registry: Registry, person_id: str, password: str) -> None:
    """Give the person the password that they chose, and end their sessions; nothing else changes.

    Raises:
        InvalidRequest: the password can't be used.
        Unauthenticated: the account does not count, or not any more.
    """
    slow = sealing.hash_password(_clean_password(password, _active(registry, person_id).name))
    with transaction(registry.control):
        person = _active(registry, person_id)
        row, private = _whole(registry, person.workspace_id, person_id)
        rights.replace(registry, _TABLE, row, {}, {**private, "password": slow})
        end_sessions(registry, person_id)


def confirm(
    registry: Registry,
    workspace_id: WorkspaceId,
    person_id: str,
    confirmed_by: str,
    roles: Iterable[str] | None = None,
) -> Person:
    """Let an account count that waits; confirming it again changes nothing.

    Args:
        confirmed_by: The principal of whoever confirms.
        roles: What they confirm; None for the command line, which confirms what there is.

    Raises:
        Conflict: the account has other roles.
        Refused: whoever made or changed it can't confirm it, nor can the person whom it is for.
        NotFound: there is none under this id, or its row is damaged.
    """
    with transaction(registry.control):
        row, private = _whole(registry, workspace_id, person_id)
        if roles is not None and set(roles) != set(row["roles"].split()):
            raise Conflict("This account has other roles than these.", (), None, "/roles")
        if _person(registry, row).status == "awaiting_confirmation":
            if confirmed_by in (*_makers(private), person_id):
                raise Refused("Somebody else than who made or changed this account confirms it.")
            rights.replace(registry, _TABLE, row, {}, {**private, "waits_for": []})
    return get(registry, workspace_id, person_id)


def remove(registry: Registry, workspace_id: WorkspaceId, person_id: str, now: datetime) -> Person:
    """End an account and its sessions for good, and free its name; the id stays in the audit log.

    Raises:
        NotFound: there is none under this id.
    """
    with transaction(registry.control):
        row = _row(registry, workspace_id, person_id)
        if not row["disabled_at"]:
            private = rights.opened(registry, _TABLE, row) or {}
            ended = {**row, "disabled_at": now.isoformat()}
            kept = {"name": private.get("name", ""), "password": "", "waits_for": []}
            if private.get("provider"):  # who it vouches for stays outside by what it says of them
                kept |= {"provider": private["provider"], "subject": private.get("subject")}
            else:
                ended["hash"] = rights.hash_of(person_id)
            registry.control.execute(f"DELETE FROM {_TABLE} WHERE id = ?", [person_id])
            rights.insert(registry, _TABLE, {k: ended[k] for k in ended if k != "sealed"}, kept)
        end_sessions(registry, person_id)
    return get(registry, workspace_id, person_id)


def by_name(registry: Registry, workspace_id: WorkspaceId, name: str) -> Person:
    """Find an account by its name, or by its id.

    Raises:
        NotFound: this workspace has nobody of this name or id.
    """
    row = _by_hash(registry, hash_of_name(registry, workspace_id, name))
    if row is None and name.startswith("per_"):
        return get(registry, workspace_id, name)
    if row is None:
        raise NotFound("There is nobody of this name in this workspace.")
    return _person(registry, row)


def named(registry: Registry, name: str, workspace: str | None = None) -> list[Person]:
    """Find the accounts that count and have this name, in the named workspace or in any."""
    places = workspaces_of(registry, name, workspace)
    found = [by_name(registry, workspace_id, name) for workspace_id in places]
    return [person for person in found if person.status == "active"]


def workspaces_of(registry: Registry, name: str, workspace: str | None) -> list[WorkspaceId]:
    """Find the workspaces that have a person of this name, or only the named one of them."""
    return [
        workspace_id
        for workspace_id in registry.ids()
        if _by_hash(registry, hash_of_name(registry, workspace_id, name)) is not None
        and (workspace is None or _is_called(registry, workspace_id, workspace))
    ]


def check_password(registry: Registry, person_id: str, password: str) -> bool:
    """Tell whether this is the person's password; slow, and as slow for nobody at all."""
    row = rights.by_id(registry, _TABLE, person_id)
    private = rights.opened(registry, _TABLE, row) if row is not None else None
    kept = private["password"] if private and private["password"] else _nobodys_password()
    right = sealing.is_password(unicodedata.normalize("NFKC", password), kept)
    return right and private is not None and bool(private["password"])


def hash_of_name(registry: Registry, workspace_id: str, name: str) -> str:
    """Hash a name of one workspace, without regard to upper and lower case."""
    return registry.name_hash("person", workspace_id, plain(name))


def plain(name: str) -> str:
    """Write a name in the one form that is compared."""
    return plain_name(name)


def _person(registry: Registry, row: dict[str, Any]) -> Person:
    private = rights.opened(registry, _TABLE, row)
    status: Status = "active"
    if private is None:
        status = "damaged"
    elif row["disabled_at"]:
        status = "removed"
    elif _makers(private) and not is_blind(scopes_of(row["roles"].split())):
        status = "awaiting_confirmation"
    return Person(
        PersonId(row["id"]),
        WorkspaceId(row["workspace_id"]),
        private["name"] if private else "",
        tuple(str(row["roles"]).split()),
        status,
        row["created_at"],
        "provider" if private and private.get("provider") else "password",
    )


def _makers(private: dict[str, Any]) -> list[str]:
    """The principals of everybody over HTTP whose change nobody has confirmed."""
    kept = private["waits_for"] or []
    return [kept] if isinstance(kept, str) else kept  # one name: as it was written once


def _active(registry: Registry, person_id: str) -> Person:
    person = find(registry, person_id)
    if person is None:
        raise Unauthenticated("This account does not count any more.")
    return person


def _row(registry: Registry, workspace_id: str, person_id: str) -> dict[str, Any]:
    row = rights.by_id(registry, _TABLE, person_id)
    if row is None or row["workspace_id"] != workspace_id:
        raise NotFound("There is no such person.")
    return row


def _whole(
    registry: Registry, workspace_id: str, person_id: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    row = _row(registry, workspace_id, person_id)
    private = rights.opened(registry, _TABLE, row)
    if private is None or row["disabled_at"]:
        raise NotFound("This account was removed, or its row is damaged.")
    return row, private


def _by_hash(registry: Registry, name_hash: str) -> dict[str, Any] | None:
    sql = f"SELECT * FROM {_TABLE} WHERE hash = ?"
    return next(iter(registry.control.query(sql, [name_hash])), None)


def end_sessions(registry: Registry, person_id: str) -> None:
    """End every session of a person."""
    registry.control.execute(
        "DELETE FROM sessions WHERE substr(id, 1, ?) = ?", [len(person_id) + 1, f"{person_id}."]
    )


def _is_called(registry: Registry, workspace_id: str, name: str) -> bool:
    with suppress(HousemodelError):  # a damaged workspace has no name
        return plain(registry.get(workspace_id).name) == plain(name)
    return False


_nobodys: list[str] = []


def _nobodys_password() -> str:
    """A hash that costs as much to check as a real one; made once per process."""
    if not _nobodys:
        _nobodys.append(sealing.hash_password("nobody has this password"))
    return _nobodys[0]


def _clean_name(name: str) -> str:
    name = unicodedata.normalize("NFC", name).strip()
    if not name or len(name) > _MAX_NAME or not name.isprintable() or name.startswith("hm_"):
        words = f"A name has 1 to {_MAX_NAME} printable characters, for example an address."
        raise InvalidRequest(words, (), None, "/name")
    return name


def _clean_password(password: str, name: str) -> str:
    password = unicodedata.normalize("NFKC", password)
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD or not password.isprintable():
        words = f"A password has {MIN_PASSWORD} to {MAX_PASSWORD} printable characters."
        raise InvalidRequest(words, (), None, "/password")
    if len(set(password)) < 5 or name.casefold() in password.casefold():
        words = "This password is too easy to guess: it repeats itself, or holds the name."
        raise InvalidRequest(words, (), None, "/password")
    return password
