"""`housemodel unlock`: hand a running, locked appliance its passphrase or unseal key."""

from __future__ import annotations

import argparse
import sys
from typing import Any

import httpx

from serve.cli.common import add_home, add_json, command, show
from serve.settings import Settings, load_settings, take_unseal_key
from serve.tls import trusting
from serve.unsealing import ask_passphrase
from workspace.errors import ApplianceLocked, InvalidRequest, Unavailable
from workspace.unseal import read_passphrase

SECONDS = 120.0


def add_parser(commands: Any) -> None:
    parser = command(
        commands,
        "unlock",
        "unlock an appliance that started locked",
        "housemodel unlock --home /srv/housemodel",
        "Unlock an appliance that started locked. The passphrase is asked for, or read from the "
        "file that HOUSEMODEL_PASSPHRASE_FILE names, or from standard input with --stdin; the "
        "unseal key comes from HOUSEMODEL_UNSEAL_KEY.",
    )
    add_home(parser)
    add_json(parser)
    parser.add_argument("--url", help="where the appliance answers (default: host and port in use)")
    parser.add_argument("--stdin", action="store_true", help="read the secret's first line")
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    settings = load_settings(home=args.home)
    url = args.url or settings.url_here
    if not url.startswith("https://") and not _is_here(url):
        raise InvalidRequest("A secret is sent to another machine over https only.")
    try:
        # NOTE: the environment may name a proxy, which would read the secret.
        answer = httpx.post(
            f"{url}/unlock",
            json=_secret(settings, args.stdin),
            timeout=SECONDS,
            trust_env=False,
            verify=trusting(settings.tls_certificate) if _is_here(url) else True,
        )
    except httpx.HTTPError as error:
        raise Unavailable("No appliance answers there; name it with --url.") from error
    said = _words(answer)
    if answer.status_code != 200:
        raise ApplianceLocked(said.get("detail") or f"It answered {answer.status_code}.")
    if said.get("status") != "unlocked":
        raise Unavailable("What answers there is no appliance; name it with --url.")
    show(args, {"unlocked": True}, ["Unlocked."])
    return 0


def _secret(settings: Settings, from_stdin: bool) -> dict[str, str]:
    if settings.unseal not in ("environment", "passphrase"):
        raise InvalidRequest(f"This home is unsealed by {settings.unseal}; it never starts locked.")
    name = "passphrase" if settings.unseal == "passphrase" else "unseal_key"
    if from_stdin:
        return {name: sys.stdin.readline().rstrip("\r\n")}
    if settings.unseal == "environment":
        given = take_unseal_key()
        if given is None:
            raise InvalidRequest("HOUSEMODEL_UNSEAL_KEY is empty; or use --stdin.")
        return {name: given.decode("ascii", "replace")}
    if settings.passphrase_file is not None:
        return {name: read_passphrase(settings.passphrase_file)}
    return {name: ask_passphrase(is_new=False)}


def _is_here(url: str) -> bool:
    return httpx.URL(url).host in ("127.0.0.1", "::1", "localhost")


def _words(answer: httpx.Response) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
