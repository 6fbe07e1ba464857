"""`housemodel erasure verify|key`: check a certificate of erasure, anywhere and offline."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from compliance import erasure
from serve.cli.common import add_home, add_json, command, open_home, show
from workspace.errors import InvalidRequest

_MAX_FILE_BYTES = 8 << 20


def add_parser(commands: Any) -> None:
    parser = command(
        commands,
        "erasure",
        "check certificates of erasure",
        "housemodel erasure verify certificate.json --key appliance.pem",
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    verify = command(
        actions,
        "verify",
        "check a certificate with the appliance's public key; exit status 1 if it does not hold",
        "housemodel erasure verify certificate.json --key appliance.pem",
        "Check a certificate with the appliance's public key. Needs no home and no network; exit "
        "status 1 if the certificate does not hold.",
    )
    verify.add_argument(
        "file", type=Path, help="the certificate, or a whole answer of DELETE or revoke (JSON)"
    )
    verify.add_argument(
        "--key", type=Path, required=True, metavar="FILE", help="the public key (PEM)"
    )
    verify.set_defaults(run=_verify)
    key = command(
        actions,
        "key",
        "print the appliance's public key (PEM)",
        "housemodel erasure key > appliance.pem",
    )
    key.set_defaults(run=_key)
    add_home(key)
    for action in actions.choices.values():
        add_json(action)


def _verify(args: argparse.Namespace) -> int:
    try:
        content = json.loads(_read(args.file))
    except ValueError as error:
        raise InvalidRequest("The certificate is not JSON.") from error
    if isinstance(content, dict) and isinstance(content.get("certificate"), dict):
        content = content["certificate"]
    statement = erasure.check(content, _read(args.key))
    lines = [
        f"The signature holds: {statement['model_id']} of {statement['workspace_id']}",
        f"erased at {statement['erased_at']} by {statement['actor']}: {statement['cause']}",
    ]
    lines += [f"  {kind}: {found['count']}" for kind, found in statement["destroyed"].items()]
    log = statement["audit"]
    lines.append(f"audit log then: {log['entries']} entries, head {log['head']}")
    show(args, {"holds": True, "statement": statement}, lines)
    return 0


def _key(args: argparse.Namespace) -> int:
    _, registry = open_home(args)
    pem = registry.signer.public_pem
    show(args, {"algorithm": "Ed25519", "public_key": pem}, [pem.strip()])
    return 0


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_MAX_FILE_BYTES).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRequest("A file can't be read as text.") from error
