"""`housemodel workspace create|list|plan|networks|lock|unlock|destroy`."""

from __future__ import annotations

import argparse
from typing import Any

from compliance import audit
from serve.cli.common import add_home, add_json, command, now, open_home, show
from serve.settings import Settings
from workspace.errors import InvalidRequest, SealBroken
from workspace.networks import clean
from workspace.plans import load_plans
from workspace.registry import Registry
from workspace.types import WorkspaceId


def add_parser(commands: Any) -> None:
    parser = command(
        commands,
        "workspace",
        "make, list, lock, unlock or destroy workspaces, or change their plan or networks",
        "housemodel workspace create atelier --plan pro",
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    create = command(
        actions, "create", "make a workspace", "housemodel workspace create atelier --plan pro"
    )
    create.add_argument("name", help="a name that no other workspace has")
    create.add_argument("--plan", default="enterprise", help="starter, pro or enterprise")
    create.set_defaults(run=_create)
    listing = command(actions, "list", "list workspaces", "housemodel workspace list --json")
    listing.set_defaults(run=_list)
    plan = command(
        actions, "plan", "move a workspace to another plan", "housemodel workspace plan atelier pro"
    )
    plan.add_argument("name")
    plan.add_argument("plan", help="starter, pro or enterprise")
    plan.set_defaults(run=_plan)
    allowed = command(
        actions,
        "networks",
        "show or change the networks that a workspace may be called from",
        "housemodel workspace networks atelier --allow 10.20.0.0/16,192.0.2.7",
    )
    allowed.add_argument("name")
    one = allowed.add_mutually_exclusive_group()
    one.add_argument("--allow", metavar="LIST", help="comma-separated; calls come from these only")
    one.add_argument("--anywhere", action="store_true", help="from anywhere again")
    allowed.set_defaults(run=_networks)
    for name, help_ in (
        ("lock", "refuse all work in a workspace until it is unlocked"),
        ("unlock", "let a locked workspace work again"),
        ("destroy", "erase a workspace: its key first, then its files"),
    ):
        action = command(actions, name, help_, f"housemodel workspace {name} atelier")
        action.add_argument("name")
        if name == "destroy":
            action.add_argument("--yes", action="store_true", help="really erase it")
        action.set_defaults(run=_change)
    for action in actions.choices.values():
        add_home(action)
        add_json(action)


def _create(args: argparse.Namespace) -> int:
    settings, registry = open_home(args, create=True)
    _check_plan(settings, args.plan)
    made = registry.create(args.name, args.plan, now())
    show(
        args,
        {"id": made.id, "name": made.name, "plan": made.plan},
        [f"Made workspace {made.name} ({made.id}) on plan {made.plan}."],
    )
    return 0


def _plan(args: argparse.Namespace) -> int:
    settings, registry = open_home(args)
    _check_plan(settings, args.plan)
    moved = registry.set_plan(registry.by_name(args.name).id, args.plan)
    show(
        args,
        {"id": moved.id, "name": moved.name, "plan": moved.plan},
        [f"Workspace {moved.name} is on plan {moved.plan} now."],
    )
    return 0


def _networks(args: argparse.Namespace) -> int:
    _, registry = open_home(args)
    found = registry.by_name(args.name)
    if args.allow is not None or args.anywhere:
        listed = [part for part in (args.allow or "").split(",") if part.strip()]
        if args.allow is not None and not listed:
            raise InvalidRequest("Name networks, or give --anywhere.")
        words = " ".join(clean(listed)) or "anywhere"
        with registry.store(found.id).transaction():  # what can't be audited does not happen
            store = registry.store(found.id)
            audit.append(store, "workspace.networks", found.id, "cli", now(), what=words[:200])
            found = registry.set_networks(found.id, listed)
    shown = list(found.networks)
    says = f"{found.name} is called from: {', '.join(shown) or 'anywhere'}"
    show(args, {"id": found.id, "networks": shown}, [says])
    return 0


def _check_plan(settings: Settings, plan: str) -> None:
    plans = load_plans(settings.configs_folder / "plans.toml")
    if plan not in plans:
        raise InvalidRequest(f"There is no such plan; choose one of {', '.join(sorted(plans))}.")


def _list(args: argparse.Namespace) -> int:
    _, registry = open_home(args)
    rows = [_row(registry, workspace_id) for workspace_id in registry.ids()]
    lines = [
        f"{row['id']}  {row.get('name', 'damaged: see `housemodel doctor`')}"
        f"  {row.get('plan', '')}{'  locked' if row.get('locked') else ''}".rstrip()
        for row in rows
    ]
    show(args, rows, lines or ["No workspace yet: housemodel workspace create NAME"])
    return 0


def _row(registry: Registry, workspace_id: WorkspaceId) -> dict[str, Any]:
    """One line of the list; a damaged workspace hides no other."""
    try:
        w = registry.get(workspace_id)
    except SealBroken as error:
        return {"id": workspace_id, "error": error.code}
    return {"id": w.id, "name": w.name, "plan": w.plan, "locked": w.locked, "at": w.created_at}


def _change(args: argparse.Namespace) -> int:
    _, registry = open_home(args)
    target = registry.by_name(args.name)
    if args.action == "destroy" and not args.yes:
        raise InvalidRequest("This can't be undone. Add --yes to erase the workspace.")
    getattr(registry, args.action)(target.id)
    done = {"lock": "Locked", "unlock": "Unlocked", "destroy": "Destroyed"}[args.action]
    show(args, {"id": target.id, "action": args.action}, [f"{done} workspace {target.id}."])
    return 0
