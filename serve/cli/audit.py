"""`housemodel audit verify|export|checkpoint`."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from compliance import audit, checkpoints
from compliance.checkpoints import Checkpoint
from serve.cli.common import add_home, add_json, command, now, open_home, show
from workspace.errors import InvalidRequest
from workspace.rows import canonical_json
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
        "housemodel audit verify --workspace demo --kept checkpoints.jsonl",
        "Find removed, changed or reordered entries and false signatures; with checkpoints that "
        "were kept elsewhere also a log that was put back to an older state. Exit status 1 if "
        "there are any.",
    )
    verify.add_argument(
        "--kept", type=Path, metavar="FILE", help="checkpoints that were kept elsewhere, one a line"
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
    sign = command(
        actions,
        "checkpoint",
        "sign the log as it stands and print the checkpoint, to keep elsewhere",
        "housemodel audit checkpoint --workspace demo >> /mnt/elsewhere/checkpoints.jsonl",
    )
    sign.set_defaults(run=_checkpoint)
    for action in actions.choices.values():
        action.add_argument("--workspace", required=True, metavar="NAME")
        add_home(action)


def _store(args: argparse.Namespace) -> WorkspaceStore:
    _, registry = open_home(args)
    return registry.store(registry.by_name(args.workspace).id)


def _verify(args: argparse.Namespace) -> int:
    report = audit.verify(_store(args), _kept(args.kept) if args.kept else ())
    signed = f"{report.checkpoints} signed checkpoints fit"
    lines = [f"{report.entries} entries, intact; {signed}; head {report.head}"]
    if not report.intact:
        lines = [
            f"BROKEN at entry {report.first_broken} of {report.entries}. Keep this home as it is, "
            "and compare it with an exported log or a backup."
        ]
    show(args, asdict(report), lines)
    return 0 if report.intact else 1


def _kept(path: Path) -> list[Checkpoint]:
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRequest("The file with the checkpoints can't be read.") from error
    return [checkpoints.parse(line) for line in lines if line.strip()]


def _checkpoint(args: argparse.Namespace) -> int:
    store = _store(args)
    audit.checkpoint(store, now())
    for point in checkpoints.listed(store)[-1:]:
        print(canonical_json(asdict(point)))
    return 0


def _export(args: argparse.Namespace) -> int:
    for line in audit.export(_store(args)):
        print(line)
    return 0
