"""`housemodel user add|list|password|confirm|remove|readmit`: people who sign in.

What is made here counts at once: whoever runs this has the root key. Everything is audited in the
workspace, with the actor `cli`. A password is asked for on the terminal, or read from the input;
never from the command line, where other processes see it.
"""

from __future__ import annotations

import argparse
import getpass
import sys
from typing import Any

from compliance import audit
from serve.callers import people, provided
from serve.callers.people import Person
from serve.callers.roles import ROLE_SCOPES
from serve.cli.common import add_home, add_json, command, now, open_home, show
from workspace.errors import InvalidRequest
from workspace.registry import Registry
from workspace.types import PersonId, WorkspaceId, new_id

_ACTOR = "cli"


def add_parser(commands: Any) -> None:
    parser = command(
        commands,
        "user",
        "add, list, change or remove people who sign in with a name",
        "housemodel user add ines --workspace demo --roles creator,reviewer",
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    add = command(
        actions,
        "add",
        "add a person; the password is asked for",
        "housemodel user add ines --workspace demo --roles creator,reviewer",
    )
    add.add_argument("--roles", required=True, help="comma-separated: " + ", ".join(ROLE_SCOPES))
    add.set_defaults(run=_add)
    listing = command(
        actions, "list", "list people, never passwords", "housemodel user list --workspace demo"
    )
    listing.set_defaults(run=_list)
    password = command(
        actions,
        "password",
        "give a person a new password and end their sessions",
        "housemodel user password ines --workspace demo",
    )
    password.set_defaults(run=_password)
    confirm = command(
        actions,
        "confirm",
        "let an account count that an admin made in the service",
        "housemodel user confirm ines --workspace demo",
    )
    confirm.set_defaults(run=_confirm)
    remove = command(
        actions,
        "remove",
        "end an account and its sessions at once",
        "housemodel user remove ines --workspace demo",
    )
    remove.set_defaults(run=_remove)
    readmit = command(
        actions,
        "readmit",
        "let somebody who was removed come in through the provider again",
        "housemodel user readmit per_7h2k... --workspace demo",
    )
    readmit.set_defaults(run=_readmit)
    for name, action in actions.choices.items():
        if name != "list":
            action.add_argument("name", help="what the person signs in with, or the account's id")
        if name in ("add", "password"):
            action.add_argument(
                "--password-stdin", action="store_true", help="read it from the input's first line"
            )
        action.add_argument("--workspace", required=True, metavar="NAME")
        add_home(action)
        add_json(action)


def _add(args: argparse.Namespace) -> int:
    registry, of = _open(args)
    roles = [part.strip() for part in args.roles.split(",") if part.strip()]
    given, person_id = _read_password(args), PersonId(new_id("per"))
    with registry.store(of).transaction():
        _note(registry, of, "person.added", person_id, " ".join(sorted(roles))[:200])
        made = people.add(registry, of, args.name, roles, given, now(), person_id=person_id)
    return _done(args, made, f"Added {made.name} ({made.id}): {', '.join(made.roles)}.")


def _list(args: argparse.Namespace) -> int:
    registry, of = _open(args)
    found = [person for person in people.people(registry, of) if person.status != "removed"]
    lines = [f"{p.id}  {p.name}  {' '.join(p.roles)}{_mark(p)}" for p in found]
    none = f"Nobody yet: housemodel user add NAME --workspace {args.workspace} --roles creator"
    show(args, [_row(person) for person in found], lines or [none])
    return 0


def _password(args: argparse.Namespace) -> int:
    registry, of = _open(args)
    known, given = people.by_name(registry, of, args.name), _read_password(args)
    with registry.store(of).transaction():
        _note(registry, of, "person.changed", known.id, "password")
        changed = people.change(registry, of, known.id, password=given)
    return _done(args, changed, f"{changed.name} has a new password; their sessions have ended.")


def _confirm(args: argparse.Namespace) -> int:
    registry, of = _open(args)
    known = people.by_name(registry, of, args.name)
    with registry.store(of).transaction():
        _note(registry, of, "person.confirmed", known.id, " ".join(known.roles))
        done = people.confirm(registry, of, known.id, _ACTOR)
    return _done(args, done, f"{done.name} may sign in now.")


def _remove(args: argparse.Namespace) -> int:
    registry, of = _open(args)
    known = people.by_name(registry, of, args.name)
    with registry.store(of).transaction():
        _note(registry, of, "person.removed", known.id, "")
        gone = people.remove(registry, of, known.id, now())
    return _done(args, gone, f"Removed {gone.id}.")


def _readmit(args: argparse.Namespace) -> int:
    registry, of = _open(args)
    known = people.by_name(registry, of, args.name)
    with registry.store(of).transaction():
        _note(registry, of, "person.readmitted", known.id, "")
        provided.readmit(registry, of, known.id)
    return _done(
        args, known, f"{known.id} may come in again: the next sign-in makes a new account."
    )


def _open(args: argparse.Namespace) -> tuple[Registry, WorkspaceId]:
    _, registry = open_home(args)
    return registry, registry.by_name(args.workspace).id


def _read_password(args: argparse.Namespace) -> str:
    if args.password_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise InvalidRequest("There is no terminal to ask for a password: add --password-stdin.")
    given = getpass.getpass(f"Password of {args.name}: ")
    if getpass.getpass("Once more: ") != given:
        raise InvalidRequest("The two passwords are not the same.")
    return given


def _note(registry: Registry, of: WorkspaceId, action: str, person_id: str, what: str) -> None:
    audit.append(registry.store(of), action, person_id, _ACTOR, now(), what=what)


def _mark(person: Person) -> str:
    by = "  by provider" if person.by == "provider" else ""
    return by if person.status == "active" else f"{by}  {person.status}"


def _row(person: Person) -> dict[str, Any]:
    return {
        "id": person.id,
        "name": person.name,
        "roles": list(person.roles),
        "status": person.status,
        "signs_in_by": person.by,
        "created_at": person.created_at,
    }


def _done(args: argparse.Namespace, person: Person, words: str) -> int:
    show(args, _row(person), [words])
    return 0
