"""`housemodel restore`: a home from its backups, verified first, without anybody who was erased."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import Any

from serve.cli.common import add_home, add_json, command, ending_on_sigterm, show
from serve.custody import restoring
from serve.settings import Settings, load_settings
from serve.unsealing import open_source, source_of
from workspace import vault as vaults
from workspace.errors import Conflict, InvalidRequest
from workspace.scratch import beside
from workspace.vault import Vault


def add_parser(commands: Any) -> None:
    parser = command(
        commands,
        "restore",
        "make a home from a backup: verified first, without anybody who was erased",
        "housemodel restore /mnt/backups/housemodel --home /srv/housemodel --root-key key.txt",
        "Make a home from a backup. Everything is opened and verified before anything is put in "
        "place. People who were erased after the backup, as far as the register of the erased or a "
        "later snapshot knows, are erased again. Sessions and sign-in links end; drafts, own "
        "photos and candidates are destroyed. Accounts, API keys, consents and results are as they "
        "were then: revoke and delete again what was revoked and deleted since.",
    )
    parser.add_argument("folder", type=Path, help="where the backups are")
    add_home(parser)
    add_json(parser)
    parser.add_argument("--snapshot", metavar="NAME", help="which one (default: the newest)")
    parser.add_argument("--list", action="store_true", help="only list the snapshots")
    parser.add_argument(
        "--root-key", type=Path, metavar="FILE", help="the root key's copy, for a home with a file"
    )
    parser.add_argument(
        "--tombstones",
        type=Path,
        metavar="FILE",
        help="a copy of the register of the erased; what is in place already counts, too",
    )
    parser.add_argument(
        "--accept-unread-graves",
        action="store_true",
        help="restore although the register holds graves that can't be read",
    )
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    settings = load_settings(home=args.home)
    if settings.home.exists() and (not settings.home.is_dir() or any(settings.home.iterdir())):
        raise Conflict("There is something in this folder already; name an empty one with --home.")
    with ending_on_sigterm():
        return _restored(args, settings)


def _restored(args: argparse.Namespace, settings: Settings) -> int:
    root_key = _root_key(args, settings)
    vault = Vault.open(args.folder, root_key)
    names = vault.names()
    if args.list or not names:
        show(args, {"snapshots": names}, names or ["No snapshot."])
        return 0 if names else 1
    done = restoring.restore(
        vault,
        args.snapshot or names[-1],
        root_key,
        settings,
        args.tombstones,
        args.folder,
        args.accept_unread_graves,
    )
    facts = {
        "snapshot": done.name,
        "erased_again": done.erased_again,
        "verified": done.verified,
        "notes": done.notes,
    }
    lines = [f"{line}" for line in done.verified]
    if done.erased_again:
        lines.append(f"Erased again, because they were erased since: {done.erased_again}.")
    lines += [
        f"Restored {done.name}.",
        "Revoke again: API keys and accounts ended since then.",
        *done.notes,
    ]
    show(args, facts, lines)
    return 0


def _root_key(args: argparse.Namespace, settings: Settings) -> bytes:
    """The root key that is in force: from a file, or out of the envelope in the backups."""
    if settings.unseal == "file":
        path = args.root_key or settings.root_key_file
        return open_source(settings.model_copy(update={"root_key_file": path})).candidates()[0]
    sealed = vaults.envelope_of(args.folder)
    if sealed is None:
        raise InvalidRequest("The home of these backups has a key file; set unseal to `file`.")
    scratch = beside(settings.home)
    scratch.mkdir(mode=0o700, parents=True)
    try:
        inside = settings.model_copy(update={"home": scratch})
        path = source_of(inside).how.path
        path.touch(mode=0o600)
        path.write_text(sealed)
        return open_source(inside).candidates()[0]
    finally:
        shutil.rmtree(scratch)
