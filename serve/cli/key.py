"""`housemodel key create|list|revoke`; audited in the workspace with the actor `cli`."""

from __future__ import annotations

import argparse
from contextlib import suppress
from datetime import timedelta
from typing import Any

from compliance import audit
from serve.callers import auth
from serve.callers.scopes import check_scopes
from serve.cli.common import add_home, add_json, command, now, open_home, show
from workspace.errors import HousemodelError
from workspace.registry import Registry
from workspace.types import KeyId, WorkspaceId, new_id

MAX_DAYS = 3653  # ten years


def add_parser(commands: Any) -> None:
    parser = command(
        commands,
        "key",
        "make, list or revoke API keys",
        "housemodel key create --workspace demo --scopes models:read,generate,images:read",
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    create = command(
        actions,
        "create",
        "make an API key and print it once, alone on the last line",
        "housemodel key create --workspace demo --scopes models:read,generate,images:read",
    )
    create.add_argument("--workspace", required=True, metavar="NAME")
    create.add_argument(
        "--scopes",
        default=",".join(sorted(auth.SCOPES - {"admin"})),
        help="comma-separated: " + ", ".join(sorted(auth.SCOPES)),
    )
    create.add_argument("--days", type=_days, help="the key ends after so many days, from 1 up")
    create.add_argument("--label", default="", help="what it is for")
    create.add_argument(
        "--networks", default="", help="comma-separated: it is taken from these only"
    )
    create.add_argument(
        "--per-minute", type=_pace, metavar="N", help="fewer requests a minute than the plan allows"
    )
    create.set_defaults(run=_create)
    listing = command(actions, "list", "list keys, never the secrets", "housemodel key list")
    listing.add_argument("--workspace", metavar="NAME")
    listing.set_defaults(run=_list)
    revoke = command(actions, "revoke", "end a key at once", "housemodel key revoke key_7h2k...")
    revoke.add_argument("id")
    revoke.set_defaults(run=_revoke)
    for action in actions.choices.values():
        add_home(action)
        add_json(action)


def _days(text: str) -> int:
    """Read a number of days; a key that never ends is made without `--days`."""
    days = int(text)
    if not 1 <= days <= MAX_DAYS:
        raise argparse.ArgumentTypeError(f"give a number of days from 1 to {MAX_DAYS}")
    return days


def _pace(text: str) -> int:
    """Read a number of requests a minute."""
    if (pace := int(text)) < 1:
        raise argparse.ArgumentTypeError("give a number from 1 up")
    return pace


def _create(args: argparse.Namespace) -> int:
    _, registry = open_home(args)
    scopes = frozenset(part.strip() for part in args.scopes.split(",") if part.strip())
    expires = now() + timedelta(days=args.days) if args.days is not None else None
    of, key_id = registry.by_name(args.workspace).id, KeyId(new_id("key"))
    granted = check_scopes(scopes)
    with registry.store(of).transaction():  # what can't be audited does not happen
        _note(registry, of, "key.created", key_id, " ".join(sorted(granted)))
        _, secret = auth.create_key(
            registry,
            of,
            granted,
            now(),
            expires,
            args.label,
            key_id=key_id,
            allowed_from=[part for part in args.networks.split(",") if part.strip()],
            per_minute=args.per_minute,
        )
    show(
        args,
        {"id": key_id, "key": secret, "scopes": sorted(scopes), "expires_at": expires},
        [f"Made key {key_id}. It is shown only now:", secret],
    )
    return 0


def _list(args: argparse.Namespace) -> int:
    _, registry = open_home(args)
    of = registry.by_name(args.workspace).id if args.workspace else None
    found = auth.list_keys(registry, of)
    show(
        args,
        found,
        [f"{k['id']}  {k['workspace_id']}  {k['scopes']}{_mark(k)}" for k in found]
        or ["No key yet: housemodel key create --workspace demo"],
    )
    return 0


def _note(registry: Registry, of: WorkspaceId, action: str, key_id: str, scopes: str) -> None:
    audit.append(registry.store(of), action, key_id, "cli", now(), scopes=scopes)


def _mark(key: dict[str, Any]) -> str:
    if key["revoked_at"]:
        return "  revoked"
    from_ = f"  from {' '.join(key['networks'])}" if key["networks"] else ""
    pace = f"  {key['per_minute']} a minute" if key["per_minute"] else ""
    return from_ + pace + ("  waits to be confirmed" if key["waits"] else "")


def _revoke(args: argparse.Namespace) -> int:
    _, registry = open_home(args)
    of = next((k["workspace_id"] for k in auth.list_keys(registry) if k["id"] == args.id), None)
    auth.revoke_key(registry, args.id, now())
    with suppress(HousemodelError):  # a key must end, also that of a locked workspace
        _note(registry, WorkspaceId(str(of)), "key.revoked", args.id, "")
    show(args, {"id": args.id, "revoked": True}, [f"Revoked {args.id}."])
    return 0
