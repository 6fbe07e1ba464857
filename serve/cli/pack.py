"""`housemodel pack list|verify|acknowledge`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from compliance import licences
from serve import shelf
from serve.cli.common import add_home, add_json, command, now, open_home, show
from serve.deployments.packs import load_pack
from serve.settings import PROJECT, Settings, load_settings
from workspace.errors import InvalidRequest, NotFound


def add_parser(commands: Any) -> None:
    parser = command(
        commands,
        "pack",
        "list or verify packs, and record the contract for one that is not free to use",
        "housemodel pack list",
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = command(
        actions,
        "list",
        "the packs of this home and of the product, their licences, and who answered for them",
        "housemodel pack list --json",
    )
    listing.set_defaults(run=_list)
    verify = command(
        actions,
        "verify",
        "check every file of a pack against its manifest",
        "housemodel pack verify mannequin",
    )
    verify.set_defaults(run=_verify)
    acknowledge = command(
        actions,
        "acknowledge",
        "record that a contract covers the use of a pack that is not free for commercial use",
        'housemodel pack acknowledge flux --contract "BFL 2026-114" --by "Ana Ruiz"',
        "The statement is bound to the pack's weights and licence texts, and audited.",
    )
    acknowledge.add_argument("--contract", required=True, metavar="REF", help="its reference")
    acknowledge.add_argument("--by", required=True, metavar="NAME", help="who answers for it")
    acknowledge.set_defaults(run=_acknowledge)
    for action in (verify, acknowledge):
        action.add_argument("name", metavar="NAME", help="the pack's folder name")
    for action in actions.choices.values():
        add_home(action)
        add_json(action)


def _list(args: argparse.Namespace) -> int:
    settings, registry = load_settings(home=args.home), None
    if settings.root_key_file.is_file():  # looking at a list makes no home
        _, registry = open_home(args)
    try:
        facts = [shelf.described(registry, folder) for folder in _folders(settings)]
    finally:
        if registry is not None:
            registry.close()
    lines = [line for one in facts for line in _lines(one)] or ["There is no pack."]
    show(args, facts, lines)
    return 0


def _verify(args: argparse.Namespace) -> int:
    pack = load_pack(_folder(load_settings(home=args.home), args.name))
    made = pack.summary(engine="")
    facts = {"name": made.name, "version": made.version, "digest": made.digest, "ok": True}
    count = len(pack.manifest.files)
    show(args, facts, [f"{made.name} {made.version}: {count} files are as listed; {made.digest}"])
    return 0


def _acknowledge(args: argparse.Namespace) -> int:
    settings, registry = open_home(args)
    try:
        pack = load_pack(_folder(settings, args.name)).summary(engine="")
        made = licences.acknowledge(registry, pack, args.contract, args.by, now())
    finally:
        registry.close()
    facts = {"pack": made.pack, "version": made.version, "terms": made.terms, "at": made.at}
    show(args, facts, [f"Recorded for {made.pack} {made.version}; `up` starts with it now."])
    return 0


def _lines(one: dict[str, Any]) -> list[str]:
    if "problem" in one:
        return [f"{one['folder']}: {one['problem']}"]
    state = "free for commercial use"
    if one["contract_needed"]:
        found = one["acknowledged"]
        state = f"contract {found['contract']}" if found else "NOT ACKNOWLEDGED: needs a contract"
    words = [
        f"  {part['spdx']} ({part['covers']}): {part['commercial']}" for part in one["licences"]
    ]
    return [f"{one['folder']}: {one['name']} {one['version']}, {state}", *words]


def _folders(settings: Settings) -> list[Path]:
    return shelf.folders((settings.home / "packs", PROJECT / "packs"))


def _folder(settings: Settings, name: str) -> Path:
    if Path(name).name != name:
        raise InvalidRequest("A pack is named by its folder, without a path.")
    for folder in _folders(settings):
        if folder.name == name:
            return folder
    raise NotFound("There is no pack of this name; `housemodel pack list` shows them.")
