"""`housemodel backup`: add a sealed snapshot of the home to a folder, also while it runs."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from serve.cli.common import NoHome, add_home, add_json, command, ending_on_sigterm, show
from serve.settings import load_settings
from serve.unsealing import open_source
from workspace import backup
from workspace.errors import InvalidRequest
from workspace.registry import Registry
from workspace.unseal import held


def add_parser(commands: Any) -> None:
    parser = command(
        commands,
        "backup",
        "add a sealed snapshot of the home to a folder; the service may run meanwhile",
        "housemodel backup /mnt/backups/housemodel --keep 30",
        "Add a sealed snapshot of the home to a folder; the service may run meanwhile, and only "
        "what is new is written. Without the root key nobody can read it, and it holds no root "
        "key: keep that, and the register of the erased, in another place. Whom you erase stays "
        "in older snapshots until they are removed (--keep); a restore erases them again.",
    )
    parser.add_argument("folder", type=Path, help="where the backups are; never inside the home")
    add_home(parser)
    add_json(parser)
    parser.add_argument("--keep", type=int, metavar="N", help="remove all but the N newest")
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    settings = load_settings(home=args.home)
    folder = args.folder.resolve()
    if args.keep is not None and args.keep < 1:
        raise InvalidRequest("--keep takes 1 or more.")
    if not settings.home.is_dir():
        raise NoHome()
    if folder.is_relative_to(settings.home):
        raise InvalidRequest("A backup inside of the home goes where the home goes; name another.")
    with ending_on_sigterm(), held(settings.home):
        source = open_source(settings)
        envelope = source.how.path.read_text() if settings.unseal != "file" else None
        registry = Registry(settings.home, source, settings.tombstones)
        try:
            said: list[str] = []
            name, made, vault = backup.backup(
                registry, folder, envelope, datetime.now(UTC), said.append
            )
        finally:
            registry.close()
    removed = vault.prune(args.keep) if args.keep else 0
    facts = {
        "snapshot": name,
        "files": len(made.files),
        "bytes": sum(kept.size for kept in made.files),
        "bytes_written": vault.bytes_written,
        "missing": list(made.missing),
        "removed_snapshots": removed,
    }
    lines = [
        *said,
        f"Snapshot {name}: {facts['files']} files, {facts['bytes']} bytes, "
        f"{facts['bytes_written']} of them new; {removed} older removed.",
    ]
    if made.missing:
        lines.append(f"Missing in the home, so in the backup: {', '.join(made.missing)}.")
    show(args, facts, lines)
    return 1 if made.missing else 0
