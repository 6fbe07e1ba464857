"""What the commands share: options, opening a home, plain printing."""

from __future__ import annotations

import argparse
import json
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from serve import VERSION
from serve.settings import Settings, load_settings
from serve.unsealing import open_registry
from workspace.errors import NotFound
from workspace.registry import Registry

if TYPE_CHECKING:
    from compliance.provenance import Marker


_opened: list[Registry] = []


class NoHome(NotFound):
    """Only a command asks for a home that may not be there."""

    title = "There is no home in this folder"
    remedy = "Name its folder with --home, or start the appliance once: `housemodel up`."


def command(
    commands: Any, name: str, help_: str, example: str, description: str = ""
) -> argparse.ArgumentParser:
    """Add one command whose help ends with an example."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=help_,
        description=description or help_,
        epilog=f"example: {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    return parser


def add_home(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--home",
        type=Path,
        metavar="DIR",
        help="where everything is kept (default: $HOUSEMODEL_HOME or ./.housemodel)",
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON for scripts")


@contextmanager
def ending_on_sigterm() -> Iterator[None]:
    """Let SIGTERM end a command in order, so that what it laid out in the open is removed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def open_home(args: argparse.Namespace, create: bool = False) -> tuple[Settings, Registry]:
    """Open the home folder's control store with its root key.

    Raises:
        NoHome: there is no such folder (and `create` is false).
        Locked: there is no root key in this home (and `create` is false).
    """
    settings = load_settings(home=args.home)
    if create:
        settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    elif not settings.home.is_dir():
        raise NoHome()
    registry = open_registry(settings, create)
    _opened.append(registry)
    return settings, registry


def close_homes() -> None:
    """Close in order what the command opened, so that its files are sealed."""
    while _opened:
        _opened.pop().close()


def now() -> datetime:
    return datetime.now(UTC)


def show(args: argparse.Namespace, facts: Mapping[str, Any] | list[Any], lines: list[str]) -> None:
    """Print either the facts as JSON or the lines for a person."""
    if getattr(args, "json", False):
        print(json.dumps(facts, indent=2, default=str))
    else:
        print("\n".join(lines))


def open_marks(settings: Settings, registry: Registry) -> Marker:
    """Open what signs pictures and try it, as the appliance does at its start.

    Raises:
        MarkingFailed, Fault: the certificate or its configuration can't be used.
    """
    from compliance.provenance import load_provenance, open_marker  # loads the C2PA library

    config = load_provenance(settings.configs_folder / "provenance.toml")
    return open_marker(registry, config, VERSION, now())
