"""`housemodel audit verify|export`."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from compliance import audit
from serve.cli.common import add_home, add_json, command, open_home, show
from workspace.store import WorkspaceStore


def add_parser(commands: Any) -> None:
    parser = command(
        commands,
        "audit",
        "verify or export a workspace's audit log",
        "housemodel audit verify --workspace demo",
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    verify = command(
        actions,
        "verify",
        "find removed, changed or reordered entries; exit status 1 if there are any",
        "housemodel audit verify --workspace demo --json",
    )
    verify.set_defaults(run=_verify)
    add_json(verify)
    export = command(
        actions,
        "export",
        "write the log as JSON lines, for a SIEM",
        "housemodel audit export --workspace demo > audit.jsonl",
    )
    export.set_defaults(run=_export)
    for action in actions.choices.values():
        action.add_argument("--workspace", required=True, metavar="NAME")
        add_home(action)


def _store(args: argparse.Namespace) -> WorkspaceStore:
    _, registry = open_home(args)
    return registry.store(registry.by_name(args.workspace).id)


def _verify(args: argparse.Namespace) -> int:
    report = audit.verify(_store(args))
    lines = [f"{report.entries} entries, intact; head {report.head}"]
    if not report.intact:
        lines = [
            f"BROKEN at entry {report.first_broken} of {report.entries}. Keep this home as it is, "
            "and compare it with an exported log or a backup."
        ]
    show(args, asdict(report), lines)
    return 0 if report.intact else 1


def _export(args: argparse.Namespace) -> int:
    for line in audit.export(_store(args)):
        print(line)
    return 0
