"""A sign-in from top to bottom: throttled, checked, audited.

1. a name with a password waits for a slot and is refused when it failed too often; 2. the secret
becomes a session; 3. it must come from where the workspace and the key may be called from (a
password from elsewhere counts as a wrong one, so that nobody can find it out there); 4. the
workspace's audit log names who came in, or that somebody was refused, with a keyed hash of the
name. A session whose sign-in is refused or can't be audited is ended again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from compliance import audit
from serve.callers import auth, people, provided
from serve.callers.provided import ProviderRules
from serve.callers.throttle import Throttle
from workspace.database import transaction
from workspace.errors import AddressNotAllowed, HousemodelError, Refused, Unauthenticated
from workspace.registry import Registry
from workspace.types import Caller

_LABEL = "sign-in name v1"
_log = logging.getLogger("housemodel.sign_in")


def with_key(
    registry: Registry,
    key: str,
    address: str,
    now: datetime,
    hours: int,
    outside: Callable[[], None] = lambda: None,
) -> str:
    """Open a session with an API key; returns its secret.

    Args:
        outside: Called before a wrong address is audited: who counts them may raise RateLimited.

    Raises:
        Unauthenticated: the key is not valid.
        AddressNotAllowed: not from this address.
        Locked, StorageFull: the sign-in can't be audited.
    """
    session = auth.sign_in(registry, key, now, hours)
    return _audited(registry, session, address, now, "key", outside)


def with_code(registry: Registry, code: str, address: str, now: datetime, hours: int) -> str:
    """Open a session with a one-time code; returns its secret.

    Raises:
        Unauthenticated: the code is unknown, used or too old.
        AddressNotAllowed: not from this address; the code is used up.
        Locked, StorageFull: the sign-in can't be audited.
    """
    return _audited(registry, auth.redeem(registry, code, now, hours), address, now, "code")


def with_password(
    registry: Registry,
    throttle: Throttle,
    name: str,
    password: str,
    workspace: str | None,
    address: str,
    now: datetime,
    hours: int,
) -> str:
    """Open a session for a person; returns its secret.

    Args:
        address: Where the attempt comes from.

    Raises:
        Unauthenticated: something of it is wrong, or it comes from outside of the networks.
        RateLimited: too many wrong attempts, of this name or from this address.
        Locked, StorageFull: the sign-in can't be audited.
    """
    known_as = people.hash_of_name(registry, "", name)
    with throttle.attempt():
        throttle.check(known_as, address, now)
        try:
            session = auth.sign_in_person(registry, name, password, now, hours, workspace, address)
        except Unauthenticated:
            throttle.failed(known_as, address, now)
            _refused(registry, name, workspace, now)
            raise
    throttle.succeeded(known_as)
    return _audited(registry, session, address, now, "password")


def with_provider(
    registry: Registry,
    rules: ProviderRules,
    claims: Mapping[str, Any],
    address: str,
    now: datetime,
    hours: int,
) -> str:
    """Open a session for somebody whom the sign-in provider vouches for; returns its secret.

    Args:
        claims: Of an ID token that was checked.

    Raises:
        Refused: no role for their groups, or the account waits or was removed.
        AddressNotAllowed: not from this address.
        Locked, StorageFull: the sign-in can't be audited.
    """
    person = provided.enter(registry, rules, claims, now)
    with transaction(registry.control):  # a removal comes before it, or finds the session
        known = people.find(registry, person.id)
        if known is None:
            raise Refused("This account does not count any more.")
        session = auth.open_for(registry, known, now, hours)
    return _audited(registry, session, address, now, "provider")


def _audited(
    registry: Registry,
    session: str,
    address: str,
    now: datetime,
    by: str,
    outside: Callable[[], None] = lambda: None,
) -> str:
    caller = auth.resume(registry, session, now)
    try:
        store = registry.store(caller.workspace_id)
        try:
            auth.check_address(registry, caller, address)
        except AddressNotAllowed:
            outside()
            who = store.keyed_hash(_LABEL, caller.principal)
            audit.append(store, "sign_in.refused", store.workspace.id, "nobody", now, who=who)
            raise
        audit.append(store, "sign_in.ok", caller.actor.partition(".")[0], caller.actor, now, by=by)
    except BaseException:
        auth.sign_out(registry, session)
        raise
    return session


def _refused(registry: Registry, name: str, workspace: str | None, now: datetime) -> None:
    """Tell the workspaces that have the name; an unknown one is told to the only workspace."""
    _log.warning("a sign-in with a password was refused")
    places = people.workspaces_of(registry, name, workspace)
    for workspace_id in places or (registry.ids() if len(registry.ids()) == 1 else ()):
        with suppress(HousemodelError):  # a locked one can't be told; the answer stays the same
            store = registry.store(workspace_id)
            who = store.keyed_hash(_LABEL, people.plain(name))
            audit.append(store, "sign_in.refused", workspace_id, "nobody", now, who=who)


def signed_out(registry: Registry, caller: Caller, now: datetime) -> None:
    """Note that a session ended; not worth keeping anybody signed in for."""
    with suppress(HousemodelError):
        store = registry.store(caller.workspace_id)
        audit.append(store, "sign_in.ended", caller.actor.partition(".")[0], caller.actor, now)
