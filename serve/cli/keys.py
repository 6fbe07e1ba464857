"""`housemodel rotate-keys`: new keys for a home, also while it runs."""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from compliance import audit
from serve.cli.common import add_home, add_json, command, show
from serve.settings import Settings, load_settings, take_unseal_key
from serve.unsealing import ask_passphrase, open_source
from workspace import rotation
from workspace.errors import ApplianceLocked, HousemodelError, InvalidRequest, Locked
from workspace.keys import decode_key
from workspace.registry import Registry
from workspace.types import WorkspaceId
from workspace.unseal import METHODS, KeySource, held, read_passphrase

ACTOR = "command-line"


def add_parser(commands: Any) -> None:
    parser = command(
        commands,
        "rotate-keys",
        "replace the root key and the workspaces' keys; the service may run meanwhile",
        "housemodel rotate-keys --home /srv/housemodel",
        "Replace the root key and the workspaces' keys; the service may run meanwhile. Keys are "
        "wrapped again, photos and pictures are not touched. Killed half-way, it goes on when it "
        "is started again. Make a backup right after: older ones need the older root key until "
        "then.",
    )
    add_home(parser)
    add_json(parser)
    parser.add_argument("--root", action="store_true", help="the root key alone")
    parser.add_argument("--workspace", metavar="NAME", help="the key of this workspace alone")
    parser.add_argument(
        "--unseal-by",
        choices=METHODS,
        help="instead: keep the root key in another way, or under a new passphrase, from now on",
    )
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    settings = load_settings(home=args.home)
    if not settings.home.is_dir():
        raise InvalidRequest("There is no home in this folder; name it with --home.")
    with held(settings.home):
        source = open_source(settings)
        if args.unseal_by:
            return _move(args, settings, source)
        registry = Registry(settings.home, source, settings.tombstones)
        try:
            return _rotate(args, registry, source)
        finally:
            registry.close()


def _rotate(args: argparse.Namespace, registry: Registry, source: KeySource) -> int:
    root = args.root or not args.workspace
    chosen: tuple[WorkspaceId, ...] = () if args.root else registry.ids()
    if args.workspace:
        chosen = (registry.by_name(args.workspace).id,)
    done: dict[str, Any] = {"root_rows": None, "workspaces": {}, "left": {}}
    for workspace_id in chosen:
        try:
            count = rotation.rotate_workspace(registry, workspace_id, _progress(workspace_id))
        except HousemodelError as error:
            done["left"][workspace_id] = error.code
            continue
        done["workspaces"][workspace_id] = count
        _note(registry, workspace_id, "keys.rotated", count)
    if root:
        done["root_rows"] = rotation.rotate_root(registry, source)
        for workspace_id in registry.ids():
            with suppress(Locked):
                _note(registry, workspace_id, "root_key.rotated", 1)
    lines = [f"{w}: {count} keys wrapped again" for w, count in done["workspaces"].items()]
    lines += [f"{w}: left as it was ({code})" for w, code in done["left"].items()]
    if root:
        lines += [
            f"New root key in force; {done['root_rows']} rows sealed again.",
            "Make a backup now, and keep a copy of the new root key apart from it.",
        ]
    show(args, done, lines)
    return 1 if done["left"] else 0


def _move(args: argparse.Namespace, settings: Settings, source: KeySource) -> int:
    """Keep the same root key in another way."""
    registry = Registry(settings.home, source, settings.tombstones)
    root_key = registry.root.key
    registry.close()
    target = KeySource(replace(source.how, method=args.unseal_by))
    words = ""
    if args.unseal_by == "passphrase":
        words = _new_passphrase(settings)
    elif args.unseal_by == "environment":
        target.hold(_given_key())
    target.keep(root_key, words)
    if target.how.path != source.how.path:
        source.forget_file()
    show(
        args,
        {"unseal_by": args.unseal_by},
        [f"The root key is unsealed by {args.unseal_by} now.", *_next_step(args.unseal_by)],
    )
    return 0


def _next_step(method: str) -> list[str]:
    return [f'Set `unseal = "{method}"` in configs/housemodel.toml, or HOUSEMODEL_UNSEAL={method}.']


def _new_passphrase(settings: Settings) -> str:
    if settings.passphrase_file is not None:
        return read_passphrase(settings.passphrase_file)
    if not sys.stdin.isatty():
        raise ApplianceLocked("Name a file with the new passphrase: HOUSEMODEL_PASSPHRASE_FILE.")
    return ask_passphrase(is_new=True)


def _given_key() -> bytes:
    key = decode_key(take_unseal_key() or b"")
    if key is None:
        raise InvalidRequest("HOUSEMODEL_UNSEAL_KEY holds no key of 32 bytes.")
    return key


def _note(registry: Registry, workspace_id: WorkspaceId, action: str, count: int) -> None:
    store = registry.store(workspace_id)
    audit.append(store, action, workspace_id, ACTOR, datetime.now(UTC), count=count)


def _progress(workspace_id: WorkspaceId) -> rotation.Progress:
    def show_it(done: int, of: int) -> None:
        if sys.stderr.isatty():
            end = "\n" if done >= of else ""
            sys.stderr.write(f"\r{workspace_id}: {done} of {of} keys{end}")

    return show_it
